#!/usr/bin/env python3
"""Opening hours and pickup times of a year, computed with Python's zoneinfo from the same rules, against the engine's.
usage: hours_check.py PROBE DATA_FOLDER
- all English libraries that say their hours: the hours of each day of 2026, exceptions at Christmas included;
- the demo's locations, and some in zones with odd clocks: every hour of 2026, whether it is open, and when an order is ready;
- the demo's open_at.csv, exactly;
- every zone that the system knows: hours at night on each day of years long past, of 2026 and far to come."""
import bisect
import csv
import datetime
import gzip
import json
import pathlib
import subprocess
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.date(1970, 1, 1)
YEAR = datetime.date(2026, 1, 1)
DAYS = 365
NAMES = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]


# ---- local time, asked of zoneinfo ----

class Zone:
    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)
        self.known = {}

    def instant(self, day, minute):
        """Seconds of a minute of a local day: the first of two, and of a time that is left out the change itself."""
        if (day, minute) not in self.known:
            self.known[day, minute] = self._ask(day, minute)
        return self.known[day, minute]

    def _ask(self, day, minute):
        local = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(minutes=minute)
        at = int(local.replace(tzinfo=self.zone, fold=0).timestamp())
        if self.local(at) == local:
            return at
        before, after = at - 86400, at + 86400  # the change lies between: the clock passes `local` in a step
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self.local(middle) < local else (before, middle)
        return after

    def local(self, at):
        return datetime.datetime.fromtimestamp(at, self.zone).replace(tzinfo=None)


# ---- hours, by day ----

def weekly(text):
    """OpenStreetMap's text, the forms that the data has → minutes of each weekday."""
    week = [[] for _ in range(7)]
    if text == "24/7":
        return [[(0, 1440)] for _ in range(7)]
    for rule in text.split(";"):
        days, spans = rule.split()
        chosen = set()
        for part in days.split(","):
            first, _, last = part.partition("-")
            first, last = NAMES.index(first), NAMES.index(last or first)
            chosen |= {(first + k) % 7 for k in range((last - first) % 7 + 1)}
        times = []
        for span in spans.split(","):
            opens, closes = (int(t[:2]) * 60 + int(t[3:]) for t in span.split("-"))
            times.append((opens, closes if closes > opens else closes + 1440))
        for day in chosen:
            week[day] = times
    return week


def joined(spans):
    out = []
    for opens, closes in sorted(spans):
        if out and opens <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], closes))
        else:
            out.append((opens, closes))
    return out


class Shop:
    def __init__(self, zones, name, text, exceptions, way):
        self.zone = zones.setdefault(name, Zone(name))
        self.week = [joined(spans) for spans in weekly(text)]
        self.dated = {}
        for e in exceptions:
            day = self.dated.setdefault(datetime.date.fromisoformat(e["date"]), [])
            if not e.get("closed"):
                opens, closes = (int(e[k][:2]) * 60 + int(e[k][3:]) for k in ("opens", "closes"))
                day.append((opens, closes if closes > opens else closes + 1440))
        self.way = way
        self.line = "\t".join([name, text, json.dumps(exceptions), json.dumps({"pickup": way})])

    def spans(self, day):
        return joined(self.dated[day]) if day in self.dated else self.week[day.weekday()]

    def hours(self, day):
        return [(self.zone.instant(day, a), self.zone.instant(day, b)) for a, b in self.spans(day)]


# ---- when an order is ready: over the list of all openings of the year ----

class Desk:
    def __init__(self, shop):
        self.shop = shop
        self.days = [YEAR + datetime.timedelta(k) for k in range(-3, DAYS + 40)]
        self.of_day = {day: shop.hours(day) for day in self.days}
        self.all = [[day, a, b] for day in self.days for a, b in self.of_day[day]]
        self.open = []  # without overlap
        for _, a, b in sorted(self.all, key=lambda one: one[1]):
            if self.open and a <= self.open[-1][1]:
                self.open[-1][1] = max(self.open[-1][1], b)
            else:
                self.open.append([a, b])
        self.begins = [a for a, _ in self.open]

    def opening(self, at):
        """The first that is not over."""
        i = bisect.bisect_right(self.begins, at) - 1
        return i if i >= 0 and at < self.open[i][1] else i + 1

    def is_open(self, at):
        i = self.opening(at)
        return self.open[i][0] <= at

    def day_of(self, at):
        day = self.shop.zone.local(at).date()
        for one in (day, day - datetime.timedelta(1)):
            if any(a <= at < b for a, b in self.of_day[one]):
                return one
        return day

    def cut_off(self, day):
        if "cut_off" not in self.shop.way:
            return None
        minute = int(self.shop.way["cut_off"][:2]) * 60 + int(self.shop.way["cut_off"][3:])
        hours = self.of_day[day]
        at = self.shop.zone.instant(day, minute)
        if hours and at < hours[0][0] and self.shop.zone.instant(day, minute + 1440) <= hours[-1][1]:
            return self.shop.zone.instant(day, minute + 1440)
        return at

    def ready(self, ordered):
        day, start = self.day_of(ordered), ordered
        cut_off = self.cut_off(day)
        if cut_off is not None and ordered > cut_off:
            start = min(a for d, a, _ in self.all if d > day and a >= ordered)
        left = self.shop.way.get("preparation_minutes", 0) * 60
        i = self.opening(start)
        at = max(start, self.open[i][0])
        while left > self.open[i][1] - at:
            left -= self.open[i][1] - at
            i += 1
            at = self.open[i][0]
        at += left
        while True:
            i = self.opening(at)
            at = max(at, self.open[i][0])
            last = self.open[i][1] - self.shop.way.get("last_collection_minutes", 0) * 60
            if at <= last or self.open[i][1] - at > 14 * 86400:
                return at
            at = self.open[i][1]


# ---- the comparison ----

def ask(probe, shops, *more):
    first = str((YEAR - EPOCH).days)
    done = subprocess.run([probe, first, str(DAYS), *more], input="".join(shop.line + "\n" for shop in shops), text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.splitlines()


def check(name, got, expected):
    if got == expected:
        return 0
    where = next(k for k in range(max(len(got), len(expected))) if got[k : k + 1] != expected[k : k + 1])
    print(f"{name}: number {where} is {got[where : where + 1]}, not {expected[where : where + 1]}")
    return 1


def check_days(probe, named):
    wrong = 0
    for (name, shop), line in zip(named, ask(probe, [shop for _, shop in named]), strict=True):
        expected = [f"{a}-{b}" for k in range(DAYS) for a, b in shop.hours(YEAR + datetime.timedelta(k))]
        wrong += check(name, line.split(), expected)
    return wrong


def check_hours(probe, named):
    lines = ask(probe, [shop for _, shop in named], "ready")
    start, wrong = int(datetime.datetime.combine(YEAR, datetime.time(), UTC).timestamp()), 0
    for i, (name, shop) in enumerate(named):
        desk = Desk(shop)
        expected = []
        for hour in range(DAYS * 24):
            at = start + hour * 3600
            expected.append(f"{int(desk.is_open(at))}:{desk.ready(at)}")
        wrong += check(name, lines[2 * i + 1].split(), expected)
    return wrong


def check_zones(probe):
    """A quarter of all zones in each of four years: both sides read the system's files, each in its own way."""
    if not pathlib.Path("/usr/share/zoneinfo/Europe").is_dir():
        return 0  # the engine asks ICU then, whose zones may be older than Python's
    names, wrong = sorted(zoneinfo.available_timezones() - {"localtime", "posixrules"}), 0
    for k, year in enumerate((1975, 2026, 2039, 2100)):
        first = datetime.date(year, 1, 1)
        shops = [Shop({}, name, "Mo-Su 00:30-02:30", [], {}) for name in names[k::4]]
        done = subprocess.run([probe, str((first - EPOCH).days), str(DAYS)], input="".join(shop.line + "\n" for shop in shops), text=True, stdout=subprocess.PIPE, check=True)
        for name, shop, line in zip(names[k::4], shops, done.stdout.splitlines(), strict=True):
            spans = (span for day in range(DAYS) for span in shop.hours(first + datetime.timedelta(day)))
            wrong += check(f"{name} in {year}", line.split(), [f"{a}-{b}" for a, b in spans if a < b])
    return wrong


def check_open_at(probe, named, path):
    with path.open() as file:
        rows = list(csv.DictReader(file))
    at = [str(int(datetime.datetime.fromisoformat(row["instant_utc"].replace("Z", "+00:00")).timestamp())) for row in rows]
    lines = ask(probe, [shop for _, shop in named], "at", *at)
    return sum(check(f"open_at of {name}", list(lines[2 * i + 1]), [row[name] for row in rows]) for i, (name, _) in enumerate(named))


CHRISTMAS = [{"date": "2026-12-24", "opens": "09:00", "closes": "12:00"}, {"date": "2026-12-24", "opens": "13:00", "closes": "14:00"}, {"date": "2026-12-25", "closed": True},
             {"date": "2026-12-26", "closed": True}, {"date": "2026-03-29", "opens": "00:30", "closes": "02:30"}, {"date": "2026-10-25", "opens": "01:30", "closes": "04:00"}]
WAYS = [{"preparation_minutes": 120}, {"preparation_minutes": 180, "cut_off": "16:00"}, {"preparation_minutes": 45, "cut_off": "11:30", "last_collection_minutes": 15},
        {}, {"preparation_minutes": 600, "last_collection_minutes": 60}]
ODD = [("America/New_York", "Mo-Fr 20:00-02:00; Sa 01:00-03:00", {"preparation_minutes": 30, "cut_off": "23:00"}), ("Australia/Lord_Howe", "Mo-Su 22:30-04:15", {"preparation_minutes": 90}),
       ("Asia/Kathmandu", "Mo-Su 10:00-02:00", {"preparation_minutes": 60, "cut_off": "01:00"}), ("Africa/Casablanca", "Mo-Su 00:00-24:00", {"preparation_minutes": 240, "cut_off": "02:30"}),
       ("America/St_Johns", "Mo-Sa 00:15-06:45,12:00-23:59", {"preparation_minutes": 400, "last_collection_minutes": 30}), ("Pacific/Chatham", "Su 02:00-05:00", {"preparation_minutes": 150}),
       ("America/Santiago", "Mo-Su 23:00-01:30", {"preparation_minutes": 100, "cut_off": "23:45"}), ("Europe/Berlin", "Mo-Su 01:00-04:00", {"preparation_minutes": 70})]


def main(probe, data):
    zones, wrong = {}, 0
    with gzip.open(data / "libraries_hours.csv.gz", "rt", newline="") as file:
        libraries = [(row["id"], Shop(zones, row["tz"], row["opening_hours"], CHRISTMAS, {})) for row in csv.DictReader(file) if row["opening_hours"]]
    with (data / "demo" / "locations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    plain = [(row["location"], Shop(zones, row["tz"], row["opening_hours"], [], {})) for row in rows]
    demo = [(row["location"], Shop(zones, row["tz"], row["opening_hours"], CHRISTMAS if i % 3 else [], WAYS[i % len(WAYS)])) for i, row in enumerate(rows)]
    odd = [(f"{zone} {text}", Shop(zones, zone, text, [], way)) for zone, text, way in ODD]
    wrong += check_days(probe, libraries)
    wrong += check_hours(probe, plain[:4] + demo + odd)
    wrong += check_zones(probe)
    wrong += check_open_at(probe, plain, data / "demo" / "expected" / "open_at.csv")
    print(f"{len(libraries)} libraries, {len(demo)} locations, {len(odd)} odd zones: {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
