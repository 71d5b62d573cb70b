#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keep a bucket of Google's with the tool, use it, try it out, forget it.

Usage: test_cli_gcs.py TOOL [unittest's arguments]

Started by tests/support/gcs_stub.py, beside a server.
"""
import os
import pathlib
import unittest

from cli_case import DONE, Case

FILES = pathlib.Path(os.environ.get("BSI_GCS_FILES", ""))


class Bucket(Case):
    def add(self, account="service", **more):
        settings = {
            "endpoint": os.environ["BSI_GCS_ENDPOINT"],
            "bucket": "bucket",
            "prefix": self.scratch.name,
            "credentials_file": FILES / f"{account}.json",
            **more,
        }
        return ("storage", "add", "offsite", "google_cloud",
                *(f"{key}={value}" for key, value in settings.items() if value))  # fmt: skip

    def test_backups_go_to_a_bucket_and_come_back(self):
        done = self.ends(DONE, *self.add())
        self.assertIn(b"nothing is encrypted on the way", done.stderr)
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "offsite")
        self.ends(DONE, "verify", made["backup_id"])
        self.ends(DONE, "restore", made["backup_id"], self.scratch / "target", "--strip")
        self.assertEqual((self.scratch / "target" / "one.txt").read_text(), "one\n")
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.ends(DONE, "delete", made["backup_id"])

    def test_it_is_shown_and_forgotten(self):
        self.ends(DONE, *self.add())
        self.assertIn(b"google_cloud", self.ends(DONE, "storage", "list").stdout)
        shown = self.document(DONE, "storage", "show", "offsite")["list"]["storages"][0]
        self.assertEqual(shown["driver"], "google_cloud")
        self.assertEqual(shown["settings"]["bucket"], "bucket")
        self.ends(DONE, "storage", "remove", "offsite")
        self.refused("there is no storage", "storage", "show", "offsite")

    def test_a_check_tells_what_a_bucket_can(self):
        self.ends(DONE, *self.add())
        check = self.document(DONE, "storage", "check", "offsite")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        lacks = {name for name, result in results.items() if result == "lacks"}
        self.assertEqual(lacks, {"rename", "free_space"}, check)
        self.assertEqual(set(results.values()), {"ok", "lacks"}, check)

    def test_secrets_are_kept_as_references_alone(self):
        path = FILES / "service.json"
        plain = self.add(credentials_file=None, credentials_json=path.read_text())
        self.assertNotIn("PRIVATE KEY", str(self.refused("takes no secret but where", *plain)))
        self.ends(DONE, *self.add(credentials_file=None, credentials_json=f"file:{path}"))
        self.ends(DONE, "storage", "check", "offsite")
        for kept in self.state.rglob("*"):
            if kept.is_file():
                self.assertNotIn(b"PRIVATE KEY", kept.read_bytes(), kept)

    def test_wrong_credentials_are_not_kept(self):
        self.refused("Invalid JWT Signature", *self.add("wrong-key"))
        self.refused("create the bucket", *self.add(bucket="another"))
        self.refused("there is no storage", "storage", "show", "offsite")


if __name__ == "__main__":
    unittest.main()
