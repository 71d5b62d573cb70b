#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Encrypted backups of the tool are read without the library: by decrypt.py, and Python.

Usage: test_cli_decrypt.py TOOL DECRYPT.PY [unittest's arguments]

Short runs take one kind of key for each container, with BSI_TESTS_FULL in the
environment all of them.
"""
import bz2
import hashlib
import hmac
import itertools
import json
import lzma
import os
import pathlib
import random
import subprocess
import sys
import unittest
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cli_case import DONE, Case

DECRYPT = os.path.abspath(sys.argv.pop(1))
CONTAINERS = ("none", "zip", "tar.gz", "tar.bz2", "tar.zst", "7z")
KEYS = ("raw", "rsa", "passphrase")
PHRASE = "an open secret"
LZMA2 = [{"id": lzma.FILTER_LZMA2, "dict_size": 8 << 20}]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def members(data, new, wanted):
    """What streams that follow one another decode to, up to so many bytes."""
    out = b""
    while data and len(out) < wanted:
        decoder = new()
        out += decoder.decompress(data)
        data = decoder.unused_data
    return out


def decode(compression, data, wanted, method):
    """The first bytes of what a segment of a container decodes to, and those behind it."""
    if compression == "none" or (compression == "zip" and method == 0):
        return data
    if compression == "zip":
        return zlib.decompressobj(-15).decompress(data)
    if compression == "tar.gz":
        return members(data, lambda: zlib.decompressobj(31), wanted)
    if compression == "tar.bz2":
        return members(data, bz2.BZ2Decompressor, wanted)
    if compression == "tar.zst":
        done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True)
        return done.stdout
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA2).decompress(data, wanted)


def member(data, offset, stored):
    """The content of an encrypted member, by AE-2; what stands around it must fit."""
    salt, verifier = data[offset - 18 : offset - 2], data[offset - 2 : offset]
    keys = hashlib.pbkdf2_hmac("sha1", PHRASE.encode(), salt, 1000, 66)
    sealed, mac = data[offset : offset + stored], data[offset + stored :][:10]
    if (verifier, mac) != (keys[64:], hmac.digest(keys[32:64], sealed, "sha1")[:10]):
        raise ValueError("no such member")
    blocks = range(1, len(sealed) // 16 + 2)
    counters = b"".join(number.to_bytes(16, "little") for number in blocks)
    run = Cipher(algorithms.AES(keys[:32]), modes.ECB()).encryptor().update(counters)
    return bytes(a ^ b for a, b in zip(sealed, run))


class Decrypted(Case):
    def setUp(self):
        super().setUp()
        self.opened = {}
        self.keys = {}

    def make_key(self, kind):
        """What a backup is made with, and what decrypt.py opens it with."""
        path = self.scratch / kind
        if kind == "passphrase":
            path.write_text(PHRASE)
            path.chmod(0o600)
            return ["aes256", "--key", f"file:{path}"], ["--passphrase-file", path]
        if kind == "raw":
            self.ends(DONE, "key", "generate", "raw", path)
            return ["aes256", "--key", f"file:{path}"], ["--key-file", path]
        self.ends(DONE, "key", "generate", "rsa", path, "--bits", 3072)
        return ["rsa", "--recipient", f"{path}.pub"], ["--private-key", path]

    def decrypt(self, kind, stored):
        """The plain bytes of an object, by its key on the storage."""
        if stored not in self.opened:
            path = self.state / "storage" / stored
            short = path.name[: path.name.index(".")]
            output = self.scratch / "output"
            done = subprocess.run(
                ["/usr/bin/python3", DECRYPT, path.with_name(short + ".keys"), path, output,
                 *self.keys[kind][1]], capture_output=True, check=False, timeout=120,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.startswith(b"signed by"), kind == "rsa", done.stderr)
            self.opened[stored] = output.read_bytes()
            output.unlink()
        return self.opened[stored]

    def lines_of(self, kind, manifest):
        packed = self.decrypt(kind, manifest)
        done = subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def content(self, kind, info, entry):
        """A file's bytes, out of whichever container has them."""
        own = {"id": info["id"], "compression": info["compression"], **info["container"]}
        (place,) = [one for one in (own, *info["needs"]) if one["id"] == entry["stored_in"]]
        offset, skip, *more = entry["at"]
        wanted = skip + entry["size"]
        method = more[1] if more else None
        if method == 99:
            data = (self.state / "storage" / place["key"]).read_bytes()
            return decode("zip", member(data, offset, more[0]), wanted, 8)[skip:wanted]
        data = self.decrypt(kind, place["key"])[offset:]
        data = data[: more[0]] if more else data
        return decode(place["compression"], data, wanted, method)[skip:wanted]

    def check(self, kind, backup):
        """Every file of the source is in the backup, with its content."""
        keys = list((self.state / "storage" / "job").glob(f"*{backup['id'][-8:]}*.manifest*"))
        (manifest,) = [f"job/{path.name}" for path in keys]
        info, *lines = self.lines_of(kind, manifest)
        found = {}
        for entry in lines:
            if entry.get("type") == "file":
                data = self.content(kind, info, entry)
                found["/" + entry["path"]] = digest(data)
                self.assertEqual(digest(data), entry["sha256"], entry)
        are = [p for p in self.source.rglob("*") if p.is_file() and not p.is_symlink()]
        self.assertEqual(found, {str(path): digest(path.read_bytes()) for path in are})
        self.assertEqual(info["backup_type"], backup["backup_type"])
        return info

    def round(self, kind, compression, *more):
        options = ["--compression", compression, "--encrypt", *self.keys[kind][0], *more]
        (self.source / "large").write_bytes(random.Random(1).randbytes(100000) + bytes(100000))
        info = self.check(kind, self.back_up(*options))
        self.assertEqual(info["needs"], [])
        (self.source / "one.txt").write_text("another one\n")
        info = self.check(kind, self.back_up(*options, "--type", "incremental"))
        self.assertEqual(len(info["needs"]), 1)
        (self.source / "sub" / "three.txt").write_text("three\n")
        info = self.check(kind, self.back_up(*options, "--type", "differential"))
        self.assertEqual(len(info["needs"]), 1)

    def test_each_container_and_kind_is_read_without_the_library(self):
        self.keys = {kind: self.make_key(kind) for kind in KEYS}
        pairs = list(itertools.product(KEYS, CONTAINERS))
        if "BSI_TESTS_FULL" not in os.environ:
            pairs = [(KEYS[i % len(KEYS)], CONTAINERS[i]) for i in range(len(CONTAINERS))]
        for kind, compression in pairs:
            with self.subTest(kind=kind, compression=compression):
                self.round(kind, compression)

    def test_a_zip_file_with_encrypted_members_is_read_without_the_library(self):
        self.keys = {"passphrase": self.make_key("passphrase")}
        self.round("passphrase", "zip", "--zip-encryption", "winzip")
        self.assertEqual(len(list(self.state.glob("storage/job/*.aes.zip"))), 3)


if __name__ == "__main__":
    assert pathlib.Path(DECRYPT).is_file()
    unittest.main(verbosity=2)
