#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Snapshots of the restic program, listed, restored and verified.

Usage: test_restic_read.py PROBE DATA [unittest's arguments]

DATA has repositories without their large packs. BSI_RESTIC_FIXTURES may name a folder
with the same ones whole, as tar files: then their restores must be complete, too.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest

from restic_program import RESTIC

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
DATA = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else pathlib.Path()
WHOLE = os.environ.get("BSI_RESTIC_FIXTURES")
ROOT = os.geteuid() == 0
SECONDS = 120
REPOSITORIES = ("repo-v1", "repo-v2", "repo-v2-new")
# Where the tree of a manifest lies in its snapshot, by the name of its backup.
EXPECTED = {"first": "snapshot1", "second": "snapshot2", "raw": "raw"}


def top_of(repository, name):
    if repository == "repo-v1":
        return b""
    return b"fixture/raw" if name == "raw" else b"fixture/src"


def has_xattrs(folder):
    probe = folder / "xattr-probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


def content_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def describe(path, info):
    """What is compared of one file, in the form of the expected manifests."""
    kind = stat.S_IFMT(info.st_mode)
    entry = {
        "type": {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink",
                 stat.S_IFIFO: "fifo", stat.S_IFCHR: "chardev", stat.S_IFBLK: "dev"}[kind],
        "mode": "%04o" % stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "mtime_ns": info.st_mtime_ns,
    }  # fmt: skip
    if kind == stat.S_IFREG:
        entry["size"] = info.st_size
        entry["sha256"] = content_of(path)
    if kind == stat.S_IFLNK:
        entry["linktarget_b64"] = base64.b64encode(os.readlink(path)).decode()
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = info.st_rdev
    names = sorted(os.listxattr(path, follow_symlinks=False))
    if names:
        entry["xattrs_b64"] = {
            name: base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode()
            for name in names
        }
    return entry


def manifest_of(top):
    """Everything below a folder by its path; and the groups of hard links."""
    entries, groups = {}, {}
    top = os.fsencode(top)
    for folder, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            relative = os.path.relpath(path, top)
            entries[relative] = describe(path, info)
            if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                groups.setdefault((info.st_dev, info.st_ino), set()).add(relative)
    return entries, {frozenset(group) for group in groups.values() if len(group) > 1}


def expected_of(name):
    entries, groups = {}, {}
    for entry in json.loads((DATA / "expected" / f"{EXPECTED[name]}.json").read_text()):
        path = base64.b64decode(entry.pop("path_b64"))
        del entry["path"]
        entry.pop("linktarget", None)
        if "hardlink_group" in entry:
            groups.setdefault(entry.pop("hardlink_group"), set()).add(path)
        if path != b".":
            entries[path] = entry
    return entries, {frozenset(group) for group in groups.values()}


def lines_of(output, begin=b""):
    """The lines that begin so, without that."""
    lines = output.split(b"\0")[:-1]
    return [line.removeprefix(begin) for line in lines if line.startswith(begin)]


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-restic-read."))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.repo = self.scratch / "repo"
        self.out = self.scratch / "out"
        self.password = "fixture-password"

    def run_program(self, command, **more):
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
            env=os.environ | {"RESTIC_PASSWORD": self.password, "HOME": str(self.scratch)} | more,
        )  # fmt: skip

    def probe(self, *arguments, fails=False, **more):
        done = self.run_program([PROBE, self.repo, *arguments], **more)
        self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
        return done

    def backups(self):
        """The backups by name: key, id, kind, form, compression, encryption, files, bytes."""
        lines = lines_of(self.probe("scan").stdout)
        fields = [line.decode().split(" ", 8) for line in lines]
        return {field[8]: field[:8] for field in fields}

    def restore(self, key, *paths, fails=False, **more):
        shutil.rmtree(self.out, ignore_errors=True)
        done = self.probe("restore", key, self.out, *paths, fails=fails, **more)
        return done.stderr

    def lost_of(self, key, top):
        """The files that a verification finds lost, below `top`."""
        lost = lines_of(self.probe("verify", key).stdout, b"lost ")
        return {os.path.relpath(path, top) if top else path for path in lost}

    def assert_told(self, warnings, lost, top):
        told = lines_of(warnings, b"warning ")
        for path in lost:
            begin = os.path.join(top, path) + b": "
            self.assertTrue(any(line.startswith(begin) for line in told), path)

    def without_what_cannot_be(self, entries):
        """What this user and this file system cannot restore."""
        xattrs = has_xattrs(self.scratch)
        for entry in entries.values():
            if not ROOT:
                entry.pop("uid")
                entry.pop("gid")
            if not xattrs:
                entry.pop("xattrs_b64", None)
        return entries

    def assert_restored(self, top, entries, groups, lost=frozenset()):
        found, found_groups = manifest_of(os.path.join(os.fsencode(self.out), top))
        entries = {path: entry for path, entry in entries.items() if path not in lost}
        self.assertEqual(sorted(found), sorted(entries))
        found = self.without_what_cannot_be(found)
        entries = self.without_what_cannot_be(entries)
        for path, entry in entries.items():
            self.assertEqual(found[path], entry, path)
        self.assertEqual(found_groups, {group for group in groups if not group & lost})


class Fixtures(Case):
    def take(self, repository):
        shutil.rmtree(self.repo, ignore_errors=True)
        if WHOLE:
            with tarfile.open(pathlib.Path(WHOLE) / f"{repository}.tar") as tar:
                tar.extractall(self.scratch)
            (self.scratch / repository).rename(self.repo)
        else:
            shutil.copytree(DATA / repository, self.repo)

    def test_each_snapshot_is_listed_with_what_it_tells(self):
        for repository in REPOSITORIES:
            self.take(repository)
            found = self.backups()
            names = {"first", "second"} | ({"raw"} if repository == "repo-v2-new" else set())
            self.assertEqual(set(found), names)
            for name, (key, ident, kind, form, compression, encryption, *_) in found.items():
                snapshot = key.removeprefix("snapshots/")
                self.assertTrue((self.repo / "snapshots" / snapshot).exists())
                self.assertEqual(ident[:8], snapshot[:8])
                self.assertEqual(ident[14], "8")
                self.assertEqual(kind, "incremental" if name == "second" else "full")
                self.assertEqual(form, "repository")
                self.assertEqual(compression, "none" if repository == "repo-v1" else "zstd")
                self.assertEqual(encryption, "aes256")

    def test_each_snapshot_is_restored_exactly(self):
        for repository in REPOSITORIES:
            self.take(repository)
            for name, (key, *_) in self.backups().items():
                with self.subTest(repository=repository, name=name):
                    self.check_restore(repository, name, key)

    def check_restore(self, repository, name, key):
        top = top_of(repository, name)
        entries, groups = expected_of(name)
        lost = self.lost_of(key, top)
        self.assertEqual(bool(lost), not WHOLE and name != "raw")
        told = self.restore(key, fails=bool(lost))
        self.assert_told(told, lost, top)
        self.assert_restored(top, entries, groups, lost)

    def test_every_entry_is_listed(self):
        self.take("repo-v2")
        listed = lines_of(self.probe("list", self.backups()["second"][0]).stdout)
        found = {path: (kind, mode) for kind, mode, _, path in (l.split(b" ", 3) for l in listed)}
        for path, entry in expected_of("second")[0].items():
            self.assertEqual(
                found[b"fixture/src/" + path], (entry["type"].encode(), entry["mode"].encode())
            )

    def test_what_is_missing_is_named(self):
        self.take("repo-v2")
        key = self.backups()["first"][0]
        done = self.probe("read", key, "fixture/src/nowhere", fails=True)
        self.assertIn(b"the backup holds no 'fixture/src/nowhere'", done.stdout)
        done = self.probe("read", key, "fixture", fails=True)
        self.assertIn(b"'fixture' is no file", done.stdout)
        done = self.probe("list", key, "nowhere", fails=True)
        self.assertIn(b"the backup holds no 'nowhere'", done.stdout)

    def test_another_pass_phrase_opens_nothing(self):
        self.take("repo-v2")
        key = self.backups()["first"][0]
        self.password = "another"
        self.assertIn(b"opens none", self.probe("scan").stderr)
        self.assertIn(b"opens none", self.probe("list", key, fails=True).stdout)


def fill(top):
    """A tree of oddities; some can only be made by root."""
    (top / "folder" / "below").mkdir(parents=True)
    (top / "empty folder").mkdir()
    (top / "empty").touch()
    (top / "small").write_bytes(b"x")
    noise = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(100_000))
    (top / "folder" / "noise").write_bytes(noise)
    (top / "folder" / "twice").write_bytes(noise)
    (top / "folder" / "below" / "zeros and noise").write_bytes(bytes(1_500_000) + noise[:5000])
    os.link(top / "folder" / "noise", top / "a link")
    with open(top / "sparse", "wb") as file:
        file.seek(6 * 1024 * 1024)
        file.write(b"end")
    os.symlink("nowhere \"<ä>\\".encode(), os.fsencode(top / "link"))
    for name in (b"line\nfeed", b"not \xff\xfe utf-8", b'quotes"\\', b"n" * 255, "ä ö".encode()):
        pathlib.Path(os.fsdecode(os.path.join(os.fsencode(top), name))).write_bytes(name)
    os.mkfifo(top / "pipe")
    os.chmod(top / "small", 0o4711)
    os.chmod(top / "empty folder", 0o3770)
    os.utime(top / "empty", ns=(0, -1_500_000_001))
    if has_xattrs(top):
        os.setxattr(top / "small", "user.attribute", bytes(range(256)))
        os.setxattr(top / "folder", "user.empty", b"")
    if ROOT:
        os.chown(top / "empty", 12345, 54321)
        os.mknod(top / "device", 0o640 | stat.S_IFCHR, os.makedev(7, 300))
    for i in range(300):
        (top / "folder" / f"{i}").write_bytes(noise[i * 40 : i * 60])


@unittest.skipUnless(RESTIC, "restic is not installed")
class BesideRestic(Case):
    @classmethod
    def setUpClass(cls):
        cls.made = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-restic-read."))
        cls.addClassCleanup(shutil.rmtree, cls.made)
        cls.source = cls.made / "source"
        cls.source.mkdir()
        fill(cls.source)
        for command in (["init"], ["backup", "--tag", "odd", cls.source]):
            subprocess.run(
                [RESTIC, "--no-cache", "-q", "-r", cls.made / "repo", *command], check=True,
                env=os.environ | {"RESTIC_PASSWORD": "secret", "HOME": str(cls.made)},
                timeout=SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        (key,) = (cls.made / "repo" / "snapshots").iterdir()
        cls.key = f"snapshots/{key.name}"
        cls.top = os.fsencode(cls.source)[1:]

    def setUp(self):
        super().setUp()
        self.password = "secret"
        self.repo = self.made / "repo"

    def test_a_tree_of_oddities_comes_back(self):
        entries, groups = manifest_of(self.source)
        self.restore(self.key)
        self.assert_restored(self.top, entries, groups)
        self.assertEqual(self.probe("verify", self.key).stdout, b"")

    def test_without_the_source_in_front(self):
        entries, groups = manifest_of(self.source)
        self.restore(self.key, STRIP_SOURCE="1")
        self.assert_restored(b"", entries, groups)

    def test_zeros_become_holes(self):
        self.restore(self.key)
        path = os.path.join(os.fsencode(self.out), self.top, b"sparse")
        self.assertLess(os.stat(path).st_blocks * 512, 2 * 1024 * 1024)

    def test_a_folder_alone(self):
        self.restore(self.key, str(self.source / "folder" / "below"))
        found, _ = manifest_of(self.out)
        self.assertEqual(
            {path for path, entry in found.items() if entry["type"] == "file"},
            {os.path.join(self.top, b"folder/below/zeros and noise")},
        )

    def test_a_further_name_alone_becomes_a_file(self):
        self.restore(self.key, str(self.source / "folder" / "noise"))
        path = os.path.join(os.fsencode(self.out), self.top, b"folder/noise")
        self.assertEqual(content_of(path), content_of(self.source / "folder" / "noise"))

    def test_one_file_is_read(self):
        for name in ("small", "empty", "sparse", "folder/noise"):
            path = str(self.source / name)[1:]
            read = self.probe("read", self.key, path).stdout
            self.assertEqual(read, (self.source / name).read_bytes())

    def test_a_folder_is_listed(self):
        listed = lines_of(self.probe("list", self.key, str(self.source / "folder")[1:]).stdout)
        self.assertEqual(len(listed), 303)

    def test_no_lock_stays_behind(self):
        self.restore(self.key)
        self.assertEqual(list(self.repo.glob("locks/*")), [])

    def test_a_damaged_pack_costs_only_its_files(self):
        self.repo = self.scratch / "repo"
        shutil.copytree(self.made / "repo", self.repo)
        largest = max(self.repo.glob("data/*/*"), key=lambda path: path.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[len(data) // 2] ^= 1
        largest.chmod(0o600)
        largest.write_bytes(data)
        damaged = lines_of(self.probe("verify", self.key).stdout, b"damaged ")
        self.assertEqual(len(damaged), 1)
        self.assertIn(f"data/{largest.name[:2]}/{largest.name}".encode(), damaged[0])
        lost = self.lost_of(self.key, self.top)
        self.assertTrue(lost)
        told = self.restore(self.key, fails=True)
        self.assert_told(told, lost, self.top)
        entries, groups = manifest_of(self.source)
        self.assertLess(len(lost), len(entries) // 2)
        self.assert_restored(self.top, entries, groups, lost)


if __name__ == "__main__":
    unittest.main()
