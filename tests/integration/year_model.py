# SPDX-License-Identifier: MIT
"""When schedules are due and which backups stay, as docs/guide says it.

A model of its own: zones and calendar are Python's, and nothing here was made
from the library's sources. Times are whole seconds since 1970.
"""
import bisect
import datetime
import zoneinfo

MINUTE, HOUR, DAY = 60, 3600, 86400
UTC = datetime.timezone.utc

GRACE = 60  # A run that begins up to a minute late was not missed.
LISTED = 200
BACKLOG = 100  # Of "all" that were missed, the last 100 are run.
FAILURES_LISTED = 90 * DAY
CLOCK_JUMP = 32 * DAY
CLOCK_SETTLED = 7 * DAY

PERIODS = {
    "keep_hourly": lambda at: (at.date(), at.hour, at.utcoffset()),
    "keep_daily": lambda at: at.date(),
    "keep_weekly": lambda at: at.isocalendar()[:2],
    "keep_monthly": lambda at: (at.year, at.month),
    "keep_yearly": lambda at: at.year,
}


# --- Due times ---


def values(field, low, high):
    """The numbers that a cron field names: "*", "*/n", and lists of numbers and ranges."""
    if field.startswith("*"):
        return set(range(low, high + 1, int(field[2:] or 1)))
    found = set()
    for part in field.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def instant(local, zone, fold):
    """The instant at which clocks show a local time; None: they never do."""
    at = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == local else None


def end_of_gap(local, zone):
    """The first moment after a gap in which a local time lies: found minute by minute."""
    while instant(local, zone, 0) is None:
        local += datetime.timedelta(minutes=1)
    return instant(local, zone, 0)


def due_times(expression, zone_name, begin, end):
    minute, hour, day, month, weekday = expression.split()
    zone = zoneinfo.ZoneInfo(zone_name)
    minutes, hours = values(minute, 0, 59), values(hour, 0, 23)
    days, months = values(day, 1, 31), values(month, 1, 12)
    weekdays = {number % 7 for number in values(weekday, 0, 7)}
    either = not day.startswith("*") and not weekday.startswith("*")
    found = set()
    date = datetime.datetime.fromtimestamp(begin - 2 * DAY, UTC).date()
    last = datetime.datetime.fromtimestamp(end + 2 * DAY, UTC).date()
    while date < last:
        matches = [date.day in days, date.isoweekday() % 7 in weekdays]
        if date.month in months and (any(matches) if either else all(matches)):
            for one in sorted(hours):
                for two in sorted(minutes):
                    local = datetime.datetime.combine(date, datetime.time(one, two))
                    found |= instants_of(local, zone, hour.startswith("*"))
        date += datetime.timedelta(days=1)
    return sorted(at for at in found if begin <= at < end)


def instants_of(local, zone, every_pass):
    first, second = instant(local, zone, 0), instant(local, zone, 1)
    if every_pass:
        return {int(at.timestamp()) for at in (first, second) if at}
    return {int((first or end_of_gap(local, zone)).timestamp())}


class Schedule:
    """A schedule's due times, and what has come of them."""

    def __init__(self, options, now, end):
        self.name = options["name"]
        self.missed = options["missed"]
        self.times = due_times(options["cron_expression"], options["timezone"], now, end)
        self.looked = now  # Everything up to here was dealt with or missed.
        self.dealt = set()
        self.runs = []  # [due, recorded, outcome, status, completed]
        self.busy = None  # The run that goes on.

    def is_due(self, begin, end):
        """Whether a due time lies between two instants."""
        return bisect.bisect_left(self.times, begin) < bisect.bisect_left(self.times, end)

    def pending(self, now):
        """Due times that are to be looked after."""
        begin = bisect.bisect_right(self.times, self.looked)
        late = self.times[begin : bisect.bisect_right(self.times, now)]
        return [due for due in late if due not in self.dealt]

    def first_after(self, at):
        return self.times[bisect.bisect_right(self.times, at)]

    def next(self, now):
        """When there is something to be done again, if nothing is to be done now."""
        at = bisect.bisect_right(self.times, max(now, self.looked))
        while self.times[at] in self.dealt:
            at += 1
        return self.times[at]

    def clock_set(self, now):
        """Due times that come again are looked at again."""
        self.looked = min(self.looked, now)

    def choose(self, late, now):
        """The one that is run; those before it are missed."""
        if self.missed == "all":
            return late[max(0, len(late) - BACKLOG)]
        if self.missed == "skip" and now - late[-1] > GRACE:
            return None
        return late[-1]

    def listed(self, late, missed):
        """Of very many that were missed at once only the last are listed."""
        return [due for due in missed if due in late[-LISTED:]]

    def look(self, now):
        """The due time that is to be met now, if any. Those that nobody meets are noted."""
        late = self.pending(now)
        if not late or (self.busy and self.missed == "all"):
            return None
        chosen = self.choose(late, now)
        missed = [due for due in late if chosen is None or due < chosen]
        self.runs += [[due, now, "missed", "-", 0] for due in self.listed(late, missed)]
        self.looked = now if chosen is None else chosen
        if chosen is None:
            return None
        self.dealt.add(chosen)
        if self.busy:
            self.runs.append([chosen, now, "skipped_busy", "-", 0])
            return None
        return chosen


# --- Backups ---


class Backup:
    def __init__(self, number, name, rules, created):
        self.number = number
        self.name = name
        self.rules = rules
        self.created = created
        self.completed = 0
        self.status = "running"
        self.id = None  # The service's; known when its run has been compared.
        self.holds = {}  # What it leads to, and the backup that has it.
        self.mark = None  # When it was marked, and from when on it is removed.
        self.needs = set()

    def is_good(self):
        return self.status == "completed"

    def has_numbers(self):
        return any(key.startswith("keep_") for key in self.rules)

    def own_days_keep(self, now):
        days = self.rules.get("retention_days", 0 if self.has_numbers() else 30)
        return days == -1 or now < self.created + days * DAY


class Store:
    """All backups, and what retention has come to know."""

    def __init__(self, grace, zone_name):
        self.grace = grace
        self.zone = zoneinfo.ZoneInfo(zone_name)
        self.backups = []
        self.number = 0
        self.looked_at_all = None
        self.believed = None
        self.doubted = None
        self.accepted = 0

    def begin(self, name, rules, now):
        self.number += 1
        self.backups.append(Backup(self.number, name, rules, now))
        return self.backups[-1]

    def of(self, name):
        """The newest first."""
        return [backup for backup in reversed(self.backups) if backup.name == name]

    # The clock.

    def newest(self):
        return max(
            (max(one.created, one.completed) for one in self.backups if one.number > self.accepted),
            default=0,
        )

    def believes(self, now):
        if self.doubted is not None and now < self.doubted:
            self.doubted = None
        if now < self.newest() or (self.believed is not None and now < self.believed):
            return False
        if self.believed is not None and now - self.believed > CLOCK_JUMP:
            passed = None if self.doubted is None else now - self.doubted
            if passed is None or passed > CLOCK_JUMP:
                self.doubted = now
                return False
            if passed < CLOCK_SETTLED:
                return False
        self.believed, self.doubted = now, None
        return True

    def accept(self, now):
        self.believed, self.doubted, self.accepted = now, None, self.number

    # The rules.

    def kept_by_rules(self, name, now):
        everything = self.of(name)
        good = [one for one in everything if one.is_good()]
        ruling = [one for one in good if one.has_numbers()]
        rules = ruling[0].rules if ruling else {}
        kept = {one for one in good if one.own_days_keep(now)}
        kept.update(good[: max(1, rules.get("keep_last", 0))])
        for rule, period_of in PERIODS.items():
            newest = {}
            for one in good:
                at = datetime.datetime.fromtimestamp(one.created, self.zone)
                newest.setdefault(period_of(at), one)
            kept.update(list(newest.values())[: rules.get(rule, 0)])
        for one in everything:
            failed = one.status in ("failed", "cancelled")
            if one.status == "running" or (failed and now < one.created + FAILURES_LISTED):
                kept.add(one)
        return kept

    def kept(self, name, now):
        kept = self.kept_by_rules(name, now)
        waiting = list(kept)
        while waiting:
            for needed in waiting.pop().needs:
                if needed not in kept:
                    kept.add(needed)
                    waiting.append(needed)
        return kept

    def apply(self, name, now):
        """How many are removed."""
        kept = self.kept(name, now)
        removed = set()
        for one in self.of(name):
            if one in kept:
                one.mark = None
            elif not one.is_good() or self.grace == 0 or (one.mark and now >= one.mark[1]):
                removed.add(one)
            elif not one.mark:
                one.mark = (now, now + self.grace)
        self.backups = [one for one in self.backups if one not in removed]
        return len(removed)

    def apply_all(self, now):
        return sum(self.apply(name, now) for name in sorted({one.name for one in self.backups}))

    def completed(self, name, now):
        """What the service does by itself after a backup."""
        if not self.believes(now):
            return 0
        last = self.looked_at_all
        if last is None or now < last or now - last >= DAY:
            self.looked_at_all = now
            return self.apply_all(now)
        return self.apply(name, now)
