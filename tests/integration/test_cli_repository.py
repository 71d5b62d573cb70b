#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the tool's verbs for repositories as such, beside the restic program of the system.

Usage: test_cli_repository.py TOOL BLOB_PROBE [unittest's arguments]
"""
import json
import os
import subprocess
import unittest

from cli_case import DONE, FAILED, USAGE
from repository_case import KEY, OTHER, RESTIC, RepositoryCase


class Init(RepositoryCase):
    def test_restic_opens_it_with_the_same_pass_phrase(self):
        out = self.document(DONE, "repo", "init", "--encrypt", "aes256",
                            "--repository-version", 1, *KEY)  # fmt: skip
        config = json.loads(self.restic("cat", "config"))
        self.assertEqual((config["id"], config["version"]), (out["repository_id"], 1))

    def test_it_is_not_made_twice(self):
        self.init()
        self.refused("already", "repo", "init", "--encrypt", "aes256", *KEY)

    def test_what_opens_it_must_be_a_pass_phrase(self):
        key = self.scratch / "raw"
        self.ends(DONE, "key", "generate", "raw", key)
        self.refused("pass phrase", "repo", "init", "--encrypt", "aes256", "--key", f"file:{key}")
        self.refused("aes256", "repo", "init", *KEY)
        self.refused("public key", "repo", "init", "--encrypt", "rsa")
        self.assertFalse((self.storage / "config").exists())


class Keys(RepositoryCase):
    def keys(self, *key):
        return self.document(DONE, "repo", "keys", "list", *key)["keys"]

    def test_pass_phrases_come_and_go_as_with_restic(self):
        self.init()
        first = self.keys(*KEY)
        self.assertEqual([key["is_current"] for key in first], [True])
        added = self.document(DONE, "repo", "keys", "add", "--new-key", "env:OTHER", *KEY)["key_id"]
        self.restic("cat", "config", password=OTHER)
        self.assertEqual({key["id"] for key in self.keys(*KEY)}, {first[0]["id"], added})
        self.refused("opened", "repo", "keys", "remove", first[0]["id"], *KEY)
        self.ends(DONE, "repo", "keys", "remove", first[0]["id"][:10], "--key", "env:OTHER")
        self.restic("cat", "config", code=1)
        self.refused("pass phrase", "repo", "keys", "list", *KEY)

    def test_a_pass_phrase_is_changed(self):
        self.init()
        self.ends(DONE, "repo", "keys", "passwd", "--new-key", "env:OTHER", *KEY)
        self.restic("cat", "config", password=OTHER)
        self.restic("cat", "config", code=1)

    def test_what_is_missing_is_said(self):
        self.init()
        self.refused("--new-key", "repo", "keys", "add", *KEY, code=USAGE)
        self.refused("no key", "repo", "keys", "remove", "ff" * 32, *KEY)


class Snapshots(RepositoryCase):
    def test_those_of_restic_are_listed_newest_first(self):
        self.init()
        first = self.restic_backup("--tag", "one,two", "--host", "elsewhere")
        second = self.restic_backup()
        found = self.snapshots()
        self.assertEqual([one["id"][:8] for one in found], [second[:8], first[:8]])
        self.assertEqual(found[1]["tags"], ["one", "two"])
        self.assertEqual(found[1]["hostname"], "elsewhere")
        self.assertEqual(found[1]["paths"], [str(self.source)])
        self.assertEqual(found[1]["backup_id"], "")

    def test_one_that_is_damaged_hides_no_other(self):
        self.init()
        self.restic_backup()
        bad = self.restic_backup("--force")
        path = next((self.storage / "snapshots").glob(bad[:8] + "*"))
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
        out = self.document(3, "snapshots", *KEY)
        self.assertEqual((out["unreadable"], len(out["snapshots"])), (1, 1))

    def test_without_a_repository_there_is_nothing_to_list(self):
        self.ends(DONE, "rebuild")
        self.refused("no repository", "snapshots")


class Check(RepositoryCase):
    def test_a_sound_repository_passes(self):
        self.init()
        self.restic_backup()
        out = self.document(DONE, "check", *KEY)["check"]
        self.assertEqual((out["errors"], out["snapshots"], out["packs_read"]), (0, 1, 0))
        out = self.document(DONE, "check", "--read-data", *KEY)["check"]
        self.assertEqual((out["errors"], out["packs_read"]), (0, out["packs"]))
        self.assertGreater(out["packs"], 0)
        self.assertEqual(self.locks(), [])

    def test_damage_is_told_with_what_it_costs(self):
        self.init()
        snapshot = self.restic_backup()
        self.damage_packs()
        check = self.document(FAILED, "check", "--read-data", *KEY)["check"]
        self.assertEqual(check["error"]["code"], "BS_E_CORRUPT")
        self.assertEqual(check["snapshots_damaged"], 1)
        self.assertIn("pack", {one["subject"] for one in check["findings"]})
        self.assertIn(snapshot[:8], {one["id"][:8] for one in check["findings"]})
        done = self.ends(FAILED, "check", "--read-data", *KEY)
        self.assertIn(b"damaged: pack ", done.stdout)

    def test_a_lock_of_somebody_else_is_respected(self):
        self.init()
        with subprocess.Popen(
            [RESTIC, "--no-cache", "backup", "--stdin"], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as other:  # fmt: skip
            self.await_lock(other)
            out = self.document(FAILED, "check", *KEY)
            self.assertEqual(out["error"]["code"], "BS_E_BUSY")
            other.communicate(b"end")

    def test_locks_of_the_dead_go_and_of_the_living_stay(self):
        self.init()
        with subprocess.Popen(
            [RESTIC, "--no-cache", "backup", "--stdin"], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as other:  # fmt: skip
            self.await_lock(other)
            self.assertEqual(self.document(DONE, "unlock", *KEY)["removed"], 0)
            self.assertEqual(len(self.locks()), 1)
            other.kill()
            other.wait()
            other.stdin.close()
        self.refused("locked", "check", *KEY)
        done = self.ends(DONE, "unlock", *KEY)
        self.assertEqual(done.stdout, b"removed 1 lock\n")
        self.assertEqual(self.locks(), [])
        self.ends(DONE, "check", *KEY)

    def test_all_locks_go_when_that_is_asked_for(self):
        self.init()
        with subprocess.Popen(
            [RESTIC, "--no-cache", "backup", "--stdin"], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as other:  # fmt: skip
            self.await_lock(other)
            self.refused("pass phrase", "unlock", "--remove-all", "--key", "env:OTHER")
            removed = self.document(DONE, "unlock", "--remove-all", *KEY)["removed"]
            self.assertEqual((removed, self.locks()), (1, []))
            other.kill()

    def test_parts_and_shares(self):
        self.init()
        self.restic_backup()
        parts = [
            self.document(DONE, "check", "--read-data-subset", part, *KEY)["check"]
            for part in ("1/2", "2/2")
        ]
        self.assertEqual(sum(part["packs_read"] for part in parts), parts[0]["packs"])
        for wrong in ("0/2", "3/2", "101%", "x", "1/257", "2/"):
            self.refused("--read-data-subset", "check", "--read-data-subset", wrong, code=USAGE)


class Repair(RepositoryCase):
    def setUp(self):
        super().setUp()
        self.init()

    def repair(self, part, *args):
        return self.document(DONE, "repair", part, *args, *KEY)["repair"]

    def test_a_lost_index_is_made_anew(self):
        self.restic_backup()
        for path in (self.storage / "index").iterdir():
            path.unlink()
        plan = self.repair("index", "--dry-run")
        self.assertEqual((plan["part"], plan["dry_run"]), ("index", True))
        self.assertEqual(plan["packs_found"], len(self.packs()))
        self.assertEqual(list((self.storage / "index").iterdir()), [])
        done = self.repair("index")
        self.assertEqual(done["packs_found"], plan["packs_found"])
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.assertEqual(self.repair("index", "--read-all-packs")["packs_found"], 0)
        records = self.document(DONE, "audit", "show")["records"]
        self.assertIn(("repository.repair", "local", "index", "done"), {
            tuple(one[key] for key in ("action", "object", "detail", "result")) for one in records
        })  # fmt: skip

    def with_damage(self):
        """The packs of the second snapshot's large file are damaged."""
        self.restic_backup()
        before = set(self.packs())
        (self.source / "noise").write_bytes(os.urandom(3 << 20))
        self.restic_backup()
        noise = [path for path in self.packs() if path not in before][:1]
        self.damage_packs(noise)
        return noise[0].name

    def test_what_is_lost_is_left_out_and_the_rest_stays(self):
        pack = self.with_damage()
        plan = self.repair("packs", "--dry-run")
        self.assertEqual({one["id"] for one in plan["findings"]}, {pack})
        self.assertIn(pack, {path.name for path in self.packs()})
        done = self.repair("packs")
        self.assertEqual(done["packs_damaged"], 1)
        self.assertGreaterEqual(done["blobs_lost"], 1)
        self.assertNotIn(pack, {path.name for path in self.packs()})
        done = self.repair("snapshots")
        self.assertEqual((done["snapshots_repaired"], done["files_shortened"]), (1, 1))
        self.assertEqual(len(self.snapshots()), 3)
        self.assertEqual(self.repair("snapshots")["snapshots_repaired"], 0)
        self.repair("snapshots", "--forget")
        self.assertEqual(len(self.snapshots()), 2)
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.restic("restore", "latest", "--target", self.back("theirs"))
        back = self.back("theirs", self.source)
        self.assertEqual((back / "one.txt").read_text(), "one\n")
        self.assertLess((back / "noise").stat().st_size, 3 << 20)

    def test_packs_can_be_named(self):
        pack = self.with_damage()
        self.assertEqual(self.repair("packs", pack[:12])["packs_damaged"], 1)
        self.refused("pack", "repair", "packs", "0" * 64, *KEY)

    def test_parts_for_people_and_what_they_do_not_take(self):
        self.with_damage()
        done = self.ends(DONE, "repair", "packs", *KEY)
        self.assertIn(b"damaged: pack ", done.stdout)
        self.assertIn(b"1 damaged packs", done.stdout)
        self.assertIn(b"1 repaired", self.ends(DONE, "repair", "snapshots", *KEY).stdout)
        self.refused("index, packs or snapshots", "repair", "trees", code=USAGE)
        self.refused("forget", "repair", "index", "--forget", code=USAGE)
        self.refused("pass phrase", "repair", "index", "--key", "env:OTHER")


class Prune(RepositoryCase):
    FORM = ("--form", "repository", "--encrypt", "aes256", *KEY)

    def setUp(self):
        super().setUp()
        self.init()

    def back_up_here(self, *args, **options):
        return self.back_up(*self.FORM, *args, **options)

    def with_waste(self):
        """A repository most of which no snapshot needs any more."""
        noise = self.source / "noise"
        noise.write_bytes(os.urandom(3 << 20))
        first = self.back_up_here()["id"]
        noise.unlink()
        self.back_up_here()
        self.ends(DONE, "delete", first)

    def test_what_no_snapshot_needs_is_pruned(self):
        self.with_waste()
        before = self.stored()
        plan = self.document(DONE, "prune", "--dry-run", *KEY)["prune"]
        self.assertGreater(plan["bytes_to_remove"], 3 << 20)
        self.assertEqual((plan["packs_removed"], self.stored()), (0, before))
        done = self.document(DONE, "prune", "--max-unused", "0", *KEY)["prune"]
        self.assertGreater(done["bytes_removed"], 3 << 20)
        self.assertLess(self.stored(), before - (3 << 20) + (64 << 10))
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.ends(DONE, "restore", "latest:job", self.back("ours"), *KEY)
        self.assert_same(self.back("ours", self.source))

    def test_in_two_phases_it_is_marked_first(self):
        self.with_waste()
        before = self.stored()
        marked = self.document(DONE, "prune", "--two-phases", *KEY)["prune"]
        self.assertGreater(marked["packs_waiting"], 0)
        self.assertGreaterEqual(self.stored(), before)
        self.assertIn("no errors", self.restic("check"))
        self.document(DONE, "prune", "--two-phases", "--no-grace", *KEY)
        self.assertLess(self.stored(), before - (3 << 20) + (64 << 10))
        self.assertIn("no errors", self.restic("check", "--read-data"))

    def test_shares_and_sizes_of_a_prune(self):
        for wrong in ("100%", "x", "-1%", "%"):
            self.refused("max_unused", "prune", "--max-unused", wrong, *KEY)
        self.refused("max_repack_size", "prune", "--max-repack-size", "0", *KEY)


if __name__ == "__main__":
    unittest.main()
