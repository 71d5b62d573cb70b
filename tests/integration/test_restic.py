#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Repositories beside the restic program of the system: keys, snapshots, locks.

Usage: test_restic.py PROBE [unittest's arguments]
"""
import json
import random
import shutil
import signal
import unittest

import restic_case
from restic_case import PROBE, RESTIC, SECONDS


class Case(restic_case.Case):
    def setUp(self):
        super().setUp()
        (self.source / "folder").mkdir()
        (self.source / "folder" / "file").write_bytes(b"content\n" * 1000)

    def hold(self, kind):
        process = self.start(PROBE, self.repo, "lock", kind)
        self.assertEqual(process.stdout.readline(), "locked\n")
        return process

    def let_go(self, process):
        process.stdin.close()
        self.assertEqual(process.wait(SECONDS), 0, process.stdout.read())

    def locks(self):
        folder = self.repo / "locks"
        names = [path.name for path in folder.iterdir()] if folder.exists() else []
        return sorted(name for name in names if len(name) == 64)  # Without those on their way.


class Repositories(Case):
    def test_what_we_make_restic_accepts_and_continues(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                config = json.loads(self.probe("init", version))
                self.assertEqual(json.loads(self.restic("cat", "config")), config)
                self.assertIn("already", self.restic("init", fails=True))
                self.restic("check")
                self.restic("backup", "--tag", "theirs", self.source)
                self.restic("check", "--read-data")
                self.assertIn('"tags":["theirs"]', self.probe("snapshots"))
                shutil.rmtree(self.repo)

    def test_what_restic_makes_we_open(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.restic("init", "--repository-version", version)
                self.restic("backup", self.source)
                config = json.loads(self.restic("cat", "config"))
                self.assertEqual(json.loads(self.probe("config")), config)
                self.assertIn("BS_E_KEY", self.probe("config", password="wrong", fails=True))
                self.assertIn("BS_E_EXISTS", self.probe("init", "2", fails=True))
                shutil.rmtree(self.repo)

    def test_snapshots_of_ours_and_theirs_say_the_same(self):
        self.probe("init", "2")
        self.restic("backup", "--tag", "theirs", "--exclude", "*.<o>", self.source)
        (line,) = self.probe("snapshots").splitlines()
        theirs, text = line.split(" ", 1)
        self.assertEqual(json.loads(text), json.loads(self.restic("cat", "snapshot", theirs)))
        ours = self.probe("tag", theirs[:8]).strip()
        shown = json.loads(self.restic("cat", "snapshot", ours))
        self.assertEqual(shown["tags"], ["written by us <&>"])
        self.assertEqual(shown["original"], theirs)
        self.assertEqual(shown["tree"], json.loads(text)["tree"])
        listed = json.loads(self.restic("snapshots", "--json"))
        self.assertEqual({one["id"] for one in listed}, {theirs, ours})
        self.restic("check", "--read-data")
        self.restic("restore", ours, "--target", self.scratch / "back")
        back = self.scratch / "back" / str(self.source)[1:] / "folder" / "file"
        self.assertEqual(back.read_bytes(), (self.source / "folder" / "file").read_bytes())

    def test_a_snapshot_of_many_megabytes_is_read(self):
        """More than one zstd frame of ours."""
        self.probe("init", "2")
        paths = [f"/{number:040d}" for number in range(230000)]
        self.restic("backup", self.source)
        (line,) = self.probe("snapshots").splitlines()
        document = json.loads(line.split(" ", 1)[1])
        document["paths"] = paths
        text = self.scratch / "text"
        text.write_text(json.dumps(document))
        ours = self.probe("save", text).strip()
        self.assertEqual(json.loads(self.restic("cat", "snapshot", ours))["paths"], paths)


class Checks(Case):
    """What restic wrote, in versions 1 and 2, whole and with each file of it damaged."""

    def backed_up(self, version):
        self.probe("init", version)
        (self.source / "large").write_bytes(random.Random(1).randbytes(3000000))
        self.restic("backup", self.source)
        (self.source / "folder" / "more").write_bytes(b"more")
        self.restic("backup", self.source)

    def check(self, *arguments):
        *findings, summary = self.probe("check", *arguments).splitlines()
        return findings, summary

    def test_what_restic_wrote_is_whole(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.backed_up(version)
                packs = len(list(self.repo.glob("data/*/*")))
                for arguments, read in (((), 0), (("data",), packs)):
                    findings, summary = self.check(*arguments)
                    self.assertEqual(findings, [])
                    self.assertEqual(
                        summary, f"0 errors, 2 snapshots, 0 damaged, {packs} packs, {read} read"
                    )
                shutil.rmtree(self.repo)

    def test_each_damaged_file_is_named(self):
        self.backed_up("2")
        paths = [path for kind in ("data", "index", "snapshots")
                 for path in self.repo.glob(f"{kind}/**/*") if path.is_file()]  # fmt: skip
        self.assertGreaterEqual(len(paths), 8)
        for path in paths:
            with self.subTest(path.relative_to(self.repo)):
                before = path.read_bytes()
                path.chmod(0o600)
                at = len(before) // 2
                path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
                findings, _ = self.check("data")
                named = [line for line in findings if line.split()[2] == path.name]
                self.assertTrue(named and named[0].startswith("error"), findings)
                path.write_bytes(before)
        self.assertEqual(self.check("data")[0], [])

    def test_a_missing_pack_is_told_with_the_files_it_costs(self):
        self.backed_up("2")
        largest = max(self.repo.glob("data/*/*"), key=lambda path: path.stat().st_size)
        largest.unlink()
        findings, summary = self.check()
        self.assertIn(f"error pack {largest.name} : is missing", "\n".join(findings))
        self.assertIn(f"{self.source}/large: ", "\n".join(findings))
        self.assertIn("2 snapshots, 2 damaged", summary)
        self.restic("check", fails=True)


class Keys(Case):
    def test_keys_of_ours_and_theirs_open(self):
        self.probe("init", "2")
        self.probe("add-key", "ours")
        new = self.scratch / "new"
        new.write_text("theirs")
        self.restic("key", "add", "--new-password-file", new, password="ours")
        listed = json.loads(self.restic("key", "list", "--json"))
        ours = self.probe("keys", password="theirs").splitlines()
        self.assertEqual(len(ours), 3)
        for line, key in zip(ours, sorted(listed, key=lambda key: key["id"])):
            self.assertTrue(line.startswith(key["id"]) and line.endswith(" good"), line)
        for password in ("secret", "ours", "theirs"):
            self.restic("cat", "config", password=password)

    def test_a_password_that_was_changed_opens_no_more(self):
        self.probe("init", "2")
        self.probe("change-key", "new")
        self.assertIn("wrong password", self.restic("cat", "config", fails=True))
        self.restic("check", password="new")
        (line,) = self.probe("keys", password="new").splitlines()
        self.probe("add-key", "second", password="new")
        self.assertIn("BS_E_NEEDED", self.probe("remove-key", line[:8], password="new", fails=True))
        self.probe("remove-key", line[:8], password="second")
        self.assertIn("wrong password", self.restic("cat", "config", password="new", fails=True))

    def test_an_empty_password_is_one(self):
        self.probe("init", "2", password="")
        command = [PROBE, self.repo, "config"]
        self.run_program(command, "", False)
        self.assertIn("BS_E_KEY", self.probe("config", fails=True))


class Locks(Case):
    def setUp(self):
        super().setUp()
        self.probe("init", "2")

    def test_restic_respects_our_exclusive_lock(self):
        lock = self.hold("exclusive")
        for command in (["snapshots"], ["backup", self.source], ["check"]):
            self.assertIn("locked", self.restic(*command, fails=True))
        before = self.locks()
        lock.stdin.write("x")
        lock.stdin.flush()
        self.assertEqual(lock.stdout.readline(), "refreshed\n")
        self.assertIn("locked", self.restic("snapshots", fails=True))
        (after,) = self.locks()
        self.assertNotIn(after, before)
        self.let_go(lock)
        self.restic("check")
        self.assertEqual(self.locks(), [])

    def test_restic_works_beside_our_shared_lock(self):
        lock = self.hold("shared")
        self.restic("backup", self.source)
        self.restic("snapshots")
        self.assertIn("locked", self.restic("check", fails=True))
        self.let_go(lock)
        self.restic("check")

    def test_we_respect_the_locks_of_restic(self):
        backup = self.start(RESTIC, "--no-cache", "backup", "--stdin")
        while not self.locks():
            self.assertIsNone(backup.poll())
        refusal = self.probe("lock", "exclusive", fails=True)
        self.assertIn("BS_E_BUSY", refusal)
        self.assertIn(f"by process {backup.pid} of ", refusal)
        self.let_go(self.hold("shared"))
        backup.stdin.write("content")
        backup.stdin.close()
        self.assertEqual(backup.wait(SECONDS), 0)
        self.let_go(self.hold("exclusive"))

    def test_restic_removes_the_lock_of_ours_that_was_killed(self):
        lock = self.hold("exclusive")
        self.restic("unlock")
        self.assertEqual(len(self.locks()), 1)
        self.assertIsNone(lock.poll())
        lock.send_signal(signal.SIGKILL)
        lock.wait(SECONDS)
        self.assertIn("locked", self.restic("snapshots", fails=True))
        self.restic("unlock")
        self.assertEqual(self.locks(), [])
        self.restic("check")

    def test_we_remove_the_lock_of_restic_that_was_killed(self):
        backup = self.start(RESTIC, "--no-cache", "backup", "--stdin")
        while not self.locks():
            self.assertIsNone(backup.poll())
        self.assertEqual(self.probe("unlock"), "0\n")
        self.assertEqual(len(self.locks()), 1)
        backup.send_signal(signal.SIGKILL)
        backup.wait(SECONDS)
        self.assertIn("stale", self.probe("lock", "exclusive", fails=True))
        self.assertEqual(self.probe("unlock"), "1\n")
        self.let_go(self.hold("exclusive"))


if __name__ == "__main__":
    unittest.main()
