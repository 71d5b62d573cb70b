#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the example programs as their comments say.

Usage: test_examples.py DIRECTORY-OF-EXAMPLES [unittest's arguments]
"""
import filecmp
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()


class Examples(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="backupsvc-examples.")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.source = self.scratch / "source"
        self.target = self.scratch / "target"
        (self.source / "sub").mkdir(parents=True)
        (self.source / "a.txt").write_text("a\n" * 1000)
        (self.source / "sub" / "b.bin").write_bytes(bytes(range(256)) * 4096)

    def run_example(self, name, *args):
        done = subprocess.run(
            [PROGRAMS / f"example_{name}", self.scratch / "state", *args],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_restored(self):
        back = self.target / str(self.source)[1:]
        for name in ("a.txt", "sub/b.bin"):
            self.assertTrue(filecmp.cmp(self.source / name, back / name, shallow=False), name)

    def test_minimal_backs_up_and_restores(self):
        self.run_example("minimal", self.source, self.target)
        self.assert_restored()

    def test_a_storage_from_outside_keeps_and_gives_back(self):
        self.run_example("custom_storage", self.source, self.target)
        self.assert_restored()
        kept = [p for p in (self.scratch / "state").rglob("*") if p.suffix in (".zip", ".zst")]
        self.assertEqual(kept, [])

    def test_progress_ends_at_the_end(self):
        last = self.run_example("progress", self.source).splitlines()[-1]
        self.assertEqual(last, "completed: 100%, 2 of 2 files")

    def test_bytes_of_a_callback_are_all_there(self):
        lines = sum(len(f"{n} squared is {n * n}\n") for n in range(100000))
        self.assertIn(f"squares.txt: {lines} bytes", self.run_example("callback_source"))


if __name__ == "__main__":
    unittest.main()
