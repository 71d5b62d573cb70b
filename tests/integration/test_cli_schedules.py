#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the verbs `schedule` and `run` of the command-line tool for real.

Usage: test_cli_schedules.py TOOL LATE-TOOL [unittest's arguments]

See cli_case.py for what a test starts with. The second tool is the same but for its
clock (late_clock.c), so that nobody waits for the next minute; with
BSI_TESTS_FULL=1 the first one waits for it.
"""
import datetime
import os
import signal
import subprocess
import sys
import unittest

from cli_case import DONE, FAILED, TOOL, USAGE, Case, strict_json

LATE_TOOL = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""


class Schedules(Case):
    def add(self, *args, name="nightly", cron="30 2 * * *", code=DONE, sources=None):
        sources = [self.source] if sources is None else sources
        return self.document(code, "schedule", "add", name, cron, *sources, *args)

    def show(self, name="nightly"):
        return self.document(DONE, "schedule", "show", name)

    def test_an_added_schedule_has_every_field(self):
        schedule = self.add(
            "--timezone", "Europe/Berlin", "--missed", "skip", "--type", "incremental",
            "--exclude", "*.o", "--compression", "tar.zst", "--level", "4", "--retention-days", "7",
        )["schedule"]  # fmt: skip
        self.assertEqual(schedule["name"], "nightly")
        self.assertEqual(schedule["cron_expression"], "30 2 * * *")
        self.assertEqual(schedule["timezone"], "Europe/Berlin")
        self.assertEqual(schedule["missed"], "skip")
        self.assertEqual(schedule["action"], "backup")
        self.assertIs(schedule["is_active"], True)
        self.assertIs(schedule["running"], False)
        self.assertIs(schedule["overdue"], False)
        self.assertEqual(schedule["last_run_at"], "")
        self.assertEqual(schedule["runs_started"], 0)
        request = schedule["backup_request"]
        self.assertEqual(request["name"], "nightly")
        self.assertEqual(request["source_paths"], [str(self.source)])
        self.assertEqual(request["backup_type"], "incremental")
        self.assertEqual(request["exclude_patterns"], ["*.o"])
        self.assertEqual(request["compression"], "tar.zst")
        self.assertEqual(request["compression_level"], 4)
        self.assertEqual(request["retention_days"], 7)
        due = datetime.datetime.fromisoformat(schedule["next_run_at"][:19] + "+00:00")
        self.assertGreater(due, datetime.datetime.now(datetime.timezone.utc))
        self.assertIn((due.hour, due.minute), [(0, 30), (1, 30)])
        self.assertEqual(self.show()["schedule"], schedule)

    def test_one_page_after_the_other_lists_all_by_name(self):
        for name in ("b", "c", "a"):
            self.add(name=name)
        self.document(DONE, "schedule", "update", "b", "--inactive")
        out = self.document(DONE, "schedule", "list")
        self.assertEqual([one["name"] for one in out["schedules"]], ["a", "b", "c"])
        out = self.document(DONE, "schedule", "list", "--limit", "1", "--offset", "1")
        self.assertEqual([one["name"] for one in out["schedules"]], ["b"])
        self.assertEqual(out["total"], 3)
        out = self.document(DONE, "schedule", "list", "--active")
        self.assertEqual([one["name"] for one in out["schedules"]], ["a", "c"])
        out = self.document(DONE, "schedule", "list", "--inactive")
        self.assertEqual([one["name"] for one in out["schedules"]], ["b"])
        lines = self.ends(DONE, "schedule", "list").stdout.decode().splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[2], r"^inactive +- +- .* b$")

    def test_a_schedule_is_run_by_hand(self):
        self.add("--backup-name", "job")
        out = self.document(DONE, "schedule", "run", "nightly")
        self.assertEqual(out["backup"]["status"], "completed")
        self.assertEqual(out["backup"]["name"], "job")
        shown = self.show()
        self.assertEqual(shown["schedule"]["last_job_id"], out["backup_id"])
        self.assertEqual(shown["schedule"]["last_status"], "completed")
        self.assertEqual(shown["schedule"]["runs_started"], 1)
        self.assertEqual(shown["runs"][0]["due_at"], "")
        self.assertEqual(shown["runs"][0]["status"], "completed")
        text = self.ends(DONE, "schedule", "show", "nightly").stdout.decode()
        self.assertIn("by hand", text)

    def test_what_cannot_be_run_is_told_and_recorded(self):
        self.add()
        self.source.rename(self.scratch / "elsewhere")
        self.refused("source_paths[0]", "schedule", "run", "nightly")
        shown = self.show()
        self.assertEqual(shown["schedule"]["last_status"], "failed_to_start")
        self.assertEqual(shown["schedule"]["runs_failed_to_start"], 2)
        self.assertEqual(shown["runs"][0]["outcome"], "failed_to_start")
        self.assertIn("source_paths[0]", shown["runs"][0]["error"]["message"])

    def test_a_command_is_scheduled(self):
        self.add("--command", "--", "echo", "hello", sources=[])
        self.document(DONE, "schedule", "run", "nightly")
        self.assertEqual(self.ends(DONE, "cat", "latest:nightly", "output").stdout, b"hello\n")

    def test_a_verification_is_scheduled(self):
        schedule = self.add("--verify", "latest:job", sources=[])["schedule"]
        self.assertEqual(schedule["action"], "verify")
        self.assertIsNone(schedule["backup_request"])
        self.assertEqual(schedule["action_request"], {"backup_id": "latest:job"})
        self.refused("no completed backup of 'job'", "schedule", "run", "nightly")
        self.back_up()
        out = self.document(DONE, "schedule", "run", "nightly")
        self.assertEqual(out["verification"]["status"], "completed")

    def test_a_drill_is_scheduled(self):
        schedule = self.add("--drill", "latest:job", "--sample", "50%", sources=[])["schedule"]
        self.assertEqual(schedule["action"], "drill")
        self.assertEqual(schedule["action_request"],
                         {"backup_id": "latest:job", "sample_percent": 50})  # fmt: skip
        self.back_up()
        out = self.document(DONE, "schedule", "run", "nightly")
        self.assertTrue(out["drill"]["proven"])
        self.document(DONE, "schedule", "update", "nightly", "--drill", "latest:job")
        self.assertEqual(self.show("nightly")["schedule"]["action_request"]["sample_files"], 100)
        add = ["schedule", "add", "other", "@daily"]
        self.refused("goes with --drill", *add, self.source, "--sample", "5", code=USAGE)
        self.refused("goes with --drill", "schedule", "update", "nightly", "--sample", "5",
                     code=USAGE)  # fmt: skip
        self.refused("--sample takes", *add, "--drill", "latest:x", "--sample", "x", code=USAGE)
        self.refused("no sources", *add, "--drill", "x", "--verify", "x", code=USAGE)

    def test_changes_replace_what_they_name(self):
        self.add("--timezone", "Europe/Berlin", "--type", "incremental", "--backup-name", "job")
        self.document(DONE, "schedule", "update", "nightly", "--cron", "@daily", "--rename",
                      "daily")
        schedule = self.show("daily")["schedule"]
        self.assertEqual(schedule["cron_expression"], "@daily")
        self.assertEqual(schedule["timezone"], "Europe/Berlin")
        self.assertEqual(schedule["backup_request"]["backup_type"], "incremental")
        self.document(DONE, "schedule", "update", "daily", "--inactive")
        self.assertEqual(self.show("daily")["schedule"]["next_run_at"], "")
        self.document(DONE, "schedule", "update", "daily", "--active", "--timezone", "UTC")
        self.assertRegex(self.show("daily")["schedule"]["next_run_at"], "T00:00:00")
        self.document(DONE, "schedule", "update", "daily", self.source / "sub", "--type", "full")
        request = self.show("daily")["schedule"]["backup_request"]
        self.assertEqual(request["source_paths"], [str(self.source / "sub")])
        self.assertEqual(request["backup_type"], "full")
        self.assertEqual(request["name"], "job")

    def test_a_removed_schedule_is_gone_and_its_backups_stay(self):
        self.add()
        self.document(DONE, "schedule", "run", "nightly")
        self.document(DONE, "schedule", "remove", "nightly")
        self.refused("no schedule 'nightly'", "schedule", "show", "nightly")
        self.assertEqual(self.document(DONE, "list")["total"], 1)

    def test_times_to_come_are_shown_in_their_zone(self):
        out = self.document(
            DONE, "schedule", "preview", "0 12 * * *", "--timezone", "Asia/Kolkata", "--count", "3"
        )
        self.assertEqual(len(out["times"]), 3)
        for time in out["times"]:
            self.assertRegex(time, r"^\d{4}-\d\d-\d\dT12:00:00\+05:30$")
        self.assertEqual(out["times"], sorted(out["times"]))
        done = self.ends(DONE, "schedule", "preview", "@yearly", "--count", "2")
        self.assertRegex(done.stdout.decode(), r"^(\d{4}-01-01T00:00:00\+00:00\n){2}$")

    def test_everything_wrong_is_told_at_once_and_nothing_is_added(self):
        out = self.add(
            "--timezone", "Europe/Berln", "--compression", "tar.gz", "--level", "99",
            name="bad/name", cron="61 * * * *", code=FAILED,
        )  # fmt: skip
        message = out["error"]["message"]
        self.assertIn("name: takes", message)
        self.assertIn("cron_expression: ", message)
        self.assertIn("timezone: there is no time zone 'Europe/Berln'", message)
        self.assertIn("backup_request.compression_level: tar.gz takes", message)
        self.assertEqual(self.document(DONE, "schedule", "list")["total"], 0)

    def test_refusals(self):
        self.add()
        add = ("schedule", "add", "other", "@daily")
        self.refused("there is a schedule 'nightly'", "schedule", "add", "nightly", "@daily",
                     "/etc")
        self.refused("never", "schedule", "add", "other", "0 0 31 2 *", self.source)
        self.refused("what to back up is missing", *add, code=USAGE)
        self.refused("no sources", *add, self.source, "--verify", "latest:x", code=USAGE)
        self.refused("--missed is one of run_once, skip, all", *add, self.source, "--missed", "x",
                     code=USAGE)  # fmt: skip
        self.refused("give its sources", "schedule", "update", "nightly", "--type", "full",
                     code=USAGE)  # fmt: skip
        self.refused("do not go together", "schedule", "update", "nightly", "--active",
                     "--inactive", code=USAGE)  # fmt: skip
        self.refused("no schedule 'x'", "schedule", "update", "x", "--active")
        self.refused("schedule takes add", "schedule", "frobnicate", code=USAGE)
        self.refused("cron_expression", "schedule", "preview", "x")


class Run(Case):
    def start(self, *args, tool=TOOL):
        """The late tool begins two seconds before the minute."""
        running = subprocess.Popen(
            [tool, *self.command(*args, "run")[1:]], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "TEST_SECOND": "58"},
        )  # fmt: skip
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        return running

    def await_text(self, running, words):
        """The first line of standard error that has them in it; a test ends by its time limit."""
        for line in running.stderr:
            if words in line:
                return line
        self.fail(f"'{words}' was not said")

    def end(self, running, number=signal.SIGTERM):
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, DONE, err)
        return out, err

    def test_signals_end_it_cleanly(self):
        self.document(DONE, "schedule", "add", "nightly", "0 0 1 1 *", self.source)
        for number in (signal.SIGTERM, signal.SIGINT):
            running = self.start()
            self.await_text(running, "running 1 schedules")
            out, err = self.end(running, number)
            self.assertIn("stopping", err)
            self.assertEqual(out, "stopped\n")
        running = self.start("--json")
        self.await_text(running, "running 1 schedules")
        self.assertIs(strict_json(self.end(running)[0])["success"], True)
        self.assertEqual(self.document(DONE, "list")["total"], 0)

    def test_nobody_else_uses_the_directory_meanwhile(self):
        self.document(DONE, "schedule", "add", "nightly", "0 0 1 1 *", self.source)
        running = self.start()
        self.await_text(running, "running 1 schedules")
        self.refused("is open in another service", "schedule", "list")
        self.end(running)

    def test_it_needs_a_directory_and_says_when_there_is_nothing_to_do(self):
        self.refused("there are no backups at", "run")
        self.back_up()
        running = self.start()
        self.await_text(running, "there are no active schedules")
        self.end(running)

    @unittest.skipUnless("BSI_TESTS_FULL" in os.environ, "waits for the next minute")
    def test_what_is_due_is_run_when_the_minute_begins(self):
        self.what_is_due_is_run(TOOL)

    def test_what_is_due_is_run_and_told_of(self):
        self.what_is_due_is_run(LATE_TOOL)

    def what_is_due_is_run(self, tool):
        self.document(DONE, "schedule", "add", "often", "* * * * *", self.source)
        running = self.start(tool=tool)
        line = self.await_text(running, "starts job")
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ info: engine: schedule 'often'")
        self.await_text(running, "is completed")
        self.end(running)
        shown = self.document(DONE, "schedule", "show", "often")
        self.assertEqual(shown["runs"][-1]["outcome"], "started")
        self.assertRegex(shown["runs"][-1]["due_at"], r":00\.0+Z$")
        self.assertEqual(shown["runs"][-1]["status"], "completed")
        self.assertEqual(self.document(DONE, "list")["total"], len(shown["runs"]))

    def test_the_end_of_it_is_the_end_of_what_it_runs(self):
        fifo = self.scratch / "fifo"
        os.mkfifo(fifo)
        self.document(DONE, "schedule", "add", "slow", "* * * * *", "--command", "--", "sh", "-c",
                      f"echo begun > {fifo}; exec cat {fifo}")  # fmt: skip
        running = self.start(tool=LATE_TOOL)
        self.await_text(running, "starts job")
        with open(fifo, "rb") as begun:
            self.assertEqual(begun.readline(), b"begun\n")
        self.end(running)
        shown = self.document(DONE, "schedule", "show", "slow")
        self.assertEqual(shown["schedule"]["last_status"], "cancelled")
        self.assertFalse([p for p in self.state.rglob("*.zip")])


if __name__ == "__main__":
    unittest.main()
