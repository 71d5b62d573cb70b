# SPDX-License-Identifier: MIT
"""What the tests beside the restic program share: a case has a repository, a source, and both
programs.

The first argument of the script that imports this is the probe.
"""
import os
import shutil
import subprocess
import sys
import unittest

import scratch
from restic_program import RESTIC

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SECONDS = 300


@unittest.skipUnless(RESTIC, "restic is not installed")
class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = scratch.folder("restic")
        self.addCleanup(shutil.rmtree, self.scratch)
        self.repo = self.scratch / "repo"
        self.source = self.scratch / "source"
        self.source.mkdir()

    def environment(self, password="secret"):
        return os.environ | {
            "RESTIC_PASSWORD": password,
            "RESTIC_REPOSITORY": str(self.repo),
            "XDG_CACHE_HOME": str(self.scratch / "cache"),
            "HOME": str(self.scratch),
        }

    def run_program(self, command, password, fails):
        done = subprocess.run(
            command, env=self.environment(password), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
        return done.stdout + done.stderr if fails else done.stdout

    def restic(self, *arguments, password="secret", fails=False):
        return self.run_program([RESTIC, "--no-cache", *arguments], password, fails)

    def probe(self, *arguments, password="secret", fails=False):
        return self.run_program([PROBE, self.repo, *arguments], password, fails)

    def start(self, *command):
        """A program that goes on; it is killed at the end at the latest."""
        process = subprocess.Popen(
            command, env=self.environment(), text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout):
            stream.close()
        process.wait(SECONDS)
