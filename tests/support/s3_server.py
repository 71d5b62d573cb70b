#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside a real S3 server on this machine.

Usage: s3_server.py versitygw|radosgw|any PROGRAM [ARGUMENT...]

versitygw is named by VERSITYGW or found in PATH, radosgw comes from Debian; "any" is the
first of them that is there. Without the server the test is skipped. PROGRAM finds in its
environment BSI_S3_ENDPOINT, BSI_S3_BUCKET, BSI_S3_LOCKED_BUCKET (with Object Lock) and the
variables of Amazon's own tools with the credentials.
"""
import datetime
import hashlib
import hmac
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import ports
import s3_radosgw

SKIPPED = 77
START_SECONDS = 60
ACCESS_KEY = "backupsvc-test"
SECRET_KEY = "a-secret/of+the=tests"
REGION = "us-east-1"
BUCKET = "backupsvc"
LOCKED_BUCKET = "backupsvc-locked"


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(method, endpoint, path, query=(), more=()):
    """A request without body, signed by Signature Version 4."""
    quoted = sorted((quote(name, ""), quote(value, "")) for name, value in dict(query).items())
    query = "&".join(f"{name}={value}" for name, value in quoted)
    path = quote(path)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    host = endpoint.split("//")[1]
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": nothing, "x-amz-date": now, **dict(more)}
    headers = dict(sorted(headers.items()))
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{nothing}"
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET_KEY}".encode()
    for step in scope.split("/"):
        key = hmac_of(key, step)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope},SignedHeaders={names},"
        f"Signature={signature}"
    )
    address = f"{endpoint}{path}?{query}" if query else endpoint + path
    return urllib.request.Request(address, method=method, headers=headers)


def ask(request):
    """The answer, past any proxy of the environment."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=60)


def make_bucket(server, name, headers=()):
    """As soon as the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            ask(signed("PUT", server.address, "/" + name, more=headers)).close()
            return
        except urllib.error.HTTPError:
            raise
        except OSError:
            if not server.is_running() or time.monotonic() > end:
                raise
            time.sleep(0.02)


class Versitygw:
    """Objects as files below a folder; `address` is the server's."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.address = f"http://127.0.0.1:{ports.free_port()}"
        for name in ("data", "meta", "iam", "versions"):
            (folder / name).mkdir()

    @staticmethod
    def program():
        return os.environ.get("VERSITYGW") or shutil.which("versitygw")

    def start(self, access_key, secret_key):
        environment = {
            **os.environ,
            "ROOT_ACCESS_KEY": access_key,
            "ROOT_SECRET_KEY": secret_key,
        }
        command = [self.program(), "--port", self.address.split("//")[1], "--region", REGION,
                   "--iam-dir", self.folder / "iam",
                   "posix", "--sidecar", self.folder / "meta",
                   "--versioning-dir", self.folder / "versions", self.folder / "data"]  # fmt: skip
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


def choose(name):
    """The class of the server that was asked for, or of the first that is there."""
    if name in ("versitygw", "any") and Versitygw.program():
        return Versitygw
    if name in ("radosgw", "any") and s3_radosgw.is_there():
        return s3_radosgw.Server
    return None


def run_beside(server, command):
    server.start(ACCESS_KEY, SECRET_KEY)
    make_bucket(server, BUCKET)
    make_bucket(server, LOCKED_BUCKET, {"x-amz-bucket-object-lock-enabled": "true"})
    environment = {
        **os.environ,
        "BSI_S3_ENDPOINT": server.address,
        "BSI_S3_BUCKET": BUCKET,
        "BSI_S3_LOCKED_BUCKET": LOCKED_BUCKET,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
    }
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    return subprocess.run(command, env=environment, check=False).returncode


def main(name, command):
    kind = choose(name)
    if not kind:
        print(f"1..0 # SKIP no S3 server is there: {name}")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-s3."))
    server = kind(folder)
    try:
        return run_beside(server, command)
    except OSError:
        print((folder / "log").read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
