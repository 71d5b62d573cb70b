#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the command-line tool for real: every verb, every exit code, every refusal.

Usage: test_cli.py TOOL [unittest's arguments]

See cli_case.py for what a test starts with.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import unittest
import zipfile

from cli_case import DONE, FAILED, TOOL, USAGE, WARNINGS, Case, strict_json

AS_ROOT = os.geteuid() == 0
NOBODY = 65534


class LogFile(Case):
    def test_the_log_is_written_where_the_setting_says(self):
        log = self.scratch / "logs" / "backup.log"
        self.back_up()
        (self.state / "catalog.sqlite").write_bytes(b"rubbish")
        self.ends(DONE, "--quiet", "rebuild", env={**os.environ, "LOG_FILE": str(log)})
        self.assertRegex(log.read_text(), r"(?m)^20\d\d-\d\d-\d\dT[0-9:.]+Z WARNING "
                         r"\[\d+\] engine: a damaged catalogue is set aside")  # fmt: skip

    def test_no_log_is_made_where_it_was_not_asked_for(self):
        environment = {k: v for k, v in os.environ.items() if k != "LOG_FILE"}
        self.back_up(env=environment)
        self.assertFalse((self.scratch / "logs").exists())

    def test_a_log_that_cannot_be_opened_stops_the_start(self):
        environment = {**os.environ, "LOG_FILE": "/proc/nothing/here"}
        self.refused("log file", "backup", "job", self.source, env=environment)


class Backup(Case):
    def test_a_full_backup_has_every_field(self):
        info = self.back_up("--metadata", '{"a": 1}', "--retention-days", "7", "--level", "3")
        self.assertEqual(info["name"], "job")
        self.assertEqual(info["source_paths"], [str(self.source)])
        self.assertEqual(info["status"], "completed")
        self.assertEqual(info["backup_type"], "full")
        self.assertEqual(info["form"], "archive")
        self.assertEqual(info["compression"], "zip")
        self.assertEqual(info["compression_level"], 3)
        self.assertEqual(info["encryption"], "none")
        self.assertEqual(info["metadata"], {"a": 1})
        self.assertEqual(info["retention_days"], 7)
        self.assertEqual(info["progress"], 100)
        self.assertEqual(info["bytes_processed"], 4 + 4000)
        self.assertGreater(info["backup_size"], 0)
        for key in ("created_at", "started_at", "completed_at", "expires_at"):
            self.assertRegex(info[key], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_every_container_comes_back(self):
        for number, kind in enumerate(["none", "zip", "tar.gz", "tar.bz2", "tar.zst", "7z"]):
            with self.subTest(kind):
                info = self.back_up("--compression", kind, name=f"c{number}")
                self.assertEqual(info["compression"], kind)
                target = self.scratch / f"target{number}"
                self.document(DONE, "restore", info["id"], target, "--strip")
                self.assertEqual((target / "one.txt").read_text(), "one\n")
                self.assertEqual((target / "sub/two.txt").read_text(), "two " * 1000)
                self.assertEqual(os.readlink(target / "link"), "one.txt")

    def test_an_incremental_stores_what_has_changed(self):
        full = self.back_up()
        (self.source / "new.txt").write_text("new")
        info = self.back_up("--type", "incremental")
        self.assertEqual(info["backup_type"], "incremental")
        self.assertEqual(info["base_id"], full["id"])
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target, "--strip")
        self.assertEqual((target / "new.txt").read_text(), "new")
        self.assertEqual((target / "one.txt").read_text(), "one\n")

    def test_an_incremental_without_a_base_becomes_a_full_and_says_so(self):
        info = self.back_up("--type", "incremental")
        self.assertEqual(info["backup_type"], "full")
        self.assertTrue(info["note"])

    def test_a_differential_builds_on_the_full(self):
        full = self.back_up()
        (self.source / "a").write_text("a")
        self.back_up("--type", "incremental")
        info = self.back_up("--type", "differential")
        self.assertEqual(info["backup_type"], "differential")
        self.assertEqual(info["base_id"], full["id"])

    def test_a_mirror_is_a_plain_tree(self):
        info = self.back_up("--type", "mirror")
        self.assertEqual(info["form"], "mirror")
        found = [p for p in self.state.rglob("one.txt") if p.read_text() == "one\n"]
        self.assertEqual(len(found), 1)

    def test_the_container_is_readable_without_us(self):
        self.back_up()
        out = self.scratch / "out.zip"
        self.document(DONE, "export", "latest:job", out)
        with zipfile.ZipFile(out) as container:
            self.assertIsNone(container.testzip())
            names = [name for name in container.namelist() if name.endswith("one.txt")]
            self.assertEqual(container.read(names[0]), b"one\n")

    def test_a_relative_source_is_meant_from_where_one_stands(self):
        info = self.back_up(sources=["source/../source/./sub/"])
        self.assertEqual(info["source_paths"], [str(self.source / "sub")])

    def test_a_source_may_be_a_file(self):
        info = self.back_up(sources=[self.source / "one.txt"])
        self.assertEqual(info["files_processed"], 1)
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target)
        self.assertEqual((target / str(self.source)[1:] / "one.txt").read_text(), "one\n")

    def test_a_source_that_is_given_twice_is_refused_or_taken_once(self):
        done = self.run_tool("--json", "backup", "job", self.source, self.source)
        out = strict_json(done.stdout)
        if done.returncode == DONE:
            self.assertEqual(out["backup"]["bytes_processed"], 4 + 4000)
        else:
            self.assertEqual(done.returncode, FAILED)
            self.assertIn("source_paths[1]", out["error"]["message"].replace("[0]", "[1]"))

    def test_an_empty_directory_is_a_backup(self):
        empty = self.scratch / "empty"
        empty.mkdir()
        self.assertEqual(self.back_up(sources=[empty])["files_processed"], 0)

    def test_a_command_becomes_one_file(self):
        self.document(DONE, "backup", "cmd", "--command", "--", "printf", "%s", "--json -- x")
        listed = self.document(DONE, "files", "latest:cmd", "--recursive")["files"]
        names = [entry["path"] for entry in listed if entry["type"] == "file"]
        self.assertEqual(len(names), 1)
        self.assertEqual(self.ends(DONE, "cat", "latest:cmd", names[0]).stdout, b"--json -- x")

    def test_a_command_that_fails_fails_the_backup(self):
        failing = ["sh", "-c", "echo x; exit 3"]
        out = self.document(FAILED, "backup", "cmd", "--command", "--", *failing)
        self.assertEqual(out["backup"]["status"], "failed")
        self.document(FAILED, "backup", "cmd", "--command", "--", "/no/such/program")

    def test_patterns_choose(self):
        (self.source / "a.o").write_text("o")
        self.back_up("--include", "*.txt", "--exclude", "sub/")
        listed = self.document(DONE, "files", "latest:job", "--recursive")["files"]
        files = {pathlib.Path(e["path"]).name for e in listed if e["type"] != "dir"}
        self.assertIn("one.txt", files)
        self.assertNotIn("two.txt", files)
        self.assertNotIn("a.o", files)

    def test_odd_names_come_back(self):
        names = [b"new\nline", b"\xff\xfe", b"- dash", "ü📦".encode(), b'"quote\\', b"x" * 255]
        for name in names:
            with open(os.path.join(os.fsencode(self.source), name), "wb") as file:
                file.write(name)
        self.back_up()
        self.document(DONE, "files", "latest:job", "--recursive")
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target, "--strip")
        for name in names:
            with open(os.path.join(os.fsencode(target), name), "rb") as file:
                self.assertEqual(file.read(), name)

    def run_as_nobody(self, *args):
        """As another user, from a place that everybody may enter: the build may not be one."""
        place = self.scratch / "program"
        place.mkdir(mode=0o755)
        os.chmod(self.scratch, 0o777)
        shutil.copy(TOOL, place)
        linked = subprocess.run(["ldd", TOOL], capture_output=True, check=True, text=True).stdout
        for line in linked.splitlines():
            name, _, where = line.strip().partition(" => ")
            if name.startswith("libbackupsvc"):
                shutil.copy(where.split(" (")[0], place / name)
        return subprocess.run(
            [place / pathlib.Path(TOOL).name, *self.command(*args)[1:]], capture_output=True,
            check=False, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], timeout=60,
            env={**os.environ, "LD_LIBRARY_PATH": str(place)},
        )  # fmt: skip

    @unittest.skipUnless(AS_ROOT, "needs root to become somebody else")
    def test_a_file_that_cannot_be_read_is_a_warning(self):
        (self.source / "one.txt").chmod(0)
        done = self.run_as_nobody("--json", "backup", "job", self.source)
        self.assertEqual(done.returncode, WARNINGS, done)
        info = strict_json(done.stdout)["backup"]
        self.assertEqual(info["status"], "completed_with_warnings")
        self.assertEqual(info["warnings_count"], 1)
        self.assertIn("one.txt", info["warnings"][0]["path"])
        self.assertEqual(info["warnings"][0]["layer"], "source")

    @unittest.skipUnless(AS_ROOT, "needs root to become somebody else")
    def test_a_source_that_cannot_be_read_at_all_is_told(self):
        closed = self.scratch / "closed"
        closed.mkdir(mode=0o700)
        (closed / "x").write_text("x")
        done = self.run_as_nobody("--json", "backup", "job", closed)
        self.assertIn(done.returncode, (FAILED, WARNINGS), done)
        self.assertIn(b"closed", done.stdout)

    def test_a_signal_stops_it_and_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                fifo = self.scratch / f"started{number}"
                os.mkfifo(fifo)
                running = subprocess.Popen(
                    self.command("--json", "backup", "slow", "--command", "--", "sh", "-c",
                                 f"echo x >'{fifo}'; exec sleep 60"),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )  # fmt: skip
                self.await_line(fifo, running)
                running.send_signal(number)
                out, _ = running.communicate(timeout=30)
                self.assertEqual(running.returncode, FAILED)
                info = strict_json(out)["backup"]
                self.assertEqual(info["status"], "cancelled")
        self.assertEqual(self.leftovers(), [])
        self.refused("slow", "show", "latest:slow")

    def leftovers(self):
        suffixes = (".zip", ".tar", ".zst", ".gz", ".7z")
        return [p for p in self.state.rglob("*") if p.is_file() and p.name.endswith(suffixes)]


class Refusals(Case):
    def test_sources(self):
        self.refused("no/such", "backup", "job", "/no/such/path")
        self.refused("source", "backup", "job", "")
        self.refused("few", "backup", "job", code=USAGE)

    def test_words_of_options(self):
        for option, value in [("type", "weekly"), ("form", "disc"), ("compression", "rar")]:
            self.refused(value, "backup", "job", self.source, f"--{option}", value, code=USAGE)
        self.refused("storage", "backup", "job", self.source, "--storage", "nowhere")

    def test_numbers(self):
        self.refused("level", "backup", "job", self.source, "--level", "0", code=USAGE)
        self.refused("level", "backup", "job", self.source, "--level", "x", code=USAGE)
        self.refused("level", "backup", "job", self.source, "--level", "99")
        self.refused("limit", "list", "--limit", "1001", code=USAGE)
        self.refused("retention", "backup", "j", self.source, "--retention-days", "-3", code=USAGE)

    def test_names(self):
        for name in ["a/b", "", "a\nb", ".hidden", "x" * 129, "ä"]:
            with self.subTest(name):
                self.refused("name", "backup", name, self.source)

    def test_patterns_and_metadata(self):
        self.refused("metadata", "backup", "job", self.source, "--metadata", "[1]")
        self.refused("metadata", "backup", "job", self.source, "--metadata", "{")
        self.refused("pattern", "backup", "job", self.source, "--exclude", "a" * 5000)

    def test_what_is_not_in_this_release(self):
        self.refused("rsa", "backup", "job", self.source, "--form", "repository",
                     "--encrypt", "rsa")  # fmt: skip

    def test_all_complaints_come_at_once(self):
        message = self.refused("name", "backup", "a/b", self.source, "--level", "99")["message"]
        self.assertIn("level", message)

    def test_ids(self):
        ids = [self.back_up()["id"], self.back_up()["id"]]
        both = os.path.commonprefix(ids)
        for verb in ["show", "files", "verify", "delete"]:
            self.refused("", verb, "01234567-89ab-7def-8123-456789abcdef")
            self.refused("", verb, "no id at all")
            self.refused("", verb, "latest:nobody")
            self.assertTrue(self.refused("", verb, "0")["code"])
        codes = [self.refused("", "show", one)["code"] for one in (both, "zz", "latest:nobody")]
        self.assertEqual(len(set(codes)), 3, codes)

    def test_usage(self):
        for args in [["frobnicate"], ["list", "--frob"], ["list", "x"], ["show"], ["cat", "a"],
                     ["restore", "a"], ["list", "--limit"], ["show", "-x", "a"]]:  # fmt: skip
            with self.subTest(args):
                self.refused("", *args, code=USAGE)
        done = subprocess.run([TOOL], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (USAGE, b""))
        self.assertIn(b"usage:", done.stderr)

    def test_settings(self):
        bad = {**os.environ, "MAX_CONCURRENT_BACKUPS": "many"}
        self.refused("MAX_CONCURRENT_BACKUPS", "backup", "job", self.source, env=bad)
        env = self.scratch / "env"
        env.write_text("# comment\nexport COMPRESSION_LEVEL='3'\nOTHER=1\n")
        self.ends(DONE, "--env", env, "backup", "job", self.source)
        env.write_text("COMPRESSION_LEVEL=high\n")
        self.refused("COMPRESSION_LEVEL", "--env", env, "backup", "job", self.source)
        self.refused("", "--env", self.scratch / "none", "backup", "job", self.source)

    def test_the_path_of_the_setting_is_taken(self):
        env = {**os.environ, "BACKUP_STORAGE_PATH": str(self.scratch / "elsewhere")}
        done = subprocess.run([TOOL, "backup", "job", self.source], env=env, check=False,
                              capture_output=True, cwd=self.scratch)  # fmt: skip
        self.assertEqual(done.returncode, DONE, done)
        self.assertTrue((self.scratch / "elsewhere").is_dir())


class Looking(Case):
    def test_list_filters_and_pages(self):
        for name in ("a", "a", "b"):
            self.back_up(name=name)
        page = self.document(DONE, "list")
        self.assertEqual((page["total"], page["limit"], page["offset"]), (3, 50, 0))
        self.assertEqual([one["name"] for one in page["backups"]], ["b", "a", "a"])
        page = self.document(DONE, "list", "--name", "a", "--limit", "1", "--offset", "1")
        self.assertEqual((page["total"], len(page["backups"])), (2, 1))
        self.assertEqual(self.document(DONE, "list", "--status", "failed")["total"], 0)
        self.assertEqual(self.document(DONE, "list", "--type", "full")["total"], 3)
        text = self.ends(DONE, "list").stdout.decode()
        self.assertEqual(len(text.splitlines()), 4)

    def test_show_takes_a_beginning_of_an_id_and_the_latest(self):
        info = self.back_up()
        for one in (info["id"], info["id"][:23], "latest:job"):
            self.assertEqual(self.document(DONE, "show", one)["backup"]["id"], info["id"])
        self.assertIn(info["id"], self.ends(DONE, "show", info["id"]).stdout.decode())

    def test_files_and_cat(self):
        self.back_up()
        top = str(self.source)[1:]
        listed = self.document(DONE, "files", "latest:job", self.source)["files"]
        names = sorted(pathlib.Path(entry["path"]).name for entry in listed)
        self.assertEqual(names, ["link", "one.txt", "sub"])
        text = self.ends(DONE, "files", "latest:job", "--recursive").stdout.decode()
        self.assertIn("-> one.txt", text)
        for path in (f"{top}/sub/two.txt", f"/{top}/sub/two.txt"):
            done = self.ends(DONE, "cat", "latest:job", path)
            self.assertEqual(done.stdout, b"two " * 1000)
        self.assertTrue(self.ends(FAILED, "cat", "latest:job", top).stderr)
        self.assertTrue(self.ends(FAILED, "cat", "latest:job", "no/such").stderr)
        self.refused("", "files", "latest:job", "no/such")
        self.document(USAGE, "cat", "latest:job", top)

    def test_export_never_writes_over_a_file(self):
        self.back_up()
        out = self.scratch / "out.zip"
        out.write_text("mine")
        self.refused("exists", "export", "latest:job", out)
        self.assertEqual(out.read_text(), "mine")
        done = self.ends(DONE, "export", "latest:job", "-")
        self.assertEqual(done.stdout[:2], b"PK")

    def test_stats(self):
        self.back_up()
        stats = self.document(DONE, "stats")["statistics"]
        self.assertEqual(stats["total_backups"], 1)
        self.assertEqual(stats["completed_backups"], 1)
        self.assertEqual(stats["source_bytes"], 4 + 4000)
        self.assertEqual(stats["day"]["success_rate"], 1)
        self.assertEqual(stats["by_name"][0]["last_run_status"], "completed")
        self.assertEqual(stats["jobs"][0]["kind"], "backup")
        text = self.ends(DONE, "stats").stdout.decode()
        self.assertRegex(text, r"24 hours +1 +0 +100.0 %")

    def test_history(self):
        self.back_up()
        spans = self.document(DONE, "stats", "--history", "7")["history"]["spans"]
        self.assertEqual(len(spans), 7)
        self.assertEqual(sum(span["runs"] for span in spans), 1)
        self.assertEqual(len(self.ends(DONE, "stats", "--history", "7").stdout.splitlines()), 9)
        self.refused("history", "stats", "--history", "0", code=USAGE)

    def test_looking_makes_no_directory(self):
        for verb in (["list"], ["stats"], ["show", "x"], ["verify", "x"]):
            self.refused("no backups", *verb)
        self.assertFalse(self.state.exists())

    def test_help_tells_of_every_verb(self):
        text = self.ends(DONE, "help").stdout.decode()
        verbs = "backup restore list show files cat export verify drill delete stats rebuild"
        for verb in verbs.split():
            self.assertIn(f"  {verb} ", text)
            asked = self.ends(DONE, "help", verb).stdout
            self.assertEqual(asked, self.ends(DONE, verb, "--help").stdout)
            self.assertIn(f"usage: backupsvc [OPTION...] {verb}".encode(), asked)
        self.refused("nope", "help", "nope", code=USAGE)

    def test_a_full_disk_of_the_output_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([TOOL, "help"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"standard output", done.stderr)


class Restore(Case):
    def test_modes_and_times_come_back(self):
        (self.source / "one.txt").chmod(0o640)
        os.utime(self.source / "one.txt", ns=(1, 946684799_123456789))
        self.back_up()
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target)
        back = (target / str(self.source)[1:] / "one.txt").stat()
        self.assertEqual(stat.S_IMODE(back.st_mode), 0o640)
        self.assertEqual(back.st_mtime_ns, 946684799_123456789)

    def test_files_that_are_there_are_kept_and_listed(self):
        self.back_up()
        target = self.scratch / "target"
        target.mkdir()
        (target / "one.txt").write_text("mine")
        out = self.document(WARNINGS, "restore", "latest:job", target, "--strip")["restore"]
        self.assertEqual(out["status"], "completed_with_warnings")
        self.assertEqual(out["files_skipped"], 1)
        self.assertEqual((target / "one.txt").read_text(), "mine")
        self.document(DONE, "restore", "latest:job", target, "--strip", "--overwrite")
        self.assertEqual((target / "one.txt").read_text(), "one\n")

    def test_paths_and_patterns_choose(self):
        self.back_up()
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target, "--strip", "--path", "two.txt")
        self.assertTrue((target / "sub/two.txt").exists())
        self.assertFalse((target / "one.txt").exists())

    def test_a_relative_target_is_meant_from_where_one_stands(self):
        self.back_up()
        out = self.document(DONE, "restore", "latest:job", "here", "--no-ownership",
                            "--no-permissions", "--no-verify", "--strip")  # fmt: skip
        self.assertEqual(out["restore"]["restore_path"], str(self.scratch / "here"))
        self.assertTrue((self.scratch / "here" / "one.txt").exists())

    def test_places_where_it_cannot_land(self):
        self.back_up()
        file = self.scratch / "file"
        file.write_text("x")
        self.refused("", "restore", "latest:job", file)
        self.refused("", "restore", "latest:job", "/proc/no/such/place")
        self.refused("", "restore", "latest:job", "")
        self.assertEqual(file.read_text(), "x")

    @unittest.skipUnless(AS_ROOT, "needs root to change owners")
    def test_owners_are_mapped(self):
        os.chown(self.source / "one.txt", 1234, 1234)
        self.back_up()
        target = self.scratch / "target"
        self.document(DONE, "restore", "latest:job", target, "--strip", "--owner-map",
                      "1234:4321", "--owner-map", "@1234:4322")  # fmt: skip
        back = (target / "one.txt").stat()
        self.assertEqual((back.st_uid, back.st_gid), (4321, 4322))


class Keeping(Case):
    def container(self, info):
        found = [p for p in self.state.rglob("*") if str(p).endswith(info["backup_file_path"])]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_verify_finds_nothing_and_everything(self):
        info = self.back_up("--compression", "none")
        out = self.document(DONE, "verify", "latest:job")["verification"]
        self.assertEqual(out["status"], "completed")
        container = self.container(info)
        data = bytearray(container.read_bytes())
        data[data.index(b"two two")] ^= 1
        container.chmod(0o600)
        container.write_bytes(data)
        out = self.document(FAILED, "verify", "latest:job")
        damage = out["verification"]["damages"][0]
        self.assertTrue(damage["object"])
        self.assertTrue(any("two.txt" in path for path in damage["paths"]), damage)
        text = self.ends(FAILED, "verify", "latest:job").stdout.decode()
        self.assertIn("damaged: ", text)
        self.assertIn("two.txt", text)

    def test_verify_names_a_missing_container(self):
        info = self.back_up()
        self.container(info).unlink()
        text = self.ends(FAILED, "verify", "latest:job").stdout.decode()
        self.assertIn("one.txt", text)

    def test_drills_prove_a_backup_and_tell_of_it(self):
        info = self.back_up("--compression", "none")
        out = self.document(DONE, "drill", info["id"])["drill"]
        self.assertTrue(out["proven"])
        self.assertEqual(out["files_restored"], out["backup_files"])
        scratch = self.scratch / "elsewhere"
        scratch.mkdir()
        text = self.ends(DONE, "drill", "--name", "job", "--sample", "1", "--scratch", scratch)
        self.assertIn(b"1 of %d files" % out["backup_files"], text.stdout)
        self.ends(DONE, "drill", "--name", "job", "--sample", "100%", "--quiet")
        self.assertEqual(list(scratch.iterdir()), [])
        report = self.document(DONE, "drill", "--report")["reports"][0]
        self.assertEqual(report["proven_backup_id"], info["id"])
        self.assertEqual((report["name"], report["drills"]), ("job", 3))
        self.assertGreater(report["expected_seconds"], 0)
        text = self.ends(DONE, "drill", "--report", "--name", "job").stdout.decode()
        self.assertIn(info["id"], text)
        self.assertIn("expected:", text)

    def test_drills_find_damage(self):
        info = self.back_up("--compression", "none")
        container = self.container(info)
        data = bytearray(container.read_bytes())
        data[data.index(b"two two")] ^= 1
        container.chmod(0o600)
        container.write_bytes(data)
        out = self.document(FAILED, "drill", "--name", "job", "--all")
        self.assertFalse(out["success"])
        self.assertEqual(out["drill"]["files_wrong"], 1)
        self.assertEqual(out["error"]["code"], "BS_E_CORRUPT")
        text = self.ends(FAILED, "drill", "--name", "job", "--all").stderr.decode()
        self.assertIn("two.txt", text)
        self.assertIn("did not come back", text)
        text = self.ends(DONE, "drill", "--report").stdout.decode()
        self.assertIn("proven:    never", text)

    def test_drills_are_asked_for_rightly(self):
        self.back_up()
        self.refused("takes an id or --name", "drill", code=USAGE)
        self.refused("takes an id or --name", "drill", "x", "--name", "job", code=USAGE)
        for wrong in ("0", "-1", "101%", "5x", "", "99999999999"):
            given = f"--sample={wrong}"
            self.refused("--sample takes", "drill", "--name", "job", given, code=USAGE)
        self.refused("no id", "drill", "--report", "x", code=USAGE)
        self.refused("one of sample_files", "drill", "--name", "job", "--sample", "3", "--all")
        self.refused("nope", "drill", "--name", "nope")
        self.refused("nope", "drill", "--report", "--name", "nope")

    def test_delete_refuses_what_is_needed(self):
        full = self.back_up()
        self.back_up("--type", "incremental")
        self.refused("", "delete", full["id"])
        self.assertEqual(self.document(DONE, "delete", full["id"], "--cascade")["removed"], 2)
        self.assertEqual(self.document(DONE, "list")["total"], 0)
        left = [p for p in self.state.rglob("*") if p.is_file() and ".zip" in p.name]
        self.assertEqual(left, [])

    def catalog(self):
        found = []
        for path in self.state.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    if file.read(16) == b"SQLite format 3\0":
                        found.append(path)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_a_lost_catalogue_is_made_anew(self):
        info = self.back_up()
        self.catalog().unlink()
        out = self.document(DONE, "rebuild")["rebuild"]
        self.assertEqual((out["backups"], out["unreadable"]), (1, 0))
        again = self.document(DONE, "show", "latest:job")["backup"]
        for key in ("id", "name", "source_paths", "backup_type", "files_processed", "backup_size"):
            self.assertEqual(again[key], info[key], key)

    def test_a_damaged_catalogue_is_refused_and_then_made_anew(self):
        self.back_up()
        self.catalog().write_bytes(b"SQLite format 3\0" + b"garbage" * 1000)
        self.refused("", "list")
        self.document(DONE, "rebuild")
        self.assertEqual(self.document(DONE, "list")["total"], 1)
        self.document(DONE, "verify", "latest:job")

    def test_a_catalogue_of_a_newer_version_is_left_alone(self):
        self.back_up()
        path = self.catalog()
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 9999")
            database.commit()
        before = path.read_bytes()
        error = self.refused("", "list")
        self.assertIn("version", (error["message"] + str(error["code"])).lower())
        self.assertEqual(path.read_bytes(), before)

    def test_a_directory_that_is_not_ours_is_left_alone(self):
        self.state.mkdir()
        (self.state / "letter.txt").write_text("mine")
        self.refused("", "backup", "job", self.source)
        self.assertEqual([p.name for p in self.state.iterdir()], ["letter.txt"])
        self.refused("", "list", state=self.source / "one.txt")

    def test_one_process_at_a_time(self):
        self.back_up()
        fifo = self.scratch / "started"
        os.mkfifo(fifo)
        running = subprocess.Popen(
            self.command("backup", "slow", "--command", "--", "sh", "-c",
                         f"echo x >'{fifo}'; exec sleep 60"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.await_line(fifo, running)
            self.refused("", "list")
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=30)
        self.document(DONE, "list")

    def test_what_a_killed_process_left_is_put_in_order(self):
        fifo = self.scratch / "started"
        os.mkfifo(fifo)
        running = subprocess.Popen(
            self.command("backup", "slow", "--command", "--", "sh", "-c",
                         f"echo x >'{fifo}'; exec sleep 5"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.await_line(fifo, running)
        running.kill()
        running.wait(timeout=30)
        page = self.document(DONE, "list")
        self.assertEqual([one["status"] for one in page["backups"]], ["failed"])
        self.back_up()


class Retention(Case):
    def setUp(self):
        super().setUp()
        self.by_hand = {"STORAGE_CLEANUP_ENABLED": "false", "RETENTION_GRACE_HOURS": "1"}

    def run_tool(self, *args, **options):
        options["env"] = {**os.environ, **self.by_hand}
        return super().run_tool(*args, **options)

    def plan(self, *args, verb="plan", code=DONE):
        return self.document(code, "retention", verb, *args)["retention"]

    def test_rules_of_a_request_are_kept(self):
        info = self.back_up("--keep-last", "1", "--keep-hourly", "2", "--keep-daily", "3",
                            "--keep-weekly", "4", "--keep-monthly", "5", "--keep-yearly", "6")
        rules = {"keep_last": 1, "keep_hourly": 2, "keep_daily": 3, "keep_weekly": 4,
                 "keep_monthly": 5, "keep_yearly": 6}
        self.assertEqual(info["retention"], rules)
        self.assertEqual(info["retention_days"], 0)
        self.assertEqual(info["expires_at"], "")
        text = self.ends(DONE, "show", info["id"]).stdout.decode()
        self.assertIn("keep_weekly 4", text)
        self.assertIn("as long as the rules", text)
        self.assertIsNone(self.back_up(name="other")["retention"])

    def test_what_no_rule_keeps_is_planned_marked_and_removed(self):
        ids = [self.back_up("--keep-last", "1")["id"] for _ in range(3)]
        plan = self.plan()
        self.assertEqual([item["id"] for item in plan["items"]], ids[::-1])
        self.assertEqual([item["action"] for item in plan["items"]], ["keep", "mark", "mark"])
        self.assertEqual(plan["items"][0]["kept_by"], ["keep_last", "last_good"])
        self.assertEqual(plan["items"][1]["kept_by"], [])
        self.assertEqual((plan["kept"], plan["marked"]), (1, 2))
        self.assertIsNone(plan["clock"])
        self.assertEqual(self.plan("--dry-run", verb="apply")["marked"], 2)
        self.assertEqual(self.plan(verb="apply")["marked"], 2)
        self.assertEqual(self.plan()["waiting"], 2)
        listed = self.document(DONE, "list")["backups"]
        self.assertEqual([bool(one["marked_at"]) for one in listed], [False, True, True])
        self.assertIn("marked", self.ends(DONE, "list").stdout.decode())
        self.by_hand["RETENTION_GRACE_HOURS"] = "0"
        done = self.ends(DONE, "retention", "apply").stdout.decode()
        self.assertIn("job on local\n", done)
        self.assertRegex(done, f"{ids[0]} .* remove ")
        self.assertIn("1 kept, 0 marked, 0 waiting, 2 removed", done)
        self.assertEqual(self.document(DONE, "list")["total"], 1)

    def test_the_service_does_it_by_itself(self):
        self.by_hand = {"RETENTION_GRACE_HOURS": "0"}
        for _ in range(4):
            self.back_up("--keep-last", "2")
        self.assertEqual(self.document(DONE, "list")["total"], 2)

    def test_rules_of_the_command_line(self):
        for name in ["a", "a", "b", "b"]:
            self.back_up(name=name)
        self.assertEqual(self.plan()["kept"], 4)
        self.assertEqual(self.plan("--keep-last", "1")["marked"], 2)
        self.assertEqual(self.plan("--keep-daily", "1", "--name", "a")["marked"], 1)
        self.assertEqual(self.plan("--retention-days", "1", "--name", "a")["kept"], 2)
        self.assertEqual(self.plan("--name", "none")["count"], 0)

    def test_pins(self):
        ids = [self.back_up("--keep-last", "1")["id"] for _ in range(3)]
        self.document(DONE, "retention", "pin", ids[0], "--reason", "the move")
        self.ends(DONE, "retention", "pin", ids[1], "--reason", "case 7", "--hold",
                  "--until", "2199-01-01T00:00:00Z")
        kept = {item["id"]: item["kept_by"] for item in self.plan()["items"]}
        self.assertEqual(kept[ids[0]], ["pin"])
        self.assertEqual(kept[ids[1]], ["hold"])
        pins = self.document(DONE, "show", ids[1])["backup"]["pins"]
        self.assertEqual(pins[0]["reason"], "case 7")
        self.assertTrue(pins[0]["hold"])
        self.assertRegex(self.ends(DONE, "show", ids[0]).stdout.decode(), "pinned +the move")
        self.refused("the move", "delete", ids[0])
        self.refused("has no hold", "retention", "unpin", ids[0], "--hold")
        self.ends(DONE, "retention", "unpin", ids[0])
        self.ends(DONE, "delete", ids[0])
        self.ends(DONE, "retention", "unpin", ids[1], "--hold")

    def test_undelete(self):
        ids = [self.back_up("--keep-last", "1")["id"] for _ in range(2)]
        self.refused("not marked", "retention", "undelete", ids[0])
        self.plan(verb="apply")
        self.ends(DONE, "retention", "undelete", ids[0])
        self.assertEqual(self.plan(verb="apply")["kept"], 2)

    def test_refusals(self):
        self.back_up()
        for verb in ("plan", "apply"):
            self.refused("keep nothing", "retention", verb, "--keep-last", "0", code=USAGE)
        self.assertEqual(self.plan()["kept"], 1)
        self.refused("keep nothing", "backup", "j", self.source, "--keep-last", "0", code=USAGE)
        self.refused("keep-last", "retention", "plan", "--keep-last", "-1", code=USAGE)
        self.refused("keep-last", "retention", "apply", "--keep-last", "1000001", code=USAGE)
        self.refused("plan, apply", "retention", "prune", code=USAGE)
        self.refused("plan, apply", "retention", code=USAGE)
        self.refused("reason", "retention", "pin", "latest:job", code=USAGE)
        self.refused("until", "retention", "pin", "latest:job", "--reason", "x", "--until", "soon")
        self.refused("no completed", "retention", "pin", "latest:none", "--reason", "x")
        self.refused("RETENTION_GRACE_HOURS", "--env", self.wrong_settings(), "list")

    def wrong_settings(self):
        del self.by_hand["RETENTION_GRACE_HOURS"]
        env = self.scratch / "wrong.env"
        env.write_text("RETENTION_GRACE_HOURS=8761\n")
        return env


class Terminal(Case):
    def run_on_terminal(self, *args, columns=100, color=True):
        """What the tool prints when both its outputs are a terminal."""
        master, slave = os.openpty()
        size = columns.to_bytes(2, sys.byteorder)
        fcntl.ioctl(slave, 0x5414, (24).to_bytes(2, sys.byteorder) + size + bytes(4))
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        if not color:
            environment["NO_COLOR"] = "1"
        running = subprocess.Popen(self.command(*args), stdout=slave, stderr=slave,
                                   stdin=subprocess.DEVNULL, env=environment)  # fmt: skip
        os.close(slave)
        out = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 65536):
                out += chunk
        os.close(master)
        self.assertEqual(running.wait(timeout=60), DONE, out)
        return out

    def test_names_with_control_characters_are_escaped(self):
        (self.source / "evil\x1b]0;title\x07\u202e").write_text("x")
        self.back_up()
        out = self.run_on_terminal("files", "latest:job", self.source)
        self.assertNotIn(b"\x1b", out)
        self.assertNotIn(b"\x07", out)
        self.assertIn(b"evil\\x1b]0;title\\x07\\xe2\\x80\\xae", out)

    def test_no_color_means_none(self):
        self.assertNotIn(b"\x1b[3", self.run_on_terminal("backup", "job", self.source, color=False))


if __name__ == "__main__":
    unittest.main()
