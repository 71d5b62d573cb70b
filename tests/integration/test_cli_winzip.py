#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Zip files that are encrypted file by file, and that 7-Zip opens.

Usage: test_cli_winzip.py TOOL [unittest's arguments]
"""
import os
import random
import shutil
import subprocess
import unittest

from cli_case import DONE, FAILED, Case

PHRASE = "canary-7c2e do not find me!"
LINK = "where-the-link-points-to-nobody-is-told"


def tree(root):
    """What every file and link below a directory holds."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


class WinZip(Case):
    def setUp(self):
        super().setUp()
        noise = random.Random(3)
        (self.source / "large").write_bytes(noise.randbytes(3_000_001))
        (self.source / "zeros").write_bytes(bytes(2_500_000))
        (self.source / "empty").touch()
        (self.source / "grün.txt").write_text("green " * 50)
        (self.source / "far").symlink_to(LINK)
        self.key = self.secret("phrase", PHRASE)

    def secret(self, name, text):
        path = self.scratch / name
        path.write_text(text)
        path.chmod(0o600)
        return f"file:{path}"

    def encrypted(self, *args, **options):
        return self.back_up("--encrypt", "aes256", "--key", self.key, "--compression", "zip",
                            "--zip-encryption", "winzip", *args, **options)  # fmt: skip

    def containers(self):
        return sorted(self.state.glob("storage/job/*.aes.zip"))

    def seven_zip(self, *args, phrase=PHRASE):
        return subprocess.run(["7zz", *args, f"-p{phrase}", "-bd", "-y"], capture_output=True,
                              timeout=60, check=False)  # fmt: skip

    def restored(self, reference, key=None, code=DONE):
        out = self.scratch / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.ends(code, "restore", reference, out, "--strip", "--key", key or self.key)
        return out

    def test_full_incremental_and_differential_come_back_as_they_were(self):
        self.encrypted()
        self.assertEqual(tree(self.restored("latest:job")), tree(self.source))
        for kind in ("incremental", "differential"):
            (self.source / "sub" / f"{kind}.txt").write_text(f"new in the {kind}\n" * 20)
            (self.source / "empty").unlink(missing_ok=True)
            info = self.encrypted("--type", kind)
            self.assertEqual(info["backup_type"], kind)
            self.assertEqual(tree(self.restored("latest:job")), tree(self.source))
            self.ends(DONE, "verify", "latest:job", "--key", self.key)
        self.assertEqual(len(self.containers()), 3)
        for container in self.containers():
            self.assertEqual(self.seven_zip("t", container).returncode, 0)

    def test_7zip_opens_it_with_the_pass_phrase_and_not_with_another(self):
        self.encrypted()
        (container,) = self.containers()
        out = self.scratch / "unpacked"
        done = self.seven_zip("x", container, f"-o{out}", "-snld")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(tree(out / str(self.source)[1:]), tree(self.source))
        self.assertNotEqual(self.seven_zip("t", container, phrase="another").returncode, 0)

    def test_7zip_opens_what_a_command_said_whose_size_nobody_knew(self):
        for script, size in (("head -c 5000000 /dev/zero", 5_000_000), ("true", 0)):
            with self.subTest(script):
                info = self.document(DONE, "backup", "said", "--command", "--encrypt", "aes256",
                                     "--key", self.key, "--zip-encryption", "winzip",
                                     "--compression", "zip", "--", "sh", "-c",
                                     script)["backup"]  # fmt: skip
                container = self.state / "storage" / info["backup_file_path"]
                done = self.seven_zip("x", "-so", container)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, bytes(size))
                self.ends(DONE, "verify", info["id"], "--key", self.key)

    def test_a_schedule_makes_them_too(self):
        self.ends(DONE, "schedule", "add", "job", "@yearly", self.source, "--encrypt", "aes256",
                  "--key", self.key, "--compression", "zip", "--zip-encryption",
                  "winzip")  # fmt: skip
        self.ends(DONE, "schedule", "run", "job")
        (container,) = self.containers()
        self.assertEqual(self.seven_zip("t", container).returncode, 0)

    def test_every_member_with_content_is_encrypted(self):
        self.encrypted()
        (container,) = self.containers()
        listed = self.seven_zip("l", "-slt", container).stdout.decode(errors="replace")
        members = [dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
                   for block in listed.split("----------")[-1].split("\n\n")]  # fmt: skip
        members = [one for one in members if int(one.get("Size") or 0) > 0]
        self.assertEqual(len(members), 7)
        for one in members:
            self.assertEqual(one["Encrypted"], "+", one["Path"])
            self.assertIn("AES-256", one["Method"], one["Path"])
        self.assertNotIn(LINK.encode(), container.read_bytes())

    def test_the_pass_phrase_is_written_nowhere(self):
        self.encrypted()
        for path in self.state.rglob("*"):
            if path.is_file():
                self.assertNotIn(PHRASE.encode(), path.read_bytes(), path)

    def test_a_wrong_pass_phrase_restores_nothing(self):
        self.encrypted()
        wrong = self.secret("wrong", "not this one")
        self.refused("none of the known keys opens backup", "restore", "latest:job",
                     self.scratch / "out", "--key", wrong)  # fmt: skip
        self.assertFalse((self.scratch / "out").exists())

    def test_damage_is_found_before_a_file_is_in_place(self):
        self.encrypted()
        (container,) = self.containers()
        good = container.read_bytes()
        want = tree(self.source)
        at = good.index(b"/large") + 6
        at = good.index(b"\x01\x99\x07\x00", at)
        for offset in [at + 40, at + 52, at + 60, at + 2000, at + 2_000_000]:
            damaged = bytearray(good)
            damaged[offset] ^= 0x10
            container.write_bytes(damaged)
            with self.subTest(offset=offset):
                self.ends(FAILED, "verify", "latest:job", "--key", self.key)
                out = self.scratch / "out"
                shutil.rmtree(out, ignore_errors=True)
                self.run_tool("restore", "latest:job", out, "--strip", "--key", self.key)
                got = tree(out) if out.exists() else {}
                self.assertNotIn("large", got)
                self.assertEqual(got, {name: want[name] for name in got})

    def test_whatever_opens_the_backup_reads_its_members(self):
        self.encrypted()
        (container,) = self.containers()
        before = container.read_bytes()
        self.ends(DONE, "key", "generate", "raw", self.scratch / "raw")
        raw = f"file:{self.scratch / 'raw'}"
        self.ends(DONE, "key", "change", "--name", "job", "--old", self.key, "--key", raw)
        self.assertEqual(tree(self.restored("latest:job", key=raw)), tree(self.source))
        self.restored("latest:job", code=FAILED)
        self.assertEqual(container.read_bytes(), before)
        self.assertEqual(self.seven_zip("t", container).returncode, 0)

    def test_an_exported_container_is_the_zip_file_as_it_is_stored(self):
        self.encrypted()
        out = self.scratch / "exported.zip"
        self.ends(DONE, "export", "latest:job", out, "--key", self.key)
        self.assertEqual(out.read_bytes(), self.containers()[0].read_bytes())

    def test_a_removed_backup_leaves_nothing(self):
        self.ends(DONE, "delete", self.encrypted()["id"])
        storage = self.state / "storage"
        self.assertEqual([p for p in storage.rglob("*") if p.is_file()], [])

    def test_only_pass_phrases_and_zip_files_can_have_it(self):
        self.ends(DONE, "key", "generate", "raw", self.scratch / "raw")
        self.ends(DONE, "key", "generate", "rsa", self.scratch / "rsa", "--bits", 3072)
        aes = ["--encrypt", "aes256", "--key"]
        rsa = ["--encrypt", "rsa", "--recipient", self.scratch / "rsa.pub"]
        for words, args in [
            ("not a key of the kind 'raw'", [*aes, f"file:{self.scratch / 'raw'}"]),
            ("needs the encryption aes256, not rsa", rsa),
            ("needs the encryption aes256, not none", []),
            ("needs the compression zip, not tar.gz", [*aes, self.key, "--compression", "tar.gz"]),
            ("at most 99 bytes", [*aes, self.secret("long", "x" * 100)]),
            ("printable ASCII", [*aes, self.secret("umlaut", "grün")]),
        ]:
            with self.subTest(words):
                error = self.refused(words, "backup", "job", self.source, *args,
                                     "--zip-encryption", "winzip")  # fmt: skip
                self.assertIn("zip_encryption", error["message"])
        storage = self.state / "storage"
        self.assertEqual([p for p in storage.rglob("*") if p.is_file()], [])


if __name__ == "__main__":
    unittest.main()
