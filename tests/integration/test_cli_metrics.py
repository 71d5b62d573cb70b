#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What `backupsvc metrics` prints, read by Prometheus' own linter and by its Python client.

Without promtool or the client those tests are skipped. Usage: test_cli_metrics.py TOOL
"""
import os
import shutil
import subprocess
import unittest

from cli_case import DONE, FAILED, USAGE, Case

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


class Metrics(Case):
    def back_up(self, name="job", code=DONE, command=None):
        source = ["--command", "--", *command] if command else [self.source]
        self.ends(code, "backup", name, *source)

    def text(self, **options):
        return self.ends(DONE, "metrics", **options).stdout.decode()

    def families(self, **options):
        """By name: a list of (name, labels, value)."""
        if not text_string_to_metric_families:
            self.skipTest("python3-prometheus-client is not installed")
        out = {}
        for family in text_string_to_metric_families(self.text(**options)):
            self.assertNotIn(family.name, out)
            out[family.name] = [(s.name, s.labels, s.value) for s in family.samples]
            keys = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
            self.assertEqual(len(keys), len(set(keys)), "a series stands twice")
        return out

    def value(self, families, family, **labels):
        """The value of the one sample that has these labels."""
        found = [v for _, own, v in families[family] if labels.items() <= own.items()]
        self.assertEqual(len(found), 1, (family, labels, families[family]))
        return found[0]

    def settings(self, **settings):
        return {**os.environ, **settings}

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_finds_no_fault(self):
        self.back_up()
        self.back_up("bad", FAILED, ["/bin/false"])
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.text().encode(),
                              capture_output=True, timeout=60, check=False)  # fmt: skip
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_backups_are_told_by_name(self):
        self.back_up()
        self.back_up()
        self.back_up("bad", FAILED, ["/bin/false"])
        self.ends(DONE, "verify", "latest:job")
        all_of_it = self.families()
        prefix = "backupsvc_"
        self.assertEqual(self.value(all_of_it, prefix + "backups", name="job"), 2)
        self.assertEqual(self.value(all_of_it, prefix + "backups", name="bad"), 1)
        self.assertEqual(self.value(all_of_it, prefix + "last_run_success", name="job"), 1)
        self.assertEqual(self.value(all_of_it, prefix + "last_run_success", name="bad"), 0)
        self.assertEqual(self.value(all_of_it, prefix + "last_success_source_bytes"), 4 + 4000)
        self.assertEqual(self.value(all_of_it, prefix + "verify_success", name="job"), 1)
        self.assertEqual(self.value(all_of_it, prefix + "jobs_finished", kind="verify"), 1)
        self.assertEqual(self.value(all_of_it, prefix + "jobs_finished", status="failed"), 1)
        self.assertEqual(
            self.value(all_of_it, prefix + "jobs_finished", kind="backup", status="completed"), 2
        )
        success = all_of_it[prefix + "last_success_timestamp_seconds"]
        self.assertEqual([labels["name"] for _, labels, _ in success], ["job"])
        show = self.document(DONE, "show", "latest:job")["backup"]
        self.assertEqual(
            self.value(all_of_it, prefix + "last_success_stored_bytes"), show["backup_size"]
        )

    def test_a_histogram_counts_every_job_once(self):
        self.back_up()
        self.back_up()
        samples = self.families()["backupsvc_job_duration_seconds"]
        buckets = [(labels["le"], value) for name, labels, value in samples if "le" in labels]
        self.assertEqual(len(buckets), 12)
        self.assertEqual(buckets[-1], ("+Inf", 2))
        self.assertEqual(sorted(v for _, v in buckets), [v for _, v in buckets])
        self.assertEqual([v for n, _, v in samples if n.endswith("_count")], [2])

    def test_names_beyond_the_limit_are_summed_up(self):
        for name in ("one", "two", "three", "_other"):
            self.back_up(name)
        families = self.families(env=self.settings(METRICS_MAX_NAMES="1"))
        backups = {labels["name"]: v for _, labels, v in families["backupsvc_backups"]}
        self.assertEqual(backups, {"one": 1, "_other": 3})
        runs = [labels["name"] for _, labels, _ in families["backupsvc_last_run_success"]]
        self.assertEqual(runs, ["one"])

    def test_schedules_beyond_the_limit_are_left_out(self):
        for name in ("one", "two", "three"):
            self.ends(DONE, "schedule", "add", name, "@daily", self.source)
        for limit, names in (("2", ["one", "three"]), ("3", ["one", "three", "two"])):
            families = self.families(env=self.settings(METRICS_MAX_NAMES=limit))
            for family in ("schedule_next_run_timestamp_seconds", "schedule_runs"):
                found = {own["schedule"] for _, own, _ in families["backupsvc_" + family]}
                self.assertEqual(sorted(found), names, family)

    def test_counters_begin_at_0_and_storages_are_told(self):
        self.back_up()
        families = self.families()
        self.assertEqual(
            self.value(families, "backupsvc_verify_errors", kind="corrupt"), 0
        )
        self.assertGreater(self.value(families, "backupsvc_storage_used_bytes", storage="local"), 0)
        self.assertEqual(self.value(families, "backupsvc_workers", state="busy"), 0)
        self.assertEqual(
            self.value(families, "backupsvc_jobs", kind="backup", state="running"), 0
        )
        self.assertNotIn("backupsvc_storage_limit_bytes", families)
        limited = self.families(env=self.settings(MAX_STORAGE_SIZE="1G"))
        self.assertEqual(self.value(limited, "backupsvc_storage_limit_bytes"), 10**9)

    def test_a_file_for_node_exporter_is_put_in_place(self):
        self.back_up()
        out = self.scratch / "backupsvc.prom"
        self.ends(DONE, "metrics", "--textfile", out)
        self.assertIn("backupsvc_build_info", out.read_text())
        self.assertEqual([p.name for p in self.scratch.glob("*.new")], [])
        self.document(FAILED, "metrics", "--textfile", self.scratch / "none" / "x")
        self.assertIn("backupsvc_jobs", self.document(DONE, "metrics")["metrics"])
        self.ends(USAGE, "metrics", "extra")


if __name__ == "__main__":
    unittest.main()
