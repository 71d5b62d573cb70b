#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The audit log as a person meets it, and as a reader that is not ours sees it.

Usage: test_audit.py TOOL VERIFIER [unittest's arguments]
"""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

VERIFIER = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else ""

from cli_case import DONE, FAILED, USAGE, Case  # noqa: E402

SECRET = "canary-77aa-pass-phrase"


class AuditCase(Case):
    def records(self, *args, **options):
        return self.document(DONE, "audit", "show", *args, **options)["records"]

    def told(self, *args):
        """(action, result) of each record, the oldest first."""
        return [(one["action"], one["result"]) for one in reversed(self.records(*args))]

    def files(self):
        return sorted((self.state / "audit").iterdir())

    def public_key(self):
        text = self.ends(DONE, "key", "list").stdout.decode()
        return re.search(r"\b[0-9a-f]{64}\b", text).group(0)

    def independent(self, *noted):
        return subprocess.run(
            ["/usr/bin/python3", VERIFIER, self.state / "audit", self.public_key(), *noted],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def both_find(self, fault, words):
        out = self.document(FAILED, "audit", "verify")
        self.assertEqual(out["audit"]["fault"], fault)
        self.assertIn(words, out["error"]["message"])
        other = self.independent()
        self.assertEqual(other.returncode, 1, other)
        return out["audit"], other.stdout


class Telling(AuditCase):
    def test_what_is_done_to_a_backup_is_told(self):
        backup = self.back_up()["id"]
        self.ends(DONE, "verify", backup)
        self.ends(DONE, "restore", backup, self.scratch / "out")
        self.ends(DONE, "cat", backup, f"{self.source}/one.txt")
        self.ends(DONE, "export", backup, self.scratch / "copy.zip")
        self.ends(DONE, "retention", "pin", backup, "--reason", "for the auditors")
        self.refused("kept by a pin", "delete", backup)
        self.ends(DONE, "retention", "unpin", "latest:job")
        self.ends(DONE, "delete", backup)
        told = [one for one in self.told("--object", backup)]
        self.assertEqual(told, [
            ("backup.create", "begun"), ("backup.create", "done"),
            ("backup.verify", "begun"), ("backup.verify", "done"),
            ("backup.restore", "begun"), ("backup.restore", "done"),
            ("backup.read", "done"), ("backup.download", "done"),
            ("backup.pin", "done"),
            ("backup.remove", "failed"), ("backup.remove", "failed"),
            ("backup.unpin", "done"),
            ("backup.remove", "begun"), ("backup.remove", "done"),
        ])  # fmt: skip
        pin = self.records("--action", "backup.pin")[0]
        self.assertEqual(pin["detail"], "for the auditors")
        self.assertEqual(pin["uid"], os.geteuid())
        restore = self.records("--action", "backup.restore")[0]
        self.assertEqual(restore["detail"], str(self.scratch / "out"))
        self.assertEqual(restore["name"], "job")

    def test_a_failed_backup_is_told_with_its_error(self):
        self.document(FAILED, "backup", "db", "--command", "--", "sh", "-c", "exit 7")
        last = self.records("--limit", 1)[0]
        self.assertEqual((last["action"], last["result"]), ("backup.create", "failed"))
        self.assertIn("7", last["error"])

    def test_settings_are_told_but_no_secrets(self):
        environment = {**os.environ, "COMPRESSION_LEVEL": "2", "ENCRYPTION_KEY": SECRET}
        self.back_up(env=environment)
        opened = self.records("--action", "service.open")[-1]
        self.assertIn("COMPRESSION_LEVEL=2", opened["detail"])
        self.assertIn("ENCRYPTION_KEY=(secret)", opened["detail"])
        for path in self.files():
            self.assertNotIn(SECRET.encode(), path.read_bytes())

    def test_keys_are_told_by_their_names(self):
        secret = self.scratch / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        environment = {**os.environ, "ENCRYPTION_KEY": "master-" + SECRET}
        self.back_up(env=environment)
        self.ends(DONE, "key", "add", "disk", "--key", f"file:{secret}", env=environment)
        self.ends(DONE, "key", "remove", "disk", env=environment)
        self.assertEqual(self.told("--object", "disk"), [
            ("key.add", "done"), ("key.remove", "begun"), ("key.remove", "done"),
        ])  # fmt: skip
        for path in self.files():
            self.assertNotIn(b"canary", path.read_bytes())

    def test_it_can_be_switched_off(self):
        self.back_up(env={**os.environ, "AUDIT_LOG_ENABLED": "no"})
        self.assertFalse((self.state / "audit").exists())
        self.assertEqual(self.records(), [])

    def test_pages_follow_each_other(self):
        for _ in range(2):
            self.back_up()
        whole = self.records()
        first = self.document(DONE, "audit", "show", "--limit", 2)
        rest = self.document(DONE, "audit", "show", "--before", first["next_before"])
        self.assertEqual(first["records"] + rest["records"], whole)
        self.assertEqual(rest["next_before"], 0)

    def test_wrong_use_is_told(self):
        self.ends(USAGE, "audit")
        self.ends(USAGE, "audit", "show", "--result", "perhaps")
        self.back_up()
        self.refused("since", "audit", "show", "--since", "yesterday")
        self.refused("hex", "audit", "verify", "--signer", "xyz")


class Verifying(AuditCase):
    made = None  # A state directory with six records, copied for each test.

    def setUp(self):
        super().setUp()
        if Verifying.made is None:
            self.back_up()
            self.back_up()
            Verifying.made = tempfile.TemporaryDirectory(prefix="backupsvc-audit.")
            shutil.copytree(self.state, f"{Verifying.made.name}/state")
        else:
            shutil.copytree(f"{Verifying.made.name}/state", self.state)
        self.log = self.files()[0]
        self.lines = self.log.read_bytes().splitlines(keepends=True)
        self.assertEqual(len(self.lines), 6)

    def write(self, *lines):
        self.log.write_bytes(b"".join(lines))

    def test_both_readers_agree_on_a_sound_log(self):
        audit = self.document(DONE, "audit", "verify")["audit"]
        other = self.independent()
        self.assertEqual(other.returncode, 0, other)
        self.assertEqual(other.stdout.split(), [str(audit["records"]), audit["newest_hash"]])
        self.assertTrue(audit["end_is_known"])

    def test_a_record_that_is_altered_is_named(self):
        self.write(*self.lines[:4], self.lines[4].replace(b'"job"', b'"jab"'), *self.lines[5:])
        audit, other = self.both_find("altered", "record 5")
        self.assertEqual(audit["seq"], 5)
        self.assertIn(self.log.name, audit["file"])
        self.assertIn("record 5:", other)
        done = self.ends(FAILED, "audit", "verify")
        self.assertIn(b"record 5", done.stderr)

    def test_a_record_that_is_removed_is_named(self):
        self.write(*self.lines[:2], *self.lines[3:])
        self.both_find("removed", "record 3")

    def test_records_that_are_swapped_are_named(self):
        self.write(self.lines[0], self.lines[2], self.lines[1], *self.lines[3:])
        self.both_find("removed", "record 2")

    def test_a_record_that_is_repeated_is_named(self):
        self.write(*self.lines[:2], self.lines[1], *self.lines[2:])
        self.both_find("moved", "record 2")

    def test_an_end_that_is_cut_off_is_named(self):
        noted = self.independent().stdout.split()
        self.write(*self.lines[:4])
        out = self.document(FAILED, "audit", "verify")
        self.assertEqual((out["audit"]["fault"], out["audit"]["seq"]), ("cut_off", 5))
        self.assertEqual(self.independent().returncode, 0)  # It knows the files only,
        self.assertIn("5 to 6", self.independent(*noted).stdout)  # unless it was noted.

    def test_a_log_that_is_gone_is_missed(self):
        shutil.rmtree(self.state / "audit")
        out = self.document(FAILED, "audit", "verify")
        self.assertEqual((out["audit"]["fault"], out["audit"]["seq"]), ("cut_off", 1))

    def test_records_of_another_service_are_forged(self):
        other = self.scratch / "other"
        self.document(DONE, "backup", "job", self.source, state=other)
        shutil.copy(next((other / "audit").iterdir()), self.log)
        self.both_find("forged", "record 1")

    def test_who_sets_the_catalogue_back_too_is_found_by_what_was_noted(self):
        noted = self.independent().stdout.split()
        self.write(*self.lines[:4])
        with sqlite3.connect(self.state / "catalog.sqlite") as catalog:
            catalog.execute("DELETE FROM meta WHERE key = 'user:audit_head'")
        audit = self.document(DONE, "audit", "verify")["audit"]
        self.assertFalse(audit["end_is_known"])
        self.assertEqual(self.independent(*noted).returncode, 1)


if __name__ == "__main__":
    unittest.main()
