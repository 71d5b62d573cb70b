#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keep a storage behind rclone with the tool, use it, try it out, forget it.

Usage: test_cli_rclone.py TOOL [unittest's arguments]
"""
import shutil
import unittest

from cli_case import DONE, Case


@unittest.skipUnless(shutil.which("rclone"), "rclone is not installed")
class Rclone(Case):
    def setUp(self):
        super().setUp()
        self.place = self.scratch / "place"
        self.config = self.scratch / "rclone.conf"
        self.config.write_text(f"[there]\ntype = alias\nremote = {self.place}\n")

    def add(self, *more):
        return ("storage", "add", "cloud", "rclone", "remote=there:backups",
                f"config_file={self.config}", *more)  # fmt: skip

    def test_backups_go_through_rclone_and_come_back(self):
        self.ends(DONE, *self.add())
        self.assertIn("remote = there:backups\n",
                      self.ends(DONE, "storage", "show", "cloud").stdout.decode())  # fmt: skip
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "cloud")
        self.assertTrue(list((self.place / "backups").rglob("*.zip")))
        self.ends(DONE, "verify", made["backup_id"])
        self.ends(DONE, "restore", made["backup_id"], self.scratch / "target", "--strip")
        self.assertEqual((self.scratch / "target" / "one.txt").read_text(), "one\n")
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.ends(DONE, "delete", made["backup_id"])
        self.assertEqual([path for path in self.place.rglob("*") if path.is_file()], [])
        self.ends(DONE, "storage", "remove", "cloud")

    def test_a_check_tells_what_it_lacks(self):
        self.ends(DONE, *self.add())
        check = self.document(DONE, "storage", "check", "cloud")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        lacks = {name for name, result in results.items() if result == "lacks"}
        self.assertLessEqual({"put_exclusive", "free_space", "rename"}, lacks)
        self.assertEqual(set(results.values()), {"ok", "lacks"}, check)
        self.assertEqual([path for path in self.place.rglob("*") if path.is_file()], [])

    def test_what_is_wrong_is_told_and_not_kept(self):
        self.refused("install rclone", *self.add("program=no-such-rclone"))
        self.refused("takes no secret but where that is", *self.add("config_pass=canary-5521"))
        self.refused("there is no storage", "storage", "show", "cloud")


if __name__ == "__main__":
    unittest.main()
