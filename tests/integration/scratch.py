# SPDX-License-Identifier: MIT
"""Directories of tests, in memory where there is room for it: syncing takes no time there."""
import os
import pathlib
import shutil
import tempfile

MEMORY = "/dev/shm"
ENOUGH = 1 << 30  # What the tests that run beside each other need; containers often have 64 MiB.


def parent():
    """Where to make them; None: where tempfile does by itself."""
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free >= ENOUGH else None


def folder(name):
    """A new one, that the caller removes."""
    return pathlib.Path(tempfile.mkdtemp(prefix=f"backupsvc-{name}.", dir=parent()))
