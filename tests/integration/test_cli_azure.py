#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keep a container of Azure's with the tool, use it, try it out, forget it.

Usage: test_cli_azure.py TOOL [unittest's arguments]

Started by tests/support/azure_server.py, beside a server.
"""
import html
import os
import pathlib
import re
import sys
import unittest

from cli_case import DONE, Case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import azure_server  # noqa: E402

ENDPOINT = os.environ.get("BSI_AZURE_ENDPOINT", "")
CONTAINER = os.environ.get("BSI_AZURE_CONTAINER", "")


class Container(Case):
    def setUp(self):
        super().setUp()
        self.key = self.scratch / "key"
        self.key.write_text(os.environ["BSI_AZURE_KEY"])
        self.key.chmod(0o600)

    def add(self, key, *more):
        return ("storage", "add", "offsite", "azure_blob", f"endpoint={ENDPOINT}",
                f"container={CONTAINER}", f"prefix={self.scratch.name}",
                f"account={os.environ['BSI_AZURE_ACCOUNT']}", f"account_key={key}",
                *more)  # fmt: skip

    def keep(self, *more):
        self.ends(DONE, *self.add(f"file:{self.key}", *more))

    def keep_again(self, *more):
        self.ends(DONE, "storage", "remove", "offsite", "--force")
        self.keep(*more)

    def blobs(self):
        """What the server itself lists of this test: names, times and sizes."""
        query = {"restype": "container", "comp": "list", "prefix": self.scratch.name + "/",
                 "maxresults": "1000"}  # fmt: skip
        request = azure_server.signed("GET", ENDPOINT, "/" + CONTAINER, query)
        with azure_server.ask(request) as answer:
            text = answer.read().decode()
        self.assertNotRegex(text, "<NextMarker>[^<]")
        return sorted(
            tuple(html.unescape(re.search(f"<{name}>(.*?)</{name}>", blob)[1])
                  for name in ("Name", "Last-Modified", "Content-Length"))
            for blob in re.findall("<Blob>(.*?)</Blob>", text, re.DOTALL)
        )  # fmt: skip

    def back_up_there(self, *more):
        return self.back_up("--storage", "offsite", *more)["id"]

    def assert_comes_back(self, backup_id):
        target = self.scratch / "target" / backup_id
        self.ends(DONE, "restore", backup_id, target, "--strip")
        self.assertEqual((target / "one.txt").read_text(), "one\n")
        self.assertEqual((target / "sub" / "two.txt").read_text(), "two " * 1000)

    def test_backups_go_to_a_container_and_come_back(self):
        done = self.ends(DONE, *self.add(f"file:{self.key}"))
        self.assertIn(b"nothing is encrypted on the way", done.stderr)
        made = self.back_up_there()
        self.ends(DONE, "verify", made)
        self.assert_comes_back(made)
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.assertTrue(self.blobs())
        self.ends(DONE, "delete", made)
        self.assertEqual(self.blobs(), [])
        self.ends(DONE, "storage", "remove", "offsite")
        self.refused("there is no storage 'offsite'", "storage", "show", "offsite")

    def test_secrets_are_kept_as_references_alone(self):
        plain = self.key.read_text()
        done = self.refused("takes no secret but where that is", *self.add(plain))
        self.assertNotIn(plain, str(done))
        self.ends(DONE, "storage", "add", "offsite", "azure_blob", f"container={CONTAINER}",
                  "connection_string=env:BSI_AZURE_CONNECTION_STRING")  # fmt: skip
        shown = self.ends(DONE, "storage", "show", "offsite").stdout.decode()
        self.assertIn("connection_string = env:BSI_AZURE_CONNECTION_STRING\n", shown)
        self.assertIn("offsite", self.ends(DONE, "storage", "list").stdout.decode())
        for path in self.state.rglob("*"):
            if path.is_file():
                self.assertNotIn(plain.encode(), path.read_bytes(), path)

    def test_wrong_credentials_are_not_kept(self):
        wrong = self.scratch / "wrong"
        wrong.write_text("bm90IHRoZSBrZXk=")
        wrong.chmod(0o600)
        done = self.refused("not that of the account", *self.add(f"file:{wrong}"))
        self.assertNotIn(wrong.read_text(), str(done))
        self.refused("there is no storage", "storage", "show", "offsite")

    def test_a_check_tells_what_a_container_can(self):
        self.keep()
        check = self.document(DONE, "storage", "check", "offsite")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        lacks = {name for name, result in results.items() if result == "lacks"}
        self.assertEqual(lacks, {"rename", "free_space"}, check)
        self.assertEqual(set(results.values()), {"ok", "lacks"}, check)
        self.assertLess(abs(check["clock_ahead_seconds"]), 60)
        self.assertEqual(self.blobs(), [])

    def test_what_is_added_only_stays(self):
        self.keep("append_only=true")
        made = self.back_up_there()
        before = self.blobs()
        self.refused("storage 'offsite' is append-only", "delete", made)
        self.refused("mirror", "backup", "twin", self.source, "--storage", "offsite", "--type",
                     "mirror")  # fmt: skip
        self.assertTrue(self.document(DONE, "storage", "check", "offsite")["check"]["is_good"])
        self.assertEqual(self.blobs(), before)

    def test_what_is_only_read_stays_as_it_is(self):
        self.keep()
        made = self.back_up_there()
        before = self.blobs()
        self.keep_again("read_only=true")
        self.refused("read_only", "backup", "docs", self.source, "--storage", "offsite")
        self.refused("read_only", "delete", made)
        self.ends(DONE, "verify", made)
        self.assert_comes_back(made)
        check = self.document(DONE, "storage", "check", "offsite")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        self.assertEqual((results["put"], results["list"]), ("lacks", "ok"))
        self.assertEqual(self.blobs(), before)

    def test_limits_and_copies_change_nothing_in_backups(self):
        self.keep("cache_size=16MiB", "limit_download=50M", "limit_requests=2")
        self.ends(DONE, "storage", "limit", "offsite", "limit_upload=Mon-08:00,50M",
                  "limit_requests=4")  # fmt: skip
        shown = self.ends(DONE, "storage", "show", "offsite").stdout.decode()
        for line in ("cache_size = 16MiB", "limit_download = 50M", "limit_requests = 4",
                     "limit_upload = Mon-08:00,50M"):  # fmt: skip
            self.assertIn(line + "\n", shown)
        made = [self.back_up_there("--form", "repository") for _ in range(2)]
        copies = self.state / "cache"
        self.assertTrue([path for path in copies.rglob("*") if path.is_file()])
        for one in made:
            self.assert_comes_back(one)
        self.ends(DONE, "storage", "remove", "offsite", "--force")
        self.assertFalse([path for path in copies.rglob("*") if path.is_file()])


if __name__ == "__main__":
    unittest.main()
