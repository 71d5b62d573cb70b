#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the tool's verbs for repositories for real, beside the restic program of the system.

Usage: test_cli_repository.py TOOL BLOB_PROBE [unittest's arguments]
"""
import json
import os
import shutil
import subprocess
import sys
import unittest

from cli_case import DONE, FAILED, USAGE, Case

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
RESTIC = shutil.which("restic")
SECRET = "canary-5d1e-pass-phrase"
OTHER = "canary-77b0-pass-phrase"
KEY = ("--key", "env:PASS")


@unittest.skipUnless(RESTIC, "restic is not installed")
class RepositoryCase(Case):
    def setUp(self):
        super().setUp()
        self.storage = self.state / "storage"
        self.environment = {
            k: v for k, v in os.environ.items()
            if k not in ("BACKUP_STORAGE_PATH", "ENCRYPTION_KEY")
        } | {
            "RESTIC_PASSWORD": SECRET,
            "RESTIC_REPOSITORY": str(self.storage),
            "HOME": str(self.scratch),
            "PASS": SECRET,
            "OTHER": OTHER,
        }  # fmt: skip

    def run_tool(self, *args, **options):
        options.setdefault("env", self.environment)
        return super().run_tool(*args, **options)

    def init(self, version=2):
        """A repository that costs nothing to open."""
        self.ends(DONE, "rebuild")  # Makes the state directory.
        self.check_call(PROBE, self.storage, "init", version)

    def check_call(self, *command, password=SECRET, code=0):
        done = subprocess.run(
            [str(word) for word in command], env=self.environment | {"RESTIC_PASSWORD": password},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def restic(self, *arguments, **options):
        return self.check_call(RESTIC, "--no-cache", *arguments, **options)

    def restic_backup(self, *arguments):
        """The id of the new snapshot."""
        lines = self.restic("backup", "--json", self.source, *arguments).splitlines()
        return json.loads(lines[-1])["snapshot_id"]

    def snapshots(self):
        return self.document(DONE, "snapshots", *KEY)["snapshots"]


class Init(RepositoryCase):
    def test_restic_opens_it_with_the_same_pass_phrase(self):
        out = self.document(DONE, "repo", "init", "--encrypt", "aes256",
                            "--repository-version", 1, *KEY)  # fmt: skip
        config = json.loads(self.restic("cat", "config"))
        self.assertEqual((config["id"], config["version"]), (out["repository_id"], 1))

    def test_it_is_not_made_twice(self):
        self.init()
        self.refused("already", "repo", "init", "--encrypt", "aes256", *KEY)

    def test_what_opens_it_must_be_a_pass_phrase(self):
        key = self.scratch / "raw"
        self.ends(DONE, "key", "generate", "raw", key)
        self.refused("pass phrase", "repo", "init", "--encrypt", "aes256", "--key", f"file:{key}")
        self.refused("aes256", "repo", "init", *KEY)
        self.refused("release", "repo", "init", "--encrypt", "rsa")
        self.assertFalse((self.storage / "config").exists())


class Keys(RepositoryCase):
    def keys(self, *key):
        return self.document(DONE, "repo", "keys", "list", *key)["keys"]

    def test_pass_phrases_come_and_go_as_with_restic(self):
        self.init()
        first = self.keys(*KEY)
        self.assertEqual([key["is_current"] for key in first], [True])
        added = self.document(DONE, "repo", "keys", "add", "--new-key", "env:OTHER", *KEY)["key_id"]
        self.restic("cat", "config", password=OTHER)
        self.assertEqual({key["id"] for key in self.keys(*KEY)}, {first[0]["id"], added})
        self.refused("opened", "repo", "keys", "remove", first[0]["id"], *KEY)
        self.ends(DONE, "repo", "keys", "remove", first[0]["id"][:10], "--key", "env:OTHER")
        self.restic("cat", "config", code=1)
        self.refused("pass phrase", "repo", "keys", "list", *KEY)

    def test_a_pass_phrase_is_changed(self):
        self.init()
        self.ends(DONE, "repo", "keys", "passwd", "--new-key", "env:OTHER", *KEY)
        self.restic("cat", "config", password=OTHER)
        self.restic("cat", "config", code=1)

    def test_what_is_missing_is_said(self):
        self.init()
        self.refused("--new-key", "repo", "keys", "add", *KEY, code=USAGE)
        self.refused("no key", "repo", "keys", "remove", "ff" * 32, *KEY)


class Snapshots(RepositoryCase):
    def test_those_of_restic_are_listed_newest_first(self):
        self.init()
        first = self.restic_backup("--tag", "one,two", "--host", "elsewhere")
        second = self.restic_backup()
        found = self.snapshots()
        self.assertEqual([one["id"][:8] for one in found], [second[:8], first[:8]])
        self.assertEqual(found[1]["tags"], ["one", "two"])
        self.assertEqual(found[1]["hostname"], "elsewhere")
        self.assertEqual(found[1]["paths"], [str(self.source)])
        self.assertEqual(found[1]["backup_id"], "")

    def test_one_that_is_damaged_hides_no_other(self):
        self.init()
        self.restic_backup()
        bad = self.restic_backup("--force")
        path = next((self.storage / "snapshots").glob(bad[:8] + "*"))
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
        out = self.document(3, "snapshots", *KEY)
        self.assertEqual((out["unreadable"], len(out["snapshots"])), (1, 1))

    def test_without_a_repository_there_is_nothing_to_list(self):
        self.ends(DONE, "rebuild")
        self.refused("no repository", "snapshots")


class Check(RepositoryCase):
    def test_a_sound_repository_passes(self):
        self.init()
        self.restic_backup()
        out = self.document(DONE, "check", *KEY)["check"]
        self.assertEqual((out["errors"], out["snapshots"], out["packs_read"]), (0, 1, 0))
        out = self.document(DONE, "check", "--read-data", *KEY)["check"]
        self.assertEqual((out["errors"], out["packs_read"]), (0, out["packs"]))
        self.assertGreater(out["packs"], 0)
        self.assertEqual(list(self.storage.glob("locks/*")), [])

    def test_damage_is_told_with_what_it_costs(self):
        self.init()
        snapshot = self.restic_backup()
        for path in (self.storage / "data").rglob("*"):
            if path.is_file():
                content = bytearray(path.read_bytes())
                content[40] ^= 1
                path.chmod(0o600)
                path.write_bytes(content)
        check = self.document(FAILED, "check", "--read-data", *KEY)["check"]
        self.assertEqual(check["error"]["code"], "BS_E_CORRUPT")
        self.assertEqual(check["snapshots_damaged"], 1)
        self.assertIn("pack", {one["subject"] for one in check["findings"]})
        self.assertIn(snapshot[:8], {one["id"][:8] for one in check["findings"]})
        done = self.ends(FAILED, "check", "--read-data", *KEY)
        self.assertIn(b"damaged: pack ", done.stdout)

    def test_a_lock_of_somebody_else_is_respected(self):
        self.init()
        locks = self.storage / "locks"
        with subprocess.Popen(
            [RESTIC, "--no-cache", "backup", "--stdin"], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as other:  # fmt: skip
            while not locks.is_dir() or not list(locks.iterdir()):
                self.assertIsNone(other.poll())
            out = self.document(FAILED, "check", *KEY)
            self.assertEqual(out["error"]["code"], "BS_E_BUSY")
            other.communicate(b"end")

    def test_parts_and_shares(self):
        self.init()
        self.restic_backup()
        parts = [
            self.document(DONE, "check", "--read-data-subset", part, *KEY)["check"]
            for part in ("1/2", "2/2")
        ]
        self.assertEqual(sum(part["packs_read"] for part in parts), parts[0]["packs"])
        for wrong in ("0/2", "3/2", "101%", "x", "1/257", "2/"):
            self.refused("--read-data-subset", "check", "--read-data-subset", wrong, code=USAGE)


if __name__ == "__main__":
    unittest.main()
