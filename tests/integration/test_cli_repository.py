#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the tool's verbs for repositories for real, beside the restic program of the system.

Usage: test_cli_repository.py TOOL BLOB_PROBE [unittest's arguments]
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import unittest

import scratch
from cli_case import DONE, FAILED, USAGE, WARNINGS, Case
from restic_program import RESTIC

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SECRET = "canary-5d1e-pass-phrase"
OTHER = "canary-77b0-pass-phrase"
KEY = ("--key", "env:PASS")


@unittest.skipUnless(RESTIC, "restic is not installed")
class RepositoryCase(Case):
    def setUp(self):
        super().setUp()
        self.storage = self.state / "storage"
        self.environment = {
            k: v for k, v in os.environ.items()
            if k not in ("BACKUP_STORAGE_PATH", "ENCRYPTION_KEY")
        } | {
            "RESTIC_PASSWORD": SECRET,
            "RESTIC_REPOSITORY": str(self.storage),
            "HOME": str(self.scratch),
            "PASS": SECRET,
            "OTHER": OTHER,
        }  # fmt: skip

    def run_tool(self, *args, **options):
        options.setdefault("env", self.environment)
        return super().run_tool(*args, **options)

    def init(self, version=2):
        """A repository that costs nothing to open."""
        self.ends(DONE, "rebuild")  # Makes the state directory.
        self.check_call(PROBE, self.storage, "init", version)

    def check_call(self, *command, password=SECRET, code=0):
        done = subprocess.run(
            [str(word) for word in command], env=self.environment | {"RESTIC_PASSWORD": password},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def restic(self, *arguments, **options):
        return self.check_call(RESTIC, "--no-cache", *arguments, **options)

    def restic_backup(self, *arguments):
        """The id of the new snapshot."""
        lines = self.restic("backup", "--json", self.source, *arguments).splitlines()
        return json.loads(lines[-1])["snapshot_id"]

    def packs(self):
        """The largest first."""
        found = [path for path in (self.storage / "data").rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size, reverse=True)

    def damage_packs(self, packs=None):
        """A byte of the first blob of each."""
        for path in packs or self.packs():
            content = bytearray(path.read_bytes())
            content[40] ^= 1
            path.chmod(0o600)
            path.write_bytes(content)

    def locks(self):
        return list(self.storage.glob("locks/*"))

    def await_lock(self, running):
        while not self.locks():
            self.assertIsNone(running.poll())

    def snapshots(self):
        return self.document(DONE, "snapshots", *KEY)["snapshots"]


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
        self.refused("release", "repo", "init", "--encrypt", "rsa")
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


class Looking(RepositoryCase):
    """Cases that change nothing: all look at one repository with two snapshots, which the first
    of them makes."""

    made = None

    def setUp(self):
        super().setUp()
        if not Looking.made:
            Looking.made = scratch.folder("cli")
            unittest.addModuleCleanup(shutil.rmtree, Looking.made)
            self.at(Looking.made)
            self.make()
        self.at(Looking.made)

    def at(self, folder):
        self.state = folder / "state"
        self.storage = self.state / "storage"
        self.source = folder / "source"
        self.environment["RESTIC_REPOSITORY"] = str(self.storage)

    def make(self):
        shutil.copytree(self.scratch / "source", self.source, symlinks=True)
        (self.source / "shape").write_text("a file, soon a directory\n")
        (self.source / "gone" / "deep").mkdir(parents=True)
        (self.source / "gone" / "deep" / "leaf").write_text("leaf\n")
        os.close(os.open(os.fsencode(self.source) + b"/\xff.odd", os.O_CREAT | os.O_WRONLY))
        self.init()
        self.restic_backup()
        (self.source / "one.txt").write_text("something else\n")
        (self.source / "sub" / "two.txt").chmod(0o640)
        (self.source / "sub" / "new").mkdir()
        (self.source / "sub" / "new" / "one.txt").write_text("new\n")
        (self.source / "shape").unlink()
        (self.source / "shape").mkdir()
        shutil.rmtree(self.source / "gone")
        self.back_up("--form", "repository", "--encrypt", "aes256", *KEY)

    def ids(self):
        """The newer one first."""
        return [one["id"] for one in json.loads(self.restic("snapshots", "--json"))][::-1]

    def differences(self, *args):
        out = self.document(DONE, "diff", *args, *KEY)
        letters = {"added": "+", "removed": "-", "changed": "M", "metadata": "U", "type": "T"}
        found = {
            (letters[one["kind"]], "/" + (one["after"] or one["before"])["path"])
            for one in out["differences"]
            if "path" in (one["after"] or one["before"])
        }
        return found, out

    def restics_differences(self, *args):
        lines = self.restic("diff", "--json", *args).splitlines()
        found = {
            (one["modifier"], one["path"].rstrip("/"))
            for one in map(json.loads, lines) if one["message_type"] == "change"
        }  # fmt: skip
        return {one for one in found if "odd" not in one[1]}

    def test_differences_are_those_that_restic_finds(self):
        after, before = self.ids()
        found, out = self.differences(before, after)
        self.assertEqual(found, self.restics_differences(before, after))
        self.assertEqual({letter for letter, _ in found}, {"+", "-", "M", "T"})
        self.assertEqual(out["added"], sum(1 for letter, _ in found if letter == "+"))
        found, out = self.differences(after, before)
        self.assertEqual(found, self.restics_differences(after, before))

    def test_metadata_is_compared_too_when_that_is_asked_for(self):
        after, before = self.ids()
        found, out = self.differences(before, after, "--metadata")
        metadata = {path for letter, path in found if letter == "U"}
        self.assertEqual(out["metadata"], len(metadata))
        self.assertIn(f"{self.source}/sub/two.txt", metadata)
        theirs = self.restics_differences("--metadata", before, after)
        self.assertLessEqual(metadata, {path for letter, path in theirs if letter == "U"})
        modes = [
            (one["before"]["mode"], one["after"]["mode"]) for one in out["differences"]
            if one["kind"] == "metadata" and one["after"]["path"].endswith("two.txt")
        ]  # fmt: skip
        self.assertEqual([after for _, after in modes], [0o640])
        self.assertNotEqual(modes[0][0], 0o640)

    def test_snapshots_are_called_by_their_ids_or_as_their_backups(self):
        after, before = self.ids()
        whole, _ = self.differences(before, after)
        self.assertEqual(self.differences(before[:8], "latest:job")[0], whole)
        self.assertEqual(self.differences(after, "latest:job")[0], set())
        self.refused("snapshot", "diff", "f" * 64, after, *KEY)
        self.refused("nothing", "diff", "latest:nothing", after, *KEY)
        self.refused("pass phrase", "diff", before, after, "--key", "env:OTHER")

    def test_differences_for_people(self):
        done = self.ends(DONE, "diff", *self.ids()[::-1], *KEY)
        lines = done.stdout.decode().splitlines()
        source = str(self.source).lstrip("/")
        self.assertIn(f"M  {source}/one.txt", lines)
        self.assertIn(f"+  {source}/sub/new/", lines)
        self.assertNotIn(f"U  {source}/sub/two.txt", lines)
        self.assertIn("1 changed", lines[-1])

    def found(self, *args):
        out = self.document(DONE, "find", *args, *KEY)
        return [(one["snapshot_id"], "/" + one["entry"]["path"]) for one in out["matches"]]

    def test_paths_are_found_where_restic_finds_them(self):
        for pattern in ("one.txt", "*.txt", "leaf"):
            found = self.found(pattern)
            theirs = [
                (one["snapshot"], match["path"])
                for one in json.loads(self.restic("find", "--json", pattern))
                for match in one["matches"]
            ]
            self.assertEqual(sorted(found), sorted(theirs), pattern)
            self.assertTrue(found)

    def test_the_newest_snapshot_comes_first(self):
        after, before = self.ids()
        found = self.found(self.source / "one.txt")
        self.assertEqual(found, [(one, f"{self.source}/one.txt") for one in (after, before)])
        out = self.document(DONE, "find", "one.txt", "--snapshot", "latest:job", *KEY)
        self.assertEqual({one["name"] for one in out["matches"]}, {"job"})
        self.assertEqual({one["snapshot_id"] for one in out["matches"]}, {after})

    def test_names_that_are_no_text_are_found(self):
        out = self.document(DONE, "find", "*.odd", *KEY)
        self.assertEqual(len(out["matches"]), 2)
        self.assertTrue(all("path_base64" in one["entry"] for one in out["matches"]))

    def test_a_search_for_nothing_is_refused(self):
        self.assertEqual(self.found("no such name"), [])
        self.refused("patterns[0]", "find", "[", *KEY)
        self.refused("too few", "find", *KEY, code=USAGE)
        self.refused("snapshot", "find", "one.txt", "--snapshot", "ff" * 32, *KEY)


class Damaged(RepositoryCase):
    def test_a_search_goes_on_behind_a_damaged_snapshot(self):
        self.init()
        damaged = self.restic_backup()
        self.damage_packs()
        shutil.rmtree(self.source)
        self.source.mkdir()
        (self.source / "later").write_text("later\n")
        whole = self.restic_backup()
        out = self.document(WARNINGS, "find", "later", *KEY)
        self.assertEqual([one["snapshot_id"][:8] for one in out["matches"]], [whole[:8]])
        self.ends(DONE, "find", "later", "--snapshot", whole, *KEY)
        self.ends(WARNINGS, "find", "later", "--snapshot", damaged, *KEY)


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
        back = self.scratch / "back"
        self.restic("restore", "latest", "--target", back)
        back = back / str(self.source).lstrip("/")
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
        self.refused("index, packs, snapshots", "repair", "trees", code=USAGE)
        self.refused("forget", "repair", "index", "--forget", code=USAGE)
        self.refused("pass phrase", "repair", "index", "--key", "env:OTHER")


class Copy(RepositoryCase):
    TO = ("--to", "away", "--to-key", "env:OTHER")

    def setUp(self):
        super().setUp()
        self.init()
        self.away = self.scratch / "away"
        self.away.mkdir()
        self.ends(DONE, "storage", "add", "away", "local", f"path={self.away}")

    def make_away(self, *args):
        """It costs as little to open as the other."""
        self.check_call(PROBE, self.away, "init", 2, password=OTHER)

    def restic_away(self, *args, **options):
        return self.restic("-r", self.away, *args, password=OTHER, **options)

    def away_snapshots(self):
        return json.loads(self.restic_away("snapshots", "--json"))

    def test_snapshots_are_copied_once_and_whole(self):
        self.restic_backup("--tag", "kept")
        (self.source / "noise").write_bytes(os.urandom(3 << 20))
        self.back_up("--form", "repository", "--encrypt", "aes256", *KEY)
        self.make_away()
        out = self.document(DONE, "copy", *self.TO, *KEY)["copy"]
        self.assertEqual((out["snapshots"], out["snapshots_present"], out["to"]), (2, 0, "away"))
        self.assertGreater(out["bytes"], 3 << 20)
        self.assertIn("no errors", self.restic_away("check", "--read-data"))
        ours, theirs = json.loads(self.restic("snapshots", "--json")), self.away_snapshots()
        for key in ("time", "tree", "paths", "hostname"):
            self.assertEqual([one[key] for one in ours], [one[key] for one in theirs])
        self.assertEqual([one["original"] for one in theirs], [one["id"] for one in ours])
        out = self.document(DONE, "copy", *self.TO, *KEY)["copy"]
        self.assertEqual((out["snapshots"], out["snapshots_present"], out["blobs"]), (0, 2, 0))
        back = self.scratch / "back"
        self.restic_away("restore", "latest", "--target", back)
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source,
                               back / str(self.source).lstrip("/")],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(done.stdout + done.stderr, "")
        records = self.document(DONE, "audit", "show")["records"]
        self.assertIn(("repository.copy", "local", "away", "done"), {
            tuple(one[key] for key in ("action", "object", "detail", "result")) for one in records
        })  # fmt: skip

    def test_some_are_copied_that_are_named(self):
        first = self.restic_backup()
        self.restic_backup("--force")
        self.make_away()
        out = self.document(DONE, "copy", first, *self.TO, *KEY)["copy"]
        self.assertEqual((out["snapshots"], len(self.away_snapshots())), (1, 1))
        self.assertIn(b"copied 0 snapshots", self.ends(DONE, "copy", first, *self.TO, *KEY).stdout)

    def test_later_backups_find_what_was_copied_when_files_are_cut_alike(self):
        (self.source / "noise").write_bytes(os.urandom(3 << 20))
        self.restic_backup()
        self.ends(DONE, "repo", "init", "--storage", "away", "--encrypt", "aes256",
                  "--key", "env:OTHER", "--chunks-of", "local",
                  "--chunks-key", "env:PASS")  # fmt: skip
        polynomials = {json.loads(one)["chunker_polynomial"]
                       for one in (self.restic("cat", "config"), self.restic_away("cat", "config"))}
        self.assertEqual(len(polynomials), 1)
        self.ends(DONE, "copy", *self.TO, *KEY)
        before = sum(one.stat().st_size for one in (self.away / "data").rglob("*"))
        self.restic_away("backup", "--force", self.source)
        after = sum(one.stat().st_size for one in (self.away / "data").rglob("*"))
        self.assertLess(after - before, 256 << 10)

    def test_a_damaged_snapshot_is_left_out_and_told(self):
        damaged = self.restic_backup()
        self.damage_packs()
        shutil.rmtree(self.source)
        self.source.mkdir()
        (self.source / "later").write_text("later\n")
        self.restic_backup()
        self.make_away()
        out = self.document(FAILED, "copy", *self.TO, *KEY)
        self.assertEqual(out["error"]["code"], "BS_E_CORRUPT")
        out = out["copy"]
        self.assertEqual((out["snapshots"], out["snapshots_failed"]), (1, 1))
        self.assertEqual([one["id"][:8] for one in out["findings"]], [damaged[:8]])
        self.assertIn("no errors", self.restic_away("check", "--read-data"))

    def test_what_it_does_not_take(self):
        self.refused("--to", "copy", *KEY, code=USAGE)
        self.refused("another storage", "copy", "--to", "local", *KEY)
        self.refused("nowhere", "copy", "--to", "nowhere", *KEY)
        self.refused("no repository", "copy", *self.TO, *KEY)
        self.make_away()
        self.refused("pass phrase", "copy", "--to", "away", *KEY)


class Backup(RepositoryCase):
    FORM = ("--form", "repository", "--encrypt", "aes256", *KEY)

    def setUp(self):
        super().setUp()
        self.init()

    def back_up_here(self, *args, **options):
        return self.back_up(*self.FORM, *args, **options)

    def back(self, name, *steps):
        """A new directory for a restore."""
        path = self.scratch / name
        for step in steps:
            path = path / str(step).lstrip("/")
        return path

    def assert_same(self, path):
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source, path],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(done.stdout + done.stderr, "")

    def test_restic_checks_and_restores_it(self):
        backup = self.back_up_here("--metadata", '{"ticket": 7}')
        self.assertEqual((backup["form"], backup["backup_type"]), ("repository", "full"))
        self.assertIn("no errors", self.restic("check", "--read-data"))
        snapshot = json.loads(self.restic("snapshots", "--json"))[0]
        self.assertEqual(snapshot["paths"], [str(self.source)])
        self.assertEqual(backup["backup_file_path"], f"snapshots/{snapshot['id']}")
        self.restic("restore", "latest", "--target", self.back("theirs"))
        self.assert_same(self.back("theirs", self.source))

    def test_both_take_turns_and_store_nothing_twice(self):
        noise = self.source / "noise"
        for turn in range(3):
            noise.write_bytes(os.urandom(3 << 20))
            self.back_up_here(name="turns")
            stored = self.stored()
            self.restic_backup("--force")
            again = self.stored()
            self.assertLess(again - stored, 64 << 10, turn)
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.ends(DONE, "restore", "latest:turns", self.back("ours"), *KEY)
        self.assert_same(self.back("ours", self.source))

    def test_what_restic_stored_is_listed_restored_and_removed(self):
        snapshot = self.restic_backup("--tag", "theirs")
        self.restic_backup("--tag", "theirs")
        self.assertEqual(self.document(DONE, "rebuild", *KEY)["rebuild"]["backups"], 2)
        known = self.snapshots()
        self.assertTrue(all(one["backup_id"] for one in known))
        self.assertEqual({one["name"] for one in known}, {"theirs"})
        oldest = known[-1]["backup_id"]
        self.assertEqual(known[-1]["id"][:8], snapshot[:8])
        self.ends(DONE, "verify", oldest, *KEY)
        self.ends(DONE, "restore", oldest, self.back("ours"), *KEY)
        self.assert_same(self.back("ours", self.source))
        info = self.document(DONE, "show", oldest)["backup"]
        self.assertEqual((info["retention_days"], info["form"]), (-1, "repository"))
        self.ends(DONE, "delete", oldest)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 1)

    def test_what_restic_forgets_is_gone_after_a_rebuild(self):
        first = self.back_up_here()["id"]
        second = self.back_up_here()["id"]
        self.restic("forget", "--keep-last", 1, "--prune")
        self.ends(DONE, "rebuild", *KEY)
        self.assertEqual([one["backup_id"] for one in self.snapshots()], [second])
        self.refused("", "show", first)
        self.ends(DONE, "verify", second, *KEY)

    def test_pins_are_in_nobodys_way(self):
        self.ends(DONE, "retention", "pin", self.back_up_here()["id"], "--reason", "year's end")
        self.assertEqual(len(list((self.storage / "snapshots").glob("*.pins.json"))), 1)
        self.assertEqual(len(json.loads(self.restic("snapshots", "--json"))), 1)
        self.assertIn("no errors", self.restic("check"))

    def test_browsing(self):
        self.back_up_here()
        done = self.ends(DONE, "cat", "latest:job", self.source / "sub" / "two.txt", *KEY)
        self.assertEqual(done.stdout, (self.source / "sub" / "two.txt").read_bytes())
        found = self.document(DONE, "files", "latest:job", "--recursive", *KEY)["files"]
        names = {one["path"].rsplit("/", 1)[-1] for one in found}
        self.assertLessEqual({"one.txt", "two.txt", "link", "sub"}, names)

    def odd_source(self):
        os.link(self.source / "one.txt", self.source / "sub" / "second name")
        self.colours = []  # Memory of older systems keeps no attributes.
        with contextlib.suppress(OSError):
            os.setxattr(self.source / "one.txt", "user.colour", b"green")
            self.colours = ["user.colour"]
        os.utime(self.source / "sub" / "two.txt", ns=(1, 1234567890123456789))
        (self.source / "empty").touch()
        (self.source / "large").write_bytes(os.urandom(3 << 20))

    def unpacked(self, *command):
        """What a program makes of the container, below a new directory."""
        path = self.scratch / f"unpacked{len(os.listdir(self.scratch))}"
        path.mkdir()
        subprocess.run([str(word) for word in command], cwd=path, check=True,
                       capture_output=True, timeout=60)  # fmt: skip
        return path / str(self.source).lstrip("/")

    def test_a_snapshot_becomes_a_tar_file(self):
        self.odd_source()
        self.back_up_here()
        for name, option in (("zst", ()), ("gz", ("--compression", "tar.gz", "--level", 9)),
                             ("tar", ("--compression", "none"))):  # fmt: skip
            file = self.scratch / f"out.{name}"
            out = self.document(DONE, "export", "latest:job", file, *option, *KEY)
            self.assertEqual(out["size"], file.stat().st_size)
            back = self.unpacked("tar", "-x", "--xattrs", "-f", file)
            self.assert_same(back)
            one, two = back / "one.txt", back / "sub" / "two.txt"
            self.assertEqual(one.stat().st_ino, (back / "sub" / "second name").stat().st_ino)
            self.assertEqual(two.stat().st_mtime_ns, 1234567890123456789)
            self.assertEqual([name for name in os.listxattr(one) if "colour" in name], self.colours)

    def test_a_snapshot_becomes_a_zip_file(self):
        self.odd_source()
        self.back_up_here()
        self.ends(DONE, "export", "latest:job", self.scratch / "z", "--compression", "zip", *KEY)
        self.assert_same(self.unpacked("7zz", "x", "-snl", self.scratch / "z"))

    def test_only_some_of_a_snapshot_is_exported(self):
        self.odd_source()
        self.back_up_here()
        done = self.ends(DONE, "export", "latest:job", "-", "--compression", "none", "--path",
                         self.source / "sub", *KEY)  # fmt: skip
        (self.scratch / "some").write_bytes(done.stdout)
        back = self.unpacked("tar", "-x", "-f", self.scratch / "some")
        self.assertEqual(sorted(os.listdir(back)), ["sub"])
        self.assertEqual((back / "sub" / "second name").read_text(), "one\n")
        self.assertLess(len(done.stdout), 1 << 20)

    def test_what_is_damaged_ends_an_export(self):
        self.back_up_here()
        self.damage_packs()
        file = self.scratch / "out"
        self.document(FAILED, "export", "latest:job", file, *KEY)
        self.assertFalse(file.exists())

    def test_what_an_export_does_not_take(self):
        self.back_up_here()
        self.back_up(name="archive")
        file = self.scratch / "out"
        self.refused("7z", "export", "latest:job", file, "--compression", "7z", *KEY, code=USAGE)
        self.refused("compression_level", "export", "latest:job", file, "--level", 21, *KEY)
        self.refused("nothing in the backup", "export", "latest:job", file, "--path", "nowhere",
                     *KEY)  # fmt: skip
        self.refused("repositories", "export", "latest:archive", file, "--path", "one.txt")
        self.assertFalse(file.exists())

    def test_a_drill_and_damage(self):
        self.back_up_here()
        self.ends(DONE, "drill", "latest:job", "--all", *KEY)
        self.damage_packs()
        out = self.document(FAILED, "verify", "latest:job", *KEY)
        self.assertIn(out["error"]["code"], ("BS_E_CORRUPT", "BS_E_MISSING"))
        self.assertTrue(out["verification"]["damages"])

    def with_waste(self):
        """A repository most of which no snapshot needs any more."""
        noise = self.source / "noise"
        noise.write_bytes(os.urandom(3 << 20))
        first = self.back_up_here()["id"]
        noise.unlink()
        self.back_up_here()
        self.ends(DONE, "delete", first)

    def stored(self):
        return sum(path.stat().st_size for path in (self.storage / "data").rglob("*")
                   if path.is_file())  # fmt: skip

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

    def start(self, name, then="exec cat started"):
        """A backup whose command has begun, and waits."""
        fifo = self.scratch / "started"
        os.mkfifo(fifo)
        running = subprocess.Popen(
            self.command("--json", "backup", name, *self.FORM, "--command", "--", "sh", "-c",
                         f"cd '{self.scratch}'; echo x >started; {then}"),
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.kill)
        self.await_line(fifo, running)
        self.await_lock(running)
        return fifo, running

    def test_it_outlives_restics_unlock(self):
        fifo, running = self.start("slow")
        self.assertEqual(len(self.locks()), 1)
        self.restic("unlock")
        self.assertEqual(len(self.locks()), 1)
        fifo.write_text("the end")
        out, _ = running.communicate(timeout=60)
        self.assertEqual(running.returncode, DONE, out)

    def test_what_a_killed_one_left_is_put_in_order(self):
        self.back_up_here()
        _, running = self.start("slow", then="exec sleep 5")
        running.kill()
        running.wait(timeout=60)
        self.assertEqual(len(self.locks()), 1)
        self.environment["ENCRYPTION_KEY"] = SECRET
        states = [one["status"] for one in self.document(DONE, "list")["backups"]]
        self.assertEqual(states, ["failed", "completed"])
        self.assertEqual(self.locks(), [])
        self.assertIn("no errors", self.restic("check"))


if __name__ == "__main__":
    unittest.main()
