#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Repositories for RSA keys with the tool, beside the restic program.

Usage: test_cli_repository_rsa.py TOOL [unittest's arguments]
"""
import json
import os
import shutil
import subprocess
import unittest

from cli_case import DONE, FAILED, USAGE, WARNINGS, Case
from restic_program import RESTIC

REPOSITORY = ("--form", "repository", "--encrypt", "rsa")


@unittest.skipUnless(RESTIC, "restic is not installed")
class Recipients(Case):
    def setUp(self):
        super().setUp()
        self.environment = {
            k: v for k, v in os.environ.items()
            if k not in ("BACKUP_STORAGE_PATH", "ENCRYPTION_KEY")
        } | {"PASS": "canary-7c20-pass-phrase"}  # fmt: skip
        self.storage = self.state / "storage"
        self.kept = self.state / "phrases" / "on-local"
        self.set = self.storage / "repository.keys"
        self.mine = self.rsa_key("mine")

    def run_tool(self, *args, **options):
        options.setdefault("env", self.environment)
        return super().run_tool(*args, **options)

    def rsa_key(self, name):
        path = self.scratch / name
        self.ends(DONE, "key", "generate", "rsa", path, "--bits", 3072)
        return path

    def recipients(self, *names):
        return [word for name in names for word in ("--recipient", f"{self.scratch / name}.pub")]

    def made(self, *names):
        return self.back_up(*REPOSITORY, *self.recipients(*names or ["mine"]))

    def restic(self, *arguments):
        done = subprocess.run(
            [RESTIC, "--no-cache", "-r", self.storage, "--password-file", self.kept, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr.replace("\n", "")), (0, ""), done.stdout)
        return done.stdout

    def elsewhere(self, key=None, code=DONE):
        """Another machine, which has the storage only."""
        other = self.scratch / "other"
        shutil.rmtree(other, ignore_errors=True)
        self.ends(DONE, "rebuild", state=other)
        shutil.copytree(self.storage, other / "storage", dirs_exist_ok=True)
        self.document(code, "rebuild", *(["--key", f"file:{key}"] if key else []), state=other)
        return other

    def assert_restores(self, code, *arguments, state=None):
        target = self.scratch / "back"
        shutil.rmtree(target, ignore_errors=True)
        self.ends(code, "restore", "latest:job", target, *arguments, state=state)
        done = subprocess.run(
            ["diff", "-r", "--no-dereference", self.source, target / str(self.source)[1:]],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.stdout + done.stderr, "")

    def test_restic_opens_it_with_what_is_kept(self):
        self.assertEqual(self.made()["encryption"], "rsa")
        self.assertEqual(self.kept.stat().st_mode & 0o777, 0o600)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.restic("backup", self.source)
        self.restic("prune")
        self.assertTrue(self.set.exists())
        self.ends(DONE, "rebuild")
        found = self.document(DONE, "list")["backups"]
        self.assertEqual([one["encryption"] for one in found], ["rsa"] * 2)
        self.made()
        self.back_up(*REPOSITORY)  # Its recipients are known.
        self.ends(DONE, "verify", "latest:job")
        for verb in ("check", "prune"):
            self.ends(DONE, verb)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 4)

    def test_elsewhere_each_private_key_is_enough(self):
        self.rsa_key("colleague")
        self.rsa_key("stranger")
        self.made("mine", "colleague")
        for name in ("mine", "colleague"):
            key = self.scratch / name
            other = self.elsewhere(key)
            self.assert_restores(WARNINGS, "--key", f"file:{key}", state=other)  # Who signed it?
            self.assertFalse((other / "phrases").exists())
        self.refused("private key", "snapshots", state=other)
        self.refused("repository.keys", "snapshots", "--key", f"file:{self.scratch / 'stranger'}",
                     state=other)  # fmt: skip

    def test_a_signer_who_is_not_known_is_no_damage(self):
        self.made()
        self.ends(DONE, "verify", "latest:job")
        signer = self.document(DONE, "key", "list")["keyring"]["signing_key"]
        other = self.elsewhere(self.mine)
        key = ("--key", f"file:{self.mine}")
        found = self.document(WARNINGS, "verify", "latest:job", *key, state=other)["verification"]
        self.assertEqual((found["status"], found["damages"]), ("completed_with_warnings", []))
        self.ends(DONE, "key", "trust", signer, "the writer", state=other)
        self.ends(DONE, "verify", "latest:job", *key, state=other)

    def test_here_neither_is_needed(self):
        self.made()
        self.assert_restores(DONE)
        self.set.unlink()
        self.assert_restores(DONE)

    def test_who_signed_it_can_be_known(self):
        self.made()
        signer = self.document(DONE, "key", "list")["keyring"]["signing_key"]
        other = self.elsewhere(self.mine)
        self.ends(DONE, "key", "trust", signer, "the writer", state=other)
        self.assert_restores(DONE, "--key", f"file:{self.mine}", state=other)

    def test_init(self):
        self.refused("at least one", "repo", "init", "--encrypt", "rsa")
        self.refused("private key", "repo", "init", "--encrypt", "rsa", "--recipient", self.mine)
        self.refused("only rsa", "repo", "init", "--encrypt", "aes256", "--key", "env:PASS",
                     *self.recipients("mine"))  # fmt: skip
        self.refused("aes256", "repo", "init", "--encrypt", "rsa", "--key", "env:PASS",
                     *self.recipients("mine"))  # fmt: skip
        self.assertFalse(self.set.exists() or (self.state / "phrases").exists())
        self.document(DONE, "repo", "init", "--encrypt", "rsa", *self.recipients("mine"))
        self.refused("already", "repo", "init", "--encrypt", "rsa", *self.recipients("mine"))
        self.made()
        self.assertFalse(list(self.kept.parent.glob("old-*")))

    def ids(self, kind):
        keys = self.document(DONE, "repo", "keys", "list")["keys"]
        return [key["id"] for key in keys if key["kind"] == kind]

    def add(self, name):
        path = f"{self.scratch / name}.pub"
        return self.document(DONE, "repo", "keys", "add", "--recipient", path)["key_id"]

    def test_its_keys_are_listed_and_take_no_pass_phrases(self):
        self.made()
        keys = self.document(DONE, "repo", "keys", "list")["keys"]
        self.assertEqual([key["kind"] for key in keys], ["passphrase", "rsa"])
        self.assertEqual([len(key["id"]) for key in keys], [64, 32])
        for change in ("add", "passwd"):
            self.refused("rsa keys", "repo", "keys", change, "--new-key", "env:PASS")
        self.refused("1 to 32", "repo", "keys", "remove", keys[0]["id"])
        self.refused("last recipient", "repo", "keys", "remove", keys[1]["id"])
        self.assertEqual(len(list((self.storage / "keys").iterdir())), 1)
        self.set.write_bytes(b"garbage")
        keys = self.document(DONE, "repo", "keys", "list")["keys"]
        self.assertIn("repository.keys", keys[1]["damage"])

    def test_who_is_added_opens_it_and_who_goes_does_not(self):
        guest = self.rsa_key("guest")
        self.made()
        phrase = self.kept.read_text()
        fingerprint = self.add("guest")
        self.assertIn(fingerprint, self.ids("rsa"))
        self.assertEqual(self.add("guest"), fingerprint)  # He is one.
        self.assertEqual(self.kept.read_text(), phrase)
        other = self.elsewhere(guest)
        self.assert_restores(WARNINGS, "--key", f"file:{guest}", state=other)
        self.ends(DONE, "repo", "keys", "remove", fingerprint[:8])
        self.assertNotIn(fingerprint, self.ids("rsa"))
        self.assertNotEqual(self.kept.read_text(), phrase)
        self.assertEqual([path.name for path in self.kept.parent.iterdir()], ["on-local"])
        self.back_up(*REPOSITORY)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        other = self.elsewhere(self.mine)
        self.assert_restores(WARNINGS, "--key", f"file:{self.mine}", state=other)
        self.refused("private key", "snapshots", "--key", f"file:{guest}", state=other)
        (other / "phrases").mkdir()
        (other / "phrases" / "on-local").write_text(phrase)
        self.refused("private key", "snapshots", state=other)

    def test_the_pass_phrase_is_renewed(self):
        self.made()
        phrase, files = self.kept.read_text(), self.ids("passphrase")
        self.restic_adds_a_key()
        self.assertEqual(len(self.ids("passphrase")), 2)
        self.ends(DONE, "repo", "keys", "renew")
        self.assertNotEqual(self.kept.read_text(), phrase)
        self.assertEqual(len(self.ids("passphrase")), 1)
        self.assertNotEqual(self.ids("passphrase"), files)
        self.assertIn("no errors were found", self.restic("check"))
        other = self.elsewhere(self.mine)
        self.refused("private key", "repo", "keys", "renew", state=other)
        self.ends(DONE, "repo", "keys", "renew", "--key", f"file:{self.mine}", state=other)
        self.ends(DONE, "snapshots", state=other)  # It is kept there from now on.

    def restic_adds_a_key(self):
        path = self.scratch / "by-hand"
        path.write_text("by hand\n")
        self.restic("key", "add", "--new-password-file", path)

    def test_only_one_for_rsa_keys_has_recipients(self):
        self.back_up("--form", "repository", "--encrypt", "aes256", "--key", "env:PASS")
        public = f"{self.mine}.pub"
        key = ("--key", "env:PASS")
        self.refused("not for RSA keys", "repo", "keys", "add", "--recipient", public, *key)
        self.refused("not for RSA keys", "repo", "keys", "renew", *key)
        self.refused("needs --new-key", "repo", "keys", "add", code=USAGE)
        self.refused("needs --new-key", "repo", "keys", "add", "--recipient", public,
                     "--new-key", "env:PASS", code=USAGE)  # fmt: skip

    def test_a_private_key_is_no_recipient(self):
        self.made()
        self.refused("private key", "repo", "keys", "add", "--recipient", self.rsa_key("guest"))
        self.assertEqual(len(self.ids("rsa")), 1)

    def test_other_encryptions_are_refused(self):
        self.made()
        for other in ([], ["--encrypt", "aes256", "--key", "env:PASS"]):
            self.refused("rsa", "backup", "job", self.source, "--form", "repository", *other)
        self.rsa_key("stranger")
        self.refused("not encrypted for", "backup", "job", self.source, *REPOSITORY,
                     *self.recipients("stranger"))  # fmt: skip

    def test_a_set_that_is_lost_is_stored_again(self):
        self.made()
        self.set.unlink()
        self.back_up(*REPOSITORY, code=WARNINGS)
        self.assertFalse(self.set.exists())
        self.made()
        other = self.elsewhere(self.mine)
        self.assert_restores(WARNINGS, "--key", f"file:{self.mine}", state=other)

    def test_a_set_that_is_damaged_harms_nothing_else(self):
        self.made()
        self.back_up("--encrypt", "aes256", "--key", "env:PASS", name="archive")
        good = self.set.read_bytes()
        changed = good[:50] + bytes([good[50] ^ 1]) + good[51:]
        for bad in (good[:-1], b"", b"garbage", b"\0" * (17 << 20), changed):
            self.set.write_bytes(bad)
            self.back_up(*REPOSITORY, code=WARNINGS)
            self.assert_restores(DONE)
            other = self.elsewhere(self.mine, code=WARNINGS)
            found = self.document(DONE, "list", state=other)["backups"]
            self.assertEqual([one["name"] for one in found], ["archive"])
            self.refused("repository.keys", "snapshots", "--key", f"file:{self.mine}", state=other)

    def test_a_phrase_that_is_damaged_or_lost_is_told_of(self):
        self.made()
        self.kept.write_text("garbage\n")
        self.refused("private key", "snapshots")
        self.assert_restores(WARNINGS, "--key", f"file:{self.mine}")
        self.kept.unlink()
        self.refused("private key", "backup", "job", self.source, *REPOSITORY)
        self.ends(DONE, "snapshots", "--key", f"file:{self.mine}")

    def test_of_two_machines_the_second_is_refused(self):
        self.made()
        other = self.elsewhere(self.mine)
        self.refused("private key", "backup", "job", self.source, *REPOSITORY,
                     *self.recipients("mine"), state=other)  # fmt: skip
        (self.storage / "config").rename(self.scratch / "config")
        (other / "storage" / "config").unlink()
        shutil.rmtree(other / "storage" / "snapshots")
        self.refused("another machine", "repo", "init", "--encrypt", "rsa",
                     *self.recipients("mine"), state=other)  # fmt: skip
        self.assertEqual((other / "storage" / "repository.keys").read_bytes(),
                         self.set.read_bytes())  # fmt: skip

    def test_another_repository_does_not_lose_the_phrase_of_the_first(self):
        self.made()
        phrase = self.kept.read_text()
        shutil.rmtree(self.storage)
        self.storage.mkdir()
        self.ends(DONE, "repo", "init", "--encrypt", "rsa", *self.recipients("mine"))
        self.assertNotEqual(self.kept.read_text(), phrase)
        self.assertEqual((self.kept.parent / "old-local").read_text(), phrase)

    def test_nor_do_two_of_them(self):
        self.made()
        phrases = [self.kept.read_text()]
        for _ in range(3):
            shutil.rmtree(self.storage)
            self.storage.mkdir()
            self.ends(DONE, "repo", "init", "--encrypt", "rsa", *self.recipients("mine"))
            phrases.append(self.kept.read_text())
        self.assertEqual(
            {path.name: path.read_text() for path in self.kept.parent.iterdir()},
            dict(zip(["old-local", "old-local.2", "old-local.3", "on-local"], phrases)),
        )

    def test_no_phrase_is_told(self):
        self.made()
        phrase = self.kept.read_bytes().strip()
        shown = b""
        for words in (["repo", "keys", "list"], ["snapshots"], ["list"], ["show", "latest:job"]):
            done = self.ends(DONE, "--json", *words)
            shown += done.stdout + done.stderr
        for path in self.state.rglob("*"):
            if path.is_file() and path != self.kept:
                shown += path.read_bytes()
        self.assertNotIn(phrase, shown)
        self.assertNotIn(bytes.fromhex(phrase.decode()), shown)


if __name__ == "__main__":
    unittest.main()
