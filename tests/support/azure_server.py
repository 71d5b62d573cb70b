#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside a blob service like Azure's on this machine.

Usage: azure_server.py azurite|stub|any PROGRAM [ARGUMENT...]

Azurite is the program that AZURITE names, or azurite-blob in PATH; the stub is azure_stub.py,
which is always there and stricter; "any" is the first of them. Without the server the test is
skipped.
PROGRAM finds in its environment BSI_AZURE_CONNECTION_STRING, BSI_AZURE_ENDPOINT,
BSI_AZURE_ACCOUNT, BSI_AZURE_KEY, BSI_AZURE_CONTAINER, BSI_AZURE_SAS, which may do all in the
container, BSI_AZURE_READ_SAS, which may only read and list, and BSI_AZURE_OLD_SAS, which is over;
BSI_AZURE_CHECKSUMS is one of those that the server knows.
"""
import base64
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
import urllib.parse
import urllib.request

import ports

SKIPPED = 77
START_SECONDS = 60
ACCOUNT = "backupsvctest"
KEY = base64.b64encode(b"no secret, but the key of the account that the tests have").decode()
CONTAINER = "backupsvc"
VERSION = "2023-11-03"


def sign(text, key=KEY):
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def shared_access(permissions, hours):
    """A service SAS for the container. Source: "Create a service SAS", version 2020-12-06."""
    now = datetime.datetime.now(datetime.timezone.utc)
    expiry = (now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [permissions, "", expiry, f"/blob/{ACCOUNT}/{CONTAINER}", "", "", "", "2021-12-02",
             "c", "", "", "", "", "", "", ""]  # fmt: skip
    query = {"sv": "2021-12-02", "se": expiry, "sr": "c", "sp": permissions,
             "sig": sign("\n".join(lines))}  # fmt: skip
    return urllib.parse.urlencode(query)


def signed(method, endpoint, path, query=(), headers=(), body=b""):
    """A request by the account's key."""
    url = endpoint + path
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    own = {"x-ms-date": now, "x-ms-version": VERSION, **dict(headers)}
    lines = "".join(f"{name}:{own[name]}\n" for name in sorted(own) if name.startswith("x-ms-"))
    resource = "/" + ACCOUNT + urllib.parse.urlsplit(url).path
    resource += "".join(f"\n{name}:{value}" for name, value in sorted(dict(query).items()))
    length = str(len(body)) if body else ""
    kind = "application/octet-stream" if body else ""
    text = f"{method}\n\n\n{length}\n\n{kind}\n\n\n\n\n\n\n{lines}{resource}"
    own["Authorization"] = f"SharedKey {ACCOUNT}:{sign(text)}"
    if body:
        own["Content-Type"] = kind
    address = url + ("?" + urllib.parse.urlencode(dict(query)) if query else "")
    return urllib.request.Request(address, method=method, headers=own, data=body or None)


def ask(request):
    """The answer, past any proxy of the environment."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=60)


class Azurite:
    """Azurite, in strict mode and in memory."""

    checksums = "crc64"

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.port = ports.free_port()

    @staticmethod
    def program():
        return os.environ.get("AZURITE") or shutil.which("azurite-blob")

    @staticmethod
    def is_there():
        return Azurite.program() is not None

    def start(self):
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
        command = [self.program(), "--silent", "--disableTelemetry", "--inMemoryPersistence",
                   "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]  # fmt: skip
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=self.folder
            )

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Stub:
    """azure_stub.py beside the test."""

    checksums = "md5"

    def __init__(self, folder):
        self.server = None
        self.port = 0

    @staticmethod
    def is_there():
        return True

    def start(self):
        import azure_stub

        self.server = azure_stub.Server(ACCOUNT, KEY)
        self.port = self.server.server_address[1]

    def is_running(self):
        return True

    def stop(self):
        if self.server:
            self.server.stop()


def choose(name):
    for kind in (Azurite, Stub):
        if name in (kind.__name__.lower(), "any") and kind.is_there():
            return kind
    return None


def make_container(server, endpoint):
    """As soon as the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            ask(signed("PUT", endpoint, "/" + CONTAINER, {"restype": "container"})).close()
            return
        except urllib.error.HTTPError:
            raise
        except OSError:
            if not server.is_running() or time.monotonic() > end:
                raise
            time.sleep(0.02)


def run_beside(server, command):
    server.start()
    endpoint = f"http://127.0.0.1:{server.port}/{ACCOUNT}"
    make_container(server, endpoint)
    environment = {name: value for name, value in os.environ.items() if name[:6] != "AZURE_"}
    environment.update(
        BSI_AZURE_CONNECTION_STRING=f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};"
        f"AccountKey={KEY};BlobEndpoint={endpoint};",
        BSI_AZURE_ENDPOINT=endpoint,
        BSI_AZURE_ACCOUNT=ACCOUNT,
        BSI_AZURE_KEY=KEY,
        BSI_AZURE_CONTAINER=CONTAINER,
        BSI_AZURE_SAS=shared_access("racwdl", 1),
        BSI_AZURE_READ_SAS=shared_access("rl", 1),
        BSI_AZURE_OLD_SAS=shared_access("racwdl", -1),
        BSI_AZURE_CHECKSUMS=server.checksums,
    )
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    return subprocess.run(command, env=environment, check=False).returncode


def main(name, command):
    kind = choose(name)
    if not kind:
        print(f"1..0 # SKIP no such blob service is there: {name}")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-azure."))
    server = kind(folder)
    try:
        return run_beside(server, command)
    except OSError:
        if (folder / "log").exists():
            print((folder / "log").read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
