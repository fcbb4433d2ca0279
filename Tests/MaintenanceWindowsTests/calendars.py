#!/usr/bin/env python3
"""calendars.py SEED CASES FILE: what Python's zoneinfo says of time zones, and of maintenance calendars whose times it tries one
by one, for CalendarOracleTests.swift. Both read the same zone files, so any version of them will do."""
import json
import random
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

UNFIT = ("localtime", "posixrules", "Factory")
# Where clocks do what one would not think of.
STRANGE = """Europe/Berlin America/New_York America/St_Johns America/Santiago America/Havana America/Nuuk Pacific/Auckland
Pacific/Chatham Pacific/Apia Pacific/Easter Australia/Lord_Howe Europe/Dublin Africa/Casablanca Africa/Cairo Asia/Gaza Asia/Kathmandu
Asia/Tehran Asia/Pyongyang Atlantic/Azores Antarctica/Troll America/Caracas America/Sao_Paulo Europe/Istanbul UTC""".split()
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
STEP = 900
EPOCH = datetime(1970, 1, 1)


def offset(zone, second):
    return int(datetime.fromtimestamp(second, zone).utcoffset().total_seconds())


def wall(zone, second):
    return EPOCH + timedelta(seconds=second + offset(zone, second))


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def in_days(first, last, day):
    if len(first) == 10:
        return first <= day.isoformat() <= last
    day = day.isoformat()[5:]
    return first <= day <= last if first <= last else first <= day or day <= last


def begins_on(window, day):
    if DAYS[day.weekday()] not in window.get("days", DAYS):
        return False
    dates = window.get("dates")
    return dates is None or in_days(dates["from"], dates["to"], day)


def occurrence(window, time):
    """The day on which the window begins that is open when clocks show a time."""
    start = minutes(window["from"])
    length = (minutes(window["to"]) - start + 1439) % 1440 + 1
    for days in (0, 1):
        day = time.date() - timedelta(days=days)
        begin = datetime.combine(day, datetime.min.time()) + timedelta(minutes=start)
        if begin <= time < begin + timedelta(minutes=length) and begins_on(window, day):
            return day
    return None


def is_frozen(freeze, time):
    """By words: an ISO time is in order as text."""
    first, last = freeze["from"], freeze["to"]
    yearly = first[2] == "-"
    text = time.isoformat()[5 if yearly else 0:]
    first = first if "T" in first else first + "T00:00"
    last = last + ":00" if "T" in last else last + "T99"
    return first <= text < last if first <= last else first <= text or text < last


def opened_by(calendar, zones, second):
    """Which windows are open, each with its day; None where nothing may begin."""
    walls = {}
    for name, zone in zones.items():
        walls[name] = wall(zone, second)
    if any(is_frozen(freeze, walls[freeze["timeZone"]]) for freeze in calendar["freezes"]):
        return None
    if not calendar["windows"]:
        return {("always", 0)}
    found = set()
    for index, window in enumerate(calendar["windows"]):
        day = occurrence(window, walls[window["timeZone"]])
        if day is not None:
            found.add((index, day))
    return found or None


def beginnings(calendar, zones, after, until):
    """Tries every quarter of an hour. An opening whose windows were all there already is the rest of one."""
    found, counted = [], set()
    current = None
    was_open = opened_by(calendar, zones, after) is not None
    for second in range(after + STEP, until, STEP):
        opened = opened_by(calendar, zones, second)
        if opened is None:
            if current and (not calendar["windows"] or current[1] - counted):
                found.append(current[0])
                counted |= current[1]
            current, was_open = None, False
        elif current:
            current[1].update(opened)
        elif not was_open:
            current = (second, set(opened))
            was_open = True
    # What has not ended yet is not judged.
    return found, current[0] if current else until


def quarter(pick):
    return f"{pick.randrange(24):02}:{pick.randrange(4) * 15:02}"


def make_window(pick, zone, around):
    window = {"from": quarter(pick), "timeZone": zone}
    if pick.random() < 0.5:  # Where clocks change.
        window["from"] = f"{pick.choice([0, 1, 1, 2, 2, 2, 3, 23]):02}:{pick.randrange(4) * 15:02}"
    length = pick.choice([15, 30, 45, 60, 90, 120, 240, 480, 1425])
    end = (minutes(window["from"]) + length) % 1440
    window["to"] = f"{end // 60:02}:{end % 60:02}"
    if pick.random() < 0.1:
        window["from"], window["to"] = "00:00", "24:00"
    if pick.random() < 0.8:
        window["days"] = sorted(pick.sample(DAYS, pick.randint(1, 7)), key=DAYS.index)
    if "days" not in window or pick.random() < 0.2:
        first = around + timedelta(days=pick.randint(-4, 6))
        last = first + timedelta(days=pick.randint(0, 8))
        cut = 5 if pick.random() < 0.5 else 0
        window["dates"] = {"from": first.isoformat()[cut:], "to": last.isoformat()[cut:]}
    return window


def make_freeze(pick, zone, around):
    first = datetime.combine(around, datetime.min.time()) + timedelta(minutes=15 * pick.randint(-200, 500))
    last = first + timedelta(minutes=15 * pick.choice([2, 4, 20, 100, 300]))
    cut = 5 if pick.random() < 0.5 else 0
    texts = [time.isoformat()[cut:cut + (16 if pick.random() < 0.5 else 10) - cut] for time in (first, last)]
    freeze = {"from": texts[0], "to": texts[1], "timeZone": zone, "reason": "Inventory"}
    begin, end = [text if "T" in text else text + part for text, part in zip(texts, ("T00:00", "T99"))]
    return freeze if begin < end or (cut and begin[:5] != end[:5]) else None


def some_change(pick, zone):
    """A moment at which clocks change, where they do in some year."""
    start = int(datetime(pick.randint(2007, 2099), 1, 1, tzinfo=timezone.utc).timestamp())
    if zone.key == "Pacific/Apia" and pick.random() < 0.5:
        return 1325239200  # 30 December 2011 was left out.
    changes = []
    last = offset(zone, start)
    for day in range(366):
        now = offset(zone, start + (day + 1) * 86400)
        if now != last:
            low, high = start + day * 86400, start + (day + 1) * 86400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == last else (low, middle)
            changes.append(high)
        last = now
    return pick.choice(changes) if changes else start + pick.randrange(366) * 86400


def make_case(pick, names):
    name = pick.choice(STRANGE) if pick.random() < 0.7 else pick.choice(names)
    zone = ZoneInfo(name)
    change = some_change(pick, zone)
    after = (change - pick.randrange(3 * 96) * STEP) // STEP * STEP
    around = wall(zone, change).date()
    other = name if pick.random() < 0.8 else pick.choice(STRANGE)
    calendar = {
        "windows": [make_window(pick, pick.choice([name, name, other]), around) for _ in range(pick.choice([0, 1, 1, 1, 2, 3]))],
        "freezes": [freeze for _ in range(pick.choice([0, 0, 1, 2])) if (freeze := make_freeze(pick, other, around))],
    }
    zones = {part["timeZone"]: ZoneInfo(part["timeZone"]) for part in calendar["windows"] + calendar["freezes"]}
    starts, until = beginnings(calendar, zones, after, after + 6 * 86400)
    moments = [change + pick.randrange(-7200, 7200) for _ in range(8)]
    moments += [after + pick.randrange(6 * 86400) for _ in range(8)]
    return {
        "calendar": calendar, "after": after, "until": until, "starts": starts,
        "moments": [[second, opened_by(calendar, zones, second) is not None] for second in moments],
    }


def main():
    seed, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pick = random.Random(seed)
    names = sorted(name for name in available_timezones() if name not in UNFIT)
    offsets = {}
    for name in names:
        zone = ZoneInfo(name)
        seconds = [pick.randrange(0, 4102444800) for _ in range(10)]
        offsets[name] = [[second, offset(zone, second)] for second in seconds]
    cases = [make_case(pick, names) for _ in range(count)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"offsets": offsets, "cases": cases}, file)


main()
