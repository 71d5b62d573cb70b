# SPDX-License-Identifier: MIT
"""Ceph's S3 server on this machine: one monitor, one store in memory, one gateway."""
import pathlib
import shutil
import subprocess
import time
import uuid

import ports

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
START_SECONDS = 120
STORE_BYTES = 1 << 32

CONFIG = """\
[global]
fsid = {fsid}
mon host = {monitor}
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
log file = {folder}/$name.log
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
ms bind ipv6 = false
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
[mon.a]
mon data = {folder}/mon
[osd]
osd objectstore = memstore
memstore device bytes = {bytes}
osd data = {folder}/osd
[client.rgw]
ms mon client mode = crc
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


def is_there():
    return all(shutil.which(program) for program in PROGRAMS)


class Server:
    """One cluster below a folder; `address` is the gateway's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        v2, v1, port = ports.free_ports(3)
        self.address = f"http://127.0.0.1:{port}"
        self.monitor = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        self.fsid = str(uuid.uuid4())
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        (self.folder / "keyring").touch()
        self.config = self.folder / "ceph.conf"
        self.config.write_text(
            CONFIG.format(fsid=self.fsid, monitor=self.monitor, folder=self.folder, port=port,
                          bytes=STORE_BYTES)
        )  # fmt: skip

    def run(self, program, *arguments):
        command = [program, "-c", self.config, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=START_SECONDS, text=True, check=False)  # fmt: skip
        if done.returncode != 0:
            raise OSError(f"{program} ends with {done.returncode}: {done.stdout}")
        return done.stdout

    def begin(self, program, *arguments):
        with open(self.folder / "log", "ab") as log:
            command = [program, "-c", self.config, "-f", *arguments]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def wait_for_store(self):
        end = time.monotonic() + START_SECONDS
        while "1 up" not in self.run("ceph", "osd", "stat"):
            if time.monotonic() > end:
                raise OSError("the store does not come up")

    def start(self, access_key, secret_key):
        maps = str(self.folder / "monmap")
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", self.monitor, maps)
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", maps)
        self.begin("ceph-mon", "-i", "a")
        store = str(uuid.uuid4())
        self.run("ceph", "osd", "new", store)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        self.begin("ceph-osd", "-i", "0")
        self.wait_for_store()
        self.begin("radosgw", "-n", "client.rgw")
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", "test",
                 "--display-name", "test", "--access-key", access_key,
                 "--secret", secret_key)  # fmt: skip

    def is_running(self):
        return all(process.poll() is None for process in self.processes)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
