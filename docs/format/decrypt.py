#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Decrypt a container or manifest of an encrypted backup, without libbackupsvc:

  decrypt.py KEYS OBJECT OUTPUT [--key-file FILE | --private-key FILE]
             [--passphrase-file FILE | --passphrase-env NAME] [--signer HEX]

KEYS is the backup's .keys object, OBJECT its .bsenc object, OUTPUT a new file, there when all
that envelope.md says was right. Without a key file or private key the backup's pass phrase is
asked for unless a file has it, or the environment; with --private-key that is the PEM's.
"""
import argparse
import getpass
import hashlib
import hmac
import json
import os
import struct
import sys
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"bsvc1 file-key")


def need(good, text):
    if not good:
        sys.exit(f"decrypt.py: {text}")


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info.encode()).derive(key)


def passphrase(options):
    if options.passphrase_env:
        return os.environb[options.passphrase_env.encode()]
    if options.passphrase_file:
        return Path(options.passphrase_file).read_bytes().removesuffix(b"\n").removesuffix(b"\r")
    return getpass.getpass("pass phrase: ").encode()


def scrypt(secret, body):
    n, r, p = 1 << body[0], body[1], body[2]
    need(128 * n * r <= 1 << 30 and n * r * p <= 1 << 26, "absurd cost of scrypt")
    return hashlib.scrypt(secret, salt=body[4:36], n=n, r=r, p=p, maxmem=2**31 - 1, dklen=32)


def unwrap(key, info, bound, body):
    wrapping = AESGCM(hkdf(key, body[-80:-48], info))
    return wrapping.decrypt(bytes(12), body[-48:], bound + body[:-48])


def open_key(options):
    """The kind of slots that the key opens, and what makes a data key of one."""
    if options.private_key:
        pem = Path(options.private_key).read_bytes()
        secret = passphrase(options) if b"ENCRYPTED" in pem else None
        private = serialization.load_pem_private_key(pem, secret)
        return 3, lambda bound, body: private.decrypt(body[16:], OAEP)
    if options.key_file:
        name, digits = Path(options.key_file).read_bytes().split()
        need(name == b"bsvc-key-1" and len(digits) == 64, "no raw key file")
        raw = bytes.fromhex(digits.decode())
        return 2, lambda bound, body: unwrap(raw, "bsvc1 raw slot", bound, body)
    secret, info = passphrase(options), "bsvc1 passphrase slot"
    return 1, lambda bound, body: unwrap(scrypt(secret, body), info, bound, body)


def find_data_key(keys, slots, count, options):
    """Of the first slot that the key opens to a data key to which the set is committed."""
    (wanted, open_slot), found = open_key(options), None
    for _ in range(count):
        _, kind, label, size = struct.unpack_from("<IBBH", slots)
        head, body, slots = slots[: 8 + label], slots[8 + label :][:size], slots[8 + label + size :]
        try:
            data_key = open_slot(keys[16:32] + head, body) if kind == wanted else b""
        except (InvalidTag, ValueError):
            continue
        commit = hkdf(data_key, keys[32:64], "bsvc1 keyset commit")
        found = data_key if hmac.compare_digest(commit, keys[64:96]) else found
    need(found and not slots, "the key opens no slot of this backup")
    return found


def read_keys(keys, options):
    """The backup's id, its data key, and its public part."""
    need(keys[:10] == b"bsvckeys\1\1", "no key set of version 1 and suite 1")
    need(hashlib.sha256(keys[:-32]).digest() == keys[-32:], "the key set is damaged")
    count, flags, size = struct.unpack_from("<BBI", keys, 10)
    need(flags < 2 and 164 + size + 96 * flags <= len(keys), "the key set is damaged")
    public, slots_at = keys[100 : 100 + size], 100 + size + 96 * flags
    key, signature = keys[100 + size : slots_at][:32], keys[slots_at - 64 : slots_at]
    if flags:
        message = b"bsvc1 keyset\0" + keys[16:96] + hashlib.sha256(public).digest()
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    print("signed by " + key.hex() if flags else "not signed", file=sys.stderr)
    need(options.signer in (None, key.hex()), "not signed by the one who was wanted")
    data_key = find_data_key(keys, keys[slots_at:-64], count, options)
    mac = hmac.digest(hkdf(data_key, keys[32:64], "bsvc1 keyset"), keys[:-64], "sha256")
    need(hmac.compare_digest(mac, keys[-64:-32]), "the key set was changed")
    return keys[16:32], data_key, json.loads(public)


def decrypt(source, target, backup, data_key, public):
    header, stored = source.read(128), os.fstat(source.fileno()).st_size
    need(header[:10] == b"bsvcseal\1\1" and len(header) == 128, "no envelope of this version")
    need(header[10] in (1, 2) and 12 <= header[11] <= 20, "the envelope's header is damaged")
    need(header[12:32] == bytes(4) + backup, "the object is of another backup than the keys")
    kind, size, salt = [0, "container", "manifest"][header[10]], 1 << header[11], header[32:64]
    commit = hkdf(data_key, salt, f"bsvc1 {kind} commit")
    need(hmac.compare_digest(commit, header[64:96]), "encrypted with another key")
    mac = hmac.digest(hkdf(data_key, salt, f"bsvc1 {kind} header"), header[:96], "sha256")
    need(hmac.compare_digest(mac, header[96:]), "the envelope's header was changed")
    cipher, digest = AESGCM(hkdf(data_key, salt, f"bsvc1 {kind} payload")), hashlib.sha256(header)
    index, left = 0, stored - 128
    while index == 0 or left > 0:
        sealed = source.read(min(size + 16, left))
        left -= len(sealed)
        need(len(sealed) > 16 or (len(sealed) == 16 and index == left == 0), "cut short")
        nonce = index.to_bytes(11, "big") + bytes([left == 0])
        target.write(cipher.decrypt(nonce, sealed, mac + nonce))
        digest.update(sealed)
        index += 1
    prefix, told = ("", public["container"]) if kind == "container" else ("manifest_", public)
    said = told[prefix + "size"], told[prefix + "sha256"]
    need(said == (stored, digest.hexdigest()), "the key set tells of another object")


parser = argparse.ArgumentParser(usage=__doc__)
options = "--key-file --private-key --passphrase-file --passphrase-env --signer"
for option in ("keys object output " + options).split():
    parser.add_argument(option)
given = parser.parse_args()
try:
    found, folder = read_keys(Path(given.keys).read_bytes(), given), Path(given.output).parent
    with open(given.object, "rb") as stored, tempfile.NamedTemporaryFile(dir=folder) as output:
        decrypt(stored, output, *found)
        output.flush()
        os.link(output.name, given.output)
except (InvalidSignature, InvalidTag):
    sys.exit("decrypt.py: damaged, or changed by somebody without the key")
except (LookupError, OSError, TypeError, ValueError, struct.error) as error:
    sys.exit(f"decrypt.py: {error}")
