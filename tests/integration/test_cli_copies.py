#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Backups that name several storages: what becomes of each copy, and what copies are good for.

Usage: test_cli_copies.py TOOL [unittest's arguments]
"""
import os
import shutil
import unittest

from cli_case import DONE, FAILED, WARNINGS, Case


class Several(Case):
    def setUp(self):
        super().setUp()
        self.places = {name: self.scratch / name for name in ("away", "disk", "far")}
        for name, place in self.places.items():
            self.ends(DONE, "storage", "add", name, "local", f"path={place}")

    def back_up_to(self, *storages, args=(), **options):
        with (self.source / "sub" / "log.txt").open("a") as log:
            log.write("another line\n")
        given = [word for one in storages for word in ("--copy-to", one)]
        return self.back_up("--storage", "disk", *given, *args, **options)

    def objects(self, name):
        place = self.places[name]
        return {str(one.relative_to(place)): one.read_bytes()
                for one in place.rglob("*") if one.is_file()}  # fmt: skip

    def shown(self, reference):
        return self.document(DONE, "show", reference)["backup"]


class Copies(Several):
    def block(self, name):
        """Nothing can be stored there under the name of the backup."""
        blocked = self.places[name] / "job"
        blocked.parent.mkdir(exist_ok=True)
        blocked.write_text("in the way\n")
        return blocked

    def copies(self, reference):
        return {one["storage"]: one["status"] for one in self.shown(reference)["copies"]}

    def test_each_storage_has_a_copy(self):
        out = self.back_up_to("far", "away")
        self.assertEqual((out["storage"], out["status"]), ("disk", "completed"))
        self.assertEqual([one["storage"] for one in out["copies"]], ["far", "away"])
        for one in out["copies"]:
            self.assertEqual((one["status"], one["error"]), ("completed", None))
            self.assertGreater(one["completed_at"], out["created_at"])
        self.assertEqual(len(self.objects("disk")), 2)
        self.assertEqual(self.objects("disk"), self.objects("away"))
        self.assertEqual(self.objects("disk"), self.objects("far"))
        self.assertEqual(self.document(DONE, "list")["backups"][0]["copies"], out["copies"])
        text = self.ends(DONE, "show", out["id"]).stdout.decode()
        self.assertRegex(text, "copies +far, completed\n +away, completed\n")

    def test_a_copy_that_fails_is_a_warning_and_made_up_for_by_the_next(self):
        blocked = self.block("away")
        first = self.back_up_to("away", "far", code=WARNINGS)
        self.assertEqual(first["status"], "completed_with_warnings")
        failed, good = first["copies"]
        self.assertEqual((failed["status"], good["status"]), ("failed", "completed"))
        self.assertEqual(failed["completed_at"], "")
        self.assertIn("job", failed["error"]["message"])
        self.assertEqual([one["path"] for one in first["warnings"]], ["away"])
        self.assertIn("not its copy on 'away'", first["warnings"][0]["message"])
        text = self.ends(DONE, "show", first["id"]).stdout.decode()
        self.assertIn("away, failed", text)
        blocked.unlink()
        second = self.back_up_to("away", args=("--type", "incremental"))
        self.assertEqual(self.copies(first["id"]), {"away": "completed", "far": "completed"})
        self.assertEqual(self.copies(second["id"]), {"away": "completed"})
        self.assertEqual(self.objects("disk"), self.objects("away"))

    def test_replicate_makes_up_for_it_too(self):
        blocked = self.block("away")
        first = self.back_up_to("away", code=WARNINGS)
        blocked.unlink()
        self.ends(DONE, "replicate", "disk", "away")
        self.assertEqual(self.copies(first["id"]), {"away": "completed"})
        self.back_up_to()
        self.ends(DONE, "replicate", "disk", "far")
        self.assertEqual(self.copies(first["id"]), {"away": "completed", "far": "completed"})

    def test_what_it_needs_comes_along(self):
        full = self.back_up_to()
        (self.source / "more").write_text("more\n")
        middle = self.back_up_to(args=("--type", "incremental"))
        other = self.back_up("--storage", "disk", name="other")
        last = self.back_up_to("away", args=("--type", "incremental"))
        for one in (full, middle, last):
            self.assertEqual(self.copies(one["id"]), {"away": "completed"})
        self.assertEqual(self.copies(other["id"]), {})
        self.assertEqual(len(self.objects("away")), 6)

    def test_what_was_lost_there_is_copied_again(self):
        self.back_up_to("away")
        shutil.rmtree(self.places["away"] / "job")
        (self.places["away"] / "something").write_text("the disk is there\n")
        self.back_up_to("away", args=("--type", "incremental"))
        self.assertEqual(set(self.objects("disk")) - set(self.objects("away")), set())

    def test_a_damaged_backup_keeps_others_from_nothing(self):
        blocked = self.block("away")
        damaged = self.back_up_to("away", code=WARNINGS)
        blocked.unlink()
        container = next(self.places["disk"].glob("job/*.zip"))
        container.chmod(0o600)
        container.write_bytes(b"x" * container.stat().st_size)
        good = self.back_up_to("away")
        self.assertEqual(self.copies(good["id"]), {"away": "completed"})
        self.assertEqual(self.copies(damaged["id"]), {"away": "failed"})

    def test_deleting_removes_the_copies(self):
        first = self.back_up_to("away", "far")
        self.ends(DONE, "retention", "pin", first["id"], "--reason", "court")
        self.ends(DONE, "replicate", "disk", "away")
        self.ends(DONE, "retention", "unpin", first["id"])
        self.ends(DONE, "delete", first["id"])
        self.assertEqual([self.objects(name) for name in self.places], [{}, {}, {}])

    def test_a_copy_that_cannot_be_removed_is_told_and_tried_again(self):
        first = self.back_up_to("away", "far")
        hidden = self.places["away"].rename(self.scratch / "hidden")
        self.places["away"].write_text("no directory\n")
        self.refused("storage 'away'", "delete", first["id"])
        self.assertEqual(self.document(DONE, "list")["total"], 0)
        self.assertEqual((self.objects("disk"), self.objects("far")), ({}, {}))
        self.places["away"].unlink()
        hidden.rename(self.places["away"])
        self.ends(DONE, "retention", "apply")
        self.assertEqual(self.objects("away"), {})
        self.refused("no backup", "show", first["id"])

    def test_copies_stay_where_nothing_may_be_removed(self):
        self.ends(DONE, "storage", "add", "kept", "local", f"path={self.scratch / 'kept'}",
                  "append_only=true")  # fmt: skip
        first = self.back_up_to("kept")
        self.ends(DONE, "delete", first["id"])
        self.assertEqual(self.objects("disk"), {})
        self.ends(DONE, "rebuild")
        self.assertEqual(self.shown(first["id"])["storage"], "kept")

    def test_a_storage_with_copies_is_not_taken_away_by_mistake(self):
        first = self.back_up_to("away")
        self.refused("backups lie", "storage", "remove", "away")
        self.ends(DONE, "storage", "remove", "away", "--force")
        self.assertEqual(self.copies(first["id"]), {})
        self.ends(DONE, "delete", first["id"])
        self.assertEqual(len(self.objects("away")), 2)

    def test_a_rebuild_finds_the_copies(self):
        first = self.back_up_to("far", "away")
        second = self.back_up_to("far", args=("--type", "incremental"))
        before = [self.shown(one["id"]) for one in (first, second)]
        self.ends(DONE, "rebuild")
        for old in before:
            new = self.shown(old["id"])
            self.assertEqual(new["storage"], "disk")
            self.assertEqual({one["storage"]: one["status"] for one in new["copies"]},
                             {one["storage"]: one["status"] for one in old["copies"]})  # fmt: skip

    def test_a_new_service_goes_by_what_was_asked_for(self):
        first = self.back_up_to("away")
        self.state = self.scratch / "fresh"
        for name, place in self.places.items():
            self.ends(DONE, "storage", "add", name, "local", f"path={place}")
        self.ends(DONE, "rebuild")
        self.assertEqual(self.shown(first["id"])["storage"], "disk")
        self.assertEqual(self.copies(first["id"]), {"away": "completed"})

    def test_a_rebuild_wants_again_what_is_lost(self):
        first = self.back_up_to("far", "away")
        shutil.rmtree(self.places["far"] / "job")
        (self.places["far"] / "something").write_text("the disk is there\n")
        self.ends(DONE, "rebuild")
        self.assertEqual(self.copies(first["id"]), {"far": "pending", "away": "completed"})
        self.back_up_to("far")
        self.assertEqual(self.copies(first["id"]), {"far": "completed", "away": "completed"})

    def test_the_copy_is_the_backup_when_the_first_storage_is_lost(self):
        first = self.back_up_to("away")
        shutil.rmtree(self.places["disk"])
        self.ends(DONE, "storage", "remove", "disk", "--force")
        self.ends(DONE, "rebuild")
        self.assertEqual(self.shown(first["id"])["storage"], "away")
        self.assertEqual(self.copies(first["id"]), {})
        self.ends(DONE, "delete", first["id"])
        self.assertEqual(self.objects("away"), {})

    def test_schedules_keep_the_storages(self):
        added = self.document(DONE, "schedule", "add", "job", "0 3 * * *", self.source,
                              "--storage", "disk", "--copy-to", "away")  # fmt: skip
        self.assertEqual(added["schedule"]["backup_request"]["copy_to"], ["away"])
        self.ends(DONE, "schedule", "run", "job")
        self.assertEqual(self.copies("latest:job"), {"away": "completed"})

    def test_what_it_does_not_take(self):
        def refused(words, *args):
            self.refused(words, "backup", "job", self.source, "--storage", "disk", *args)

        refused("named already", "--copy-to", "disk")
        refused("named already", "--copy-to", "away", "--copy-to", "away")
        refused("nowhere", "--copy-to", "nowhere")
        refused("form mirror", "--copy-to", "away", "--type", "mirror")
        refused("at most 16", *(word for i in range(17) for word in ("--copy-to", f"n{i}")))
        self.ends(DONE, "storage", "add", "shut", "local", f"path={self.places['away']}",
                  "read_only=true")  # fmt: skip
        refused("read_only", "--copy-to", "shut")
        self.assertEqual(self.document(DONE, "list")["total"], 0)

    def test_one_that_is_away_today_is_only_a_warning(self):
        self.places["away"].rmdir()
        self.places["away"].write_text("no directory\n")
        out = self.back_up_to("away", code=WARNINGS)
        self.assertEqual(self.copies(out["id"]), {"away": "failed"})
        self.refused("away': ", "backup", "job", self.source, "--storage", "away")
        self.assertIn("away", out["copies"][0]["error"]["message"])


class Reading(Several):
    """Restores and the like, from whichever storage has it."""

    def setUp(self):
        super().setUp()
        for name in ("red", "green", "blue"):
            (self.source / name).write_bytes(os.urandom(3000))
        (self.source / "large").write_bytes(os.urandom(1500000))
        os.link(self.source / "red", self.source / "red again")
        self.id = self.back_up_to("away", args=("--compression", "none"))["id"]
        self.target = self.scratch / "target"

    def take_away(self, name):
        self.places[name].rename(self.scratch / f"no {name}")
        self.places[name].write_text("no directory\n")

    def container(self, name):
        return next(self.places[name].glob("job/*.tar"))

    def manifest(self, name):
        return next(self.places[name].glob("job/*.manifest.*"))

    def damage(self, name, *files):
        container = self.container(name)
        content = container.read_bytes()
        for one in files:
            held = (self.source / one).read_bytes()
            self.assertIn(held, content)
            content = content.replace(held, held[:1000] + bytes([held[1000] ^ 1]) + held[1001:])
        container.chmod(0o600)
        container.write_bytes(content)

    def spoil(self, path):
        path.chmod(0o600)
        path.write_bytes(b"x" * path.stat().st_size)

    def restore(self, code, *args):
        return self.document(code, "restore", self.id, self.target, "--strip", *args)["restore"]

    def assert_whole(self, *without):
        for one in self.source.rglob("*"):
            there = self.target / one.relative_to(self.source)
            if one.name in without:
                self.assertFalse(there.exists(), there)
            elif one.is_file():
                self.assertEqual(there.read_bytes(), one.read_bytes(), there)
            self.assertTrue(one.name in without or there.lstat().st_mtime_ns
                            == one.lstat().st_mtime_ns, there)  # fmt: skip

    def assert_told(self, out, name="disk"):
        self.assertEqual([one["path"] for one in out["warnings"]], [name], out["warnings"])
        self.assertEqual(out["status"], "completed_with_warnings")
        return out["warnings"][0]["message"]

    def test_the_first_storage_is_gone(self):
        self.take_away("disk")
        self.assertIn("copy on 'away'", self.assert_told(self.restore(WARNINGS)))
        self.assert_whole()
        self.assertEqual(self.ends(DONE, "cat", self.id, self.source / "blue").stdout,
                         (self.source / "blue").read_bytes())  # fmt: skip
        self.assertTrue(self.document(DONE, "files", self.id)["files"])
        self.assertEqual(self.document(WARNINGS, "verify", self.id)["verification"]["damages"], [])

    def test_objects_of_the_first_are_lost(self):
        self.container("disk").unlink()
        message = self.assert_told(self.restore(WARNINGS))
        self.assertIn("copy on 'away'", message)
        self.assert_whole()

    def test_the_manifest_of_the_first_is_lost_or_damaged(self):
        self.spoil(self.manifest("disk"))
        self.assertIn("copy on 'away'", self.assert_told(self.restore(WARNINGS)))
        self.assert_whole()
        self.assertTrue(self.document(DONE, "files", self.id)["files"])
        shutil.rmtree(self.target)
        self.manifest("disk").unlink()
        self.assertIn("copy on 'away'", self.assert_told(self.restore(WARNINGS)))
        self.assert_whole()

    def test_files_are_damaged_in_the_first(self):
        self.damage("disk", "green", "large")
        message = self.assert_told(self.restore(WARNINGS))
        self.assertIn("copy on 'away'", message)
        self.assert_whole()
        self.document(FAILED, "verify", self.id)

    def test_a_damaged_file_keeps_its_links(self):
        self.damage("disk", "red")
        self.assert_told(self.restore(WARNINGS))
        self.assert_whole()
        self.assertTrue((self.target / "red").samefile(self.target / "red again"))

    def test_both_are_damaged_in_different_places(self):
        self.damage("disk", "green", "blue")
        self.damage("away", "large", "red")
        self.assert_told(self.restore(WARNINGS))
        self.assert_whole()

    def test_what_is_damaged_in_both_is_named_and_the_rest_restored(self):
        self.damage("disk", "green", "blue")
        self.damage("away", "green")
        out = self.restore(FAILED)
        self.assertEqual([one["path"].split("/")[-1] for one in out["warnings"]],
                         ["disk", "green"])  # fmt: skip
        self.assert_whole("green")
        self.assertIn("1 entries", out["error"]["message"])

    def test_existing_files_are_told_of_once(self):
        self.target.mkdir()
        (self.target / "blue").write_text("mine\n")
        self.damage("disk", "green", "blue")
        out = self.restore(WARNINGS)
        self.assertEqual([one["path"].split("/")[-1] for one in out["warnings"]],
                         ["blue", "disk"])  # fmt: skip
        self.assertEqual((self.target / "blue").read_text(), "mine\n")
        self.assertEqual((self.target / "green").read_bytes(),
                         (self.source / "green").read_bytes())  # fmt: skip
        self.assert_told(self.restore(WARNINGS, "--overwrite"))
        self.assert_whole()

    def test_the_second_is_gone(self):
        self.take_away("away")
        self.assertEqual(self.restore(DONE)["warnings"], [])
        self.assert_whole()
        shutil.rmtree(self.target)
        self.damage("disk", "green")
        self.restore(FAILED)
        self.assert_whole("green")

    def test_a_target_that_cannot_be_written_is_not_the_storage(self):
        self.target.write_text("no directory\n")
        out = self.restore(FAILED)
        self.assertEqual(out["warnings"], [])

    def test_encrypted_backups(self):
        key = self.scratch / "key"
        self.ends(DONE, "key", "generate", "raw", key)
        out = self.back_up_to("away", args=("--encrypt", "aes256", "--key", f"file:{key}"))
        self.id = out["id"]
        container = self.places["disk"] / out["backup_file_path"]
        self.spoil(container)
        message = self.assert_told(self.restore(WARNINGS, "--key", f"file:{key}"))
        self.assertIn("copy on 'away'", message)
        self.assert_whole()


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
