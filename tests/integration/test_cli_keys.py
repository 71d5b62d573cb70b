#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the tool's verbs and options for keys for real.

Usage: test_cli_keys.py TOOL [unittest's arguments]
"""
import os
import pty
import re
import stat
import subprocess
import unittest

from cli_case import DONE, FAILED, USAGE, Case

SECRET = "canary-0f5c-pass-phrase"


class KeyCase(Case):
    def setUp(self):
        super().setUp()
        self.environment = {k: v for k, v in os.environ.items() if k != "ENCRYPTION_KEY"}

    def with_master(self, name="master"):
        """An environment whose master key is a raw key in a file."""
        path = self.scratch / name
        if not path.exists():
            self.ends(DONE, "key", "generate", "raw", path)
        return {**self.environment, "ENCRYPTION_KEY_FILE": str(path)}

    def secret_file(self, text=SECRET, name="secret", mode=0o600):
        path = self.scratch / name
        path.write_text(text)
        path.chmod(mode)
        return path


class Generate(KeyCase):
    def test_a_raw_key_is_private_and_never_overwritten(self):
        path = self.scratch / "key"
        out = self.document(DONE, "key", "generate", "raw", path)
        self.assertRegex(out["fingerprint"], "^[0-9a-f]{32}$")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertRegex(path.read_text(), "^bsvc-key-1 [0-9a-f]{64}\n$")
        before = path.read_bytes()
        self.refused("exists", "key", "generate", "raw", path)
        self.assertEqual(path.read_bytes(), before)

    def test_an_rsa_key_is_one_that_openssl_knows(self):
        path = self.scratch / "key.pem"
        secret = self.secret_file()
        self.document(DONE, "key", "generate", "rsa", path, "--bits", 3072,
                      "--key-passphrase", f"file:{secret}")  # fmt: skip
        self.assertIn("BEGIN ENCRYPTED PRIVATE KEY", path.read_text())
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        public = subprocess.run(
            ["openssl", "pkey", "-in", path, "-passin", f"file:{secret}", "-pubout"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.assertEqual(public.stdout, (self.scratch / "key.pem.pub").read_text())

    def test_what_it_cannot_make_is_refused(self):
        self.refused("takes raw or rsa", "key", "generate", "ec", self.scratch / "k", code=USAGE)
        self.refused("3072", "key", "generate", "rsa", self.scratch / "k", "--bits", 1024,
                     code=USAGE)  # fmt: skip
        self.assertFalse((self.scratch / "k").exists())


class Keyring(KeyCase):
    def names(self, env):
        entries = self.document(DONE, "key", "list", env=env)["keyring"]["entries"]
        return [entry["name"] for entry in entries]

    def test_keys_are_added_listed_and_removed(self):
        env = self.with_master()
        secret = self.secret_file()
        self.document(DONE, "key", "add", "nightly", "--key", f"file:{secret}", env=env)
        self.document(DONE, "key", "add", "mine", "--key", "env:MINE", env={**env, "MINE": SECRET})
        self.refused("already", "key", "add", "mine", "--key", f"file:{secret}", env=env)
        self.assertEqual(self.names(env), ["nightly", "mine"])
        self.assertIn(b"nightly", self.ends(DONE, "key", "list", env=env).stdout)
        self.document(DONE, "key", "remove", "nightly", env=env)
        self.refused("no entry", "key", "remove", "nightly", env=env)
        self.assertEqual(self.names(env), ["mine"])

    def test_a_rotated_keyring_opens_with_the_new_master_key_only(self):
        old = self.with_master()
        new = self.with_master("new")
        self.document(DONE, "key", "add", "a", "--key", f"file:{self.secret_file()}", env=old)
        self.document(DONE, "key", "rotate", "--key", f"file:{self.scratch / 'new'}", env=old)
        self.refused("another ENCRYPTION_KEY", "key", "list", env=old)
        self.assertEqual(self.names(new), ["a"])

    def test_without_a_master_key_nothing_is_kept(self):
        self.refused("set ENCRYPTION_KEY", "key", "add", "a", "--key",
                     f"file:{self.secret_file()}", env=self.environment)  # fmt: skip

    def test_signers_are_known_by_name(self):
        key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        self.document(DONE, "key", "trust", key, "the laptop")
        signers = self.document(DONE, "key", "list")["keyring"]["signers"]
        self.assertEqual([(s["public_key"], s["name"]) for s in signers if not s["is_own"]],
                         [(key, "the laptop")])  # fmt: skip
        self.document(DONE, "key", "forget", key)
        self.refused("not known", "key", "forget", key)


class References(KeyCase):
    def test_a_secret_on_the_command_line_is_refused_and_not_shown(self):
        for verb in (["key", "add", "a"], ["backup", "job", self.source, "--encrypt", "aes256"],
                     ["restore", "x", "y"], ["verify", "x"], ["rebuild"]):  # fmt: skip
            with self.subTest(verb):
                done = self.ends(USAGE, *verb, "--key", SECRET)
                self.assertIn(b"seen by everybody", done.stderr)
                self.assertNotIn(SECRET.encode(), done.stderr + done.stdout)

    def test_files_that_others_may_read_are_refused(self):
        env = self.with_master()
        open_to_all = self.secret_file(mode=0o644)
        self.refused("open to others", "key", "add", "a", "--key", f"file:{open_to_all}", env=env)
        self.secret_file("", "empty")
        self.refused("is empty", "key", "add", "a", "--key", f"file:{self.scratch / 'empty'}",
                     env=env)  # fmt: skip
        (self.scratch / "link").symlink_to("secret")
        self.refused("symbolic link", "key", "add", "a", "--key", f"file:{self.scratch / 'link'}",
                     env=env)  # fmt: skip

    def test_a_dash_reads_one_line(self):
        env = self.with_master()
        for number, text in enumerate([b"one line\nand another\n", b"no end"]):
            done = subprocess.run(
                self.command("key", "add", f"k{number}", "--key", "-"), input=text, env=env,
                capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, DONE, done.stderr)
        done = subprocess.run(
            self.command("key", "add", "none", "--key", "-"), input=b"", env=env,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"nothing was typed", done.stderr)

    def type_twice(self, first, second):
        """Answer both questions on a terminal; what it showed, and the exit code."""
        parent, child = pty.openpty()
        running = subprocess.Popen(
            self.command("key", "add", "typed", "--key", "-"), stdin=child, stdout=child,
            stderr=child, env=self.with_master(), start_new_session=True,
        )  # fmt: skip
        os.close(child)
        shown = b""
        for question, answer in ((b"secret for --key: ", first), (b"once more: ", second)):
            while question not in shown:
                shown += os.read(parent, 1024)
            os.write(parent, answer.encode() + b"\n")
        try:
            while True:
                more = os.read(parent, 1024)
                if not more:
                    break
                shown += more
        except OSError:  # The terminal is gone with its last user.
            pass
        os.close(parent)
        return shown, running.wait(timeout=60)

    def test_what_is_typed_on_a_terminal_is_asked_twice_and_not_shown(self):
        shown, code = self.type_twice(SECRET, SECRET)
        self.assertEqual(code, DONE, shown)
        self.assertNotIn(SECRET.encode(), shown)
        shown, code = self.type_twice(SECRET, SECRET + "x")
        self.assertEqual(code, FAILED, shown)
        self.assertIn(b"not the same", shown)

    def test_a_short_key_in_the_environment_stops_the_start(self):
        error = self.refused("ENCRYPTION_KEY: takes at least 12", "list",
                             env={**self.environment, "ENCRYPTION_KEY": "0123456789a"})  # fmt: skip
        self.assertIsNone(re.search("0123456789a", error["message"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
