# SPDX-License-Identifier: MIT
"""Makes docs/format/envelope-vectors.json from fixed keys and salts, or checks that it is that.

Usage: make_vectors.py JSON           says whether the file is what would be made
       make_vectors.py --write JSON

It is written from docs/format/envelope.md and shares no code with the library. Only RSA-OAEP
takes chance: the slot that is in the file is decrypted and kept.
"""
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"bsvc1 file-key")
PASSPHRASE, RAW, RSA = 1, 2, 3

ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def fixed(name):
    """32 bytes for a purpose, such as a salt."""
    return hashlib.sha256(b"envelope vector: " + name.encode()).digest()


DATA_KEY = fixed("data key")
KEYSET_SALT = fixed("salt of the key set")
PHRASE = "correct horse battery staple"
RAW_KEY = fixed("raw key")
SIGNING_SEED = fixed("signing seed")


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def plain_of(size):
    return bytes(i % 251 for i in range(size))


# --- Slots ---


def slot_head(number, kind, label, body_size):
    return struct.pack("<IBBH", number, kind, len(label), body_size) + label


def wrap(key, info, head, prefix, salt):
    """The end of a body: a salt, and the data key under the key that it makes."""
    wrapping = hkdf(key, salt, info)
    return salt + AESGCM(wrapping).encrypt(bytes(12), DATA_KEY, ID.bytes + head + prefix + salt)


def passphrase_slot(number, label):
    cost, scrypt_salt, salt = bytes([15, 8, 1, 0]), fixed("salt of scrypt"), fixed("first slot")
    head = slot_head(number, PASSPHRASE, label, 116)
    key = hashlib.scrypt(PHRASE.encode(), salt=scrypt_salt, n=1 << 15, r=8, p=1,
                         maxmem=1 << 26, dklen=32)  # fmt: skip
    prefix = cost + scrypt_salt
    body = prefix + wrap(key, b"bsvc1 passphrase slot", head, prefix, salt)
    wrapping = hkdf(key, salt, b"bsvc1 passphrase slot")
    return head + body, {"kind": "passphrase", "scrypt_key": key.hex(),
                         "wrapping_key": wrapping.hex()}  # fmt: skip


def raw_slot(number, label):
    salt, head = fixed("second slot"), slot_head(number, RAW, label, 96)
    fingerprint = hkdf(RAW_KEY, bytes(32), b"bsvc1 fingerprint")[:16]
    body = fingerprint + wrap(RAW_KEY, b"bsvc1 raw slot", head, fingerprint, salt)
    return head + body, {"kind": "raw", "fingerprint": fingerprint.hex(),
                         "wrapping_key": hkdf(RAW_KEY, salt, b"bsvc1 raw slot").hex()}  # fmt: skip


def rsa_slot(number, label, pem, known):
    private = serialization.load_pem_private_key(pem.encode(), None)
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
    if known and private.decrypt(known, OAEP) == DATA_KEY:
        sealed = known
    else:
        sealed = private.public_key().encrypt(DATA_KEY, OAEP)
    fingerprint = hashlib.sha256(der).digest()[:16]
    body = fingerprint + sealed
    return slot_head(number, RSA, label, len(body)) + body, {
        "kind": "rsa", "fingerprint": fingerprint.hex(), "oaep": sealed.hex()}  # fmt: skip


# --- Objects ---


def make_keyset(public, pem, known):
    commit = hkdf(DATA_KEY, KEYSET_SALT, b"bsvc1 keyset commit")
    mac_key = hkdf(DATA_KEY, KEYSET_SALT, b"bsvc1 keyset")
    signer = ed25519.Ed25519PrivateKey.from_private_bytes(SIGNING_SEED)
    signed = ID.bytes + KEYSET_SALT + commit + hashlib.sha256(public).digest()
    signature = signer.sign(b"bsvc1 keyset\0" + signed)
    key = signer.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)  # fmt: skip
    slots = [passphrase_slot(1, b"phrase"), raw_slot(2, b""), rsa_slot(5, b"rsa", pem, known)]
    data = b"bsvckeys" + struct.pack("<BBBBI", 1, 1, len(slots), 1, len(public))
    data += ID.bytes + KEYSET_SALT + commit + struct.pack("<I", 6) + public + key + signature
    data += b"".join(slot for slot, _ in slots)
    data += mac(mac_key, data)
    data += hashlib.sha256(data).digest()
    return {
        "salt": KEYSET_SALT.hex(), "public": public.decode(), "signing_key": key.hex(),
        "mac_key": mac_key.hex(), "slots": [told for _, told in slots], "object": data.hex(),
    }  # fmt: skip


def make_envelope(kind, log_segment, size):
    name = {1: b"container", 2: b"manifest"}[kind]
    salt, plain, segment = fixed(f"envelope {kind} {size}"), plain_of(size), 1 << log_segment
    payload_key = hkdf(DATA_KEY, salt, b"bsvc1 " + name + b" payload")
    header_key = hkdf(DATA_KEY, salt, b"bsvc1 " + name + b" header")
    header = b"bsvcseal" + bytes([1, 1, kind, log_segment]) + bytes(4) + ID.bytes + salt
    header += hkdf(DATA_KEY, salt, b"bsvc1 " + name + b" commit")
    header += mac(header_key, header)
    data = header
    for index in range(max(1, -(-size // segment))):
        part = plain[index * segment : (index + 1) * segment]
        nonce = index.to_bytes(11, "big") + bytes([(index + 1) * segment >= size])
        data += AESGCM(payload_key).encrypt(nonce, part, header[96:] + nonce)
    return {
        "kind": name.decode(), "salt": salt.hex(), "payload_key": payload_key.hex(),
        "header_key": header_key.hex(), "plain_size": size, "object": data.hex(),
    }  # fmt: skip


def make_zip_passphrase():
    salt = fixed("salt of the zip file's pass phrase")
    key, told = hkdf(DATA_KEY, salt, b"bsvc1 zip passphrase"), PHRASE.encode()
    document = bytes([len(told)]) + told.ljust(99, b"\0")
    return {
        "salt": salt.hex(), "key": key.hex(),
        "sealed": (salt + AESGCM(key).encrypt(bytes(12), document, str(ID).encode())).hex(),
    }  # fmt: skip


def make(pem, known):
    envelopes = [
        make_envelope(1, 16, 0), make_envelope(1, 16, 100), make_envelope(2, 16, 100),
        make_envelope(2, 12, 4096), make_envelope(1, 12, 2 * 4096 + 1),
    ]  # fmt: skip
    container, manifest = (bytes.fromhex(envelopes[i]["object"]) for i in (1, 2))
    public = json.dumps({
        "container": {"size": len(container), "sha256": hashlib.sha256(container).hexdigest()},
        "manifest_size": len(manifest), "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }, separators=(",", ":")).encode()  # fmt: skip
    return {
        "about": "Vectors of envelope.md. All bytes are hex digits; byte i of each plain object "
        "is i modulo 251. These keys protect nothing.",
        "id": str(ID), "data_key": DATA_KEY.hex(), "passphrase": PHRASE,
        "raw_key": "bsvc-key-1 " + RAW_KEY.hex(), "signing_seed": SIGNING_SEED.hex(),
        "rsa_private_key": pem, "keyset": make_keyset(public, pem, known), "envelopes": envelopes,
        "zip_passphrase": make_zip_passphrase(),
    }  # fmt: skip


def main():
    path = pathlib.Path(sys.argv[-1])
    old = json.loads(path.read_text())
    known = bytes.fromhex(old["keyset"]["slots"][2]["oaep"]) if "keyset" in old else None
    text = json.dumps(make(old["rsa_private_key"], known), indent=2) + "\n"
    if sys.argv[1] == "--write":
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit(f"{path} is not what make_vectors.py makes")


main()
