#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside a small S3 server that misbehaves as keys tell it.

Usage: s3_hostile.py PROGRAM [ARGUMENT...]

Keys begin with scripts, as hostile.py has them. Operations: open (the listing of the script
itself), list, get, head, put, delete, removal (of many), begin, part, complete, end, uploads.
Signatures are not looked at; only a bucket that is named like an access key is for that one
alone. PROGRAM finds the address in BSI_S3_ENDPOINT.

The server is also what a container or a machine asks for its credentials. The first that each of
them gets have a minute left, all others an hour.
"""
import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import xml.sax.saxutils

import hostile

CONTAINER_TOKEN = "Bearer of-the-container"
SHARED_FILE = """\
# A comment.
[default]
aws_access_key_id = AKIAFILE
aws_secret_access_key=secret
[half]
aws_access_key_id = AKIAHALF
[profile other]
  aws_access_key_id  =  AKIAOTHER
aws_secret_access_key = secret
region = eu-west-1
"""
CHARACTERS = {f"&#{ord(one)};": one for one in "&<>\"\t\n\r"}


class Handler(hostile.Handler):
    # --- One request ---

    def answer_request(self):
        _, self.bucket, *rest = urllib.parse.unquote(self.path).split("/", 2)
        self.key = rest[0] if rest else ""
        if self.bucket in ("latest", "container"):
            return getattr(self, "meta_" + self.bucket)()
        if self.bucket.startswith("AKIA") and f"={self.bucket}/" not in self.head["authorization"]:
            return self.refuse(403, "InvalidAccessKeyId")
        operation = self.name_operation()
        return self.do(operation, self.script(operation))

    def script(self, operation):
        """What the request is about, which begins with a script."""
        if operation == "removal":
            self.removed = [xml.sax.saxutils.unescape(key, CHARACTERS) for key in
                            re.findall("<Key>(.*?)</Key>", self.read_body().decode())]  # fmt: skip
            return self.removed[0]
        return self.key or self.query.get("prefix", "")

    def name_operation(self):
        if not self.key:
            if "uploads" in self.query:
                return "uploads"
            if "delete" in self.query:
                return "removal"
            prefix = self.query.get("prefix", "")
            script = hostile.SCRIPT.match(prefix)
            return "open" if script and script.end() == len(prefix) else "list"
        if "uploads" in self.query:
            return "begin"
        if "uploadId" in self.query:
            return {"PUT": "part", "POST": "complete", "GET": "parts"}.get(self.method, "end")
        return {"GET": "get", "HEAD": "head", "PUT": "put"}.get(self.method, "delete")

    # --- Who gives credentials ---

    def send_credentials(self, who):
        with self.server.lock:
            number = self.server.given[who] = self.server.given.get(who, 0) + 1
        end = datetime.datetime.now(datetime.timezone.utc)
        end += datetime.timedelta(minutes=1 if number == 1 else 60)
        given = {
            "Code": "Success",
            "AccessKeyId": f"AKIA{who}{min(number, 2)}",
            "SecretAccessKey": "secret",
            "Token": f"token-{number}",
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Other": {"a": [1]},
        }
        return self.send(200, json.dumps(given).encode())

    def meta_container(self):
        if self.head.get("authorization") != CONTAINER_TOKEN:
            return self.send(403)
        return self.send_credentials("CONTAINER")

    def meta_latest(self):
        role = "meta-data/iam/security-credentials/"
        if (self.method, self.key) == ("PUT", "api/token"):
            return self.send(200, b"of-the-machine")
        if self.head.get("x-aws-ec2-metadata-token") != "of-the-machine":
            return self.send(401)
        if self.key == role:
            return self.send(200, b"role-1\n")
        return self.send_credentials("MACHINE") if self.key == role + "role-1" else self.send(404)

    # --- What a service does ---

    def do_open(self):
        return self.do_list()

    def do_list(self):
        prefix = self.query["prefix"]
        with self.server.lock:
            keys = sorted(key for key in self.server.objects if key.startswith(prefix))
            sizes = {key: len(self.server.objects[key][0]) for key in keys}
        begin = int(self.query.get("continuation-token", "0"))
        end = begin + int(self.query["max-keys"])
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(keys) else ""
        return self.send_list([(key, sizes[key]) for key in keys[begin:end]], more)

    def send_list(self, objects, more):
        items = "".join(
            f"<Contents><Key>{urllib.parse.quote(key)}</Key><Size>{size}</Size></Contents>"
            for key, size in objects
        )
        truncated = "true" if more else "false"
        body = (f"<ListBucketResult><EncodingType>url</EncodingType>{items}{more}"
                f"<IsTruncated>{truncated}</IsTruncated></ListBucketResult>")  # fmt: skip
        return self.send(200, body.encode())

    def find(self):
        with self.server.lock:
            return self.server.objects.get(self.key)

    def do_get(self):
        found = self.find()
        if not found:
            return self.refuse(404, "NoSuchKey")
        content = found[0]
        first, last = (int(text) for text in self.head["range"][len("bytes=") :].split("-"))
        if first >= len(content):
            return self.refuse(416, "InvalidRange")
        part = content[first : last + 1]
        last = first + len(part) - 1
        return self.send(206, part, f"Content-Range: bytes {first}-{last}/{len(content)}")

    def do_head(self):
        found = self.find()
        if not found:
            return self.send(404)
        return self.send(200, b"", 'ETag: "1"', *found[1], length=len(found[0]))

    def kept_headers(self):
        return [f"{name}: {value}" for name, value in self.head.items()
                if name.startswith("x-amz-meta-")]  # fmt: skip

    def store(self, content, headers):
        """False when there is one already and must not be."""
        with self.server.lock:
            if self.head.get("if-none-match") and self.key in self.server.objects:
                return False
            self.server.objects[self.key] = (content, headers)
        return True

    def do_put(self):
        if hashlib.sha256(self.body).hexdigest() != self.head["x-amz-content-sha256"]:
            return self.refuse(400, "XAmzContentSHA256Mismatch")
        if not self.store(self.body, self.kept_headers()):
            return self.refuse(412, "PreconditionFailed")
        return self.send(200, b"", 'ETag: "1"')

    def do_delete(self):
        with self.server.lock:
            self.server.objects.pop(self.key, None)
        return self.send(204)

    def do_removal(self, but=()):
        """Of these keys `but` cannot be removed now, for the reasons that stand with them."""
        errors = "".join(
            f"<Error><Key>{hostile.escape(key)}</Key><Code>{code}</Code><Message>No.</Message>"
            "</Error>"
            for key, code in but
        )
        with self.server.lock:
            for key in set(self.removed) - {key for key, _ in but}:
                self.server.objects.pop(key, None)
        return self.send(200, f"<DeleteResult>{errors}</DeleteResult>".encode())

    def do_begin(self):
        with self.server.lock:
            number = str(len(self.server.uploads) + 1)
            self.server.uploads[number] = (self.key, {}, self.kept_headers())
        return self.send(200, f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId>"
                              "</InitiateMultipartUploadResult>".encode())  # fmt: skip

    def upload(self):
        with self.server.lock:
            return self.server.uploads.get(self.query["uploadId"])

    def do_part(self):
        upload = self.upload()
        if not upload:
            return self.refuse(404, "NoSuchUpload")
        upload[1][int(self.query["partNumber"])] = self.body
        return self.send(200, b"", f'ETag: "part-{self.query["partNumber"]}"')

    def do_complete(self):
        upload = self.upload()
        if not upload:
            return self.refuse(404, "NoSuchUpload")
        numbers = [int(text) for text in re.findall(rb"<PartNumber>(\d+)<", self.body)]
        if not self.store(b"".join(upload[1][number] for number in numbers), upload[2]):
            return self.refuse(412, "PreconditionFailed")
        with self.server.lock:
            self.server.uploads[self.query["uploadId"]] = None
        return self.send(200, b"<CompleteMultipartUploadResult><ETag>2</ETag>"
                              b"</CompleteMultipartUploadResult>")  # fmt: skip

    def do_end(self):
        if not self.upload():
            return self.refuse(404, "NoSuchUpload")
        with self.server.lock:
            self.server.uploads[self.query["uploadId"]] = None
        return self.send(204)

    def do_uploads(self):
        with self.server.lock:
            pending = [(number, upload) for number, upload in self.server.uploads.items()
                       if upload and upload[0].startswith(self.query["prefix"])]  # fmt: skip
        items = "".join(
            f"<Upload><Key>{urllib.parse.quote(upload[0])}</Key><UploadId>{number}</UploadId>"
            "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
            for number, upload in pending
        )
        return self.send(200, ("<ListMultipartUploadsResult><EncodingType>url</EncodingType>"
                               f"{items}</ListMultipartUploadsResult>").encode())  # fmt: skip

    def do_parts(self):
        parts = "".join(f"<Part><Size>{len(body)}</Size></Part>"
                        for body in self.upload()[1].values())  # fmt: skip
        return self.send(200, f"<ListPartsResult>{parts}</ListPartsResult>".encode())

    # --- What it does wrong ---

    def fault_slow(self):
        return self.refuse(503, "SlowDown", "Please reduce your request rate.")

    def fault_wait(self):
        return self.refuse(503, "SlowDown", "", "", "Retry-After: 7")

    def fault_bucket(self):
        return self.refuse(404, "NoSuchBucket", "The specified bucket does not exist")

    def fault_denied(self):
        return self.refuse(403, "AccessDenied", "Access Denied.")

    def fault_forbidden(self):
        """As a HEAD is refused: without a text."""
        return self.send(403)

    def fault_signature(self):
        return self.refuse(403, "SignatureDoesNotMatch")

    def fault_expired(self):
        token = self.head.get("x-amz-security-token", "")
        return self.refuse(400, "ExpiredToken", f"The token {token} has expired")

    def fault_region(self):
        return self.refuse(400, "AuthorizationHeaderMalformed", "the region is wrong",
                           "<Region>eu-west-7</Region>")  # fmt: skip

    def fault_moved(self):
        self.read_body()
        return self.send(301, b"", "x-amz-bucket-region: eu-west-7")

    def fault_clock(self):
        return self.refuse(403, "RequestTimeTooSkewed", "", "",
                           "Date: Mon, 01 Jan 2001 00:00:00 GMT")  # fmt: skip

    def fault_digest(self):
        return self.refuse(400, "BadDigest")

    def fault_full(self):
        return self.refuse(507, "QuotaExceeded")

    def fault_cold(self):
        return self.refuse(403, "InvalidObjectState")

    def fault_some(self):
        """The last of many objects cannot be removed now."""
        return self.do_removal([(self.removed[0], "NoSuchKey"), (self.removed[-1], "SlowDown")])

    def fault_held(self):
        """The last of many objects may not be removed."""
        return self.do_removal([(self.removed[-1], "AccessDenied")])

    def fault_unknown(self):
        return self.refuse(501, "NotImplemented")

    def fault_sum(self):
        """Takes the bytes, and counts others."""
        self.read_body()
        other = base64.b64encode(bytes(32)).decode()
        return self.send(200, b"", 'ETag: "1"', f"x-amz-checksum-sha256: {other}")

    def fault_error(self):
        """Status 200 before it is done, and then it is not."""
        return self.refuse(200, "InternalError", "We encountered an internal error.")

    def fault_whole(self):
        """No range."""
        return self.send(200, self.find()[0])

    def fault_less(self):
        return self.send(206, self.find()[0][:2], "Content-Range: bytes 0-1/5")

    def fault_other(self):
        return self.send(206, self.find()[0], "Content-Range: bytes 1-5/6")

    def fault_short(self):
        self.send(206, b"12", "Content-Range: bytes 0-4/5", length=5)
        raise hostile.Broken

    def fault_same(self):
        """The same token again and again."""
        return self.send_list([], "<NextContinuationToken>x</NextContinuationToken>")

    def fault_circle(self):
        """New tokens, and the same pages."""
        number = int(self.query.get("continuation-token", "0"))
        objects = [(f"{self.query['prefix']}{number % 3}", 1)]
        return self.send_list(
            objects, f"<NextContinuationToken>{number + 1}</NextContinuationToken>"
        )

    def fault_foreign(self):
        return self.send_list([("another/key", 1)], "")


class Server(hostile.Server):
    def __init__(self):
        self.objects = {}
        self.uploads = {}
        self.given = {}
        super().__init__(Handler)


def environment_for(address, shared_file):
    environment = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"}
    environment.update(
        BSI_S3_ENDPOINT=address,
        http_proxy="http://127.0.0.1:1",  # Not to be used.
        AWS_SHARED_CREDENTIALS_FILE=shared_file,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=address + "/container/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN=CONTAINER_TOKEN,
        AWS_EC2_METADATA_SERVICE_ENDPOINT=address + "/",
    )
    return environment


def main(command):
    server = Server()
    try:
        with tempfile.NamedTemporaryFile("w", prefix="backupsvc-s3.") as shared:
            shared.write(SHARED_FILE)
            shared.flush()
            address = f"http://127.0.0.1:{server.server_address[1]}"
            environment = environment_for(address, shared.name)
            return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
