#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside a small Google Cloud Storage that keeps to the published rules.

Usage: gcs_stub.py PROGRAM [ARGUMENT...]

It is strict where the emulators are not: signatures, claims and times of service accounts'
tokens, who may do what, preconditions, checksums, and the ranges of resumable uploads. Names
begin with a script (hostile.py). Operations: open (the listing of the script itself), list, get,
head, put, delete, compose, begin, chunk, end (the last chunk), ask (how much there is), cancel.
Who gives tokens is asked at /token/SCRIPT, with the operation token.

PROGRAM finds the address in BSI_GCS_ENDPOINT, the buckets "bucket" and, for everybody, "public",
and in BSI_GCS_FILES a folder with credentials: service.json, user.json, and for each wrong one a
file that FILES names.
"""
import base64
import binascii
import datetime
import email.utils
import functools
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.parse

import crcmod.predefined
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import hostile

QUANTUM = 256 * 1024
CLOCK = 300
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
EMAIL = "backup@tests.iam.gserviceaccount.com"
KEY_ID = "key-of-the-tests"
CLIENT = {"client_id": "id.of.the.tests", "client_secret": "client-canary-3301"}
REFRESH = "1//refresh-canary-3302"
MACHINE = "/computeMetadata/v1/instance/service-accounts/default/token"
MEMBERS = {"name", "size", "updated", "generation", "crc32c", "metadata", "storageClass"}
CRC32C = crcmod.predefined.mkCrcFun("crc-32c")

# Files with credentials: what is in them but for what all have. None leaves a member out.
FILES = {
    "service": {},
    "wrong-key": {"private_key": "other"},
    "unknown-key": {"private_key_id": "removed"},
    "unknown-account": {"client_email": "nobody@tests.iam.gserviceaccount.com"},
    "other-audience": {"token_uri": "/elsewhere"},
    "token-slow": {"token_uri": "/token/token.slow.1"},
    "token-reset": {"token_uri": "/token/token.reset.1"},
    "token-html": {"token_uri": "/token/token.html.99"},
    "token-nothing": {"token_uri": "/token/token.nothing.99"},
    "token-echo": {"token_uri": "/token/token.echo.99"},
    "token-clock": {"token_uri": "/token/token.clock.99"},
    "token-false": {"token_uri": "/token/token.false.99"},
    "going": {"token_uri": "/token/going"},
    "user": {"type": "authorized_user"},
    "user-revoked": {"type": "authorized_user", "refresh_token": "1//revoked-canary-3303"},
    "user-client": {"type": "authorized_user", "client_secret": "wrong-canary-3304"},
    "user-echo": {"type": "authorized_user", "token_uri": "/token/token.echo.99"},
}


@functools.lru_cache(maxsize=64)
def sum_of(content):
    return base64.b64encode(CRC32C(content).to_bytes(4, "big")).decode()


def decoded(text):
    """Base 64 of URLs, without padding."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("not base 64")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Refused(Exception):
    """What a request is answered with instead."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        self.args = (status, reason, message)


class Handler(hostile.Handler):
    other = {}  # Told instead of what is right.

    # --- One request ---

    def answer_request(self):
        try:
            return self.dispatch()
        except Refused as refusal:
            return self.refuse(*refusal.args)

    def dispatch(self):
        if self.path.startswith("/token"):
            return self.do("token", self.path[len("/token/") :])
        if self.path == MACHINE:
            return self.give_machine_token()
        self.is_upload = self.path.startswith("/upload/")
        path = self.path[len("/upload") :] if self.is_upload else self.path
        parts = path.split("/")
        if parts[:4] != ["", "storage", "v1", "b"] or len(parts) < 6:
            return self.send(404, hostile.HTML)
        bucket, objects, *rest = parts[4:]
        if objects != "o" or len(rest) > 2:
            return self.send(404, hostile.HTML)
        self.bucket = urllib.parse.unquote(bucket)
        self.name = urllib.parse.unquote(rest[0]) if rest else None
        self.action = rest[1] if len(rest) > 1 else None
        if "upload_id" in self.query:
            return self.dispatch_session()
        self.check_token()
        if self.bucket not in ("bucket", "public"):
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        return self.do(self.name_operation(), self.script())

    def name_operation(self):
        if self.is_upload:
            return {"multipart": "put", "resumable": "begin"}[self.query["uploadType"]]
        if self.action:
            return {"compose": "compose"}[self.action]
        if self.name is not None:
            if self.method == "GET" and self.query.get("alt") == "media":
                return "get"
            return {"GET": "head", "DELETE": "delete"}[self.method]
        prefix = self.query.get("prefix", "")
        script = hostile.SCRIPT.match(prefix)
        return "open" if script and script.end() == len(prefix) else "list"

    def script(self):
        """What the request is about, which begins with a script."""
        if self.is_upload:
            found = re.search(rb'"name":("(?:[^"\\]|\\.)*")', self.read_body())
            return json.loads(found[1])
        return self.name or self.query.get("prefix", "")

    def send_json(self, status, document, *headers):
        document = {**document, **self.other}
        return self.send(status, json.dumps(document).encode(),
                         "Content-Type: application/json; charset=UTF-8", *headers)  # fmt: skip

    def refuse(self, status, reason, message="", *headers):
        self.read_body()
        detail = {"message": message, "domain": "global", "reason": reason}
        return self.send_json(
            status, {"error": {"code": status, "message": message, "errors": [detail]}}, *headers
        )

    # --- Who asks ---

    def check_token(self):
        given = self.head.get("authorization", "")
        self.token = given[len("Bearer ") :]
        if self.bucket == "public":
            if given:
                raise Refused(400, "invalid", "a token for a bucket that is open to everybody")
            return
        if not given:
            raise Refused(401, "required", "Anonymous caller does not have access.")
        with self.server.lock:
            end = self.server.tokens.get(self.token, 0)
        if not given.startswith("Bearer ") or end < time.time():
            raise Refused(401, "authError", "Invalid Credentials")

    def give(self, lasts=3600):
        token = "ya29.canary-" + secrets.token_hex(16)
        with self.server.lock:
            self.server.tokens[token] = time.time() + lasts
            self.server.given += 1
        return {"access_token": token, "token_type": "Bearer", "expires_in": lasts}

    def give_machine_token(self):
        if self.head.get("metadata-flavor") != "Google" or "x-forwarded-for" in self.head:
            return self.send(403)
        return self.send_json(200, self.give(), "Metadata-Flavor: Google")

    def do_token(self):
        try:
            if self.head["content-type"] != "application/x-www-form-urlencoded":
                raise ValueError("invalid_request", "not a form")
            form = dict(urllib.parse.parse_qsl(self.body.decode(), strict_parsing=True))
            if form.pop("grant_type") == "refresh_token":
                self.check_user(form)
            else:
                self.check_assertion(form["assertion"])
        except (ValueError, KeyError, InvalidSignature, binascii.Error) as error:
            code, text = error.args if len(error.args) == 2 else ("invalid_grant", str(error))
            return self.send_json(400, {"error": code, "error_description": text},
                                  "Date: " + email.utils.formatdate(usegmt=True))  # fmt: skip
        return self.send_json(200, self.give())

    def is_gone(self):
        return self.server.going_is_gone and self.path == "/token/going"

    def check_user(self, form):
        if form.pop("client_id") != CLIENT["client_id"]:
            raise ValueError("invalid_client", "The OAuth client was not found.")
        if form.pop("client_secret") != CLIENT["client_secret"]:
            raise ValueError("invalid_client", "Unauthorized")
        if form.pop("refresh_token") != REFRESH:
            raise ValueError("invalid_grant", "Token has been expired or revoked.")
        if form:
            raise ValueError("invalid_request", "more than is asked for")

    def check_assertion(self, assertion):
        """RFC 7523, and what Google asks for besides."""
        head, claims, signature = assertion.split(".")
        header = json.loads(decoded(head))
        if header != {"alg": "RS256", "typ": "JWT", "kid": KEY_ID} or self.is_gone():
            raise ValueError("invalid_grant", "Invalid JWT Signature.")
        try:
            self.server.key.public_key().verify(
                decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise ValueError("invalid_grant", "Invalid JWT Signature.") from None
        claims = json.loads(decoded(claims))
        if set(claims) != {"iss", "scope", "aud", "iat", "exp"}:
            raise ValueError("invalid_request", "other claims than are asked for")
        if claims["iss"] != EMAIL:
            raise ValueError("invalid_grant", "Invalid grant: account not found")
        if claims["scope"] != SCOPE:
            raise ValueError("invalid_scope", "no such scope")
        if claims["aud"] != self.server.address + self.path:
            raise ValueError("invalid_grant", "Invalid JWT: Failed audience check.")
        now = time.time()
        if not now - CLOCK < claims["iat"] <= now + CLOCK or not (
            now < claims["exp"] <= claims["iat"] + 3600
        ):
            raise ValueError("invalid_grant", "Invalid JWT: Token must be a short-lived token.")

    # --- Objects ---

    def find(self, name):
        with self.server.lock:
            found = self.server.objects.get((self.bucket, name))
        if not found:
            raise Refused(404, "notFound", f"No such object: {self.bucket}/{name}")
        return found

    def describe(self, entry, fields=None):
        content, about = entry
        all_of_it = {"kind": "storage#object", "size": str(len(content)), "crc32c": sum_of(content),
                     **about}  # fmt: skip
        return {key: value for key, value in all_of_it.items() if fields is None or key in fields}

    def wanted(self):
        """The fields that are asked for; others than there are are refused."""
        fields = set(self.query["fields"].split(","))
        if fields - MEMBERS - {"kind"}:
            raise Refused(400, "invalidParameter", "Invalid field selection")
        return fields

    def check_precondition(self, name):
        wanted = self.query.get("ifGenerationMatch")
        if wanted is not None and wanted != "0":
            raise Refused(400, "invalid", "only 0 is known here")
        with self.server.lock:
            there = (self.bucket, name) in self.server.objects
        if wanted == "0" and there:
            raise Refused(412, "conditionNotMet", "At least one of the pre-conditions failed.")

    def check_name(self, name):
        if not 1 <= len(name.encode()) <= 1024 or re.search("[\r\n]", name):
            raise Refused(400, "invalid", "Invalid object name")

    def store(self, content, about, crc32c=None):
        """What is stored, or why it is not."""
        name = about["name"]
        if crc32c is not None and crc32c != sum_of(content):
            raise Refused(400, "invalid", f'Provided CRC32C "{crc32c}" doesn\'t match calculated '
                                          f'CRC32C "{sum_of(content)}".')  # fmt: skip
        self.check_precondition(name)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with self.server.lock:
            self.server.generation += 1
            about = {**about, "generation": str(self.server.generation), "updated": now}
            entry = self.server.objects[(self.bucket, name)] = (content, about)
        return entry

    def read_description(self, text):
        about = json.loads(text)
        crc32c = about.pop("crc32c", None)
        if set(about) - {"name", "contentType", "storageClass", "metadata"}:
            raise Refused(400, "invalid", "members of an object that are not known here")
        if about.get("storageClass", "STANDARD") not in ("STANDARD", "NEARLINE", "COLDLINE"):
            raise Refused(400, "invalid", "Invalid argument: storageClass")
        self.check_name(about["name"])
        return about, crc32c

    def do_put(self):
        boundary = re.fullmatch(r"multipart/related; boundary=(\S+)", self.head["content-type"])[1]
        mark = b"--" + boundary.encode()
        if not self.body.startswith(mark + b"\r\n") or not self.body.endswith(
            b"\r\n" + mark + b"--\r\n"
        ):
            raise Refused(400, "badRequest", "Malformed multipart body.")
        description, content = self.body[len(mark) + 2 : -len(mark) - 6].split(
            b"\r\n" + mark + b"\r\n", 1
        )
        head, description = description.split(b"\r\n\r\n", 1)
        if b"application/json" not in head:
            raise Refused(400, "badRequest", "the first part is no JSON")
        about, crc32c = self.read_description(description)
        content = content.split(b"\r\n\r\n", 1)[1]
        return self.send_json(200, self.describe(self.store(content, about, crc32c), self.wanted()))

    def do_head(self):
        return self.send_json(200, self.describe(self.find(self.name), self.wanted()))

    def do_get(self):
        try:
            content = self.find(self.name)[0]
        except Refused as refusal:
            return self.send(404, refusal.args[2].encode(), "Content-Type: text/html")
        first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", self.head["range"]).groups()
        first, last = int(first), min(int(last), len(content) - 1)
        if first >= len(content):
            raise Refused(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        return self.send(206, content[first : last + 1],
                         f"Content-Range: bytes {first}-{last}/{len(content)}",
                         f"x-goog-hash: crc32c={sum_of(content)},md5=AAAA")  # fmt: skip

    def do_delete(self):
        found = self.find(self.name)
        generation = self.query.get("generation", found[1]["generation"])
        if generation != found[1]["generation"]:
            raise Refused(404, "notFound", f"No such object: {self.bucket}/{self.name}")
        with self.server.lock:
            self.server.objects.pop((self.bucket, self.name), None)
        return self.send(204)

    def do_compose(self):
        document = json.loads(self.body)
        if set(document) != {"sourceObjects", "destination"}:
            raise Refused(400, "invalid", "other members than are asked for")
        names = [source["name"] for source in document["sourceObjects"]]
        if not 1 <= len(names) <= 32:
            raise Refused(400, "invalid", "The number of source components is wrong")
        about, crc32c = self.read_description(json.dumps(document["destination"]))
        if about["name"] != self.name:
            raise Refused(400, "invalid", "the destination has another name")
        content = b"".join(self.find(name)[0] for name in names)
        return self.send_json(200, self.describe(self.store(content, about, crc32c), self.wanted()))

    def do_open(self):
        return self.do_list()

    def do_list(self):
        prefix = self.query["prefix"]
        after = base64.b64decode(self.query.get("pageToken", "")).decode()
        most = int(self.query["maxResults"])
        fields = re.fullmatch(r"kind,nextPageToken,items\(([a-zA-Z,0-9]+)\)", self.query["fields"])
        members = set(fields[1].split(","))
        if members - MEMBERS:
            raise Refused(400, "invalidParameter", "Invalid field selection")
        with self.server.lock:
            names = sorted(name for bucket, name in self.server.objects
                           if bucket == self.bucket and name.startswith(prefix) and name > after)
            entries = [self.server.objects[(self.bucket, name)] for name in names[:most]]
        return self.send_list([self.describe(entry, members) for entry in entries],
                              names[most - 1] if len(names) > most else None)  # fmt: skip

    def send_list(self, items, last):
        """Like the service, without the members that would be empty."""
        page = {"kind": "storage#objects"}
        if items:
            page["items"] = items
        if last is not None:
            page["nextPageToken"] = base64.b64encode(last.encode()).decode()
        return self.send_json(200, page)

    # --- Resumable uploads ---

    def do_begin(self):
        about, crc32c = self.read_description(self.body)
        if crc32c is not None:
            raise Refused(400, "invalid", "a checksum of what is not there yet")
        self.check_precondition(about["name"])
        number = secrets.token_hex(16)
        with self.server.lock:
            self.server.sessions[number] = {
                "about": about, "content": bytearray(), "object": None,
                "fields": self.wanted(), "query": dict(self.query),
            }  # fmt: skip
        origin = f"http://{self.head['host']}"
        address = f"{origin}{self.path}?uploadType=resumable&upload_id={number}"
        return self.send(200, b"", f"Location: {address}")

    def dispatch_session(self):
        """The address is all that it takes, and a token is not to be shown to it."""
        if "authorization" in self.head:
            raise Refused(400, "invalid", "a token for the address of a session")
        with self.server.lock:
            self.session = self.server.sessions.get(self.query["upload_id"])
        if not self.session:
            self.read_body()
            return self.send(404, b"Not Found")
        if self.method == "DELETE":
            return self.do("cancel", self.session["about"]["name"])
        self.read_range()
        operation = "ask" if self.first is None and self.total is None else "chunk"
        if self.total is not None:
            operation = "end" if self.first is not None else "ask"
            if self.first is None and self.total == len(self.session["content"]):
                operation = "end"
        return self.do(operation, self.session["about"]["name"])

    def read_range(self):
        size = int(self.head.get("content-length", "0"))
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.head["content-range"])
        if not found:
            raise Refused(400, "invalid", "Failed to parse Content-Range header.")
        first, last, total = found.groups()
        self.first = None if first is None else int(first)
        self.total = None if total == "*" else int(total)
        if (0 if first is None else int(last) - int(first) + 1) != size:
            raise Refused(400, "invalid", "the range is not that of the body")
        if first is not None and self.total is None and size % QUANTUM != 0:
            raise Refused(400, "invalid", "chunks are multiples of 256 KiB")
        if first is not None and self.total is not None and int(last) + 1 != self.total:
            raise Refused(400, "invalid", "the last chunk does not end where the object does")

    def go_on(self):
        stored = len(self.session["content"])
        self.read_body()
        return self.send(308, b"", *([f"Range: bytes=0-{stored - 1}"] if stored else []))

    def answer_done(self):
        return self.send_json(200, self.describe(self.session["object"], self.session["fields"]))

    def do_ask(self):
        return self.answer_done() if self.session["object"] else self.go_on()

    def take(self, body):
        """Bytes that are there already are passed over; a gap cannot be filled."""
        content = self.session["content"]
        if self.first > len(content):
            raise Refused(400, "invalid", "the range begins behind what is stored")
        content += body[len(content) - self.first :]

    def do_chunk(self):
        if self.session["object"]:
            return self.answer_done()
        self.take(self.body)
        return self.go_on()

    def do_end(self):
        if self.session["object"]:
            return self.answer_done()
        if self.first is not None:
            self.take(self.body)
        content = bytes(self.session["content"])
        if len(content) != self.total:
            return self.go_on()
        given = re.fullmatch(r"crc32c=(\S+)", self.head["x-goog-hash"])[1]
        self.query = self.session["query"]
        self.session["object"] = self.store(content, self.session["about"], given)
        return self.answer_done()

    def do_cancel(self):
        with self.server.lock:
            self.server.sessions.pop(self.query["upload_id"])
        return self.send(499)

    # --- What it does wrong ---

    def fault_slow(self):
        return self.refuse(429, "rateLimitExceeded", "The object exceeded the rate limit.")

    def fault_wait(self):
        return self.refuse(503, "backendError", "", "Retry-After: 7")

    def fault_internal(self):
        return self.refuse(500, "backendError", "Backend Error")

    def fault_denied(self):
        return self.refuse(403, "forbidden", f"{EMAIL} does not have access. {self.token}")

    def fault_revoked(self):
        """This token is over; another one may do."""
        with self.server.lock:
            self.server.tokens.pop(self.token, None)
        return self.refuse(401, "authError", f"Invalid Credentials: {self.token}")

    def fault_removed(self):
        """The token is over, and the account of going.json is not known any more."""
        self.server.going_is_gone = True
        return self.fault_revoked()

    def fault_bucket(self):
        return self.refuse(404, "notFound", "The specified bucket does not exist.")

    def fault_gone(self):
        """The session is not known any more."""
        with self.server.lock:
            self.server.sessions.pop(self.query["upload_id"])
        self.read_body()
        return self.send(410, b"Gone")

    def fault_full(self):
        return self.refuse(403, "quotaExceeded", "The project exceeded its quota.")

    def fault_kept(self):
        return self.refuse(403, "retentionPolicyNotMet", "Object is under active retention.")

    def fault_changed(self):
        return self.refuse(400, "invalid", 'Provided CRC32C "a" doesn\'t match calculated CRC32C')

    def fault_half(self):
        """Takes less than it is sent, and not to a full quantum."""
        body = self.read_body()
        self.take(body[: 2 * len(body) // 3 + 1000])
        return self.go_on()

    def fault_less(self):
        """Has less than it had."""
        self.read_body()
        return self.send(308, b"", "Range: bytes=0-99")

    def fault_more(self):
        self.read_body()
        return self.send(308, b"", "Range: bytes=0-999999999999")

    def fault_odd(self):
        self.read_body()
        return self.send(308, b"", "Range: 0-99")

    def fault_idle(self):
        """Never takes anything."""
        return self.go_on()

    def fault_early(self):
        """An object before all of it was sent."""
        self.read_body()
        entry = (b"x", {"name": "x", "generation": "1"})
        return self.send_json(200, self.describe(entry))

    def answer_with(self, **other):
        """Do what is asked for, and tell something else of the object."""
        self.read_body()
        self.other = other
        try:
            return getattr(self, "do_" + self.operation)()
        finally:
            self.other = {}

    def fault_sum(self):
        return self.answer_with(crc32c="AAAAAA==")

    def fault_size(self):
        return self.answer_with(size="4")

    def fault_elsewhere(self):
        """A session at another host."""
        self.read_body()
        return self.send(200, b"", f"Location: http://127.0.0.1:1{self.path}?upload_id=1")

    def fault_nowhere(self):
        self.read_body()
        return self.send(200)

    def fault_bytes(self):
        """Other bytes than those of the checksum."""
        content = self.find(self.name)[0]
        return self.send(206, bytes(len(content)),
                         f"Content-Range: bytes 0-{len(content) - 1}/{len(content)}",
                         f"x-goog-hash: crc32c={sum_of(content)}")  # fmt: skip

    def fault_whole(self):
        """No range, and more than was asked for."""
        return self.send(200, self.find(self.name)[0] * 2)

    def fault_lesser(self):
        return self.send(206, self.find(self.name)[0][:2], "Content-Range: bytes 0-1/5")

    def fault_other(self):
        return self.send(206, self.find(self.name)[0], "Content-Range: bytes 1-5/6")

    def fault_short(self):
        self.send(206, b"12", "Content-Range: bytes 0-4/5", length=5)
        raise hostile.Broken

    def fault_object(self):
        """JSON, and none that was asked for."""
        self.read_body()
        return self.send_json(200, {"kind": "storage#channel"})

    def fault_same(self):
        """The same token again and again."""
        return self.send_list([], "x")

    def fault_circle(self):
        """New tokens, and the same pages."""
        number = int(base64.b64decode(self.query.get("pageToken", "MA==")))
        item = {"name": f"{self.query['prefix']}{number % 3}", "size": "1"}
        return self.send_list([item], str(number + 1))

    def fault_foreign(self):
        return self.send_list([{"name": "another/key", "size": "1"}], None)

    # --- Of who gives tokens ---

    def fault_echo(self):
        """Sends back what it got."""
        form = dict(urllib.parse.parse_qsl(self.read_body().decode()))
        text = form.get("refresh_token", form.get("assertion", ""))
        return self.send_json(400, {"error": "invalid_grant", "error_description": text})

    def fault_clock(self):
        self.read_body()
        return self.send_json(400, {"error": "invalid_grant", "error_description": "Invalid JWT"},
                              "Date: Mon, 01 Jan 2001 00:00:00 GMT")  # fmt: skip

    def fault_false(self):
        """A token that no service takes."""
        self.read_body()
        return self.send_json(200, {"access_token": "ya29.false-canary-3305", "expires_in": 3600})


class Server(hostile.Server):
    def __init__(self):
        self.objects = {}
        self.sessions = {}
        self.tokens = {}
        self.given = 0
        self.generation = 1700000000000000
        self.going_is_gone = False
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        super().__init__(Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def write_files(server, folder):
    for name, different in FILES.items():
        members = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": KEY_ID,
            "private_key": pem_of(server.key),
            "client_email": EMAIL,
            "token_uri": "/token",
            "universe_domain": "googleapis.com",
            **different,
        }
        if members["type"] == "authorized_user":
            members = {**CLIENT, "refresh_token": REFRESH, "token_uri": "/token", **different}
        if members.get("private_key") == "other":
            members["private_key"] = pem_of(server.other_key)
        if members["token_uri"] == "/elsewhere":
            members["token_uri"] = server.address.replace("127.0.0.1", "localhost") + "/token"
        else:
            members["token_uri"] = server.address + members["token_uri"]
        path = pathlib.Path(folder) / f"{name}.json"
        path.write_text(json.dumps(members, indent=2))
        path.chmod(0o600)


def environment_for(server, folder):
    hidden = ("GOOGLE_", "CLOUDSDK_", "STORAGE_EMULATOR", "GCE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment.update(
        BSI_GCS_ENDPOINT=server.address,
        BSI_GCS_FILES=folder,
        BSI_GCS_BUCKET="bucket",
        http_proxy="http://127.0.0.1:1",  # Not to be used.
        GOOGLE_APPLICATION_CREDENTIALS=folder + "/service.json",
        GCE_METADATA_HOST=server.address.split("//")[1],
    )
    return environment


def main(command):
    server = Server()
    try:
        with tempfile.TemporaryDirectory(prefix="backupsvc-gcs.") as folder:
            write_files(server, folder)
            if command[0].endswith(".py"):
                command = [sys.executable, *command]
            environment = environment_for(server, folder)
            return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
