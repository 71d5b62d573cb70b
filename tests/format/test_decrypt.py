# SPDX-License-Identifier: MIT
"""The independent reader reads what the library writes, in every mode, and nothing else.

Usage: test_decrypt.py SEAL-PROBE DECRYPT.PY
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

PROBE, DECRYPT = sys.argv.pop(1), sys.argv.pop(1)
SEGMENT = 65536
PASSPHRASE = b"correct \xff horse\tbattery"


def run(*command, **more):
    return subprocess.run(command, capture_output=True, check=False, timeout=120, **more)


class Objects:
    """A key set for three kinds of keys and a sealed container and manifest, in a folder."""

    def __init__(self, folder, plain, name="a"):
        self.folder = folder
        self.keys = folder / f"{name}.keys"
        self.container = folder / f"{name}.container.bsenc"
        self.manifest = folder / f"{name}.manifest.bsenc"
        (folder / "plain").write_bytes(plain)
        done = run(PROBE, self.keys, self.container, self.manifest, folder / "plain",
                   folder / "passphrase", folder / "raw", folder / "public.pem")  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.signer = done.stdout.decode().strip()

    def decrypt(self, stored, *options, keys=None, **more):
        """What came out, or None, and what was said."""
        output = self.folder / "output"
        done = run("/usr/bin/python3", DECRYPT, keys or self.keys, stored, output, *options,
                   stdin=subprocess.DEVNULL, **more)  # fmt: skip
        found = output.read_bytes() if output.exists() else None
        output.unlink(missing_ok=True)
        assert (done.returncode == 0) == (found is not None), done.stderr
        assert b"Traceback" not in done.stderr, done.stderr
        return found, done.stderr.decode()


class Decrypt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = folder = pathlib.Path(cls.scratch.name)
        (folder / "passphrase").write_bytes(PASSPHRASE)
        (folder / "passphrase-line").write_bytes(PASSPHRASE + b"\n")
        (folder / "wrong").write_bytes(b"wrong")
        (folder / "raw").write_text("bsvc-key-1 " + random.randbytes(32).hex() + "\n")
        (folder / "raw-wrong").write_text("bsvc-key-1 " + "0" * 64 + "\n")
        (folder / "pem-passphrase").write_bytes(b"sesame")
        for command in (
            "genrsa -out private.pem 3072",
            "rsa -in private.pem -pubout -out public.pem",
            "pkcs8 -topk8 -in private.pem -passout file:pem-passphrase -out encrypted.pem",
            "genrsa -out other.pem 3072",
        ):
            done = run("openssl", *command.split(), cwd=folder)
            assert done.returncode == 0, done.stderr
        cls.plain = random.randbytes(2 * SEGMENT + 100)
        cls.objects = Objects(folder, cls.plain)
        cls.raw = ("--key-file", folder / "raw")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def check(self, *options, **more):
        for stored in (self.objects.container, self.objects.manifest):
            found, said = self.objects.decrypt(stored, *options, **more)
            self.assertEqual(found, self.plain, said)
            self.assertIn("signed by " + self.objects.signer, said)

    def refuse(self, stored, *options, **more):
        found, said = self.objects.decrypt(stored, *(options or self.raw), **more)
        self.assertIsNone(found)
        return said

    def test_a_pass_phrase_from_a_file_opens(self):
        self.check("--passphrase-file", self.folder / "passphrase")
        self.check("--passphrase-file", self.folder / "passphrase-line")

    def test_a_pass_phrase_from_the_environment_opens(self):
        environment = {**os.environb, b"PHRASE": PASSPHRASE}
        self.check("--passphrase-env", "PHRASE", env=environment)

    def test_a_raw_key_opens(self):
        self.check(*self.raw)

    def test_a_private_key_opens(self):
        self.check("--private-key", self.folder / "private.pem")

    def test_an_encrypted_private_key_opens(self):
        self.check("--private-key", self.folder / "encrypted.pem",
                   "--passphrase-file", self.folder / "pem-passphrase")  # fmt: skip

    def test_other_keys_do_not_open(self):
        stored = self.objects.container
        self.refuse(stored, "--passphrase-file", self.folder / "wrong")
        self.refuse(stored, "--key-file", self.folder / "raw-wrong")
        self.refuse(stored, "--key-file", self.folder / "passphrase")
        self.refuse(stored, "--private-key", self.folder / "other.pem")
        self.refuse(stored, "--private-key", self.folder / "public.pem")
        self.refuse(stored, "--private-key", self.folder / "encrypted.pem",
                    "--passphrase-file", self.folder / "wrong")  # fmt: skip

    def test_a_signer_can_be_demanded(self):
        self.check(*self.raw, "--signer", self.objects.signer)
        said = self.refuse(self.objects.container, *self.raw, "--signer", "0" * 64)
        self.assertIn("not signed by the one", said)

    def test_every_size_comes_out(self):
        for size in (0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT):
            plain = random.randbytes(size)
            objects = Objects(self.folder, plain, "size")
            self.assertEqual(objects.decrypt(objects.container, *self.raw)[0], plain)
            self.assertEqual(objects.decrypt(objects.manifest, *self.raw)[0], plain)

    def test_damage_is_noticed_everywhere(self):
        good = self.objects.container.read_bytes()
        places = [*range(0, 128, 9), 128, 128 + SEGMENT, 128 + SEGMENT + 16, len(good) - 1]
        changed = self.folder / "changed"
        for place in places:
            bad = bytearray(good)
            bad[place] ^= 1 << random.randrange(8)
            changed.write_bytes(bad)
            self.refuse(changed)

    def test_cuts_and_additions_are_noticed(self):
        good = self.objects.container.read_bytes()
        changed = self.folder / "changed"
        piece = SEGMENT + 16
        for size in (0, 127, 128, 143, 144, 128 + piece, 128 + 2 * piece, len(good) - 1):
            changed.write_bytes(good[:size])
            self.refuse(changed)
        changed.write_bytes(good + b"\0")
        self.refuse(changed)
        changed.write_bytes(good[: 128 + piece] + good[128:])
        self.refuse(changed)

    def test_damage_of_the_key_set_is_noticed(self):
        good = self.objects.keys.read_bytes()
        changed = self.folder / "changed.keys"
        for place in range(0, len(good), 71):
            bad = bytearray(good)
            bad[place] ^= 1 << random.randrange(8)
            changed.write_bytes(bad)
            self.refuse(self.objects.container, keys=changed)

    def test_objects_of_other_backups_are_refused(self):
        other = Objects(self.folder, self.plain, "other")
        self.refuse(other.container)
        self.refuse(self.objects.container, keys=other.keys)

    def test_nothing_is_overwritten(self):
        (self.folder / "there").write_bytes(b"there")
        done = run("/usr/bin/python3", DECRYPT, self.objects.keys, self.objects.container,
                   self.folder / "there", *self.raw)  # fmt: skip
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual((self.folder / "there").read_bytes(), b"there")

    def test_it_is_short(self):
        self.assertLessEqual(len(pathlib.Path(DECRYPT).read_text().splitlines()), 150)


if __name__ == "__main__":
    unittest.main()
