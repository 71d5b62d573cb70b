#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the tool's verbs for snapshots of repositories, beside the restic program of the system.

Usage: test_cli_snapshots.py TOOL BLOB_PROBE [unittest's arguments]
"""
import contextlib
import json
import os
import shutil
import subprocess
import unittest

from cli_case import DONE, FAILED, USAGE, WARNINGS
from repository_case import KEY, OTHER, PROBE, kept_folder, RepositoryCase


class Looking(RepositoryCase):
    """Cases that change nothing: all look at one repository with two snapshots, which the first
    of them makes."""

    made = None

    def setUp(self):
        super().setUp()
        if not Looking.made:
            Looking.made = kept_folder() / "looking"
            Looking.made.mkdir()
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


class Copy(RepositoryCase):
    TO = ("--to", "away", "--to-key", "env:OTHER")

    def setUp(self):
        super().setUp()
        self.init()
        self.away = self.scratch / "away"
        self.away.mkdir()
        self.ends(DONE, "storage", "add", "away", "local", f"path={self.away}")

    def make_away(self):
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
        self.restic_away("restore", "latest", "--target", self.back("theirs"))
        self.assert_same(self.back("theirs", self.source))
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


class Export(RepositoryCase):
    FORM = ("--form", "repository", "--encrypt", "aes256", *KEY)

    def setUp(self):
        super().setUp()
        self.init()

    def back_up_here(self, *args, **options):
        return self.back_up(*self.FORM, *args, **options)

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


if __name__ == "__main__":
    unittest.main()
