# SPDX-License-Identifier: MIT
"""Which restic the tests run beside: the system's, or with BSI_RESTIC=newest the one that tests/run
has fetched.
"""
import os
import shutil

if os.environ.get("BSI_RESTIC") == "newest":
    RESTIC = os.environ.get("RESTIC_NEWEST") or None
else:
    RESTIC = shutil.which("restic")
