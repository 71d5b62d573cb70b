#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Copies of backups on another storage, and what is left when the first one is lost.

Usage: test_cli_replicate.py TOOL [unittest's arguments]
"""
import filecmp
import os
import shutil
import unittest

from cli_case import DONE, FAILED, USAGE, Case


class Replicate(Case):
    def setUp(self):
        super().setUp()
        self.places = {name: self.scratch / name for name in ("disk", "away")}
        for name, place in self.places.items():
            self.ends(DONE, "storage", "add", name, "local", f"path={place}")

    def back_up_there(self, *args, **options):
        out = self.back_up("--storage", "disk", *args, **options)
        with (self.source / "sub" / "log.txt").open("a") as log:
            log.write(out["id"] + "\n")
        return out["id"]

    def replicate(self, *args, code=DONE):
        return self.document(code, "replicate", "disk", "away", *args)["replication"]

    def objects(self, name):
        place = self.places[name]
        return {str(one.relative_to(place)): one.read_bytes()
                for one in place.rglob("*") if one.is_file()}  # fmt: skip

    def lose_the_first(self):
        shutil.rmtree(self.places["disk"])
        self.ends(DONE, "storage", "remove", "disk", "--force")
        self.ends(DONE, "rebuild")

    def assert_restores(self, reference, *args):
        target = self.scratch / "target"
        self.ends(DONE, "restore", reference, target, "--strip", *args)
        same = filecmp.dircmp(self.source, target)
        self.assertEqual((same.diff_files, same.left_only, same.right_only), ([], [], []))
        self.assertEqual((target / "sub" / "log.txt").read_bytes(),
                         (self.source / "sub" / "log.txt").read_bytes())  # fmt: skip

    def test_copies_are_backups_when_the_first_storage_is_lost(self):
        full = self.back_up_there()
        self.back_up_there("--type", "incremental")
        (self.source / "last").write_text("last\n")
        last = self.back_up("--storage", "disk", "--type", "incremental")["id"]
        out = self.replicate()
        self.assertEqual((out["backups"], out["backups_present"], out["objects"]), (3, 0, 6))
        self.assertEqual((out["storage"], out["to"], out["status"]), ("disk", "away", "completed"))
        self.assertEqual(out["bytes"], sum(map(len, self.objects("away").values())))
        self.assertEqual(self.objects("away"), self.objects("disk"))
        self.lose_the_first()
        listed = self.document(DONE, "list")["backups"]
        self.assertEqual({one["storage"] for one in listed}, {"away"})
        self.assertEqual((len(listed), listed[0]["id"]), (3, last))
        self.assert_restores("latest:job")
        for one in listed:
            self.ends(DONE, "verify", one["id"])
        self.refused("need", "delete", full)

    def test_what_was_copied_is_not_copied_again(self):
        self.back_up_there()
        self.replicate()
        before = {one: one.stat().st_mtime_ns for one in self.places["away"].rglob("*.zip")}
        self.back_up_there("--type", "incremental")
        out = self.replicate()
        self.assertEqual((out["backups"], out["backups_present"]), (1, 1))
        self.assertEqual({one: one.stat().st_mtime_ns for one in before}, before)
        done = self.ends(DONE, "replicate", "disk", "away")
        self.assertIn(b"copied 0 backups to away", done.stdout)
        self.assertIn(b"2 backups were there already", done.stdout)

    def test_one_is_copied_with_what_it_needs(self):
        other = self.back_up_there(name="other")
        full = self.back_up_there()
        middle = self.back_up_there("--type", "incremental")
        self.back_up_there("--type", "incremental")
        out = self.replicate(middle[:23])
        self.assertEqual(out["backups"], 2)
        copied = " ".join(self.objects("away"))
        for one, there in ((full, True), (middle, True), (other, False)):
            self.assertEqual(one[-8:] in copied, there, copied)
        self.assertEqual(self.replicate("latest:job", "latest:other")["backups"], 2)

    def test_encrypted_backups_are_copied_without_a_key(self):
        key = self.scratch / "key"
        self.ends(DONE, "key", "generate", "raw", key)
        self.back_up("--storage", "disk", "--encrypt", "aes256", "--key", f"file:{key}")
        out = self.replicate()
        self.assertEqual((out["backups"], out["objects"]), (1, 3))
        self.lose_the_first()
        self.ends(DONE, "restore", "latest:job", self.scratch / "target", "--strip",
                  "--key", f"file:{key}")  # fmt: skip
        self.assertEqual((self.scratch / "target" / "one.txt").read_text(), "one\n")

    def test_a_damaged_backup_is_left_out_and_named(self):
        damaged = self.back_up_there()
        needing = self.back_up_there("--type", "incremental")
        self.back_up_there(name="other")
        container = next(self.places["disk"].glob("job/*-full-*.zip"))
        content = bytearray(container.read_bytes())
        content[len(content) // 2] ^= 1
        container.chmod(0o600)
        container.write_bytes(content)
        out = self.document(FAILED, "replicate", "disk", "away")
        self.assertEqual(out["error"]["code"], "BS_E_CORRUPT")
        self.assertIn(container.name, out["error"]["message"])
        out = out["replication"]
        self.assertEqual((out["backups"], out["backups_failed"]), (1, 2))
        self.assertEqual([one["path"] for one in out["warnings"]], [damaged, needing])
        self.assertIn(damaged, out["warnings"][1]["message"])
        self.assertEqual({one.split("/")[0] for one in self.objects("away")}, {"other"})

    def test_pins_go_along(self):
        kept = self.back_up_there()
        self.ends(DONE, "retention", "pin", kept, "--reason", "court")
        self.replicate()
        self.lose_the_first()
        self.refused("pin", "delete", kept)

    def test_other_forms_are_passed_over_or_refused(self):
        self.back_up_there()
        mirror = self.back_up_there("--type", "mirror", name="tree")
        out = self.replicate()
        self.assertEqual((out["backups"], out["backups_passed_over"]), (1, 1))
        self.refused("form 'mirror'", "replicate", "disk", "away", mirror)

    def test_what_it_does_not_take(self):
        backup = self.back_up_there()
        self.refused("another storage", "replicate", "disk", "disk")
        self.refused("nowhere", "replicate", "disk", "nowhere")
        self.refused("nowhere", "replicate", "nowhere", "away")
        self.refused("lies on storage 'disk'", "replicate", "local", "away", backup)
        self.refused("no backup", "replicate", "disk", "away", "12345678")
        self.refused("arguments", "replicate", "disk", code=USAGE)
        self.ends(DONE, "storage", "add", "shut", "local", f"path={self.places['away']}",
                  "read_only=true")  # fmt: skip
        self.refused("read_only", "replicate", "disk", "shut")

    def test_it_is_in_the_audit_log(self):
        self.back_up_there()
        self.replicate()
        records = self.document(DONE, "audit", "show")["records"]
        self.assertIn(("storage.replicate", "disk", "away", "done"), {
            tuple(one[key] for key in ("action", "object", "detail", "result")) for one in records
        })  # fmt: skip

    def test_a_full_target_ends_it_and_a_later_run_goes_on(self):
        self.back_up_there()
        blocked = self.places["away"] / "job"
        blocked.parent.mkdir(exist_ok=True)
        blocked.write_text("in the way\n")
        self.document(FAILED, "replicate", "disk", "away")
        blocked.unlink()
        self.assertEqual(self.replicate()["backups"], 1)
        self.assertEqual(self.objects("away"), self.objects("disk"))


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
