#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random histories of one repository that the tool and two restics share, the oldest and the
newest: backups, snapshots that are forgotten, prunes, runs of the tool that die anywhere, damage
and its repair. After each step restic's check finds nothing, and each snapshot that was kept, and
that the damage has not cost, restores exactly.

Usage: test_restic_histories.py TOOL BLOB_PROBE [SEED [STEP,STEP...]]

BSI_TESTS_FULL=1: many more of them. What steps do follows from the seed and their place, so some
of them can be left out; where a run dies depends on threads too.
"""
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import unittest

from cli_case import DONE
from repository_case import KEY, RepositoryCase

SEEDS = range(1, 501 if os.environ.get("BSI_TESTS_FULL") else 4)
STEPS = 10
KEPT_MAX = 4
RESTICS = [path for path in (shutil.which("restic"), os.environ.get("RESTIC_NEWEST")) if path]
# Calls that change something; about so many do these verbs with what there is here.
CALLS = {"backup": 350, "delete": 170, "prune": 200, "repair": 180}
# What restic's check says of a repository in which a prune has something to do.
HINTS = ("additional", "not referenced", "duplicate", "several", "prune", "rebuild-index")
FORM = ("--form", "repository", "--encrypt", "aes256", *KEY)


def content_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


class History(RepositoryCase):
    """The model: what is in the source, and what was at each snapshot that is kept."""

    def begin(self, seed):
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.source)
        self.source.mkdir()
        self.init(1 if seed % 4 == 0 else 2)
        self.seed, self.number = seed, 0
        self.kept = {}
        self.backup_ids = {}

    # --- Programs ---

    def any_restic(self, *arguments):
        return self.check_call(self.rng.choice(RESTICS), "--no-cache", *arguments)

    def stored_files(self, kind):
        """Those of a folder, without what was begun and has no name yet."""
        return sorted(path for path in self.storage.glob(f"{kind}/*") if len(path.name) == 64)

    def snapshot_ids(self):
        return {path.name for path in self.stored_files("snapshots")}

    def backup_id(self, snapshot):
        """What the tool calls it; restic's are known after a rebuild."""
        if snapshot not in self.backup_ids:
            self.ends(DONE, "rebuild", *KEY)
            self.backup_ids |= {one["id"]: one["backup_id"] for one in self.snapshots()}
        return self.backup_ids[snapshot]

    # --- Steps ---

    def change(self):
        """Files come, change and go."""
        names = [f"{folder}/{number}" for folder in "ab" for number in range(8)]
        for name in self.rng.sample(names, 5):
            path = self.source / name
            path.parent.mkdir(exist_ok=True)
            if path.exists() and self.rng.random() < 0.3:
                path.unlink()
            else:
                path.write_bytes(self.rng.randbytes(self.rng.randrange(1, 20_000)))

    def make_room(self):
        while len(self.kept) >= KEPT_MAX:
            self.forget()

    def backup_ours(self):
        self.change()
        self.make_room()
        kind = self.rng.choice(("incremental", "full", "differential"))
        done = self.back_up("--type", kind, *FORM)
        self.kept[done["backup_file_path"].removeprefix("snapshots/")] = content_of(self.source)

    def backup_restic(self):
        self.change()
        self.make_room()
        lines = self.any_restic("backup", "--json", self.source).splitlines()
        (made,) = [name for name in self.snapshot_ids()
                   if name.startswith(json.loads(lines[-1])["snapshot_id"])]  # fmt: skip
        self.kept[made] = content_of(self.source)

    def forget(self):
        if not self.kept:
            return
        snapshot = self.rng.choice(list(self.kept))
        if self.rng.random() < 0.5:
            self.ends(DONE, "delete", self.backup_id(snapshot), "--cascade")
        else:
            self.any_restic("forget", snapshot)
        del self.kept[snapshot]

    def prune_ours(self):
        self.ends(DONE, "prune", *self.any_prune(), *KEY)

    def any_prune(self):
        return self.rng.choice([
            (), ("--max-unused", "0"), ("--two-phases",), ("--two-phases", "--no-grace"),
            ("--two-phases", "--no-grace", "--max-unused", "0"),
        ])  # fmt: skip

    def prune_restic(self):
        self.any_restic("prune", *self.rng.choice([(), ("--max-unused", "0")]))

    def run_dying(self, *command):
        """The tool dies if it comes so far."""
        at = self.rng.randrange(1, CALLS[command[0]])
        done = self.run_tool(*command, env=self.environment | {"TEST_DIES_AT": str(at)})
        text = f"{command} at {at}: {done.stdout} {done.stderr}"
        self.assertIn(done.returncode, (DONE, -signal.SIGKILL), text)
        return text

    def die(self, *command):
        """Afterwards nobody minds the lock that the dead one has left."""
        text = self.run_dying(*command)
        if self.rng.random() < 0.5:
            self.any_restic("unlock")
            self.assertEqual(self.stored_files("locks"), [], text)
        else:
            self.ends(DONE, "check", *KEY)
            self.any_restic("unlock")

    def dying_backup(self):
        """What it has made in spite of its death is whole."""
        self.change()
        self.make_room()
        before = self.snapshot_ids()
        self.die("backup", "job", self.source, *FORM)
        for made in self.snapshot_ids() - before:
            self.kept[made] = content_of(self.source)

    def dying_delete(self):
        if self.kept:
            snapshot = self.rng.choice(list(self.kept))
            self.die("delete", self.backup_id(snapshot), "--cascade")
            self.ends(DONE, "rebuild", *KEY)  # What has died half-way is ended by then.
            del self.backup_ids[snapshot]
            if snapshot not in self.snapshot_ids():
                del self.kept[snapshot]

    def dying_prune(self):
        self.die("prune", *self.any_prune(), *KEY)

    def dying_repair(self):
        self.die("repair", self.rng.choice(("index", "packs", "snapshots")), *KEY)

    # --- Damage ---

    def places(self):
        """Where the index has blobs: (pack, type, id, offset, length)."""
        found = set()
        for path in self.stored_files("index"):
            index = json.loads(self.restic("cat", "--no-lock", "index", path.name))
            for pack in index.get("packs") or []:
                found |= {(pack["id"], blob["type"], blob["id"], blob["offset"], blob["length"])
                          for blob in pack["blobs"]}  # fmt: skip
        return found

    def spoil(self, path):
        """What is left of a file: all before an offset, and all but one byte, or nothing."""
        how = self.rng.choice(("flip", "cut", "gone"))
        size = path.stat().st_size
        at = self.rng.randrange(size)
        path.chmod(0o600)
        if how == "gone":
            path.unlink()
        elif how == "cut":
            os.truncate(path, at)
        else:
            content = bytearray(path.read_bytes())
            content[at] ^= 1
            path.write_bytes(content)
        first = 0 if how == "gone" else at
        return range(first, first + 1 if how == "flip" else size)

    def may_be_lost(self, lost):
        """Snapshots with a file of which no copy is left, or perhaps with such a folder."""
        folders = any(kind == "tree" for kind, _ in lost)
        return {
            snapshot for snapshot, files in self.kept.items()
            if folders or any(("data", hashlib.sha256(content).hexdigest()) in lost
                              for content in files.values())
        }  # fmt: skip

    def damage(self):
        """The blobs, (type, id), of which no copy is left."""
        places = self.places()
        spoilt = {}
        unindexed = self.rng.random() < 0.4
        if unindexed:
            self.spoil(self.rng.choice(self.stored_files("index")))
        if self.rng.random() < 0.8 and self.packs():
            path = self.rng.choice(sorted(self.packs()))
            spoilt[path.name] = self.spoil(path)

        def is_hit(pack, offset, length):
            hit = spoilt.get(pack, ())
            header = max(at + size for one, _, _, at, size in places if one == pack)
            if unindexed and hit and hit.stop > header:
                return True  # Nothing may tell any more what is in it.
            return bool(hit) and offset < hit.stop and hit.start < offset + length

        good = {(kind, blob) for pack, kind, blob, offset, length in places
                if not is_hit(pack, offset, length)}  # fmt: skip
        return {(kind, blob) for _, kind, blob, _, _ in places} - good

    def damage_and_repair(self):
        if not self.kept:
            return
        may_be_lost = self.may_be_lost(self.damage())
        for part in ("index", "packs"):
            if self.rng.random() < 0.4:
                self.run_dying("repair", part, *KEY)
                self.any_restic("unlock")
            self.ends(DONE, "repair", part, *KEY)
        forgets = self.rng.choice(((), ("--forget",)))
        self.ends(DONE, "repair", "snapshots", *forgets, *KEY)
        found = json.loads(self.run_tool("--json", "check", *KEY).stdout)["check"]["findings"]
        lost = {one["id"] for one in found if one["subject"] == "snapshot"}
        lost |= set(self.kept) - self.snapshot_ids()
        self.assertLessEqual(lost & set(self.kept), may_be_lost)
        for snapshot in (lost | self.snapshot_ids()) - (set(self.kept) - lost):
            (self.storage / "snapshots" / snapshot).unlink(missing_ok=True)
            self.kept.pop(snapshot, None)

    # --- What must be true ---

    def assert_restores(self, snapshot):
        target = self.back(f"{self.seed}-{self.number}-{snapshot[:8]}")
        if self.rng.random() < 0.5:
            self.ends(DONE, "restore", self.backup_id(snapshot), target, *KEY)
        else:
            self.any_restic("restore", "--no-lock", snapshot, "--target", target)
        back = target / str(self.source).lstrip("/")
        self.assertTrue(content_of(back) == self.kept[snapshot], snapshot)
        shutil.rmtree(target)

    def assert_whole(self, hints=()):
        said = self.any_restic("check", "--no-lock", "--read-data")
        self.assertIn("no errors were found", said)
        for hint in hints:
            self.assertNotIn(hint, said)
        self.assertLessEqual(set(self.kept), self.snapshot_ids())
        for snapshot in self.kept:
            self.assert_restores(snapshot)

    def step(self, name):
        self.number += 1
        self.rng = random.Random(f"{self.seed} {self.number} {name}")
        if name != "-":
            getattr(self, name)()
            self.assert_whole()

    def play(self, seed, names):
        self.begin(seed)
        with self.subTest(seed=seed, steps=",".join(names)):
            for name in names:
                self.step(name)
            self.step("-")
            self.ends(DONE, "prune", "--max-unused", 0, *KEY)
            self.assert_whole(HINTS)


WEIGHTS = {
    "backup_ours": 4, "backup_restic": 4, "forget": 3, "prune_ours": 3, "prune_restic": 2,
    "dying_backup": 3, "dying_delete": 1, "dying_prune": 3, "dying_repair": 1,
    "damage_and_repair": 3,
}  # fmt: skip


def steps_of(seed):
    rng = random.Random(seed)
    return ["backup_ours", *rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=STEPS)]


class Histories(History):
    def test_whatever_happens_what_is_kept_restores(self):
        for seed in SEEDS if ONLY is None else [ONLY]:
            self.play(seed, NAMES or steps_of(seed))


ONLY = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else None
NAMES = sys.argv.pop(1).split(",") if len(sys.argv) > 1 and ONLY is not None else None

if __name__ == "__main__":
    unittest.main()
