#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A strict blob service like Azure's, which misbehaves as names tell it.

Usage: azure_stub.py PROGRAM [ARGUMENT...]

Written from the Azure Storage REST API reference, sharing nothing with the library. It checks
signatures of both kinds, dates, checksums, ids and lists of blocks, conditions, names, tiers and
immutability, and refuses what the service would refuse. Names of blobs begin with scripts, as
hostile.py has them. Operations: open (the listing of the script itself), list, get, head, put,
delete, block, commit, container. PROGRAM finds its address and credentials in BSI_AZURE_ENDPOINT,
BSI_AZURE_ACCOUNT and BSI_AZURE_KEY; each container is there, but "missing", and those that begin
with "worm" have version-level immutability.
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree

import hostile

VERSION = "2023-11-03"
SKEW_SECONDS = 15 * 60
BLOCKS_MAX = 50000
NAME_MAX = 1024
MD5_RANGE_MAX = 4 << 20
SIGNED = ["content-encoding", "content-language", "content-length", "content-md5", "content-type",
          "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since",
          "range"]  # fmt: skip
POLYNOMIAL = 0x9A6C9329AC4BC9B5


class Refusal(Exception):
    """A status, the code of the service, and headers."""

    def __init__(self, status, code, *headers):
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = headers


def demand(condition, status, code):
    if not condition:
        raise Refusal(status, code)


def md5_of(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def make_crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = make_crc_table()


def crc64_of(data):
    crc = (1 << 64) - 1
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return base64.b64encode((crc ^ (1 << 64) - 1).to_bytes(8, "little")).decode()


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


class Blob:
    def __init__(self, data, head):
        self.data = data
        self.changed = time.time()
        self.etag = f'"0x{time.monotonic_ns():X}"'
        self.kept = {name: value for name, value in head.items()
                     if name.startswith(("x-ms-meta-", "x-ms-immutability-policy-"))
                     or name in ("x-ms-legal-hold", "x-ms-access-tier")}  # fmt: skip


class Handler(hostile.Handler):
    # --- One request ---

    def answer_request(self):
        try:
            return self.answer_checked()
        except Refusal as refusal:
            return self.refuse(refusal.status, refusal.code, "", "", *refusal.headers)

    def answer_checked(self):
        _, account, self.container, *rest = urllib.parse.unquote(self.path).split("/", 3)
        self.name = rest[0] if rest else ""
        demand(account == self.server.account, 404, "ResourceNotFound")
        demand(self.head.get("x-ms-version") == VERSION, 400, "InvalidHeaderValue")
        self.check_who()
        demand(self.container != "missing", 404, "ContainerNotFound")
        operation = self.name_operation()
        prefix = self.query.get("prefix", "")
        if self.name:
            self.check_name()
        elif operation == "list":
            script = hostile.SCRIPT.match(prefix)
            operation = "open" if script and script.end() == len(prefix) else "list"
        return self.do(operation, self.name or prefix)

    def name_operation(self):
        kind = (self.method, self.query.get("restype", ""), self.query.get("comp", ""))
        names = {
            ("GET", "container", "list"): "list",
            ("HEAD", "container", ""): "container",
            ("PUT", "container", ""): "container",
            ("GET", "", ""): "get",
            ("HEAD", "", ""): "head",
            ("PUT", "", ""): "put",
            ("DELETE", "", ""): "delete",
            ("PUT", "", "block"): "block",
            ("PUT", "", "blocklist"): "commit",
        }
        demand(kind in names, 400, "UnsupportedQueryParameter")
        return names[kind]

    def check_name(self):
        """What Azure would change is no name for us."""
        demand(len(self.name.encode("utf-16-le")) // 2 <= NAME_MAX, 400, "OutOfRangeInput")
        demand(self.name.count("/") < 254, 400, "OutOfRangeInput")
        demand(not re.search(r"[\x00-\x1f\x7f\\\ufffe\uffff]", self.name), 400, "InvalidUri")
        demand(not re.search(r"\.(/|$)", self.name), 400, "InvalidUri")

    def send(self, status, body=b"", *headers, length=None):
        more = [f"x-ms-request-id: {id(self)}", f"x-ms-version: {VERSION}"]
        if not any(header.startswith("Date:") for header in headers):
            more.append(f"Date: {http_date(time.time())}")
        return super().send(status, body, *headers, *more, length=length)

    def refuse(self, status, code, message="", more="", *headers):
        return super().refuse(status, code, message or "No.\nRequestId:1", more,
                              f"x-ms-error-code: {code}", *headers)  # fmt: skip

    # --- Who asks ---

    def check_who(self):
        if "sig" in self.query:
            return self.check_shared_access()
        kind, _, credentials = self.head.get("authorization", "").partition(" ")
        demand(kind == "SharedKey", 401, "NoAuthenticationInformation")
        self.check_date()
        account, _, signature = credentials.partition(":")
        demand(account == self.server.account, 403, "AuthenticationFailed")
        good = hmac.compare_digest(signature, self.server.sign(self.text_to_sign()))
        demand(good, 403, "AuthenticationFailed")
        return None

    def check_date(self):
        sent = email.utils.parsedate_to_datetime(self.head["x-ms-date"]).timestamp()
        demand(abs(sent - time.time()) < SKEW_SECONDS, 403, "AuthenticationFailed")

    def text_to_sign(self):
        lines = [self.method]
        for name in SIGNED:
            value = self.head.get(name, "")
            lines.append("" if (name, value) == ("content-length", "0") else value)
        lines += [f"{name}:{value}" for name, value in sorted(self.head.items())
                  if name.startswith("x-ms-")]  # fmt: skip
        lines.append(f"/{self.server.account}{self.path}")
        lines += [f"{name.lower()}:{value}" for name, value in sorted(self.query.items())]
        return "\n".join(lines)

    def check_shared_access(self):
        """A service SAS for a container."""
        get = self.query.get
        text = "\n".join([get("sp", ""), get("st", ""), get("se", ""),
                          f"/blob/{self.server.account}/{self.container}", get("si", ""),
                          get("sip", ""), get("spr", ""), get("sv", ""), get("sr", ""), "",
                          get("ses", ""), "", "", "", "", ""])  # fmt: skip
        good = hmac.compare_digest(get("sig"), self.server.sign(text))
        end = datetime.datetime.strptime(get("se"), "%Y-%m-%dT%H:%M:%SZ")
        end = end.replace(tzinfo=datetime.timezone.utc).timestamp()
        demand(good and end > time.time(), 403, "AuthenticationFailed")
        needed = {"list": "l", "get": "r", "head": "r", "delete": "d", "container": "!"}
        wanted = needed.get(self.name_operation(), "w")
        demand(wanted in get("sp"), 403, "AuthorizationPermissionMismatch")

    # --- What a service does ---

    def key(self):
        return self.container, self.name

    def find(self):
        with self.server.lock:
            blob = self.server.blobs.get(self.key())
        demand(blob, 404, "BlobNotFound")
        return blob

    def do_container(self):
        if self.method == "PUT":
            return self.send(201)
        worm = "true" if self.container.startswith("worm") else "false"
        return self.send(200, b"", f"x-ms-immutable-storage-with-versioning-enabled: {worm}")

    def do_open(self):
        return self.do_list()

    def do_list(self):
        prefix = self.query["prefix"]
        with self.server.lock:
            found = sorted((name, blob) for (container, name), blob in self.server.blobs.items()
                           if container == self.container and name.startswith(prefix))  # fmt: skip
        marker = base64.b64decode(self.query.get("marker", "")).decode()
        found = [(name, blob) for name, blob in found if name > marker]
        page = found[: int(self.query["maxresults"])]
        last = base64.b64encode(page[-1][0].encode()).decode() if len(page) < len(found) else ""
        return self.send_list(page, last)

    def send_list(self, blobs, marker):
        items = "".join(
            f"<Blob><Name>{hostile.escape(name)}</Name><Properties>"
            f"<Last-Modified>{http_date(blob.changed)}</Last-Modified>"
            f"<Content-Length>{len(blob.data)}</Content-Length></Properties></Blob>"
            for name, blob in blobs
        )
        body = (f'\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults '
                f'ContainerName="{self.container}"><Blobs>{items}</Blobs>'
                f"<NextMarker>{marker}</NextMarker></EnumerationResults>")  # fmt: skip
        return self.send(200, body.encode(), "Content-Type: application/xml")

    def blob_headers(self, blob):
        return [f"ETag: {blob.etag}", f"Last-Modified: {http_date(blob.changed)}",
                "x-ms-blob-type: BlockBlob",
                *(f"{name}: {value}" for name, value in blob.kept.items())]  # fmt: skip

    def do_head(self):
        blob = self.find()
        return self.send(200, b"", *self.blob_headers(blob), length=len(blob.data))

    def do_get(self):
        blob = self.find()
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.head["x-ms-range"]).groups())
        demand(first <= last, 400, "InvalidHeaderValue")
        demand(first < len(blob.data), 416, "InvalidRange")
        part = blob.data[first : last + 1]
        headers = self.blob_headers(blob)
        headers.append(f"Content-Range: bytes {first}-{first + len(part) - 1}/{len(blob.data)}")
        if self.head.get("x-ms-range-get-content-md5") == "true":
            demand(last - first < MD5_RANGE_MAX, 400, "OutOfRangeQueryParameterValue")
            headers.append(f"Content-MD5: {md5_of(part)}")
        return self.send(206, part, *headers)

    def check_sums(self):
        """Of what came; the headers that tell of it."""
        md5 = self.head.get("content-md5")
        crc64 = self.head.get("x-ms-content-crc64")
        demand(not (md5 and crc64), 400, "BothCrc64AndMd5HeaderPresent")
        demand(not md5 or md5 == md5_of(self.body), 400, "Md5Mismatch")
        demand(not crc64 or crc64 == crc64_of(self.body), 400, "Crc64Mismatch")
        return [f"x-ms-content-crc64: {crc64}"] if crc64 else [f"Content-MD5: {md5_of(self.body)}"]

    def check_blob_headers(self):
        tier = self.head.get("x-ms-access-tier", "Hot")
        demand(tier in ("Hot", "Cool", "Cold", "Archive"), 400, "InvalidHeaderValue")
        until = self.head.get("x-ms-immutability-policy-until-date")
        mode = self.head.get("x-ms-immutability-policy-mode")
        locks = until or mode or self.head.get("x-ms-legal-hold")
        demand(not locks or self.container.startswith("worm"), 409, "ContainerNotWormEnabled")
        demand(bool(until) == bool(mode), 400, "MissingRequiredHeader")
        if until:
            demand(mode in ("unlocked", "locked"), 400, "InvalidHeaderValue")
            end = email.utils.parsedate_to_datetime(until).timestamp()
            demand(end > time.time(), 400, "InvalidHeaderValue")

    def store(self, data):
        blob = Blob(data, self.head)
        with self.server.lock:
            there = self.key() in self.server.blobs
            demand(self.head.get("if-none-match") != "*" or not there, 409, "BlobAlreadyExists")
            self.server.blobs[self.key()] = blob
            self.server.blocks.pop(self.key(), None)
        return blob

    def do_put(self):
        demand(self.head.get("x-ms-blob-type") == "BlockBlob", 400, "MissingRequiredHeader")
        sums = self.check_sums()
        self.check_blob_headers()
        blob = self.store(self.body)
        return self.send(201, b"", f"ETag: {blob.etag}", *sums)

    def do_block(self):
        sums = self.check_sums()
        try:
            block = base64.b64decode(self.query["blockid"], validate=True)
        except ValueError:
            raise Refusal(400, "InvalidQueryParameterValue") from None
        demand(0 < len(block) <= 64, 400, "InvalidQueryParameterValue")
        demand(self.body, 400, "InvalidHeaderValue")
        with self.server.lock:
            blocks = self.server.blocks.setdefault(self.key(), {})
            same = all(len(other) == len(block) for other in blocks)
            demand(same, 400, "InvalidBlobOrBlock")
            blocks[block] = self.body
        return self.send(201, b"", *sums)

    def do_commit(self):
        self.check_sums()
        self.check_blob_headers()
        root = xml.etree.ElementTree.fromstring(self.body)
        demand(root.tag == "BlockList" and len(root) <= BLOCKS_MAX, 400, "InvalidXmlDocument")
        with self.server.lock:
            blocks = dict(self.server.blocks.get(self.key(), {}))
            last = self.server.lists.get(self.key(), {})
        found = {}
        for one in root:
            block = base64.b64decode(one.text)
            demand(one.tag == "Latest", 400, "InvalidXmlNodeValue")
            demand(block in blocks or block in last, 400, "InvalidBlockList")
            found[block] = blocks.get(block, last.get(block))
        data = b"".join(found[base64.b64decode(one.text)] for one in root)
        blob = self.store(data)
        with self.server.lock:
            self.server.lists[self.key()] = found
        return self.send(201, b"", f"ETag: {blob.etag}")

    def do_delete(self):
        blob = self.find()
        until = blob.kept.get("x-ms-immutability-policy-until-date")
        demand(not until and "x-ms-legal-hold" not in blob.kept, 409, "BlobImmutableDueToPolicy")
        with self.server.lock:
            self.server.blobs.pop(self.key(), None)
            self.server.lists.pop(self.key(), None)
        return self.send(202)

    # --- What it does wrong ---

    def fault_busy(self):
        return self.refuse(503, "ServerBusy", "Ingress is over the account limit.")

    def fault_wait(self):
        return self.refuse(503, "ServerBusy", "", "", "Retry-After: 7")

    def fault_timeout(self):
        return self.refuse(500, "OperationTimedOut")

    def fault_denied(self):
        return self.refuse(403, "AuthorizationPermissionMismatch", "Not this.\nRequestId:1")

    def fault_echo(self):
        """It sends back what it got."""
        what = self.head.get("authorization", "") + "?" + urllib.parse.urlencode(self.query)
        return self.refuse(403, "AuthenticationFailed", what, f"<Detail>{what[:9]}</Detail>")

    def fault_clock(self):
        return self.refuse(403, "AuthenticationFailed", "", "",
                           "Date: Mon, 01 Jan 2001 00:00:00 GMT")  # fmt: skip

    def fault_gone(self):
        return self.refuse(404, "ContainerNotFound", "The specified container does not exist.")

    def fault_archived(self):
        return self.refuse(409, "BlobArchived")

    def fault_digest(self):
        return self.refuse(400, "Md5Mismatch")

    def fault_leased(self):
        return self.refuse(412, "LeaseIdMissing")

    def fault_snapshots(self):
        return self.refuse(409, "SnapshotsPresent")

    def fault_foreign(self):
        """Blocks of somebody else are there."""
        return self.refuse(400, "InvalidBlobOrBlock")

    def fault_ghost(self):
        """It takes blocks that were left for a blob."""
        return self.refuse(409, "BlobAlreadyExists")

    def fault_dropped(self):
        """Somebody else's list was there before."""
        with self.server.lock:
            self.server.blocks.pop(self.key(), None)
        return self.refuse(400, "InvalidBlockList")

    def fault_bare(self):
        """Without any code, as no service of Azure's answers."""
        self.read_body()
        return super().send(404)

    def fault_sum(self):
        """Takes the bytes, and counts others."""
        self.read_body()
        return self.send(201, b"", f"Content-MD5: {md5_of(b'others')}")

    def fault_shuffled(self):
        """A blob of other bytes than were sent."""
        self.body = self.read_body()
        self.store(b"others")
        with self.server.lock:
            self.server.blobs[self.key()].kept.update(
                (name, value) for name, value in self.head.items() if "meta" in name
            )
        return self.send(201)

    def fault_forgetful(self):
        """Takes the locks, and keeps none."""
        self.body = self.read_body()
        for name in [name for name in self.head if "immutab" in name or "hold" in name]:
            del self.head[name]
        return getattr(self, "do_" + self.operation)()

    def send_range(self, part, text, *headers):
        blob = self.find()
        return self.send(206, part(blob.data), text, *self.blob_headers(blob), *headers)

    def fault_flipped(self):
        """One bit is another, and the checksum is that of before."""
        good = self.find().data
        return self.send_range(lambda data: bytes([data[0] ^ 1]) + data[1:],
                               f"Content-Range: bytes 0-{len(good) - 1}/{len(good)}",
                               f"Content-MD5: {md5_of(good)}")  # fmt: skip

    def fault_whole(self):
        return self.send(200, self.find().data + b"more")

    def fault_less(self):
        return self.send_range(lambda data: data[:2], "Content-Range: bytes 0-1/5")

    def fault_other(self):
        return self.send_range(lambda data: data, "Content-Range: bytes 1-5/6")

    def fault_short(self):
        self.send(206, b"12", "Content-Range: bytes 0-4/5", length=5)
        raise hostile.Broken

    def fault_same(self):
        """The same marker again and again."""
        return self.send_list([], "x")

    def fault_circle(self):
        """New markers, and the same pages."""
        number = int(self.query.get("marker", "0"))
        return self.send_list([(f"{self.query['prefix']}{number % 3}", Blob(b"", {}))],
                              str(number + 1))  # fmt: skip

    def fault_stranger(self):
        return self.send_list([("another/key", Blob(b"", {}))], "")

    def fault_unnamed(self):
        """A blob that nobody can have stored through the library, beside one."""
        prefix = self.query["prefix"]
        return self.send_list([(f"{prefix}a\\b", Blob(b"", {})), (f"{prefix}c", Blob(b"1", {}))],
                              "")  # fmt: skip


class Server(hostile.Server):
    def __init__(self, account, key):
        self.account = account
        self.secret = base64.b64decode(key)
        self.blobs = {}
        self.blocks = {}  # That no list has taken yet, by blob and id.
        self.lists = {}  # Blocks of each blob's list.
        super().__init__(Handler)

    def sign(self, text):
        digest = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def main(command):
    account, key = "stubaccount", base64.b64encode(b"key-canary-4711-of-the-stub").decode()
    server = Server(account, key)
    try:
        environment = {name: value for name, value in os.environ.items() if name[:6] != "AZURE_"}
        environment.update(
            BSI_AZURE_ENDPOINT=f"http://127.0.0.1:{server.server_address[1]}/{account}",
            BSI_AZURE_ACCOUNT=account,
            BSI_AZURE_KEY=key,
            http_proxy="http://127.0.0.1:1",  # Not to be used.
        )
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
