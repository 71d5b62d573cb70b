#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Check an audit log with nothing but docs/format/audit.md and Python's cryptography.

Usage: verify_audit.py DIRECTORY PUBLIC_KEY [NEWEST_SEQ NEWEST_HASH]

DIRECTORY is the folder "audit" of a state directory, PUBLIC_KEY the service's signing key as
64 hex digits. With a number and a hash that were noted before, that record must still have it.
Exit code 0: sound, and the last line tells the newest record. 1: the first thing that is wrong.
"""
import hashlib
import json
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NAME = re.compile(r"audit-([0-9]{20})\.jsonl")
TAIL = re.compile(rb',"hash":"([0-9a-f]{64})","sig":"([0-9a-f]{128})"\}')
TAIL_SIZE = len(b',"hash":"') + 64 + len(b'","sig":"') + 128 + len(b'"}')
CONTEXT = b"backupsvc audit record 1\0"
KEYS = ("audit seq time uid user process actor action object name result error detail prev").split()


class Wrong(Exception):
    pass


def no_doubles(pairs):
    if [key for key, _ in pairs] != KEYS:
        raise Wrong("its keys are not those of a record")
    return dict(pairs)


def lines(folder):
    """Each line with the file that it stands in, in order."""
    found = [(match.group(1), path) for path in folder.iterdir()
             if (match := NAME.fullmatch(path.name))]  # fmt: skip
    for _, path in sorted(found):
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            raise Wrong(f"{path.name}: the last record is not finished")
        for line in data.split(b"\n")[:-1]:
            yield path, line


def check(line, due, prev, key):
    """The hash of the record that must be number `due` and follow `prev`."""
    tail = TAIL.fullmatch(line[-TAIL_SIZE:])
    if not tail:
        raise Wrong("it has no hash and signature")
    body = line[:-TAIL_SIZE]
    digest = hashlib.sha256(body).digest()
    if digest.hex().encode() != tail.group(1):
        raise Wrong("its hash is wrong")
    try:
        key.verify(bytes.fromhex(tail.group(2).decode()), CONTEXT + digest)
    except InvalidSignature:
        raise Wrong("its signature is wrong") from None
    record = json.loads(body + b"}", object_pairs_hook=no_doubles)
    if record["audit"] != 1 or record["seq"] != due:
        raise Wrong(f"record {record['seq']} stands in its place")
    if record["prev"] != prev:
        raise Wrong("it does not follow from the one before it")
    return digest.hex()


def main(folder, public_key, noted_seq=0, noted_hash=""):
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    seq, prev = 0, "0" * 64
    try:
        for path, line in lines(pathlib.Path(folder)):
            try:
                prev = check(line, seq + 1, prev, key)
            except (Wrong, ValueError) as error:
                raise Wrong(f"{path.name}: record {seq + 1}: {error}") from None
            seq += 1
            if seq == int(noted_seq) and prev != noted_hash:
                raise Wrong(f"record {seq} is not the one that was noted")
        if seq < int(noted_seq):
            raise Wrong(f"records {seq + 1} to {noted_seq} are missing")
    except Wrong as error:
        print(error)
        return 1
    print(f"{seq} {prev}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
