#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Encrypted backups with the tool: what is refused, and that no secret is left anywhere.

Usage: test_cli_encryption.py TOOL [unittest's arguments]

The canaries are a pass phrase, raw keys and a private key. They are looked for
afterwards in everything that a run has written: state directory, storage,
standard output and error, what /proc showed of the process, what its children
inherited, and a core dump.
"""
import base64
import hashlib
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time
import unittest

from cli_case import DONE, FAILED, TOOL, WARNINGS, Case

CANARY = "canary-4b1d-do-not-find-me"


def variants(text):
    """How a secret might be written down."""
    raw = text.encode()
    return {
        "plain": raw,
        "hex": raw.hex().encode(),
        "base64": base64.b64encode(raw)[:-4],
        "UTF-16": text.encode("utf-16-le"),
    }


def raw_variants(path):
    """Likewise of a raw key file."""
    digits = path.read_text().split()[1]
    raw = bytes.fromhex(digits)
    return {
        "digits": digits.encode(),
        "upper case": digits.upper().encode(),
        "bytes": raw,
        "base64": base64.b64encode(raw)[:-2],
    }


def pem_variants(path):
    """Likewise of a private key: each line but those with what is public in it, and its parts."""
    lines = path.read_text().splitlines()[1:-1]
    der = base64.b64decode("".join(lines))
    private = der[len(der) // 4 :]  # The modulus ends before the first third of PKCS #8.
    needles = {"DER": private[256:320], "hex": private[256:320].hex().encode()}
    return needles | {f"line {i}": one.encode() for i, one in enumerate(lines[12:])}


class EncryptionCase(Case):
    def setUp(self):
        super().setUp()
        self.needles = variants(CANARY)
        self.environment = {k: v for k, v in os.environ.items() if k != "ENCRYPTION_KEY"}
        self.shown = b""

    def secret_file(self, text=CANARY, name="secret", mode=0o600):
        path = self.scratch / name
        path.write_text(text)
        path.chmod(mode)
        return f"file:{path}"

    def raw_key(self, name="raw"):
        path = self.scratch / name
        if not path.exists():
            self.ends(DONE, "key", "generate", "raw", path)
        return f"file:{path}"

    def rsa_key(self, name="rsa"):
        path = self.scratch / name
        if not path.exists():
            self.ends(DONE, "key", "generate", "rsa", path, "--bits", 3072)
        return path

    def encrypted(self, *args, key=None, name="job"):
        return self.document(DONE, "backup", name, self.source, "--encrypt", "aes256", "--key",
                             key or self.raw_key(), *args)["backup"]  # fmt: skip


class BadKeys(EncryptionCase):
    """One clear refusal each, and nothing is written."""

    def refused_recipient(self, words, path):
        self.refused(words, "backup", "job", self.source, "--encrypt", "rsa", "--recipient", path)
        storage = self.state / "storage"
        self.assertEqual([p for p in storage.rglob("*") if p.is_file()], [])

    def openssl(self, *args):
        path = self.scratch / "made.pem"
        subprocess.run(["openssl", *args, "-out", path], check=True, capture_output=True)
        return path

    def public_of(self, private):
        path = self.scratch / "made.pub"
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", path], check=True)
        return path

    def test_an_elliptic_curve_key(self):
        private = self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                               "ec_paramgen_curve:P-256")  # fmt: skip
        self.refused_recipient("not an RSA key", self.public_of(private))

    def test_a_key_of_1024_bits(self):
        private = self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        self.refused_recipient("has 1024 bits; wanted are 3072", self.public_of(private))

    def test_an_exponent_of_1(self):
        def tagged(tag, body):
            size = len(body)
            length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
            return bytes([tag]) + length + body

        modulus = secrets.randbits(3072) | (1 << 3071) | 1
        number = tagged(2, b"\0" + modulus.to_bytes(384, "big"))
        key = tagged(0x30, number + tagged(2, b"\x01"))
        algorithm = tagged(0x30, bytes.fromhex("06092a864886f70d0101010500"))
        der = tagged(0x30, algorithm + tagged(3, b"\0" + key))
        path = self.scratch / "one.pub"
        text = base64.encodebytes(der).decode()
        path.write_text(f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n")
        self.refused_recipient("exponent", path)

    def test_a_private_key_where_a_public_one_is_asked_for(self):
        self.refused_recipient("this is a private key", self.rsa_key())

    def test_a_public_key_where_a_private_one_is_needed(self):
        self.rsa_key()
        self.document(DONE, "backup", "job", self.source, "--encrypt", "rsa", "--recipient",
                      self.scratch / "rsa.pub")  # fmt: skip
        for verb in (["restore", "latest:job", self.scratch / "out"], ["verify", "latest:job"]):
            self.refused("public key", *verb, "--key", f"file:{self.scratch / 'rsa.pub'}")
        self.assertFalse((self.scratch / "out").exists())

    def test_an_encrypted_key_without_its_pass_phrase(self):
        path = self.scratch / "locked"
        self.ends(DONE, "key", "generate", "rsa", path, "--bits", 3072, "--key-passphrase",
                  self.secret_file())  # fmt: skip
        self.document(DONE, "backup", "job", self.source, "--encrypt", "rsa", "--recipient",
                      self.scratch / "locked.pub")  # fmt: skip
        out = self.scratch / "out"
        self.refused("pass phrase was not given", "restore", "latest:job", out, "--key",
                     f"file:{path}")  # fmt: skip
        self.refused("pass phrase of the private key is wrong", "restore", "latest:job", out,
                     "--key", f"file:{path}", "--key-passphrase",
                     self.secret_file("another", "wrong"))  # fmt: skip
        self.assertFalse(out.exists())
        self.document(DONE, "restore", "latest:job", out, "--key", f"file:{path}",
                      "--key-passphrase", self.secret_file())  # fmt: skip

    def test_a_wrong_pass_phrase_and_a_wrong_key(self):
        self.encrypted(key=self.secret_file())
        out = self.scratch / "out"
        for key in (self.secret_file("not this one", "wrong"), self.raw_key(),
                    f"file:{self.rsa_key()}"):  # fmt: skip
            with self.subTest(key):
                done = self.ends(FAILED, "restore", "latest:job", out, "--key", key)
                self.assertIn(b"none of the known keys opens backup", done.stderr)
                self.assertNotIn(b"not this one", done.stderr)
                self.assertFalse(out.exists())

    def test_an_absurd_cost_in_a_header(self):
        self.encrypted(key=self.secret_file())
        (path,) = self.state.glob("storage/job/*.keys")
        data = bytearray(path.read_bytes())
        cost = data.index(bytes([17, 8, 1, 0]))
        data[cost] = 40
        data[-32:] = hashlib.sha256(data[:-32]).digest()
        path.write_bytes(data)
        started = time.monotonic()
        done = self.ends(FAILED, "restore", "latest:job", self.scratch / "out", "--key",
                         self.secret_file())  # fmt: skip
        self.assertIn(b"scrypt", done.stderr)
        self.assertLess(time.monotonic() - started, 60)

    def test_key_files_that_are_not_safe(self):
        self.raw_key()
        bad = {
            "is open to others": self.secret_file(mode=0o640, name="open"),
            "is empty": self.secret_file("", "empty"),
            "is no regular file": f"file:{self.source}",
            "none/such": f"file:{self.scratch}/none/such",
        }
        (self.scratch / "link").symlink_to("raw")
        bad["is a symbolic link"] = f"file:{self.scratch / 'link'}"
        for words, key in bad.items():
            with self.subTest(words):
                self.refused(words, "backup", "job", self.source, "--encrypt", "aes256", "--key",
                             key)  # fmt: skip


class Canary(EncryptionCase):
    def look_at(self, done):
        self.shown += done.stdout + done.stderr
        return done

    def run_with(self, code, *args, **environment):
        env = {**self.environment, **environment}
        for extra in ([], ["--json", "--verbose"]):
            self.look_at(self.run_tool(*extra, *args, env=env))
        return self.look_at(self.ends(code, *args, env=env))

    def assert_clean(self, data, where):
        for name, needle in self.needles.items():
            self.assertEqual(data.find(needle), -1, f"the canary ({name}) is in {where}")

    def assert_nothing_is_left(self, *ours):
        """`ours`: files that hold the secret by right."""
        ours = {pathlib.Path(one.removeprefix("file:")) for one in ours}
        for path in self.scratch.rglob("*"):
            if path.is_file() and not path.is_symlink() and path not in ours:
                self.assert_clean(path.read_bytes(), path)
        self.assert_clean(self.shown, "what was shown")

    def test_nothing_that_a_run_writes_holds_the_pass_phrase(self):
        secret = self.secret_file()
        out = self.scratch / "out"
        self.run_with(DONE, "backup", "job", self.source, "--encrypt", "aes256",
                      ENCRYPTION_KEY=CANARY)  # fmt: skip
        self.run_with(DONE, "backup", "job", self.source, "--encrypt", "aes256", "--key",
                      "env:MINE", "--type", "incremental", MINE=CANARY)  # fmt: skip
        self.run_with(DONE, "backup", "job", self.source, "--encrypt", "aes256", "--key", secret)
        self.run_with(DONE, "verify", "latest:job", ENCRYPTION_KEY=CANARY)
        self.run_with(WARNINGS, "restore", "latest:job", out, "--key", secret)
        self.run_with(DONE, "rebuild", "--key", secret)
        self.run_with(FAILED, "key", "add", "a/b", "--key", secret, ENCRYPTION_KEY=CANARY)
        self.run_with(FAILED, "key", "change", "--name", "job", "--old", secret, "--key", "env:NO")
        self.run_with(DONE, "key", "list", "latest:job")
        self.look_at(self.run_tool("key", "add", "kept", "--key", secret,
                                   env={**self.environment, "ENCRYPTION_KEY": CANARY}))  # fmt: skip
        self.run_with(DONE, "key", "list", ENCRYPTION_KEY=CANARY)
        self.run_with(FAILED, "backup", "x", self.source, "--encrypt", "rsa", "--key", secret)
        (self.scratch / "settings.env").write_text("MAX_WORKER_THREADS=many\n")
        self.look_at(self.run_tool("--env", self.scratch / "settings.env", "list",
                                   env={**self.environment, "ENCRYPTION_KEY": CANARY}))  # fmt: skip
        self.assert_nothing_is_left(secret)

    def test_nothing_that_a_run_writes_holds_raw_or_private_keys(self):
        raw, other, rsa = self.raw_key(), self.raw_key("other"), self.rsa_key()
        secret, private = self.secret_file(), f"file:{rsa}"
        out = self.scratch / "out"
        self.needles |= {f"raw {k}": v for k, v in raw_variants(self.scratch / "raw").items()}
        self.needles |= {f"other {k}": v for k, v in raw_variants(self.scratch / "other").items()}
        self.needles |= {f"private {k}": v for k, v in pem_variants(rsa).items()}
        master = {"ENCRYPTION_KEY_FILE": str(self.scratch / "raw")}
        to_rsa = ["backup", "far", self.source, "--encrypt", "rsa", "--recipient"]
        self.run_with(DONE, "backup", "job", self.source, "--encrypt", "aes256", "--key", raw)
        self.run_with(DONE, *to_rsa, f"{rsa}.pub")
        self.run_with(DONE, *to_rsa, f"{rsa}.pub", "--type", "incremental")
        self.run_with(FAILED, *to_rsa, rsa)
        self.run_with(FAILED, *to_rsa, self.scratch / "raw")
        self.run_with(FAILED, "backup", "x", self.source, "--encrypt", "aes256", "--key", private)
        self.run_with(FAILED, "restore", "latest:job", out, "--key", other)
        self.run_with(FAILED, "restore", "latest:job", out, "--key", private)
        self.run_with(WARNINGS, "restore", "latest:job", out, "--key", raw)
        self.run_with(WARNINGS, "restore", "latest:far", out, "--key", private)
        self.run_with(DONE, "rebuild", "--key", raw)
        self.run_with(DONE, "key", "add", "--name", "job", "--key", other, **master)
        self.run_with(FAILED, "key", "remove", "--name", "job", "--old", "env:NO", **master)
        for once in (
            ["remove", "--name", "job", "--old", other],
            ["change", "--name", "job", "--old", raw, "--key", secret],
            ["add", "kept", "--key", other],
            ["add", "mine", "--key", private],
        ):
            self.look_at(self.ends(DONE, "--verbose", "key", *once,
                                   env={**self.environment, **master}))  # fmt: skip
        self.run_with(DONE, "backup", "job", self.source, "--encrypt", "aes256", "--key",
                      "keyring:kept", **master)  # fmt: skip
        self.run_with(DONE, "key", "list", **master)
        self.look_at(self.run_tool("key", "list", env={**self.environment,
                                                       "ENCRYPTION_KEY": CANARY}))  # fmt: skip
        self.assert_nothing_is_left(raw, other, secret, private)

    def while_it_runs(self, *args, **environment):
        """A backup of a command that waits; its process, once more than fits into a pipe was read.

        The keys have been made by then, and the secret is not used any more.
        """
        fifo = self.scratch / "fifo"
        os.mkfifo(fifo)
        inherited = self.scratch / "inherited"
        script = f"env >{inherited}; head -c 1000000 /dev/zero; echo begun >{fifo}; sleep 60"
        running = subprocess.Popen(
            self.command("backup", "job", "--command", "--encrypt", "aes256", *args, "--", "sh",
                         "-c", script),
            env={**self.environment, **environment}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        self.await_line(fifo, running)
        return running, inherited

    def stop(self, running):
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=60)
        self.shown += output + errors

    def test_neither_proc_nor_children_show_the_pass_phrase(self):
        for number, (args, environment) in enumerate((
            ([], {"ENCRYPTION_KEY": CANARY}),
            (["--key", "env:MINE"], {"MINE": CANARY}),
            (["--key", self.secret_file()], {}),
        )):  # fmt: skip
            with self.subTest(number):
                running, inherited = self.while_it_runs(*args, **environment)
                for name in ("cmdline", "environ"):
                    self.assert_clean(pathlib.Path(f"/proc/{running.pid}/{name}").read_bytes(),
                                      name)  # fmt: skip
                self.assert_clean(inherited.read_bytes(), "what the command inherited")
                self.stop(running)
                (self.scratch / "fifo").unlink()
                inherited.unlink()
        self.assert_nothing_is_left(self.secret_file())

    def memory(self, running):
        """All memory of a process: what a core dump would hold, and what it would leave out."""
        folder = pathlib.Path(f"/proc/{running.pid}")
        if "libasan" in (folder / "maps").read_text():
            self.skipTest("AddressSanitizer keeps the environment that it has found")
        dumped, left_out = [], []
        with open(folder / "mem", "rb", buffering=0) as memory:
            for area in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", (folder / "smaps").read_text()):
                bounds = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", area)
                if not bounds or "[vvar" in area or "[vsyscall]" in area:
                    continue
                begin, end = (int(one, 16) for one in bounds.groups())
                flags = re.search(r"VmFlags:(.*)", area).group(1).split()
                memory.seek(begin)
                (left_out if "dd" in flags else dumped).append(memory.read(end - begin))
        return b"\n".join(dumped), b"\n".join(left_out)

    def test_a_core_dump_would_not_hold_the_key(self):
        raw = self.raw_key()
        digits = raw_variants(self.scratch / "raw")
        self.needles |= digits
        for number, (args, environment, kept) in enumerate((
            ([], {"ENCRYPTION_KEY": CANARY}, CANARY.encode()),
            (["--key", "env:MINE"], {"MINE": CANARY}, CANARY.encode()),
            (["--key", self.secret_file()], {}, CANARY.encode()),
            (["--key", self.secret_file(), "--compression", "zip", "--zip-encryption", "winzip"],
             {}, CANARY.encode()),
            (["--key", raw], {}, digits["bytes"]),
            ([], {"ENCRYPTION_KEY_FILE": raw.removeprefix("file:")}, digits["bytes"]),
        )):  # fmt: skip
            with self.subTest(number):
                running, inherited = self.while_it_runs(*args, **environment)
                try:
                    dumped, left_out = self.memory(running)
                except PermissionError:
                    self.skipTest("this user may not read the memory of its processes")
                finally:
                    self.stop(running)
                    (self.scratch / "fifo").unlink()
                    inherited.unlink()
                self.assertNotEqual(dumped.find(b"bs_backup_start"), -1)
                self.assert_clean(dumped, "what a core dump would hold")
                # It is still there, where it may be: so it would have been found elsewhere.
                self.assertNotEqual(left_out.find(kept), -1)


if __name__ == "__main__":
    assert TOOL
    unittest.main(verbosity=2)
