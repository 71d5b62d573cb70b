#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Backups into a repository, beside those of the restic program of the system.

Usage: test_restic_backup.py PROBE [unittest's arguments]
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from oddities import MIB, make_oddities, noise, tree_state
from restic_program import RESTIC

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SECONDS = 300
TURNS = 20 if os.environ.get("BSI_TESTS_FULL") else 4


def knows(command):
    """Whether restic has it, in this version."""
    asked = [RESTIC, command, "--help"]
    return RESTIC and subprocess.run(asked, capture_output=True).returncode == 0


@unittest.skipUnless(RESTIC, "restic is not installed")
class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-restic."))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.repo = self.scratch / "repo"
        self.repo.mkdir()
        self.source = self.scratch / "source"
        self.source.mkdir()
        self.environment = os.environ | {
            "RESTIC_PASSWORD": "secret",
            "RESTIC_REPOSITORY": str(self.repo),
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
        }

    def run_program(self, *command, code=0, data=None):
        done = subprocess.run(
            command, env=self.environment, input=data, stdin=None if data else subprocess.DEVNULL,
            capture_output=True, timeout=SECONDS,
        )  # fmt: skip
        text = done.stdout.decode() + done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        return done.stdout.decode() if code == 0 else text

    def restic(self, *arguments, data=None):
        return self.run_program(RESTIC, "--no-cache", *arguments, data=data)

    def ours(self, base, *roots, how="backup", threads=2):
        self.environment["THREADS"] = str(threads)
        return json.loads(self.run_program(PROBE, self.repo, how, base or "-", *roots))

    def theirs(self, *arguments, data=None):
        """What restic says of a backup of its own."""
        return json.loads(self.restic("backup", "--json", *arguments, data=data).splitlines()[-1])

    def settle(self):
        """What was changed just before a backup counts as changed for the next one too."""
        newest = max(os.lstat(path).st_ctime for path in [self.source, *self.source.rglob("*")])
        while time.time() < newest + 1.1:
            time.sleep(0.05)

    def tree(self, snapshot, path):
        """The id of a folder's tree: the folders above it are not ours alone."""
        return self.run_program(PROBE, self.repo, "tree", snapshot, path).strip()

    def assert_adds_nothing(self, snapshot, *roots):
        told = self.theirs("--force", *roots)
        self.assertEqual(told["data_blobs"], 0)
        for one in json.loads(self.restic("snapshots", "--json")):
            if one["id"].startswith(told["snapshot_id"]):
                self.assertEqual(self.tree(one["id"], self.source),
                                 self.tree(snapshot, self.source))  # fmt: skip

    def assert_restores(self, snapshot, expected):
        back = self.scratch / "back"
        shutil.rmtree(back, ignore_errors=True)
        self.restic("restore", snapshot, "--target", back)
        found = tree_state(back / str(self.source)[1:])
        self.assertEqual(found.keys(), expected.keys())
        for path, content in expected.items():
            self.assertEqual(found[path], content, path)
        shutil.rmtree(back)


class Backups(Case):
    def test_of_every_oddity_restic_restores_all_and_has_nothing_to_add(self):
        make_oddities(self.source)
        expected = tree_state(self.source)
        for threads in (0, 3):
            with self.subTest(threads=threads):
                told = self.ours(None, self.source, threads=threads)
                self.assertFalse(told["partial"])
                self.assertEqual(told["added"], told["files"])
                self.restic("check", "--read-data")
                self.assert_restores(told["id"], expected)
                self.assert_adds_nothing(told["id"], self.source)
                self.restic("forget", "--prune", told["id"])
                self.restic("check", "--read-data")
                self.assert_restores("latest", expected)
                shutil.rmtree(self.repo)
                self.repo.mkdir()

    def test_after_restic_we_have_nothing_to_add(self):
        make_oddities(self.source)
        self.settle()
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.restic("init", "--repository-version", version)
                theirs = self.theirs(self.source)["snapshot_id"]
                (listed,) = json.loads(self.restic("snapshots", "--json"))
                for base, how in ((None, "backup"), (listed["id"], "backup"),
                                  (listed["id"], "content")):  # fmt: skip
                    told = self.ours(base, self.source, how=how)
                    self.assertEqual(told["deduplicated"], told["bytes"])
                    self.assertEqual(self.tree(told["id"], self.source),
                                     self.tree(listed["id"], self.source))  # fmt: skip
                    self.assertEqual(told["unmodified"], told["files"] if base else 0)
                shown = json.loads(self.restic("cat", "snapshot", told["id"]))
                self.assertEqual(shown["parent"], listed["id"])
                self.assertTrue(listed["id"].startswith(theirs))
                self.restic("check", "--read-data")
                shutil.rmtree(self.repo)

    def test_writers_take_turns_and_only_changes_are_stored(self):
        make_oddities(self.source)
        base = None
        for turn in range(TURNS):
            (self.source / "new" / str(turn)).mkdir(parents=True)
            (self.source / "new" / str(turn) / "file").write_bytes(noise(str(turn), 1000))
            with open(self.source / "noise", "r+b") as file:
                file.seek(turn * 2 * MIB)
                file.write(b"changed")
            if turn > 0:
                (self.source / "new" / str(turn - 1) / "file").unlink()
            self.settle()
            told = self.ours(base, self.source)
            if base:
                self.assertEqual((told["added"], told["changed"], told["removed"]), (1, 1, 1))
                self.assertEqual(told["unmodified"], told["files"] - 2)
                self.assertLess(told["stored"], 9 * MIB)
            self.assert_restores(told["id"], tree_state(self.source))
            theirs = self.theirs(self.source)
            self.assertEqual((theirs["files_new"], theirs["files_changed"]), (0, 0))
            self.assertEqual(theirs["data_blobs"], 0)
            listed = json.loads(self.restic("snapshots", "--json"))
            self.assertEqual(self.tree(listed[-1]["id"], self.source),
                             self.tree(told["id"], self.source))  # fmt: skip
            base = listed[-1]["id"] if turn % 2 else told["id"]
        self.restic("check", "--read-data")

    def test_restic_copies_what_we_wrote(self):
        make_oddities(self.source)
        expected = tree_state(self.source)
        told = self.ours(None, self.source)
        ours = self.environment.copy()
        self.environment["RESTIC_REPOSITORY"] = str(self.scratch / "copy")
        self.environment["RESTIC_FROM_PASSWORD"] = "secret"
        self.restic("init", "--from-repo", self.repo, "--copy-chunker-params")
        self.restic("copy", "--from-repo", self.repo, told["id"])
        self.restic("check", "--read-data")
        self.assert_restores("latest", expected)
        self.environment = ours

    @unittest.skipUnless(knows("rewrite"), "this restic rewrites nothing")
    def test_restic_rewrites_what_we_wrote(self):
        """It refuses a tree that it would have written in any other way."""
        make_oddities(self.source)
        expected = tree_state(self.source)
        told = self.ours(None, self.source)
        self.restic("rewrite", "--exclude", self.source / "noise", told["id"])
        self.restic("check", "--read-data")
        self.assert_restores(told["id"], expected)
        snapshots = {one["id"] for one in json.loads(self.restic("snapshots", "--json"))}
        (rewritten,) = snapshots - {told["id"]}  # Of the same time as the other.
        del expected[b"noise"]
        self.assert_restores(rewritten, expected)

    def test_several_roots_stand_under_the_directories_above_them(self):
        for name in ("a/b/c", "a/b/d", "a/x", "e"):
            (self.source / name).mkdir(parents=True)
            (self.source / name / "file").write_bytes(name.encode())
        roots = [self.source / name for name in ("a/b/c/file", "a/b/d", "a/x/file", "e")]
        (self.source / "link").symlink_to("a")
        roots.append(self.source / "link" / "b")
        told = self.ours(None, *roots)
        self.assertEqual(told["files"], 6)
        self.assert_adds_nothing(told["id"], *roots)
        shown = json.loads(self.restic("cat", "snapshot", told["id"]))
        self.assertEqual(shown["paths"], [str(root) for root in roots])
        self.restic("check", "--read-data")

    def test_a_snapshot_tells_what_restic_tells_and_more(self):
        (self.source / "file").write_bytes(b"content")
        self.settle()
        first = self.ours(None, self.source)
        theirs = self.theirs("--force", self.source)["snapshot_id"]
        told = self.ours(first["id"], self.source)
        ours = json.loads(self.run_program(PROBE, self.repo, "text", told["id"]))
        theirs = json.loads(self.restic("cat", "snapshot", theirs))
        for key in ("paths", "hostname", "username", "uid", "gid"):
            self.assertEqual(ours.get(key), theirs.get(key), key)
        self.assertEqual(ours["parent"], first["id"])
        self.assertEqual(ours["tags"], ["home"])
        self.assertTrue(ours["program_version"].startswith("backupsvc "))
        summary = ours["summary"]
        self.assertEqual(summary["files_unmodified"], 1)
        self.assertGreater(summary["dirs_unmodified"], 0)
        self.assertEqual(summary["dirs_new"], 0)
        self.assertEqual(summary["dirs_unmodified"] + summary["dirs_changed"],
                         len(self.source.parts) - 1)  # fmt: skip
        self.assertEqual(summary["total_bytes_processed"], 7)
        self.assertEqual(ours["backupsvc"]["info"]["metadata"], {"who": "probe"})
        first = json.loads(self.run_program(PROBE, self.repo, "text", first["id"]))
        self.assertEqual(ours["backupsvc"]["info"]["base_id"], first["backupsvc"]["info"]["id"])

    def test_a_stream_is_one_file(self):
        data = noise("stream", 20 * MIB) + b"end"
        told = json.loads(self.run_program(PROBE, self.repo, "stream", "dump.sql", data=data))
        self.assertEqual((told["files"], told["bytes"]), (1, len(data)))
        dumped = subprocess.run(
            [RESTIC, "--no-cache", "dump", told["id"], "/dump.sql"], env=self.environment,
            capture_output=True, timeout=SECONDS, check=True,
        )  # fmt: skip
        self.assertTrue(dumped.stdout == data)
        theirs = self.theirs("--stdin", "--stdin-filename", "dump.sql", data=data)
        self.assertEqual(theirs["data_blobs"], 0)
        paths = {tuple(one["paths"]) for one in json.loads(self.restic("snapshots", "--json"))}
        self.assertEqual(paths, {("/dump.sql",)})
        self.restic("check", "--read-data")

    def test_data_can_be_stored_without_compression(self):
        (self.source / "text").write_bytes(b"some text\n" * 100000)
        told = self.ours(None, self.source, how="stored")
        self.assertGreater(told["stored"], 1000000)
        self.restic("check", "--read-data")
        self.assert_restores(told["id"], tree_state(self.source))

    def test_a_base_that_is_damaged_or_gone_is_told_and_all_is_read(self):
        (self.source / "file").write_bytes(b"content")
        self.settle()
        first = self.ours(None, self.source)["id"]
        told = self.ours("0" * 64, self.source)
        self.assertTrue(told["partial"])
        self.assertEqual(told["added"], 1)
        path = self.repo / "snapshots" / first
        path.chmod(0o600)
        path.write_bytes(b"damaged")
        told = self.ours(first, self.source)
        self.assertTrue(told["partial"])
        path.unlink()
        self.restic("check", "--read-data")
        self.assert_restores(told["id"], tree_state(self.source))

    def test_a_run_that_is_killed_leaves_no_snapshot_and_the_next_one_goes_on(self):
        for number in range(40):
            (self.source / str(number)).write_bytes(noise(str(number), MIB))
        self.ours(None, self.source / "0")
        command = [PROBE, self.repo, "backup", "-", self.source]
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(self.repo.glob("data/*/*"))) < 4:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        self.restic("unlock")
        self.restic("check")
        told = self.ours(None, self.source)
        self.restic("check", "--read-data")
        self.assert_restores(told["id"], tree_state(self.source))


if __name__ == "__main__":
    unittest.main()
