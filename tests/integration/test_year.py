#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Live through a year with schedules and retention, and compare with a model of them.

Usage: test_year.py PROBE [SEED...]

The service is the real one, by a clock that stands until it is told to go on.
It is closed and opened again, dies, has its clock set, its sources taken away
and its catalogue refuse to be written. The model (year_model.py) lives through
the same. What came of every due time, when the scheduler wakes, and which
backups are there, marked or not, must be the same at all times.

Days around those on which clocks are changed; with BSI_TESTS_FULL=1 years.
"""
import collections
import contextlib
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import scratch
from year_model import DAY, HOUR, MINUTE, UTC, Schedule, Store

FULL = "BSI_TESTS_FULL" in os.environ
# The library does not trust files that changed after the scan that it compares with.
YEAR = max(2030, time.gmtime().tm_year + 2)
HOURLY = {"keep_hourly": 24, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 6}
CHAIN = {"keep_last": 9, "keep_daily": 5}
MIDNIGHT = {"keep_daily": 5, "keep_weekly": 3}
MONTHLY = {"keep_monthly": 4, "retention_days": 40}
SLOW = {"keep_last": 4, "keep_weekly": 3}

# Name, expression, zone, missed, type, rules.
SCHEDULES = [
    ("hourly", "0 * * * *", "Europe/Berlin", "run_once", "full", HOURLY),
    ("chain", "20 */2 * * *", "Australia/Lord_Howe", "skip", "incremental", CHAIN),
    ("nightly", "30 2 * * *", "America/New_York", "all", "incremental", {"retention_days": 11}),
    ("midnight", "10 0,1 * * *", "America/Havana", "run_once", "full", MIDNIGHT),
    ("weekly", "45 1 * * 0", "Europe/Berlin", "run_once", "full", {"keep_last": 5}),
    ("monthly", "50 5 1,15 * *", "Asia/Kolkata", "all", "full", MONTHLY),
    ("flaky", "5 3,15 * * *", "Africa/Casablanca", "skip", "full", {"keep_last": 6}),
    ("slow", "15 */3 * * *", "America/Havana", "run_once", "full", SLOW),
    ("slow-all", "25 1-23 * * 1-5", "Europe/Berlin", "all", "full", {"keep_daily": 3}),
    ("usual", "40 6 * * 2", "America/New_York", "skip", "full", {}),
]


class Different(Exception):
    """The service and the model have come to different ends."""


def as_time(seconds):
    return datetime.datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Probe:
    """A process that runs the service; it may die."""

    def __init__(self, path, state):
        self.process = subprocess.Popen(
            [path, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, command):
        """Its answer; None: it is dead."""
        lines = []
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line == ".\n":
                return lines
            lines.append(line.split())
        return None

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


class World:
    """The service, the model, and the one clock of both."""

    def __init__(self, probe_path, folder, seed, start, end):
        self.rng = random.Random(seed)
        self.probe_path = probe_path
        self.folder = pathlib.Path(folder)
        self.now, self.end = start, end
        self.wake = None
        self.is_open = False
        self.grace_hours = self.rng.choice([24, 24, 0, 5])
        self.zone = self.rng.choice(["UTC", "Europe/Berlin", "America/Havana"])
        self.store = Store(self.grace_hours * HOUR, self.zone)
        self.schedules = {}
        self.requests = {}
        self.contents = collections.Counter()
        self.jobs_end = {}  # When slow jobs end, by name.
        self.count = collections.Counter()
        self.seen = {}
        self.broken = set()  # Names whose storage is not there.
        self.probe = None

    def begin(self, names):
        self.begin_process()
        self.ask("open")
        for one in SCHEDULES:
            if one[0] in names:
                self.add(*one)
        self.is_open = True
        self.ask("run")
        self.settle()

    def begin_process(self):
        self.probe = Probe(self.probe_path, str(self.folder / "state"))
        self.ask(f"setting RETENTION_GRACE_HOURS {self.grace_hours}")
        self.ask(f"setting TIMEZONE {self.zone}")
        self.ask(f"clock {self.now}")

    # Both of them.

    def ask(self, command):
        answer = self.probe.ask(command)
        if answer is None:
            raise Different(f"'{command}' has ended with {self.probe.end()}")
        return answer

    def must_be(self, what, model, service):
        if model != service:
            raise Different(f"{what}: model {model}, service {service}")

    def add(self, name, cron, zone, missed, kind, rules):
        source = self.folder / name
        request = {"name": name, "retention": dict(rules)}
        if name.startswith("slow"):
            os.mkfifo(source)
            request["source_command"] = ["cat", str(source)]
        elif name == "flaky":
            source.write_text("is there")
            request["source_command"] = ["cat", str(source)]
        else:
            source.mkdir()
            (source / "same").write_text("never changes")
            (source / "changes").write_text("0")
            request["source_paths"] = [str(source)]
            request["backup_type"] = kind
        days = request["retention"].pop("retention_days", None)
        if days:
            request["retention_days"] = days
        if not request["retention"]:
            del request["retention"]
        options = {"name": name, "cron_expression": cron, "timezone": zone, "missed": missed}
        self.schedules[name] = Schedule(options, self.now, self.end + 200 * DAY)
        self.requests[name] = (kind, rules)
        self.seen[name] = 0
        self.ask("add " + json.dumps({**options, "backup_request": request}))

    # What a look of the scheduler does, by the model.

    def look(self):
        late = [one for one in self.schedules.values() if one.pending(self.now)]
        while late:
            late.sort(key=lambda one: one.pending(self.now)[0])
            for one in late:
                due = one.look(self.now)
                if due is not None:
                    self.start(one, due, self.now)
            late = [one for one in late if one.pending(self.now) and not one.busy]

    def start(self, schedule, due, now):
        source = self.folder / schedule.name
        slow, flaky = schedule.name.startswith("slow"), schedule.name == "flaky"
        if not flaky and not source.exists():
            schedule.runs.append([due, now, "failed_to_start", "-", 0, None])
            return
        kind, rules = self.requests[schedule.name]
        backup = self.store.begin(schedule.name, rules, now)
        run = [due, now, "started", "running", 0, backup]
        schedule.runs.append(run)
        if kind == "incremental":
            self.build_on(backup)
        if slow:
            schedule.busy = run
            self.jobs_end[schedule.name] = now + self.rng.choice([10, 50, 200, 700]) * MINUTE
        elif now == self.now:
            good = source.exists() and schedule.name not in self.broken
            self.finish(run, "completed" if good else "failed")

    def build_on(self, backup):
        """An incremental holds what its base does not."""
        usable = [one for one in self.store.of(backup.name) if one.is_good() and not one.mark]
        base = usable[0] if usable else None
        found = base.holds if base else {}
        wanted = ["same", self.contents[backup.name]]
        backup.holds = {content: found.get(content, backup) for content in wanted}
        backup.needs = set(backup.holds.values()) - {backup}

    def finish(self, run, status):
        backup = run[5]
        self.end_run(run, status, self.now)
        if status == "completed":
            self.count["removed"] += self.store.completed(backup.name, self.now)

    def end_run(self, run, status, at):
        run[3:5] = run[5].status, run[5].completed = status, at
        if status != "completed":
            run[5].needs = set()  # It holds nothing, and leads to nothing.
        self.count[status] += 1

    # Time.

    def expected_wake(self):
        idle = [one for one in self.schedules.values() if not one.pending(self.now)]
        return min(one.next(self.now) for one in idle)

    def settle(self):
        answer = self.ask("settle")
        for one in self.schedules.values():
            one.clock_set(self.now)
        self.look()
        self.wake = int(answer[0][1])
        self.must_be("when it looks again", as_time(self.expected_wake()), as_time(self.wake))

    def set_clock(self, now):
        self.now = now
        self.ask(f"clock {now}")

    def end_job(self, name):
        schedule = self.schedules[name]
        self.ask(f"end {name} {self.folder / name}")
        run, schedule.busy = schedule.busy, None
        del self.jobs_end[name]
        self.finish(run, "completed")

    def go(self, until):
        """Time goes by."""
        while self.is_open:
            name = min(self.jobs_end, key=self.jobs_end.get, default=None)
            ends = self.jobs_end[name] if name else until + 1
            at = min(ends, self.wake)
            if at > until:
                break
            self.set_clock(at)
            if at == ends:
                self.end_job(name)
            self.settle()
        self.set_clock(until)

    def land(self, at):
        """A time at which nothing has just become due."""
        while any(one.is_due(at - 3 * MINUTE, at + 5) for one in self.schedules.values()):
            at += MINUTE
        return at

    # What there is must be the same.

    def compare(self):
        for schedule in self.schedules.values():
            self.compare_runs(schedule)
        self.compare_backups()
        self.count["comparisons"] += 1

    def compare_runs(self, schedule):
        new = schedule.runs[self.seen[schedule.name] :][-1000:]
        if not new:
            return
        answer = self.ask(f"runs {schedule.name} {len(new)}")
        for run, (due, recorded, outcome, status, completed, job) in zip(new, answer):
            status = status.replace("pending", "running")
            got = [int(due), int(recorded), outcome, status, int(completed)]
            if run[:5] != got:
                self.show_runs(schedule, answer)
            self.must_be(f"run of {schedule.name}, {as_time(run[0])}", run[:5], got)
            if len(run) > 5 and run[5]:
                run[5].id = job
            self.count["looks at a run"] += 1
        self.must_be(f"runs of {schedule.name}", len(new), len(answer))
        open_runs = [index for index, run in enumerate(schedule.runs) if run[3] == "running"]
        self.seen[schedule.name] = min(open_runs, default=len(schedule.runs))

    def show_runs(self, schedule, answer):
        """What only one of them has."""
        model = {tuple(map(str, run[:5])) for run in schedule.runs[-1000:]}
        service = {tuple(line[:5]) for line in answer}
        for who, lines in (("model", model - service), ("service", service - model)):
            for line in sorted(lines)[:20]:
                print(f"# only {who}: {as_time(int(line[0]))}, at {as_time(int(line[1]))}: {line}")

    def compare_backups(self):
        listed = {line[0]: line[1:] for line in self.ask("backups")}
        for one in self.store.backups:
            mark = list(map(str, one.mark or (0, 0)))
            got = listed.pop(one.id, None)
            if got:
                got[1] = got[1].replace("pending", "running")
            expected = [one.name, one.status, str(one.created), str(one.completed), *mark]
            self.must_be(f"backup of {one.name}, {as_time(one.created)}", expected, got)
            self.count["looks at a backup"] += 1
        if listed:
            raise Different(f"these should be gone: {listed}")

    # What happens to it.

    def close(self):
        self.ask("close")
        self.is_open = False
        for name in list(self.jobs_end):
            schedule = self.schedules[name]
            self.finish(schedule.busy, "cancelled")
            schedule.busy = None
            del self.jobs_end[name]

    def open(self):
        self.ask("open")
        self.ask("run")
        self.is_open = True
        self.settle()

    def pause(self):
        self.count["restarts"] += 1
        self.close()
        self.go(self.land(self.now + self.some([MINUTE, HOUR, 5 * HOUR, 30 * HOUR, 4 * DAY])))
        self.open()

    def some(self, choices):
        return int(self.rng.choice(choices) * self.rng.uniform(0.3, 1.0))

    def jump(self, seconds):
        """Somebody sets the clock; jobs end when they would have ended."""
        self.count["jumps"] += 1
        to = self.land(self.now + seconds)
        for name in self.jobs_end:
            self.jobs_end[name] += to - self.now
        self.set_clock(to)
        self.settle()

    def jump_ahead(self):
        away = self.some([HOUR, 7 * HOUR, 2 * DAY, 12 * DAY, 60 * DAY])
        before = self.now
        self.jump(away)
        self.go(self.land(self.now + self.some([HOUR, DAY])))
        if away > DAY or self.rng.random() < 0.6:
            self.jump(before - self.now + HOUR)

    def jump_back(self):
        self.jump(-self.some([3 * HOUR, 10 * HOUR, 2 * DAY]) - 2 * HOUR)

    def accept_clock(self):
        self.must_be("apply", [["status", "0"]], self.ask("apply accept"))
        self.store.accept(self.now)
        self.count["removed"] += self.store.apply_all(self.now)

    # It dies, or is closed at once, when schedules are due.

    def until_due(self):
        """To the moment at which the scheduler wakes; a job that ends may make that another."""
        at = None
        while at != self.wake:
            at = self.wake
            self.go(at - 1)
        self.compare()
        self.set_clock(at)

    def crash(self):
        self.until_due()
        self.ask(f"kill {self.rng.choice([40, 150, 400, 1000, 3000]) - self.rng.randrange(39)}")
        if self.probe.ask("settle") is not None:
            self.ask("kill 0")
            self.settle()
            return
        self.must_be("ended with", -9, self.probe.end())
        self.begin_process()
        self.count["deaths"] += 1
        self.come_back(dead=True)

    def rush(self):
        self.until_due()
        self.ask("rush")
        self.count["restarts"] += 1
        self.come_back(dead=False)

    def come_back(self, dead):
        """Before anything else is due. The model takes over what could have been either way."""
        struck = self.now
        due = min(one.first_after(struck) for one in self.schedules.values())
        self.set_clock(min(due - 1, struck + self.some([20, 59, 61, 2 * HOUR])))
        self.ask("open")
        listed = {line[0]: line[1:] for line in self.ask("backups")}
        ended = self.now if dead else struck
        begun = self.take_over_runs(struck, ended, listed)
        self.take_over_marks(struck, begun, listed)
        for name in list(self.jobs_end):
            schedule = self.schedules[name]
            if schedule.busy not in begun:  # It went on when those were completed.
                self.end_run(schedule.busy, "failed" if dead else "cancelled", ended)
            schedule.busy = None
            del self.jobs_end[name]
        self.ask("run")
        self.settle()

    def take_over_runs(self, struck, ended, listed):
        """Those that had begun, with the states in which their jobs were found."""
        begun = []
        for schedule in self.schedules.values():
            late = schedule.pending(struck)
            if not late or (schedule.busy and schedule.missed == "all"):
                continue
            chosen = schedule.choose(late, struck)
            line = (self.ask(f"runs {schedule.name} 1") or [[None] * 6])[0]
            job = listed.get(line[5])
            if line[:2] != [str(chosen), str(struck)] or (line[2] == "started" and not job):
                continue
            self.must_be("the one that is due", chosen, schedule.look(struck) or chosen)
            if line[2] != "started":
                self.must_be("outcome", "skipped_busy", line[2])
                continue
            self.start(schedule, chosen, struck)
            run = schedule.runs[-1]
            run[5].id = line[5]
            self.must_be("its job", True, job[1] in ("completed", "failed", "cancelled"))
            self.end_run(run, job[1], struck if job[1] == "completed" else ended)
            begun.append(run)
        return begun

    def take_over_marks(self, struck, begun, listed):
        """Each backup must be as it was before, or as it has to be afterwards."""
        store = self.store
        before = {one: one.mark for one in store.backups}
        known = (store.looked_at_all, store.doubted, store.believed)
        for run in begun:
            if run[3] == "completed":
                store.completed(run[5].name, struck)
        after = {one: one.mark for one in store.backups}
        store.backups = [one for one in before if one.id in listed]
        for one, mark in before.items():
            line = listed.get(one.id, [None] * 6)
            found = tuple(map(int, line[4:6])) if line[4] not in ("0", None) else None
            if one.id not in listed:
                self.must_be(f"{one.name} of {as_time(one.created)} is there", one in after, False)
            elif found not in (mark, after.get(one, mark)):
                either = (mark, after.get(one))
                self.must_be(f"mark of {one.name}, {as_time(one.created)}", either, found)
            one.mark = found
        looked, doubted = (int(word) or None for word in self.ask("known")[0][1:])
        self.must_be("looked at all", True, looked in (known[0], store.looked_at_all))
        self.must_be("doubted", True, doubted in (known[1], store.doubted))
        if doubted != store.doubted:
            store.doubted, store.believed = known[1:]
        store.looked_at_all = looked

    # Things fail.

    def fail(self):
        """The catalogue cannot be written when something is due."""
        self.until_due()
        if self.jobs_end and min(self.jobs_end.values()) < self.now + 10 * MINUTE:
            return self.settle()
        self.count["faults"] += 1
        self.ask("fail 1")
        for _ in range(self.rng.choice([1, 1, 2, 5])):
            answer = self.ask("settle")
            self.must_be("tries again", self.now + MINUTE, int(answer[0][1]))
            self.set_clock(self.now + MINUTE)
        self.ask("fail 0")
        return self.settle()

    def lose_storage(self):
        """Something else lies there for a while. Nothing can be put there then, nor removed."""
        name = self.rng.choice([name for name in self.schedules if not name.startswith("slow")])
        lies = self.folder / "state" / "storage" / name
        if not lies.exists():
            return
        away = self.folder / "away"
        lies.rename(away)
        if self.rng.random() < 0.5:
            lies.symlink_to(lies)
        else:
            lies.touch()
        self.broken.add(name)
        self.go(self.now + self.some([5 * HOUR, 30 * HOUR, 4 * DAY]))
        self.broken.remove(name)
        lies.unlink()
        away.rename(lies)

    def lose_source(self):
        name = self.rng.choice([name for name in self.schedules if not name.startswith("slow")])
        source, moved = self.folder / name, self.folder / f"{name}.moved"
        source.rename(moved)
        self.go(self.now + self.some([5 * HOUR, 30 * HOUR, 4 * DAY]))
        moved.rename(source)

    def change_source(self):
        name = self.rng.choice([name for name in self.schedules if (self.folder / name).is_dir()])
        self.contents[name] += 1
        (self.folder / name / "changes").write_text("x" * self.contents[name])

    def live(self):
        events = [self.pause, self.pause, self.jump_ahead, self.jump_back, self.accept_clock,
                  self.lose_source, self.lose_storage, self.change_source, self.crash, self.crash,
                  self.rush, self.fail, self.compare, self.compare]  # fmt: skip
        while self.now < self.end:
            self.go(self.land(self.now + self.some([5 * HOUR, DAY, 3 * DAY])))
            self.rng.choice(events)()
            self.count["events"] += 1
        self.accept_clock()
        self.compare()
        self.close()
        storage = self.folder / "state" / "storage"
        files = [path for path in storage.rglob("*") if path.is_file()]
        good = [one for one in self.store.backups if one.is_good()]
        self.count["left by retention"] = len(good)
        self.must_be("files on the storage", 2 * len(good), len(files))
        self.must_be("ended with", 0, self.probe.end())
        for schedule in self.schedules.values():
            self.count["due times"] += len(schedule.runs)
            for run in schedule.runs:
                self.count[run[2]] += 1

    def dispose(self):
        self.probe.process.kill()
        for name in self.schedules:
            with contextlib.suppress(OSError):  # Whoever reads the FIFO still comes to its end.
                os.close(os.open(self.folder / name, os.O_WRONLY | os.O_NONBLOCK))


def live_through(probe, seed, start, days, names):
    with tempfile.TemporaryDirectory(prefix="backupsvc-year.", dir=scratch.parent()) as folder:
        world = World(probe, folder, seed, start, start + days * DAY)
        try:
            world.begin(names)
            world.live()
        except Different as error:
            return f"at {as_time(world.now)}: {error}", world.count
        finally:
            world.dispose()
        return None, world.count


ALL = [one[0] for one in SCHEDULES]
FEW = ["nightly", "midnight", "weekly", "monthly", "usual"]

# Month and day of the beginning, days, schedules.
SHORT = [(3, 28, 12, ALL), (10, 25, 12, ALL)]
LONG = [(1, 1, 365, FEW), (3, 1, 365, ALL)]


def main():
    probe, seeds = sys.argv[1], list(map(int, sys.argv[2:])) or ([1, 2, 3] if FULL else [1])
    lives = [(seed, *life) for seed in seeds for life in (LONG if FULL else SHORT)]
    print(f"1..{len(lives)}")
    failed = 0
    for number, (seed, month, day, days, names) in enumerate(lives, 1):
        start = int(datetime.datetime(YEAR, month, day, tzinfo=UTC).timestamp())
        problem, count = live_through(probe, seed, start, days, names)
        told = problem or ", ".join(f"{count[what]} {what}" for what in count)
        print(f"{'not ok' if problem else 'ok'} {number} - {days} days, seed {seed}: {told}")
        failed += bool(problem)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
