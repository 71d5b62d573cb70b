#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One repository on a storage of a service, for the tool and for restic.

Usage: test_restic_remote.py TOOL [unittest's arguments]

Started beside a server by tests/support/s3_server.py, azure_server.py or sshd_beside, or with
BSI_RCLONE in the environment: then both go through rclone to a directory here.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import unittest
import urllib.parse

from cli_case import DONE, Case
from restic_program import RESTIC

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import azure_front  # noqa: E402

PHRASE = "canary-81c4-pass-phrase"
KEY = ("--key", "env:PASS")
SIZE = 3 << 20  # More than one chunk.


@unittest.skipUnless(RESTIC, "restic is not installed")
class Remote(Case):
    def setUp(self):
        super().setUp()
        (self.source / "big").write_bytes(os.urandom(SIZE))
        self.environment = {
            k: v for k, v in os.environ.items()
            if k not in ("BACKUP_STORAGE_PATH", "ENCRYPTION_KEY") and k[-6:].lower() != "_proxy"
        } | {"PASS": PHRASE, "RESTIC_PASSWORD": PHRASE, "HOME": str(self.scratch)}  # fmt: skip
        self.restic_options = ["--no-cache"]
        for name, place in (("BSI_S3_ENDPOINT", self.on_s3), ("BSI_AZURE_ENDPOINT", self.on_azure),
                            ("BSI_SFTP_PORT", self.on_sftp),
                            ("BSI_RCLONE", self.on_rclone)):  # fmt: skip
            if name in os.environ:
                driver, settings = place(self.scratch.name)
        self.ends(DONE, "storage", "add", "offsite", driver,
                  *(f"{key}={value}" for key, value in settings.items()))  # fmt: skip

    # Each tells restic where it is, and returns driver and settings for the tool.

    def on_s3(self, prefix):
        endpoint, bucket = os.environ["BSI_S3_ENDPOINT"], os.environ["BSI_S3_BUCKET"]
        self.environment["RESTIC_REPOSITORY"] = f"s3:{endpoint}/{bucket}/{prefix}"
        return "s3", {"endpoint": endpoint, "bucket": bucket, "prefix": prefix,
                      "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
                      "secret_access_key": "env:AWS_SECRET_ACCESS_KEY"}  # fmt: skip

    def on_azure(self, prefix):
        """restic knows Azure's own addresses alone; some that are newer do not know it at all."""
        if "azure." not in self.restic("options"):
            self.skipTest("this restic has no Azure")
        port = urllib.parse.urlsplit(os.environ["BSI_AZURE_ENDPOINT"]).port
        front = azure_front.Front(port, self.scratch)
        self.addCleanup(front.stop)
        account, container = os.environ["BSI_AZURE_ACCOUNT"], os.environ["BSI_AZURE_CONTAINER"]
        self.environment |= {
            "RESTIC_REPOSITORY": f"azure:{container}:/{prefix}", "AZURE_ACCOUNT_NAME": account,
            "AZURE_ACCOUNT_KEY": os.environ["BSI_AZURE_KEY"], "HTTPS_PROXY": front.url,
        }  # fmt: skip
        self.restic_options += ["--cacert", front.certificate]
        return "azure_blob", {"account": account, "account_key": "env:BSI_AZURE_KEY",
                              "container": container, "prefix": prefix, "proxy": "env:HTTPS_PROXY",
                              "ca_file": front.certificate}  # fmt: skip

    def on_sftp(self, prefix):
        port, user = os.environ["BSI_SFTP_PORT"], os.environ["BSI_SFTP_USER"]
        path = f"{os.environ['BSI_SFTP_DATA']}/{prefix}"
        key, hosts = os.environ["BSI_SFTP_KEY"], os.environ["BSI_SFTP_KNOWN_HOSTS"]
        self.environment["RESTIC_REPOSITORY"] = f"sftp:{user}@127.0.0.1:{path}"
        command = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
                   f"UserKnownHostsFile={hosts}", "-i", key, "-p", port, "-l", user, "127.0.0.1",
                   "-s", "sftp"]  # fmt: skip
        self.restic_options += ["-o", f"sftp.command={shlex.join(command)}"]
        return "sftp", {"host": "127.0.0.1", "port": port, "user": user, "path": path,
                        "key_file": key, "known_hosts": hosts}  # fmt: skip

    def on_rclone(self, prefix):
        if not shutil.which("rclone"):
            self.skipTest("rclone is not installed")
        path = self.scratch / prefix
        self.environment["RESTIC_REPOSITORY"] = f"rclone:{path}"
        return "rclone", {"remote": path}

    def run_tool(self, *args, **options):
        options.setdefault("env", self.environment)
        return super().run_tool(*args, **options)

    def restic(self, *arguments):
        done = subprocess.run(
            [RESTIC, *map(str, self.restic_options), *map(str, arguments)], env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def restic_backup(self):
        lines = self.restic("backup", "--json", self.source).splitlines()
        return json.loads(lines[-1])

    def back_up_there(self):
        return self.back_up("--storage", "offsite", "--form", "repository", "--encrypt", "aes256",
                            *KEY)["id"]  # fmt: skip

    def assert_same(self, path):
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source, path],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(done.stdout + done.stderr, "")

    def test_what_the_tool_has_stored_restic_checks_restores_and_continues(self):
        self.back_up_there()
        self.restic("check", "--read-data")
        target = self.scratch / "theirs"
        self.restic("restore", "latest", "--target", target)
        self.assert_same(target / str(self.source).lstrip("/"))
        (self.source / "later").write_text("later\n")
        made = self.restic_backup()
        self.assertLess(made["data_added"], SIZE // 2)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 2)
        check = self.document(DONE, "check", "--storage", "offsite", "--read-data", *KEY)["check"]
        self.assertEqual(check["findings"], [], check)

    def test_what_restic_has_stored_the_tool_restores_and_continues(self):
        self.restic("init")
        theirs = self.restic_backup()["snapshot_id"]
        (self.source / "later").write_text("later\n")
        ours = self.back_up_there()
        shown = self.document(DONE, "snapshots", "--storage", "offsite", *KEY)["snapshots"]
        self.assertEqual(len(shown), 2)
        self.ends(DONE, "restore", ours, self.scratch / "ours", "--strip", *KEY)
        self.assert_same(self.scratch / "ours")
        self.document(DONE, "rebuild", *KEY)
        found = self.document(DONE, "snapshots", "--storage", "offsite", *KEY)["snapshots"]
        name = next(one["backup_id"] for one in found if one["id"].startswith(theirs))
        (self.source / "later").unlink()
        self.ends(DONE, "restore", name, self.scratch / "first", "--strip", *KEY)
        self.assert_same(self.scratch / "first")
        self.restic("forget", "--prune", theirs)
        self.restic("check")
        self.ends(DONE, "verify", ours, *KEY)


if __name__ == "__main__":
    unittest.main()
