#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Pruning, repair, copies, differences and searches beside the restic program of the system.

Usage: test_restic_prune.py PROBE [unittest's arguments]
"""
import filecmp
import json
import os
import random
import shutil
import subprocess
import time
import unittest

import test_restic

SNAPSHOTS = 4
# When it is killed, of the time that it takes.
PARTS = (0.5, 0.8, 0.95)
if os.environ.get("BSI_TESTS_FULL"):
    PARTS = [number / 50 for number in range(1, 50)]


class Upkeep(test_restic.Case):
    """Each snapshot has a third of the files of the one before it, and new ones."""

    def write(self, rng, round_number):
        for path in sorted(self.source.glob("**/*")):
            if path.is_file() and rng.random() < 0.6:
                path.unlink()
        for number in range(60):
            folder = self.source / f"folder{number % 7}"
            folder.mkdir(exist_ok=True)
            size = 900_000 if number % 20 == 0 else rng.randrange(1, 30_000)
            (folder / f"{round_number}-{number}").write_bytes(rng.randbytes(size))

    def backed_up(self, version):
        """The ids of some snapshots, and copies of what they must restore to."""
        rng = random.Random(7)
        self.kept = {}
        self.probe("init", version)
        for round_number in range(SNAPSHOTS):
            self.write(rng, round_number)
            self.back_up()

    def back_up(self):
        lines = self.restic("backup", "--json", self.source).splitlines()
        snapshot = json.loads(lines[-1])["snapshot_id"]
        copy = self.scratch / f"copy-{snapshot}"
        shutil.copytree(self.source, copy)
        self.kept[snapshot] = copy
        return snapshot

    def forget(self, *numbers):
        for snapshot in [list(self.kept)[number] for number in numbers]:
            self.restic("forget", snapshot)
            del self.kept[snapshot]

    def assert_same(self, one, other):
        compared = filecmp.dircmp(one, other)
        self.assertEqual(compared.left_only + compared.right_only, [])
        for name in compared.common_files:
            self.assertEqual((one / name).read_bytes(), (other / name).read_bytes(), name)
        for name in compared.common_dirs:
            self.assert_same(one / name, other / name)

    def assert_whole(self):
        """restic has nothing to say, and restores what there was."""
        said = self.restic("check", "--read-data")
        self.assertIn("no errors were found", said)
        for hint in ("additional", "not referenced", "duplicate", "prune", "rebuild-index"):
            self.assertNotIn(hint, said)
        for snapshot, copy in self.kept.items():
            target = self.scratch / "back"
            self.restic("restore", snapshot, "--target", target)
            self.assert_same(target / str(self.source)[1:], copy)
            shutil.rmtree(target)

    def stored(self):
        return sum(path.stat().st_size for path in self.repo.glob("data/*/*"))


class Prune(Upkeep):
    def test_after_it_restic_finds_all_whole(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.backed_up(version)
                self.forget(0, 2)
                before = self.stored()
                self.assertIn("removed", self.probe("prune", "all"))
                self.assertLess(self.stored(), before)
                self.assert_whole()
                shutil.rmtree(self.repo)

    def test_restic_has_nothing_left_to_do(self):
        self.backed_up("2")
        self.forget(0, 1)
        self.probe("prune", "all")
        before = self.stored()
        said = self.restic("prune", "--max-unused", "0")
        self.assertEqual(self.stored(), before, said)
        self.assert_whole()

    def test_after_restic_has_pruned_there_is_nothing_left_to_do(self):
        self.backed_up("2")
        self.forget(0, 1)
        self.restic("prune", "--max-unused", "0")
        self.assertTrue(self.probe("prune", "all").startswith("0 packs removed"))
        self.assert_whole()

    def test_both_take_turns(self):
        self.backed_up("2")
        rng = random.Random(8)
        for round_number in range(3):
            self.forget(0)
            if round_number % 2 == 0:
                self.probe("prune", "all")
            else:
                self.restic("prune")
            self.write(rng, SNAPSHOTS + round_number)
            self.back_up()
        self.probe("prune", "all")
        self.assert_whole()

    def test_in_two_phases_restic_finds_all_whole_at_each_moment(self):
        self.backed_up("2")
        self.forget(0, 2)
        self.assertTrue(self.probe("prune", "beside").startswith("0 packs removed"))
        self.assertTrue(list((self.repo / "marks").iterdir()))
        self.restic("check", "--read-data")
        self.write(random.Random(9), SNAPSHOTS)
        self.back_up()  # By one that knows nothing of marks.
        self.restic("check")
        self.assertFalse(self.probe("prune", "now").startswith("0 packs removed"))
        self.assert_whole()

    def test_a_backup_goes_on_while_packs_are_marked(self):
        self.backed_up("2")
        self.forget(0, 2)
        backup = self.start(test_restic.RESTIC, "--no-cache", "backup", "--stdin")
        while not self.locks():
            self.assertIsNone(backup.poll())
        self.assertIn("BS_E_BUSY", self.probe("prune", "all", fails=True))
        self.assertTrue(self.probe("prune", "now").startswith("0 packs removed"))
        backup.stdin.write("content")
        backup.stdin.close()
        self.assertEqual(backup.wait(test_restic.SECONDS), 0)
        self.assertFalse(self.probe("prune", "now").startswith("0 packs removed"))
        self.assert_whole()

    def test_killed_at_any_time_restic_finds_all_whole(self):
        self.backed_up("2")
        self.forget(0, 2)
        original = self.scratch / "original"
        self.repo.rename(original)
        took = None
        for part in (None, *PARTS):
            shutil.copytree(original, self.repo)
            begun = time.monotonic()
            process = self.start(test_restic.PROBE, self.repo, "prune", "all")
            try:
                process.wait(took * part if took else test_restic.SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(test_restic.SECONDS)
            took = took or time.monotonic() - begun
            self.restic("unlock", "--remove-all")
            self.restic("check", "--read-data")
            self.probe("prune", "all")
            self.assertIn("no errors were found", self.restic("check"))
            shutil.rmtree(self.repo)
        shutil.copytree(original, self.repo)
        self.probe("prune", "all")
        self.assert_whole()


class Repair(Upkeep):
    def setUp(self):
        super().setUp()
        self.backed_up("2")

    def test_an_index_that_is_lost_is_made_anew(self):
        shutil.rmtree(self.repo / "index")
        self.restic("check", fails=True)
        self.probe("repair", "index")
        self.assert_whole()

    def test_of_a_damaged_pack_only_what_is_damaged_is_lost(self):
        oldest = next(iter(self.kept))
        self.forget(*range(1, SNAPSHOTS))
        self.probe("prune", "all")
        largest = max(self.repo.glob("data/*/*"), key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        content[len(content) // 3] ^= 1
        largest.chmod(0o600)
        largest.write_bytes(content)
        self.restic("check", "--read-data", fails=True)
        self.assertIn(" 1 lost", self.probe("repair", "packs"))
        self.probe("repair", "snapshots")
        self.probe("prune", "all")
        said = self.restic("check", "--read-data")
        self.assertIn("no errors were found", said)
        (snapshot,) = json.loads(self.restic("snapshots", "--json"))
        self.assertTrue(snapshot["original"].startswith(oldest))
        target = self.scratch / "back"
        self.restic("restore", snapshot["id"], "--target", target)
        compared = [
            (path, self.kept[oldest] / path.relative_to(target / str(self.source)[1:]))
            for path in target.glob("**/*") if path.is_file()
        ]  # fmt: skip
        self.assertGreater(len(compared), 50)
        others = [one for one, other in compared if one.read_bytes() != other.read_bytes()]
        self.assertEqual(len(others), 1)

    def test_a_lost_pack_of_trees_costs_no_file_of_others(self):
        newest = list(self.kept)[-1]
        self.forget(*range(SNAPSHOTS - 1))
        self.probe("prune", "all")
        index = json.loads(self.restic("cat", "index", next((self.repo / "index").iterdir()).name))
        trees = [pack for pack in index["packs"] if pack["blobs"][0]["type"] == "tree"]
        for pack in [pack["id"] for pack in trees]:
            (self.repo / "data" / pack[:2] / pack).unlink()
        self.restic("backup", self.source / "folder0")
        self.probe("repair", "index")
        self.assertIn("nothing is left", self.probe("repair", "snapshots"))
        self.restic("forget", newest)
        self.assertIn("no errors were found", self.restic("check"))


class Looking(Upkeep):
    def setUp(self):
        super().setUp()
        self.backed_up("2")

    def test_what_is_different_is_what_restic_says(self):
        one, other = list(self.kept)[:2]
        theirs = {
            tuple(line.rstrip("/").split(maxsplit=1))
            for line in self.restic("diff", one, other).splitlines() if line[:1] in "+-MT"
        }  # fmt: skip
        ours = {tuple(line.split(maxsplit=1))
                for line in self.probe("diff", f"{one}:{other}").splitlines()}  # fmt: skip
        theirs = {one for one in theirs if len(one) == 2 and one[1].startswith("/")}
        self.assertGreater(len(theirs), 50)
        self.assertEqual({one for one in ours if one[0] != "U"}, theirs)

    def test_what_is_found_is_what_restic_finds(self):
        for pattern in ("2-1*", "[01]-?5", "0-7"):
            theirs = {
                (found["snapshot"], match["path"])
                for found in json.loads(self.restic("find", "--json", pattern))
                for match in found["matches"]
            }
            ours = {tuple(line.split(maxsplit=1))
                    for line in self.probe("find", pattern).splitlines()}  # fmt: skip
            self.assertTrue(theirs)
            self.assertEqual(ours, theirs)

    def test_copies_restore_from_the_other_repository(self):
        other = self.scratch / "other"
        ours, self.repo = self.repo, other
        self.restic("init")
        self.repo = ours
        self.assertEqual(self.probe("copy", other).count("new"), SNAPSHOTS)
        self.assertEqual(self.probe("copy", other).count("known"), SNAPSHOTS)
        self.repo = other
        copies = {one["original"][:8]: one["id"]
                  for one in json.loads(self.restic("snapshots", "--json"))}  # fmt: skip
        self.kept = {copies[snapshot[:8]]: copy for snapshot, copy in self.kept.items()}
        self.assertEqual(len(self.kept), SNAPSHOTS)
        self.assert_whole()


if __name__ == "__main__":
    unittest.main()
