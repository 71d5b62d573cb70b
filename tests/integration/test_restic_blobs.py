#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Blobs, packs and indexes beside the restic program of the system.

Usage: test_restic_blobs.py PROBE [unittest's arguments]
"""
import hashlib
import json
import shutil
import signal
import unittest

import restic_case
from restic_case import PROBE, SECONDS

MIB = 1 << 20


def noise(seed, size):
    """Bytes that do not compress, always the same."""
    return hashlib.shake_256(seed.encode()).digest(size)


class Blobs(restic_case.Case):
    def init(self, version):
        shutil.rmtree(self.repo, ignore_errors=True)
        self.probe("init", version)

    def make_files(self):
        """Files of no chunk, of one, and of several; what compresses, and what does not."""
        files = {
            "1 empty": b"",
            "2 small": b"x",
            "3 text": b"some text\n" * 100000,
            "4 noise": noise("noise", 9 * MIB),
            "5 zeros": bytes(3 * MIB),
            "6 part of the noise": b"before" + noise("noise", 9 * MIB)[:6 * MIB],
        }
        for name, content in files.items():
            (self.source / name).write_bytes(content)
        return files

    def store(self, threads=2):
        """Snapshot, new data blobs, new trees, packs."""
        paths = sorted(self.source.iterdir())
        words = self.probe("store", str(threads), *paths).split()
        return words[0], *map(int, words[1:])

    def read(self):
        return tuple(map(int, self.probe("read").split()))

    def theirs(self):
        """What restic says of a backup of the same files."""
        lines = self.restic("backup", "--json", self.source).splitlines()
        return json.loads(lines[-1])

    def assert_restores(self, snapshot, files):
        back = self.scratch / "back"
        shutil.rmtree(back, ignore_errors=True)
        self.restic("restore", snapshot, "--target", back)
        found = {path.name: path.read_bytes() for path in back.rglob("*") if path.is_file()}
        self.assertEqual(found.keys(), files.keys())
        for name, content in files.items():
            self.assertTrue(found[name] == content, name)

    def test_what_we_store_restic_checks_restores_and_continues(self):
        files = self.make_files()
        for version, threads in (("1", 0), ("2", 3)):
            with self.subTest(version=version, threads=threads):
                self.init(version)
                snapshot, data, trees, packs = self.store(threads)
                # So many where each chunk is as large as it may be; the polynomial is of chance.
                self.assertGreaterEqual(data, 6)
                self.assertEqual(trees, 1)
                self.assertGreater(packs, 2)
                self.restic("check", "--read-data")
                self.assert_restores(snapshot, files)
                self.assertEqual(self.theirs()["data_blobs"], 0)
                self.restic("forget", "latest", "--prune")
                self.restic("check", "--read-data")

    def test_what_restic_stores_we_read_and_continue(self):
        files = self.make_files()
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.init(version)
                summary = self.theirs()
                packs, blobs = self.read()
                self.assertEqual(blobs, summary["data_blobs"] + summary["tree_blobs"])
                self.assertGreaterEqual(packs, 2)
                snapshot, data, trees, _ = self.store()
                self.assertEqual((data, trees), (0, 1))
                self.assertEqual(self.store()[1:], (0, 0, 0))
                self.restic("check", "--read-data")
                self.assert_restores(snapshot, files)

    def test_taking_turns_adds_only_what_is_new(self):
        self.init("2")
        files = self.make_files()
        for turn in range(4):
            name = f"7 turn {turn}"
            files[name] = noise(name, MIB // 3)
            (self.source / name).write_bytes(files[name])
            if turn % 2:
                self.assertEqual(self.theirs()["data_blobs"], 1)
            else:
                snapshot, data, _, _ = self.store()
                self.assertEqual(data, 1 if turn else data)
                self.assert_restores(snapshot, files)
        self.restic("check", "--read-data")
        self.restic("prune", "--max-unused", "0")
        self.restic("check", "--read-data")
        self.assert_restores(snapshot, {n: c for n, c in files.items() if n != "7 turn 3"})
        self.assertGreater(self.read()[1], 8)

    def test_a_run_that_was_killed_does_no_harm(self):
        self.init("2")
        files = self.make_files()
        for number in range(6):
            (self.source / f"8 more {number}").write_bytes(noise(f"more {number}", 8 * MIB))
        command = [PROBE, self.repo, "store", "2", *sorted(self.source.iterdir())]
        process = self.start(*command)
        while process.poll() is None and not any((self.repo / "data").glob("*/*")):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        self.restic("check", "--read-data")
        for number in range(6):
            (self.source / f"8 more {number}").unlink()
        self.assert_restores(self.store()[0], files)
        self.restic("prune")
        self.restic("check", "--read-data")


if __name__ == "__main__":
    unittest.main()
