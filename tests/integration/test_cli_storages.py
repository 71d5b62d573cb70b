#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keep storages with the tool, use them, try them out, forget them.

Usage: test_cli_storages.py TOOL [unittest's arguments]

Started by tests/support/s3_server.py, beside a server.
"""
import html
import os
import pathlib
import re
import shutil
import sys
import unittest
import urllib.error

from cli_case import DONE, FAILED, USAGE, Case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import s3_server  # noqa: E402


class Kept(Case):
    def setUp(self):
        super().setUp()
        self.place = self.scratch / "place"

    def add(self, name="disk"):
        self.ends(DONE, "storage", "add", name, "local", f"path={self.place}")

    def storages(self, *args, **options):
        listed = self.document(DONE, "storage", *(args or ("list",)), **options)
        return {one["name"]: one for one in listed["list"]["storages"]}

    def test_a_storage_is_there_in_later_runs(self):
        self.add()
        self.assertEqual(list(self.storages()), ["disk", "local"])
        self.assertEqual(self.storages("show", "disk")["disk"], {
            "name": "disk", "driver": "local", "is_kept": True, "is_open": False,
            "settings": {"path": str(self.place)},
        })  # fmt: skip
        self.assertEqual(self.storages("show", "local")["local"]["is_kept"], False)
        out = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")
        self.assertEqual(out["backup"]["storage"], "disk")
        self.assertTrue(list(self.place.rglob("*.zip")))
        self.ends(DONE, "restore", out["backup_id"], self.scratch / "target")
        self.ends(DONE, "verify", out["backup_id"])
        self.ends(DONE, "delete", out["backup_id"])
        self.assertFalse(list(self.place.rglob("*.zip")))

    def test_what_cannot_be_used_is_not_kept(self):
        self.refused("no setting 'colour'", "storage", "add", "a", "local", f"path={self.place}",
                     "colour=red")  # fmt: skip
        self.refused("needs setting 'path'", "storage", "add", "a", "local")
        self.refused("begins with '/'", "storage", "add", "a", "local", "path=here")
        self.refused("there are: ", "storage", "add", "a", "tape")
        self.refused("already", "storage", "add", "local", "local", f"path={self.place}")
        self.refused("name: takes", "storage", "add", "a/b", "local", f"path={self.place}")
        self.refused("KEY=VALUE", "storage", "add", "a", "local", "path", code=USAGE)
        (self.scratch / "file").write_text("")
        self.refused("file", "storage", "add", "a", "local", f"path={self.scratch / 'file'}")
        self.assertEqual(list(self.storages()), ["local"])

    def test_a_name_is_taken_once(self):
        self.add()
        self.refused("already", "storage", "add", "disk", "local", f"path={self.scratch / 'b'}")
        self.assertEqual(self.storages()["disk"]["settings"]["path"], str(self.place))

    def test_one_that_is_away_keeps_nothing_else_from_working(self):
        self.add()
        here = self.document(DONE, "backup", "docs", self.source)["backup_id"]
        there = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")
        shutil.rmtree(self.place)
        self.place.write_text("in its way")
        self.ends(DONE, "list")
        self.ends(DONE, "verify", here)
        self.refused("storage 'disk'", "verify", there["backup_id"])
        self.refused("storage 'disk'", "storage", "check", "disk")
        self.refused("storage 'disk'", "rebuild")
        self.assertEqual(self.document(DONE, "list")["total"], 2)

    def test_a_rebuild_looks_on_kept_storages(self):
        self.add()
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")["backup_id"]
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.assertEqual(self.document(DONE, "show", made)["backup"]["storage"], "disk")

    def test_one_with_backups_is_forgotten_only_by_force(self):
        self.add()
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")["backup_id"]
        self.refused("(1); remove them", "storage", "remove", "disk")
        self.ends(DONE, "storage", "remove", "disk", "--force")
        self.assertEqual(list(self.storages()), ["local"])
        self.refused("no storage 'disk'", "verify", made)
        self.add()
        self.ends(DONE, "verify", made)

    def test_only_what_is_kept_can_be_forgotten(self):
        self.add()
        self.refused("no storage 'local' is kept", "storage", "remove", "local")
        self.refused("no storage 'other' is kept", "storage", "remove", "other")
        self.ends(DONE, "storage", "remove", "disk")
        self.refused("no storage 'disk' is kept", "storage", "remove", "disk")
        self.refused("there is no storage 'disk'", "storage", "show", "disk")

    def test_the_audit_log_tells(self):
        self.add()
        self.ends(DONE, "storage", "remove", "disk")
        found = self.document(DONE, "audit", "show", "--action", "storage.")["records"]
        self.assertEqual([(one["action"], one["result"], one["object"]) for one in found[::-1]], [
            ("storage.add", "done", "disk"), ("storage.remove", "begun", "disk"),
            ("storage.remove", "done", "disk"),
        ])  # fmt: skip

    def test_limits_are_changed_and_shown(self):
        table = "08:00,512k 19:00,10M 23:00,off"
        self.ends(DONE, "storage", "add", "disk", "local", f"path={self.place}",
                  f"limit_upload={table}")  # fmt: skip
        self.ends(DONE, "storage", "limit", "disk", "limit_download=2M", "limit_requests=8")
        self.assertEqual(self.storages("show", "disk")["disk"]["settings"], {
            "path": str(self.place), "limit_upload": table, "limit_download": "2M",
            "limit_requests": "8",
        })  # fmt: skip
        shown = self.ends(DONE, "storage", "show", "disk").stdout.decode()
        self.assertIn(f"limit_upload = {table}\n", shown)
        self.refused("'512' lacks a unit", "storage", "limit", "disk", "limit_upload=512")
        self.refused("'path' is no limit", "storage", "limit", "disk", "path=/x")
        self.refused("no storage 'tape'", "storage", "limit", "tape", "limit_upload=off")
        self.refused("KEY=VALUE", "storage", "limit", "disk", "fast", code=USAGE)
        self.ends(USAGE, "storage", "limit", "disk")
        self.assertEqual(self.storages("show", "disk")["disk"]["settings"]["limit_upload"], table)
        self.ends(DONE, "storage", "limit", "disk", "limit_upload=off")
        self.ends(DONE, "backup", "docs", self.source, "--storage", "disk")

    def test_every_wrong_setting_is_named_at_once(self):
        done = self.refused("setting 'limit_upload'", "storage", "add", "disk", "local",
                            f"path={self.place}", "limit_upload=x", "limit_requests=0",
                            "read_only=1", "append_only=yes")  # fmt: skip
        for name in ("limit_requests", "read_only", "append_only"):
            self.assertIn(f"setting '{name}'", str(done))
        self.assertEqual(list(self.storages()), ["local"])

    def test_what_is_added_only_stays(self):
        self.ends(DONE, "storage", "add", "disk", "local", f"path={self.place}",
                  "append_only=true")  # fmt: skip
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")["backup_id"]
        before = sorted(self.place.rglob("*"))
        self.refused("storage 'disk' is append-only, by its setting append_only", "delete", made)
        self.refused("mirror", "backup", "twin", self.source, "--storage", "disk", "--type",
                     "mirror")  # fmt: skip
        self.assertEqual(sorted(self.place.rglob("*")), before)
        check = self.document(DONE, "storage", "check", "disk")["check"]
        self.assertTrue(check["is_good"])
        self.assertEqual(sorted(self.place.rglob("*")), before)

    def test_what_is_only_read_stays_as_it_is(self):
        self.add()
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "disk")["backup_id"]
        self.ends(DONE, "storage", "remove", "disk", "--force")
        self.ends(DONE, "storage", "add", "disk", "local", f"path={self.place}", "read_only=true")
        before = sorted(self.place.rglob("*"))
        self.refused("read_only", "backup", "docs", self.source, "--storage", "disk")
        self.refused("read_only", "delete", made)
        self.ends(DONE, "verify", made)
        self.ends(DONE, "restore", made, self.scratch / "target")
        check = self.document(DONE, "storage", "check", "disk")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        self.assertEqual((results["put"], results["list"]), ("lacks", "ok"))
        self.assertEqual(sorted(self.place.rglob("*")), before)

    def test_a_check_tells_what_a_storage_can(self):
        self.add()
        check = self.document(DONE, "storage", "check", "disk")["check"]
        self.assertTrue(check["is_good"])
        results = {step["name"]: step["result"] for step in check["steps"]}
        self.assertEqual(set(results.values()), {"ok"}, results)
        self.assertGreater(check["free_bytes"], 0)
        self.assertLess(abs(check["clock_ahead_seconds"]), 60)
        self.assertEqual(list(self.place.rglob("*")), [])
        self.assertIn(b"read_range", self.ends(DONE, "storage", "check", "disk").stdout)
        self.ends(DONE, "storage", "check", "local")


def s3(method, key="", query=(), bucket="BSI_S3_LOCKED_BUCKET"):
    """What the server itself answers: status, headers, body."""
    path = f"/{os.environ[bucket]}" + (f"/{key}" if key else "")
    request = s3_server.signed(method, os.environ["BSI_S3_ENDPOINT"], path, query)
    try:
        answer = s3_server.ask(request)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


class Bucket(Case):
    def setUp(self):
        super().setUp()
        self.secret = self.scratch / "secret"
        self.secret.write_text(os.environ["AWS_SECRET_ACCESS_KEY"])
        self.secret.chmod(0o600)

    def settings(self, secret, **more):
        settings = {
            "endpoint": os.environ["BSI_S3_ENDPOINT"],
            "bucket": os.environ["BSI_S3_BUCKET"],
            "prefix": self.scratch.name,
            "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
            "secret_access_key": secret,
            **more,
        }
        return [f"{key}={value}" for key, value in settings.items()]

    def add(self, secret, *more):
        return ("storage", "add", "offsite", "s3", *self.settings(secret), *more)

    def test_backups_go_to_a_bucket_and_come_back(self):
        self.ends(DONE, *self.add(f"file:{self.secret}"))
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "offsite")
        self.ends(DONE, "verify", made["backup_id"])
        self.ends(DONE, "restore", made["backup_id"], self.scratch / "target", "--strip")
        self.assertEqual((self.scratch / "target" / "one.txt").read_text(), "one\n")
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 1)
        self.ends(DONE, "delete", made["backup_id"])

    def test_secrets_are_kept_as_references_alone(self):
        plain = self.secret.read_text()
        done = self.refused("takes no secret but where that is", *self.add(plain))
        self.assertNotIn(plain, str(done))
        self.refused("begins with '/'", *self.add("file:secret"))
        self.ends(DONE, *self.add("env:THE_SECRET"), env={**os.environ, "THE_SECRET": plain})
        shown = self.ends(DONE, "storage", "show", "offsite").stdout.decode()
        self.assertIn("secret_access_key = env:THE_SECRET", shown)
        self.refused("THE_SECRET", "storage", "check", "offsite")
        for path in self.state.rglob("*"):
            if path.is_file():
                self.assertNotIn(plain.encode(), path.read_bytes(), path)

    def test_a_secret_may_lie_in_the_keyring(self):
        master = self.scratch / "master"
        self.ends(DONE, "key", "generate", "raw", master)
        env = {**os.environ, "ENCRYPTION_KEY_FILE": str(master)}
        self.ends(DONE, "key", "add", "bucket", "--key", f"file:{self.secret}", env=env)
        self.ends(DONE, *self.add("keyring:bucket"), env=env)
        self.ends(DONE, "storage", "check", "offsite", env=env)

    def test_wrong_credentials_are_not_kept(self):
        wrong = self.scratch / "wrong"
        wrong.write_text("not-the-secret")
        wrong.chmod(0o600)
        self.refused("SignatureDoesNotMatch", *self.add(f"file:{wrong}"))
        self.refused("there is no storage", "storage", "show", "offsite")

    def test_a_check_tells_what_a_bucket_can(self):
        self.ends(DONE, *self.add(f"file:{self.secret}", "conditional_put=true"))
        check = self.document(DONE, "storage", "check", "offsite")["check"]
        results = {step["name"]: step["result"] for step in check["steps"]}
        lacks = {name for name, result in results.items() if result == "lacks"}
        self.assertEqual(lacks, {"rename", "free_space"}, check)
        self.assertEqual(set(results.values()), {"ok", "lacks"}, check)
        self.assertIsNone(check["free_bytes"])

    def lock(self, *more):
        settings = self.settings(f"file:{self.secret}", bucket=os.environ["BSI_S3_LOCKED_BUCKET"])
        return ("storage", "add", "offsite", "s3", *settings, *more)

    def versions(self):
        """Key, version and whether it is a mark of removal, of all that lies below the prefix."""
        text = s3("GET", query={"versions": "", "prefix": self.scratch.name + "/"})[2]
        for kind, body in re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>", text, re.DOTALL):
            key, version = (re.search(f"<{name}>(.*?)</{name}>", body)[1]
                            for name in ("Key", "VersionId"))  # fmt: skip
            yield html.unescape(key), version, kind == "DeleteMarker"

    def assert_locked(self, key, version):
        of = {"versionId": version}
        self.assertIn("<Mode>GOVERNANCE<", s3("GET", key, {**of, "retention": ""})[2])
        self.assertIn("<Status>ON<", s3("GET", key, {**of, "legal-hold": ""})[2])
        self.assertEqual(s3("DELETE", key, of)[0], 403, key)

    def test_locked_backups_cannot_be_removed_for_good(self):
        self.ends(DONE, *self.lock("object_lock=governance", "object_lock_days=2",
                                   "legal_hold=true"))  # fmt: skip
        made = self.document(DONE, "backup", "docs", self.source, "--storage", "offsite")
        self.ends(DONE, "delete", made["backup_id"])
        found = list(self.versions())
        kept = [(key, version) for key, version, gone in found if not gone]
        self.assertGreaterEqual(len(kept), 2, found)
        self.assertEqual(len({key for key, _, gone in found if gone}), len(kept))
        for key, version in kept:
            self.assert_locked(key, version)
        self.assertEqual(self.document(DONE, "rebuild")["rebuild"]["backups"], 0)

    def test_what_is_uploaded_in_parts_is_locked_or_refused(self):
        """Ceph's gateway of Debian 12 takes such a lock and forgets it."""
        self.ends(DONE, *self.lock("object_lock=governance", "object_lock_days=2",
                                   "legal_hold=true", "part_size_mib=5"))  # fmt: skip
        (self.source / "big").write_bytes(os.urandom(6 << 20))
        done = self.run_tool("backup", "docs", self.source, "--storage", "offsite")
        if done.returncode != DONE:
            self.assertIn(b"does not tell that it is locked", done.stderr)
        for key, version, _ in self.versions():
            if done.returncode == DONE:
                self.assert_locked(key, version)

    def test_a_lock_needs_a_bucket_that_has_it(self):
        lock = ("object_lock=governance", "object_lock_days=1")
        self.refused("no Object Lock", *self.add(f"file:{self.secret}", *lock))
        self.refused("governance or compliance", *self.lock("object_lock=strict"))
        self.refused("object_lock_days", *self.lock("object_lock=governance"))
        self.refused("object_lock_days", *self.lock("object_lock_days=1"))
        self.refused("locked objects must", *self.lock(*lock, "checksums=false"))

    def test_tags_are_those_of_the_objects(self):
        self.ends(DONE, *self.add(f"file:{self.secret}", "tags=team=db%20one&keep=yes"))
        self.document(DONE, "backup", "docs", self.source, "--storage", "offsite")
        listed = s3("GET", query={"list-type": "2", "prefix": self.scratch.name + "/"},
                    bucket="BSI_S3_BUCKET")[2]  # fmt: skip
        keys = [html.unescape(key) for key in re.findall("<Key>(.*?)</Key>", listed)]
        self.assertGreaterEqual(len(keys), 2, listed)
        for key in keys:
            tags = s3("GET", key, {"tagging": ""}, bucket="BSI_S3_BUCKET")[2]
            pairs = re.findall("<Key>(.*?)</Key>\\s*<Value>(.*?)</Value>", tags)
            self.assertEqual(sorted(pairs), [("keep", "yes"), ("team", "db one")], tags)

    def test_tags_that_are_none_are_refused(self):
        for tags in ("one", "=a", "a=b&", "a=b=c", "&".join(f"t{n}=1" for n in range(11))):
            self.refused("tags: takes at most 10", *self.add(f"file:{self.secret}", f"tags={tags}"))

    def test_a_check_tells_what_went_wrong(self):
        self.ends(DONE, *self.add(f"file:{self.secret}"))
        self.secret.write_text("not-the-secret")
        self.ends(FAILED, "storage", "check", "offsite")


if __name__ == "__main__":
    unittest.main()
