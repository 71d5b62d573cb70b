#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare when schedules are due with python3-croniter, and time zones with Python's zoneinfo.

Usage: test_schedules.py PROBE [unittest's arguments]

BSI_TESTS_FULL=1 asks for ten times as many pairs, BSI_TESTS_SEED=N for others.
"""
import datetime
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
import zoneinfo

try:
    from croniter import CroniterBadDateError, croniter
except ImportError:
    croniter = None

PROBE = sys.argv.pop(1) if len(sys.argv) > 1 else ""
ZONES = pathlib.Path("/usr/share/zoneinfo")
FULL = "BSI_TESTS_FULL" in os.environ
SEED = int(os.environ.get("BSI_TESTS_SEED", "20261123"))
UTC = datetime.timezone.utc

MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)
LOW = (0, 0, 1, 1, 0)
HIGH = (59, 23, 31, 12, 7)
NAMES = {
    MONTH: [None, *"jan feb mar apr may jun jul aug sep oct nov dec".split()],
    WEEKDAY: "sun mon tue wed thu fri sat sun".split(),
}
SHORTHANDS = "@hourly @daily @midnight @weekly @monthly @yearly @annually".split()
STARS = (0.15, 0.3, 0.45, 0.55, 0.5)  # How often a field is a mere "*".


def value(rng, field, number):
    if field in NAMES and rng.random() < 0.4:
        name = NAMES[field][number]
        return rng.choice([name, name, name.upper(), name.title()])
    return str(number)


def part(rng, field):
    low = rng.randint(LOW[field], HIGH[field])
    high = rng.randint(low, HIGH[field])
    step = rng.randint(1, HIGH[field])
    shape = rng.random()
    if shape < 0.15:
        return f"*/{step}"
    if shape < 0.55:
        return value(rng, field, low)
    if shape < 0.63:
        return f"{value(rng, field, low)}/{step}"
    both = f"{value(rng, field, low)}-{value(rng, field, high)}"
    return both if shape < 0.88 else f"{both}/{step}"


def schedule(rng):
    if rng.random() < 0.02:
        return rng.choice(SHORTHANDS)
    fields = []
    for field, star in enumerate(STARS):
        parts = [part(rng, field) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        fields.append("*" if rng.random() < star else ",".join(parts))
    return " ".join(fields)


def ask(questions, folder=ZONES):
    """The probe's answers; a question is a tuple of its parts."""
    text = "".join("\t".join(map(str, question)) + "\n" for question in questions)
    done = subprocess.run(
        [PROBE, str(folder)], input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split("\n")[:-1]


class Oracle:
    """croniter, asked in such a way that it means what Vixie's cron means.

    Its answer is taken as it is for most schedules. For the rest:

    - A day field that begins with '*' but has a step is restricted to croniter,
      and then one day field is enough. day_or=False makes it ask for both.
    - A day field that lists every day ("1-7") is unrestricted to croniter. To
      cron it is restricted, every day matches it, and one field is enough.
    - A list of days that some months do not have leads croniter 1.3 astray: it
      goes from 28 February to the 31st and misses the 1st to the 3rd of March,
      and it gives up when one of two day fields is never met. Each day is asked
      for by itself.
    """

    def __init__(self, zone=UTC):
        self.zone = zone

    def first(self, texts, start, day_or):
        """The first instant at which one of the texts is due."""
        at = datetime.datetime.fromtimestamp(start, self.zone)
        found = []
        for text in texts:
            try:
                found.append(int(croniter(text, at, day_or=day_or).get_next(float)))
            except CroniterBadDateError:
                pass
        return min(found, default=None)

    def due(self, text, start):
        """The first instant after `start`; None: there is none."""
        if text.startswith("@"):
            return self.first([text], start, day_or=True)
        minute, hour, day, month, weekday = text.split()
        expanded = croniter.expand(text)[0]
        days, weekdays = expanded[DAY], expanded[WEEKDAY]
        either = not day.startswith("*") and not weekday.startswith("*")
        if either and (days == ["*"] or weekdays == ["*"]):
            day, weekday = "*", "*"
        elif "*" not in days and max(days) > 28:
            texts = [f"{minute} {hour} {one} {month} {'*' if either else weekday}" for one in days]
            texts += [f"{minute} {hour} * {month} {weekday}"] if either else []
            return self.first(texts, start, day_or=False)
        text = f"{minute} {hour} {day} {month} {weekday}"
        return self.first([text], start, day_or=either)


def shown(text, start, answer, expected):
    def as_time(seconds):
        return datetime.datetime.fromtimestamp(int(seconds), UTC).isoformat()

    answer = as_time(answer) if answer.lstrip("-").isdigit() else answer
    expected = as_time(expected) if expected is not None else "never"
    return f"'{text}' from {as_time(start)}: croniter says {expected}, we say {answer}"


@unittest.skipUnless(croniter, "python3-croniter is not installed")
class Croniter(unittest.TestCase):
    COUNT = 120000 if FULL else 12000

    def pairs(self, count):
        rng = random.Random(SEED)
        return [(schedule(rng), rng.randint(0, 4102444800)) for _ in range(count)]

    def test_the_next_instant_is_the_same(self):
        oracle = Oracle()
        pairs = self.pairs(self.COUNT)
        answers = ask(("next", text, "UTC", start, 1) for text, start in pairs)
        never = 0
        wrong = []
        for (text, start), answer in zip(pairs, answers):
            expected = oracle.due(text, start)
            if expected is None and "never due" in answer:
                never += 1
            elif answer != str(expected):
                wrong.append(shown(text, start, answer, expected))
        print(f"{len(pairs)} pairs, {never} of schedules that are never due, {len(wrong)} differ")
        self.assertEqual([], wrong[:20])
        self.assertGreater(never, 0)
        self.assertLess(never, len(pairs) // 100)

    def test_the_previous_instant_is_due_and_none_follows_it(self):
        """By croniter's way forward: its way back knows no 29 February."""
        oracle = Oracle()
        pairs = self.pairs(self.COUNT // 4)
        answers = ask(("previous", text, "UTC", start) for text, start in pairs)
        for (text, start), answer in zip(pairs, answers):
            if "never due" not in answer:
                found = int(answer)
                self.assertLess(found, start, text)
                self.assertEqual(oracle.due(text, found - 1), found, text)
                self.assertGreaterEqual(oracle.due(text, found), start, text)

    def test_what_croniter_refuses_is_refused(self):
        rng = random.Random(SEED)
        texts = []
        for _ in range(4000):
            text = list(schedule(rng))
            for _ in range(rng.randint(1, 2)):
                text[rng.randrange(len(text))] = rng.choice("0123456789*/-, ajx")
            texts.append("".join(text))
        refused = 0
        for text, answer in zip(texts, ask(("next", text, "UTC", 0, 1) for text in texts)):
            if not croniter.is_valid(text):
                refused += 1
                self.assertIn("refused: the schedule", answer, text)
        print(f"{refused} refused by croniter")
        self.assertGreater(refused, 500)

    def test_zones_agree_where_the_clocks_are_not_changed(self):
        """croniter adds to local times, and so is an hour off where they are changed."""
        rng = random.Random(SEED)
        names = "Asia/Kathmandu Europe/Berlin America/St_Johns Australia/Lord_Howe Asia/Tokyo"
        zones = {name: zoneinfo.ZoneInfo(name) for name in names.split()}
        questions = []
        for text, start in self.pairs(2000):
            questions.append((text, rng.choice(sorted(zones)), start // 60 * 60 % 1700000000))
        answers = ask(("next", *question, 1) for question in questions)
        compared = 0
        for (text, name, start), answer in zip(questions, answers):
            if answer.isdigit() and self.offset(zones[name], start, int(answer)) is not None:
                expected = Oracle(zones[name]).due(text, start)
                compared += 1
                self.assertEqual(answer, str(expected), f"{name}, {text}, {start}")
        print(f"{compared} pairs compared")
        self.assertGreater(compared, 500)

    def offset(self, zone, begin, end):
        """The offset that holds from day to day between two instants; None when it changes."""
        instants = [*range(begin, end, 86400), end]
        if len(instants) > 400:
            return None
        found = {datetime.datetime.fromtimestamp(at, zone).utcoffset() for at in instants}
        return found.pop() if len(found) == 1 else None


class Zones(unittest.TestCase):
    """What the clocks show, of every zone that there is, from 1906 to 2223."""

    BEGIN, END = -2000000000, 8000000000

    def check(self, folder, open_zone, shy=0):
        """Instants `shy` seconds behind each change are looked at, not the change's own."""
        names = sorted(name for name in zoneinfo.available_timezones() if (folder / name).exists())
        answers = ask((("offsets", name, self.BEGIN, self.END) for name in names), folder)
        checked = 0
        for name, answer in zip(names, answers):
            self.assertNotIn("refused", answer, name)
            checked += self.check_zone(name, answer, open_zone(name), shy)
        print(f"{len(names)} zones, {checked} instants")
        self.assertGreater(len(names), 400)

    def check_zone(self, name, answer, zone, shy):
        """Both sides of each change, and instants in between where none is told."""
        rng = random.Random(name)
        changes = [tuple(map(int, change.split(":"))) for change in answer.split()]
        instants = []
        for (begin, offset), (end, _) in zip(changes, [*changes[1:], (self.END, 0)]):
            instants += [(begin + shy, offset), (end - 1, offset)]
            instants += [(rng.randrange(begin + shy, end), offset) for _ in range(3)]
        for instant, offset in instants:
            at = datetime.datetime.fromtimestamp(instant, zone)
            self.assertEqual(offset, at.utcoffset().total_seconds(), f"{name} at {instant}")
        return len(instants)

    def test_the_zones_of_the_system_are_as_zoneinfo_has_them(self):
        self.check(ZONES, zoneinfo.ZoneInfo)

    def test_zones_of_few_transitions_and_a_rule_are_the_same(self):
        """zic's "slim" form leaves to the rule what the "fat" form of Debian spells out.

        At the very instant of the last transition zoneinfo does not go by the rule
        yet. They agree, but in America/Ojinaga as zic of glibc 2.36 writes it.
        """
        zic = shutil.which("zic", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))
        source = ZONES / "tzdata.zi"
        if not zic or not source.exists():
            self.skipTest("no zic, or no source of the database")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([zic, "-b", "slim", "-d", folder, str(source)], check=True)

            def slim(name):
                with (pathlib.Path(folder) / name).open("rb") as file:
                    return zoneinfo.ZoneInfo.from_file(file)

            self.check(pathlib.Path(folder), slim, shy=1)


if __name__ == "__main__":
    unittest.main()
