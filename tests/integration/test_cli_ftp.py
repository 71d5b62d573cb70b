#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keep a storage on an FTP server with the tool, use it, try it out, forget it.

Usage: test_cli_ftp.py TOOL FTP_SERVER [unittest's arguments]
"""
import importlib.util
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import unittest

import scratch
from cli_case import DONE, Case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ports  # noqa: E402

SERVER = sys.argv.pop(1) if len(sys.argv) > 1 else ""


@unittest.skipUnless(importlib.util.find_spec("pyftpdlib"), "no pyftpdlib here")
class Ftp(Case):
    PASSWORD = "a secret/of+the=tests"

    @classmethod
    def setUpClass(cls):
        cls.folder = scratch.folder("ftp")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "data").mkdir()
        (cls.folder / "passwords").write_text(cls.PASSWORD + "\n")
        cls.certificate = cls.folder / "server.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30", "-out", cls.certificate,
             "-keyout", cls.folder / "server.pem.key"],
            check=True, capture_output=True,
        )  # fmt: skip
        cls.port = ports.free_port()
        cls.server = subprocess.Popen(
            [sys.executable, SERVER, str(cls.port), cls.folder], stderr=subprocess.DEVNULL
        )
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        end = time.monotonic() + 60
        while cls.server.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", cls.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the server does not start")

    def setUp(self):
        super().setUp()
        self.secret = self.scratch / "secret"
        self.secret.write_text(self.PASSWORD)
        self.secret.chmod(0o600)
        self.place = self.folder / "data" / self.scratch.name

    def add(self, *more):
        return ("storage", "add", "server", "ftp", "host=127.0.0.1", f"port={self.port}",
                "user=ftp", f"password=file:{self.secret}", f"path={self.place}",
                *more)  # fmt: skip

    def test_backups_go_to_a_server_and_come_back(self):
        done = self.ends(DONE, *self.add("tls=none"))
        self.assertIn(b"nothing is encrypted on the way", done.stderr)
        listed = self.document(DONE, "storage", "list")["list"]["storages"]
        self.assertEqual([one["name"] for one in listed], ["local", "server"])
        shown = self.ends(DONE, "storage", "show", "server").stdout.decode()
        self.assertIn("tls = none\n", shown)
        self.assertNotIn(self.PASSWORD, shown)
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "server")
        self.assertTrue(list(self.place.rglob("*.zip")))
        self.ends(DONE, "verify", made["backup_id"])
        self.ends(DONE, "restore", made["backup_id"], self.scratch / "target", "--strip")
        self.assertEqual((self.scratch / "target" / "one.txt").read_text(), "one\n")
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.ends(DONE, "delete", made["backup_id"])
        self.assertEqual([path for path in self.place.rglob("*") if path.is_file()], [])
        self.ends(DONE, "storage", "remove", "server")

    def test_a_check_tells_what_a_server_can(self):
        self.ends(DONE, *self.add("tls=none"))
        check = self.document(DONE, "storage", "check", "server")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        lacks = {name for name, result in results.items() if result == "lacks"}
        self.assertEqual(lacks, {"put_exclusive", "free_space"}, check)
        self.assertEqual(set(results.values()), {"ok", "lacks"}, check)
        self.assertLess(abs(check["clock_ahead_seconds"]), 60)
        self.assertEqual([path for path in self.place.rglob("*") if path.is_file()], [])

    def test_what_is_encrypted_needs_a_certificate_and_no_warning(self):
        self.refused("certificate", *self.add())
        done = self.ends(DONE, *self.add(f"ca_file={self.certificate}"))
        self.assertNotIn(b"encrypted", done.stderr)

    def test_a_wrong_password_is_not_kept_and_not_told(self):
        self.secret.write_text("canary-5521")
        done = self.refused("127.0.0.1", *self.add("tls=none"))
        self.assertNotIn("canary", str(done))
        self.refused("takes no secret but where that is", *self.add("password=canary-5521"))
        self.refused("there is no storage", "storage", "show", "server")


if __name__ == "__main__":
    unittest.main()
