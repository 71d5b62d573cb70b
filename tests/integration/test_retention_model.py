#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare the rules of retention with a model of them on random histories.

Usage: test_retention_model.py PROBE [HISTORIES [SEED]]

The model asks for each backup whether a rule keeps it, with Python's own
calendar; the library goes through sorted lists with one of its own.
"""
import datetime
import random
import subprocess
import sys

GOOD, FAILED, RUNNING = 1, 2, 3
NS = 10**9
DAY = 86400 * NS
EPOCH = datetime.datetime(1970, 1, 1)
RULES = [
    "own_days", "retention_days", "keep_last", "keep_hourly", "keep_daily", "keep_weekly",
    "keep_monthly", "keep_yearly",
]
PERIODS = {
    "keep_hourly": lambda at, offset: (at.date(), at.hour, offset),
    "keep_daily": lambda at, offset: at.date(),
    "keep_weekly": lambda at, offset: at.isocalendar()[:2],
    "keep_monthly": lambda at, offset: (at.year, at.month),
    "keep_yearly": lambda at, offset: at.year,
}
REASONS = [
    "days", "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly",
    "pin", "hold", "last_good", "needed", "running", "recent_failure",
]


# --- Histories ---


def random_zone(rng):
    """Changes of the offset from UTC, in order; none: UTC."""
    if rng.random() < 0.5:
        return []
    at, zone = -(10**10), []
    for _ in range(rng.randint(1, 12)):
        zone.append((at, rng.choice([-43200, -12600, -3600, 0, 3600, 7200, 19800, 20700, 50400])))
        at = max(at, rng.randint(0, 10**9)) + rng.randint(1, 200 * 86400)
    return zone


def random_rules(rng):
    rules = dict.fromkeys(RULES, 0)
    for name in rng.sample(RULES, rng.randint(1, 4)):
        rules[name] = 1 if name == "own_days" else rng.choice([1, 1, 2, 3, 5, 12, 40, 400])
    return rules


def random_items(rng, now):
    step = rng.choice([NS, 600 * NS, 3600 * NS, DAY // 3, DAY, 9 * DAY, 45 * DAY])
    count = rng.choice([0, 1, 2, 5, 20, 60])
    numbers = rng.sample(range(1, 10 * count + 2), count)
    at, items = now - count * step, []
    for seq in sorted(numbers):
        at += rng.randint(0, 2 * step) if rng.random() < 0.95 else -rng.randint(0, 3 * step)
        item = {
            "seq": seq,
            "created_at": at,
            "expires_at": rng.choice([0, at, at + rng.randint(0, 60) * DAY, now, now + 1]),
            "state": rng.choices([GOOD, FAILED, RUNNING], [8, 1, 1])[0],
            "pinned": int(rng.random() < 0.1),
            "pinned_until": rng.choice([0, now, now + 1, now - DAY]),
            "held": int(rng.random() < 0.05),
            "held_until": rng.choice([0, now, now + 1, now + DAY]),
            "needed": int(rng.random() < 0.02),
        }
        items.append(item)
    rng.shuffle(items)
    return items


def random_needs(rng, count):
    if count == 0 or rng.random() < 0.3:
        return []
    return [(rng.randrange(count), rng.randrange(count)) for _ in range(rng.randint(1, 2 * count))]


def random_history(rng):
    now = rng.choice([0, 10**9, 1_790_000_000, 4 * 10**9]) * NS + rng.randint(0, 400 * DAY)
    items = random_items(rng, now)
    return {
        "now": now,
        "failed_days": rng.choice([0, 1, 30, 90]),
        "rules": random_rules(rng),
        "items": items,
        "needs": random_needs(rng, len(items)),
        "zone": random_zone(rng),
    }


# --- The model ---


def local_time(history, ns):
    offset = 0
    for since, value in history["zone"]:
        if since <= ns // NS:
            offset = value
    return EPOCH + datetime.timedelta(seconds=ns // NS + offset), offset


def period(history, rule, item):
    return PERIODS[rule](*local_time(history, item["created_at"]))


def newer(items, than):
    return [item for item in items if item["seq"] > than["seq"]]


def kept_by_period(history, rule, item, good):
    """Nothing newer lies in its period, and fewer than so many newer periods have a backup."""
    others = {period(history, rule, other) for other in newer(good, item)}
    return period(history, rule, item) not in others and len(others) < history["rules"][rule]


def still_set(item, name, now):
    return item[name] and (item[name + "_until"] == 0 or now < item[name + "_until"])


def reasons_of_good(history, item, good):
    now, rules = history["now"], history["rules"]
    if rules["own_days"] and (item["expires_at"] == 0 or item["expires_at"] > now):
        yield "days"
    if rules["retention_days"] and now - item["created_at"] < rules["retention_days"] * DAY:
        yield "days"
    if len(newer(good, item)) < rules["keep_last"]:
        yield "keep_last"
    if not newer(good, item):
        yield "last_good"
    for rule in PERIODS:
        if kept_by_period(history, rule, item, good):
            yield rule


def reasons(history, item, good):
    now = history["now"]
    found = set()
    if still_set(item, "pinned", now):
        found.add("pin")
    if still_set(item, "held", now):
        found.add("hold")
    if item["needed"]:
        found.add("needed")
    if item["state"] == RUNNING:
        found.add("running")
    if item["state"] == FAILED and now - item["created_at"] < history["failed_days"] * DAY:
        found.add("recent_failure")
    if item["state"] == GOOD:
        found.update(reasons_of_good(history, item, good))
    return found


def model(history):
    items = history["items"]
    good = [item for item in items if item["state"] == GOOD]
    found = [reasons(history, item, good) for item in items]
    before = None
    while found != before:
        before = [set(one) for one in found]
        for source, target in history["needs"]:
            if source != target and found[source]:
                found[target].add("needed")
    needed_by = [-1] * len(items)
    for target in range(len(items)):
        needing = [a for a, b in history["needs"] if b == target and a != b and found[a]]
        if needing:
            needed_by[target] = max(needing, key=lambda index: items[index]["seq"])
    return list(zip(found, needed_by))


# --- Comparing ---


def as_numbers(history):
    yield from (len(history["items"]), len(history["needs"]), len(history["zone"]))
    yield from (history["now"], history["failed_days"])
    yield from (history["rules"][name] for name in RULES)
    for item in history["items"]:
        yield from item.values()
    for pair in history["needs"] + history["zone"]:
        yield from pair


def ask_probe(probe, histories):
    text = "\n".join(" ".join(map(str, as_numbers(history))) for history in histories)
    answer = subprocess.run([probe], input=text, stdout=subprocess.PIPE, check=True, text=True)
    return answer.stdout.split("\n")


def read_answer(line):
    for word in line.split():
        bits, needed_by = map(int, word.split(":"))
        yield {name for at, name in enumerate(REASONS) if bits >> at & 1}, needed_by


def main():
    probe, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(2**32)
    rng = random.Random(seed)
    print(f"# seed {seed}")
    histories = [random_history(rng) for _ in range(count)]
    gone = kept = 0
    for history, line in zip(histories, ask_probe(probe, histories)):
        expected, got = model(history), list(read_answer(line))
        if expected != got:
            print(f"not ok 1 - differs\n# {history}\n# model: {expected}\n# library: {got}")
            return 1
        gone += sum(not found for found, _ in got)
        kept += sum(bool(found) for found, _ in got)
    if not gone or not kept:
        print("not ok 1 - the histories show nothing")
        return 1
    print(f"1..1\nok 1 - {count} histories agree: {kept} backups kept, {gone} go")
    return 0


if __name__ == "__main__":
    sys.exit(main())
