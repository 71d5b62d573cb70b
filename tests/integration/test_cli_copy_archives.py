#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Archives and mirrors become snapshots of a repository, beside the restic program of the system.

Usage: test_cli_copy_archives.py TOOL BLOB_PROBE DYING_TOOL [unittest's arguments]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

from cli_case import DONE, FAILED, USAGE, WARNINGS
from oddities import IS_ROOT, MIB, make_oddities, noise, tree_state
from repository_case import KEY, OTHER, PROBE, RepositoryCase

DYING = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
AWAY = ("--key", "env:OTHER")
FORMS = ("none", "zip", "tar.gz", "tar.bz2", "tar.zst", "7z")


class CopyCase(RepositoryCase):
    def setUp(self):
        super().setUp()
        self.away = self.scratch / "away"
        self.ends(DONE, "storage", "add", "away", "local", f"path={self.away}")
        self.check_call(PROBE, self.away, "init", 2, password=OTHER)

    def copy(self, *args, code=DONE):
        return self.document(code, "copy", *args, "--to", "away", "--to-key", "env:OTHER")

    def copied(self, *args):
        return self.copy(*args)["copy"]

    def restic(self, *args, **options):
        return super().restic("-r", self.away, *args, password=OTHER, **options)

    def made(self):
        """The snapshots, the oldest first."""
        return sorted(json.loads(self.restic("snapshots", "--json")), key=lambda one: one["time"])

    def packed(self):
        return sum(one.stat().st_size for one in (self.away / "data").rglob("*") if one.is_file())

    def assert_tree(self, back, expected):
        found = tree_state(back)
        self.assertEqual(found.keys(), expected.keys())
        for path, content in expected.items():
            self.assertEqual(found[path], content, path)
        shutil.rmtree(back)

    def assert_restic_restores(self, snapshot, expected):
        self.restic("restore", snapshot, "--target", self.back("theirs"))
        self.assert_tree(self.back("theirs", self.source), expected)
        shutil.rmtree(self.back("theirs"))

    def elsewhere(self):
        """Another machine, which has nothing but the repository."""
        other = self.scratch / "other"
        shutil.rmtree(other, ignore_errors=True)
        self.ends(DONE, "storage", "add", "away", "local", f"path={self.away}", state=other)
        self.ends(DONE, "rebuild", *AWAY, state=other)
        return other

    def assert_we_restore(self, backup, expected, state):
        self.ends(DONE, "restore", backup, self.back("ours"), *AWAY,
                  *(["--privileged"] if IS_ROOT else []), state=state)  # fmt: skip
        self.assert_tree(self.back("ours", self.source), expected)
        shutil.rmtree(self.back("ours"))

    def assert_adds_no_data(self):
        """To a backup of the same source, whoever makes it."""
        lines = self.restic("backup", "--force", "--json", self.source).splitlines()
        self.assertEqual(json.loads(lines[-1])["data_blobs"], 0)
        live = self.back_up("--form", "repository", "--storage", "away", "--encrypt", "aes256",
                            *AWAY, name="live")  # fmt: skip
        self.assertEqual(live["bytes_deduplicated"], live["bytes_processed"])


class Forms(CopyCase):
    def test_of_every_oddity_each_archive_becomes_a_snapshot(self):
        make_oddities(self.source)
        expected = tree_state(self.source)
        backups = [self.back_up("--compression", form, "--metadata", '{"ticket": 7}', name=form)
                   for form in FORMS]  # fmt: skip
        for number, backup in enumerate(backups):
            with self.subTest(form=backup["compression"]):
                out = self.copied(backup["id"])
                self.assertEqual((out["snapshots"], out["snapshots_failed"]), (1, 0))
                (self.assertLess if number else self.assertGreater)(out["bytes"], 8 * MIB)
        self.assertIn("no errors", self.restic("check", "--read-data"))
        other = self.elsewhere()
        for backup, snapshot in zip(backups, self.made(), strict=True):
            with self.subTest(form=backup["compression"]):
                self.assertEqual(snapshot["tags"], [backup["compression"]])
                self.assertEqual(snapshot["paths"], [str(self.source)])
                self.assert_restic_restores(snapshot["id"], expected)
                self.assert_we_restore(backup["id"], expected, other)
                shown = self.document(DONE, "show", backup["id"], state=other)["backup"]
                for key in ("name", "metadata", "created_at", "started_at", "completed_at"):
                    self.assertEqual(shown[key], backup[key], key)
                self.assertEqual((shown["form"], shown["backup_type"]), ("repository", "full"))
        self.assert_adds_no_data()


class Chains(CopyCase):
    def test_each_link_of_a_chain_is_the_state_at_that_time(self):
        make_oddities(self.source)
        states, backups = [], []
        for kind in ("full", "incremental", "differential", "incremental"):
            (self.source / kind).mkdir(exist_ok=True)
            (self.source / kind / "new").write_bytes(noise(str(len(states)), 3 * MIB))
            (self.source / "text").write_bytes(b"%d\n" % len(states) * 1000)
            (self.source / "names" / "a").unlink(missing_ok=True)
            states.append(tree_state(self.source))
            backups.append(self.back_up("--type", kind))
        self.assertEqual([one["backup_type"] for one in backups],
                         ["full", "incremental", "differential", "incremental"])  # fmt: skip
        last = self.copied(backups[-1]["id"])
        out = self.copied("--archives")
        self.assertEqual((out["snapshots"], out["snapshots_present"]), (3, 1))
        self.assertLess(out["bytes"], last["bytes"])
        self.assertIn("no errors", self.restic("check", "--read-data"))
        other = self.elsewhere()
        self.assertEqual(len(self.made()), 4)
        for backup, snapshot, expected in zip(backups, self.made(), states, strict=True):
            self.assert_restic_restores(snapshot["id"], expected)
            self.assert_we_restore(backup["id"], expected, other)
        for backup in backups:  # None needs another one.
            self.ends(DONE, "delete", backup["id"], state=other)
        self.assertEqual(self.made(), [])

    def test_copied_again_nothing_is_read_or_stored(self):
        (self.source / "noise").write_bytes(noise("noise", MIB))
        self.back_up()
        first = self.copied("latest:job")
        packs = self.packed()
        for container in (self.state / "storage" / "job").glob("*.zip"):
            container.write_bytes(b"")  # What is not read can be as it likes.
        out = self.copied("latest:job")
        self.assertEqual((first["snapshots"], first["snapshots_present"]), (1, 0))
        self.assertEqual((out["snapshots"], out["snapshots_present"]), (0, 1))
        self.assertEqual((out["blobs"], self.packed()), (0, packs))

    def test_when_restic_has_changed_the_snapshot_only_that_is_made_anew(self):
        self.back_up()
        self.copied("latest:job")
        self.restic("tag", "--set", "theirs", "latest")
        out = self.copied("latest:job")
        self.assertEqual((out["snapshots_present"], out["blobs"]), (1, 0))
        self.restic("forget", "latest")
        out = self.copied("latest:job")
        self.assertEqual((out["snapshots"], out["blobs"]), (1, 0))


class Sources(CopyCase):
    def assert_paths(self, *paths):
        snapshot = self.made()[-1]
        self.assertEqual(snapshot["paths"], sorted(map(str, paths)))
        self.assertIn("no errors", self.restic("check", "--read-data"))
        return snapshot["id"]

    def test_several_sources_stand_under_the_directories_above_them(self):
        second = self.scratch / "more" / "second"
        second.mkdir(parents=True)
        (second / "file").write_text("file\n")
        self.back_up(sources=[self.source, second, self.source / "sub" / "two.txt"])
        self.copied("latest:job")
        self.assert_paths(self.source, self.source / "sub" / "two.txt", second)
        self.restic("restore", "latest", "--target", self.back("theirs"))
        self.assert_same(self.back("theirs", self.source))
        self.assertEqual(self.back("theirs", second / "file").read_text(), "file\n")
        above = os.stat(self.back("theirs", second).parent)
        self.assertEqual((above.st_mode & 0o7777, above.st_uid), (0o755, os.geteuid()))

    def test_what_came_from_a_command_is_one_file(self):
        self.document(DONE, "backup", "job", "--command", "--", "/bin/echo",
                      "/the/database")  # fmt: skip
        self.copied("latest:job")
        self.assert_paths("/output")
        self.assertEqual(self.restic("dump", "latest", "/output"), "/the/database\n")

    def test_an_empty_directory(self):
        shutil.rmtree(self.source)
        self.source.mkdir()
        self.back_up()
        self.copied("latest:job")
        self.assert_paths(self.source)

    def test_a_mirror(self):
        make_oddities(self.source)
        self.back_up("--type", "mirror")
        expected = tree_state(self.source)
        self.assertEqual(self.copied("--archives")["snapshots"], 1)
        self.assert_restic_restores(self.assert_paths(self.source), expected)
        self.assert_adds_no_data()

    def test_warnings_go_along(self):
        self.environment["MAX_FILE_SIZE"] = "2000"
        backup = self.back_up(code=WARNINGS)
        del self.environment["MAX_FILE_SIZE"]
        self.copied("latest:job")
        shown = self.document(DONE, "show", backup["id"], state=self.elsewhere())["backup"]
        self.assertEqual(len(shown["warnings"]), 1)
        self.assertIn("two.txt", shown["warnings"][0]["path"])


class Encrypted(CopyCase):
    def setUp(self):
        super().setUp()
        (self.source / "noise").write_bytes(noise("noise", 3 * MIB))

    def assert_copies(self, *args):
        out = self.copied(*args)
        self.assertEqual((out["snapshots"], out["snapshots_failed"]), (1, 0))
        self.restic("restore", "latest", "--target", self.back("theirs"))
        self.assert_same(self.back("theirs", self.source))

    def assert_locked(self):
        out = self.copy("--archives", code=FAILED)
        self.assertEqual(out["error"]["code"], "BS_E_KEY")
        self.assertEqual([one["subject"] for one in out["copy"]["findings"]], ["backup"])
        self.assertEqual((out["copy"]["snapshots_failed"], self.made()), (1, []))

    def test_for_a_pass_phrase(self):
        for container in (("tar.zst",), ("zip", "--zip-encryption", "winzip")):
            with self.subTest(container=container):
                shutil.rmtree(self.away)
                self.check_call(PROBE, self.away, "init", 2, password=OTHER)
                self.back_up("--encrypt", "aes256", *KEY, "--compression", *container)
                self.assert_locked()
                self.assert_copies("latest:job", *KEY)
                shutil.rmtree(self.back("theirs"))
                self.ends(DONE, "delete", "latest:job")

    def test_for_an_rsa_key_a_chain_of_it(self):
        key = self.scratch / "mine"
        self.ends(DONE, "key", "generate", "rsa", key, "--bits", 3072)
        for kind in ("full", "incremental"):
            (self.source / kind).write_bytes(noise(kind, MIB))
            self.back_up("--encrypt", "rsa", "--recipient", f"{key}.pub", "--type", kind)
        self.assert_copies("latest:job", "--key", f"file:{key}")
        out = self.copy("--archives", code=FAILED)["copy"]
        self.assertEqual((out["snapshots"], out["snapshots_failed"]), (0, 2))


class Damage(CopyCase):
    def containers(self):
        return sorted((self.state / "storage" / "job").glob("*.tar.gz"))

    def damage(self, path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)

    def make_chain(self):
        for kind in ("full", "incremental"):
            (self.source / kind).write_bytes(noise(kind, 2 * MIB))
            self.back_up("--type", kind, "--compression", "tar.gz")

    def test_it_is_told_which_archive_and_what_in_it(self):
        self.make_chain()
        self.back_up(name="good")
        self.damage(self.containers()[0])
        out = self.copy("--archives", code=FAILED)
        self.assertEqual(out["error"]["code"], "BS_E_CORRUPT")
        out = out["copy"]
        self.assertEqual((out["snapshots"], out["snapshots_failed"]), (1, 2))
        for finding in out["findings"]:
            self.assertEqual(finding["subject"], "backup")
            self.assertIn(self.containers()[0].name, finding["message"])
            self.assertIn("source/full", finding["message"])
        self.assertEqual([one["tags"] for one in self.made()], [["good"]])
        self.assertIn("no errors", self.restic("check", "--read-data"))
        self.restic("prune")

    def test_a_missing_link_is_named(self):
        self.make_chain()
        first = self.containers()[0]
        first.unlink()
        out = self.copy("latest:job", code=FAILED)
        self.assertIn(first.name, out["copy"]["findings"][0]["message"])
        self.assertEqual(self.made(), [])

    def test_each_part_of_a_container_counts(self):
        """What is stored as it is tells nothing by itself: it is compared."""
        (self.source / "large").write_bytes(noise("large", 3 * MIB))
        self.back_up("--compression", "none")
        (container,) = (self.state / "storage" / "job").glob("*.tar")
        whole = container.read_bytes()
        for name, bytes_of in (("large", noise("large", 3 * MIB)), ("one.txt", b"one\n")):
            at = whole.index(bytes_of)
            damaged = bytearray(whole)
            damaged[at + 1] ^= 1
            container.write_bytes(damaged)
            out = self.copy("latest:job", code=FAILED)["copy"]
            self.assertIn(f"source/{name}'", out["findings"][0]["message"])
            self.assertIn(container.name, out["findings"][0]["message"])
            self.assertEqual(self.made(), [])

    def test_a_damaged_manifest(self):
        self.make_chain()
        for manifest in (self.state / "storage" / "job").glob("*.manifest.json.zst"):
            self.damage(manifest)
        out = self.copy("latest:job", code=FAILED)["copy"]
        self.assertIn("manifest", out["findings"][0]["message"])
        self.assertEqual(self.made(), [])


class Refused(CopyCase):
    def test_what_it_does_not_take(self):
        to = ("--to", "away", "--to-key", "env:OTHER")
        backup = self.back_up()
        self.refused("none can be named", "copy", "latest:job", "--archives", *to)
        self.refused("another storage", "copy", "--archives", "--to", "local")
        self.refused("not on 'away'", "copy", backup["id"], "--storage", "away", "--to", "local")
        self.refused("latest:other", "copy", "latest:other", *to)
        self.refused("--to", "copy", "--archives", code=USAGE)
        self.ends(DONE, "storage", "add", "none", "local", f"path={self.scratch / 'none'}")
        self.refused("no repository", "copy", "--archives", "--to", "none")

    def test_both_kinds_can_be_named(self):
        """What is no archive is a snapshot of the repository on the same storage."""
        self.check_call(PROBE, self.state / "storage", "init", 2)
        self.back_up("--form", "repository", "--encrypt", "aes256", *KEY, name="inside")
        self.back_up(name="outside")
        out = self.copied("latest:inside", "latest:outside", *KEY)
        self.assertEqual((out["snapshots"], out["snapshots_failed"]), (2, 0))
        self.assertEqual({tag for one in self.made() for tag in one["tags"]}, {"inside", "outside"})
        self.assertEqual(len({one["tree"] for one in self.made()}), 2)
        out = self.copied(*KEY)
        self.assertEqual((out["snapshots"], out["snapshots_present"]), (0, 1))


class Deaths(CopyCase):
    EACH = bool(os.environ.get("BSI_TESTS_FULL"))

    def dies(self, at):
        """Whether the copy has died at that one of its calls that change something."""
        words = self.command("copy", "latest:job", "--to", "away", "--to-key", "env:OTHER")[1:]
        done = subprocess.run(
            [DYING, *words],
            env=self.environment | {"TEST_DIES_AT": str(at)}, capture_output=True, timeout=300,
            check=False,
        )  # fmt: skip
        self.assertIn(done.returncode, (DONE, -signal.SIGKILL), done.stderr)
        return done.returncode != DONE

    def test_wherever_it_dies_there_is_a_whole_snapshot_or_none(self):
        (self.source / "noise").write_bytes(noise("noise", 20 * MIB))
        self.back_up("--compression", "tar.zst")
        empty = self.scratch / "empty"
        shutil.copytree(self.away, empty)
        at, deaths = 1, 0
        while self.dies(at):
            deaths += 1
            before = self.packed()
            self.assertIn("no errors", self.restic("check", "--no-lock", "--read-data"))
            for snapshot in self.made():
                self.restic("restore", "--no-lock", snapshot["id"], "--target", self.back("theirs"))
                self.assert_same(self.back("theirs", self.source))
                shutil.rmtree(self.back("theirs"))
            out = self.copied("latest:job")
            self.assertEqual(out["snapshots"] + out["snapshots_present"], 1)
            self.assertEqual(len(self.made()), 1)
            self.assertIn("no errors", self.restic("check", "--no-lock", "--read-data"))
            self.assertLess(self.packed() - before, 21 * MIB)
            shutil.rmtree(self.away)
            shutil.copytree(empty, self.away)
            at += 1 if self.EACH else 1 + at // 2
        self.assertGreater(deaths, 5)
        self.assertEqual(len(self.made()), 1)


if __name__ == "__main__":
    unittest.main()
