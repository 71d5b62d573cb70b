# SPDX-License-Identifier: MIT
"""What the tests of the tool's verbs for repositories share: a case has a repository beside the
restic program of the system.

The second argument of the script that imports this is the probe.
"""
import functools
import json
import os
import shutil
import subprocess
import sys
import unittest

import scratch
from cli_case import DONE, Case
from restic_program import RESTIC

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SECRET = "canary-5d1e-pass-phrase"
OTHER = "canary-77b0-pass-phrase"
KEY = ("--key", "env:PASS")


@functools.cache
def kept_folder():
    """What is made once for all tests of a program."""
    folder = scratch.folder("cli")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    return folder


@unittest.skipUnless(RESTIC, "restic is not installed")
class RepositoryCase(Case):
    def setUp(self):
        super().setUp()
        self.storage = self.state / "storage"
        self.environment = {
            k: v for k, v in os.environ.items()
            if k not in ("BACKUP_STORAGE_PATH", "ENCRYPTION_KEY")
        } | {
            "RESTIC_PASSWORD": SECRET,
            "RESTIC_REPOSITORY": str(self.storage),
            "HOME": str(self.scratch),
            "PASS": SECRET,
            "OTHER": OTHER,
        }  # fmt: skip

    def run_tool(self, *args, **options):
        options.setdefault("env", self.environment)
        return super().run_tool(*args, **options)

    def init(self, version=2):
        """A repository that costs nothing to open. The first of each version is made, and kept for
        the others."""
        kept = kept_folder() / str(version)
        if not kept.exists():
            self.ends(DONE, "rebuild", state=kept)  # Makes the state directory.
            self.check_call(PROBE, kept / "storage", "init", version)
        shutil.copytree(kept, self.state)

    def check_call(self, *command, password=SECRET, code=0):
        done = subprocess.run(
            [str(word) for word in command], env=self.environment | {"RESTIC_PASSWORD": password},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def restic(self, *arguments, **options):
        return self.check_call(RESTIC, "--no-cache", *arguments, **options)

    def restic_backup(self, *arguments):
        """The id of the new snapshot."""
        lines = self.restic("backup", "--json", self.source, *arguments).splitlines()
        return json.loads(lines[-1])["snapshot_id"]

    def packs(self):
        """The largest first."""
        found = [path for path in (self.storage / "data").rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size, reverse=True)

    def damage_packs(self, packs=None):
        """A byte of the first blob of each."""
        for path in packs or self.packs():
            content = bytearray(path.read_bytes())
            content[40] ^= 1
            path.chmod(0o600)
            path.write_bytes(content)

    def locks(self):
        return list(self.storage.glob("locks/*"))

    def await_lock(self, running):
        while not self.locks():
            self.assertIsNone(running.poll())

    def snapshots(self):
        return self.document(DONE, "snapshots", *KEY)["snapshots"]

    def back(self, name, *steps):
        """A new directory for a restore."""
        path = self.scratch / name
        for step in steps:
            path = path / str(step).lstrip("/")
        return path

    def assert_same(self, path):
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source, path],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(done.stdout + done.stderr, "")

    def stored(self):
        return sum(path.stat().st_size for path in (self.storage / "data").rglob("*")
                   if path.is_file())  # fmt: skip
