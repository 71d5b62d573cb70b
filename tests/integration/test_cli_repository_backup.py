#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Back up into repositories with the tool, beside the restic program of the system.

Usage: test_cli_repository_backup.py TOOL BLOB_PROBE [unittest's arguments]
"""
import json
import os
import subprocess
import unittest

from cli_case import DONE, FAILED
from repository_case import KEY, SECRET, RepositoryCase


class Backup(RepositoryCase):
    FORM = ("--form", "repository", "--encrypt", "aes256", *KEY)

    def setUp(self):
        super().setUp()
        self.init()

    def back_up_here(self, *args, **options):
        return self.back_up(*self.FORM, *args, **options)

    def test_restic_checks_and_restores_it(self):
        backup = self.back_up_here("--metadata", '{"ticket": 7}')
        self.assertEqual((backup["form"], backup["backup_type"]), ("repository", "full"))
        self.assertIn("no errors", self.restic("check", "--read-data"))
        snapshot = json.loads(self.restic("snapshots", "--json"))[0]
        self.assertEqual(snapshot["paths"], [str(self.source)])
        self.assertEqual(backup["backup_file_path"], f"snapshots/{snapshot['id']}")
        self.restic("restore", "latest", "--target", self.back("theirs"))
        self.assert_same(self.back("theirs", self.source))

    def test_both_take_turns_and_store_nothing_twice(self):
        noise = self.source / "noise"
        for turn in range(3):
            noise.write_bytes(os.urandom(3 << 20))
            self.back_up_here(name="turns")
            stored = self.stored()
            self.restic_backup("--force")
            again = self.stored()
            self.assertLess(again - stored, 64 << 10, turn)
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.ends(DONE, "restore", "latest:turns", self.back("ours"), *KEY)
        self.assert_same(self.back("ours", self.source))

    def test_what_restic_stored_is_listed_restored_and_removed(self):
        snapshot = self.restic_backup("--tag", "theirs")
        self.restic_backup("--tag", "theirs")
        self.assertEqual(self.document(DONE, "rebuild", *KEY)["rebuild"]["backups"], 2)
        known = self.snapshots()
        self.assertTrue(all(one["backup_id"] for one in known))
        self.assertEqual({one["name"] for one in known}, {"theirs"})
        oldest = known[-1]["backup_id"]
        self.assertEqual(known[-1]["id"][:8], snapshot[:8])
        self.ends(DONE, "verify", oldest, *KEY)
        self.ends(DONE, "restore", oldest, self.back("ours"), *KEY)
        self.assert_same(self.back("ours", self.source))
        info = self.document(DONE, "show", oldest)["backup"]
        self.assertEqual((info["retention_days"], info["form"]), (-1, "repository"))
        self.ends(DONE, "delete", oldest)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 1)

    def test_what_restic_forgets_is_gone_after_a_rebuild(self):
        first = self.back_up_here()["id"]
        second = self.back_up_here()["id"]
        self.restic("forget", "--keep-last", 1, "--prune")
        self.ends(DONE, "rebuild", *KEY)
        self.assertEqual([one["backup_id"] for one in self.snapshots()], [second])
        self.refused("", "show", first)
        self.ends(DONE, "verify", second, *KEY)

    def test_pins_are_in_nobodys_way(self):
        self.ends(DONE, "retention", "pin", self.back_up_here()["id"], "--reason", "year's end")
        self.assertEqual(len(list((self.storage / "snapshots").glob("*.pins.json"))), 1)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 1)
        self.assertIn("no errors", self.restic("check"))

    def test_browsing(self):
        self.back_up_here()
        done = self.ends(DONE, "cat", "latest:job", self.source / "sub" / "two.txt", *KEY)
        self.assertEqual(done.stdout, (self.source / "sub" / "two.txt").read_bytes())
        found = self.document(DONE, "files", "latest:job", "--recursive", *KEY)["files"]
        names = {one["path"].rsplit("/", 1)[-1] for one in found}
        self.assertLessEqual({"one.txt", "two.txt", "link", "sub"}, names)

    def test_a_drill_and_damage(self):
        self.back_up_here()
        self.ends(DONE, "drill", "latest:job", "--all", *KEY)
        self.damage_packs()
        out = self.document(FAILED, "verify", "latest:job", *KEY)
        self.assertIn(out["error"]["code"], ("BS_E_CORRUPT", "BS_E_MISSING"))
        self.assertTrue(out["verification"]["damages"])

    def start(self, name, then="exec cat started"):
        """A backup whose command has begun, and waits."""
        fifo = self.scratch / "started"
        os.mkfifo(fifo)
        running = subprocess.Popen(
            self.command("--json", "backup", name, *self.FORM, "--command", "--", "sh", "-c",
                         f"cd '{self.scratch}'; echo x >started; {then}"),
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.kill)
        self.await_line(fifo, running)
        self.await_lock(running)
        return fifo, running

    def test_it_outlives_restics_unlock(self):
        fifo, running = self.start("slow")
        self.assertEqual(len(self.locks()), 1)
        self.restic("unlock")
        self.assertEqual(len(self.locks()), 1)
        fifo.write_text("the end")
        out, _ = running.communicate(timeout=60)
        self.assertEqual(running.returncode, DONE, out)

    def test_what_a_killed_one_left_is_put_in_order(self):
        self.back_up_here()
        _, running = self.start("slow", then="exec sleep 5")
        running.kill()
        running.wait(timeout=60)
        self.assertEqual(len(self.locks()), 1)
        self.environment["ENCRYPTION_KEY"] = SECRET
        states = [one["status"] for one in self.document(DONE, "list")["backups"]]
        self.assertEqual(states, ["failed", "completed"])
        self.assertEqual(self.locks(), [])
        self.assertIn("no errors", self.restic("check"))


if __name__ == "__main__":
    unittest.main()
