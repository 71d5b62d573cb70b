#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside fake-gcs-server on this machine.

Usage: gcs_server.py PROGRAM [ARGUMENT...]

It is named by FAKE_GCS_SERVER or found in PATH; without it the test is skipped. PROGRAM finds in
its environment STORAGE_EMULATOR_HOST, and BSI_GCS_BUCKET with the name of an empty bucket. The
emulator asks for no credentials; gcs_stub.py does.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import ports

SKIPPED = 77
START_SECONDS = 60
BUCKET = "backupsvc"


def program():
    return os.environ.get("FAKE_GCS_SERVER") or shutil.which("fake-gcs-server")


def make_bucket(address, process):
    """As soon as the server answers; past any proxy of the environment."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(
        address + "/storage/v1/b?project=tests",
        json.dumps({"name": BUCKET}).encode(),
        {"Content-Type": "application/json"},
    )
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            opener.open(request, timeout=60).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.02)


def run_beside(port, process, command):
    address = f"http://127.0.0.1:{port}"
    make_bucket(address, process)
    hidden = ("GOOGLE_", "CLOUDSDK_", "BSI_GCS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment.update(STORAGE_EMULATOR_HOST=f"127.0.0.1:{port}", BSI_GCS_BUCKET=BUCKET)
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    return subprocess.run(command, env=environment, check=False).returncode


def main(command):
    if not program():
        print("1..0 # SKIP fake-gcs-server is not there")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-gcs."))
    port = ports.free_port()
    address = f"http://127.0.0.1:{port}"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [program(), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
             "-backend", "memory", "-external-url", address],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        return run_beside(port, process, command)
    except OSError:
        print((folder / "log").read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
