#!/usr/bin/env python3
"""Whole promises of a year, computed by promise_model.py from the same documents and events, against the engine's.
usage: promise_check.py PROBE DATA_FOLDER [--long] [--shard K/N] [--seed N]
Worlds of some forty stores each: the demo's locations, English libraries, and some in zones with odd clocks, each with exceptions,
ways of handing over, stock, supply, and suppliers with lanes, all of it made up from the seed and the location's name.
- of each store every hour of 2026, in several baskets and ways (`year` of the probe): when it is ready, where each line comes from;
- of each world some hundred questions near a point or of one place (POST /v1/promises), whole answers.
Ordinary: the demo, the odd zones and some libraries. --long: every library; --shard splits them. A world is told by its seed."""
import argparse
import csv
import datetime
import gzip
import itertools
import json
import pathlib
import random
import subprocess
import sys

from hours_check import Zone, weekly
from promise_model import METHODS, Lane, Place, World, distance_of

UTC = datetime.timezone.utc
HOUR, DAY = 3600, 86400
YEAR = int(datetime.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
HOURS = 365 * 24
DAY_NAMES = ("mo", "tu", "we", "th", "fr", "sa", "su")
ODD_ZONES = ("Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu", "America/Santiago", "America/Havana",
             "America/Nuuk", "Africa/Cairo", "America/Mexico_City", "Asia/Beirut", "Pacific/Kiritimati", "Antarctica/Troll", "America/New_York", "Asia/Kolkata", "Pacific/Easter")
ODD_HOURS = ("Mo-Fr 20:00-02:00; Sa 01:00-03:00", "Mo-Su 22:30-04:15", "Mo-Su 10:00-02:00", "24/7", "Mo-Sa 00:15-06:45,12:00-23:59", "Su 02:00-05:00", "Mo-Su 23:00-01:30",
             "Mo-Su 01:00-04:00", "Sa 02:10-02:50; Su 02:10-02:50", "Mo-Fr 08:00-24:00; Sa 00:00-12:00", None)
CLOCKS_CHANGE = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01")
ITEMS = {"HERE": {}, "COMES": {}, "AWAY": {}, "SOON": {"release_at": "2026-06-01T00:00:00+01:00"}, "HEAVY": {"restrictions": {"same_day": False}},
         "KIT": {"components": [{"sku": "HERE", "quantity": 2}, {"sku": "COMES", "quantity": 1}]}}
BASKETS = ((("HERE", 2),), (("COMES", 3),), (("AWAY", 1),), (("HERE", 2), ("COMES", 3), ("AWAY", 2)), (("SOON", 1),), (("KIT", 1),), (("KIT", 1), ("HERE", 1)), (("HEAVY", 1),),
           (("COMES", 4), ("AWAY", 2)))


def said(instant):
    return datetime.datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


# ---- a world, made up ----

def hours_of(text):
    """OpenStreetMap's text as a document has it."""
    if text is None:
        return []
    return [{"days": [DAY_NAMES[day]], "opens": clock(a), "closes": clock(b if b <= 1440 else b - 1440)} for day, spans in enumerate(weekly(text)) for a, b in spans]


def some_hours(any):
    opens = 15 * any.randrange(96)
    return {"opens": clock(opens), "closes": clock((opens + 15 * any.randrange(1, 60)) % 1440)}


def some_exceptions(any):
    days = {"2026-12-24", "2026-12-25", "2026-12-26", "2026-01-01"} | set(any.sample(CLOCKS_CHANGE, 3))
    days |= {str(datetime.date(2026, 1, 1) + datetime.timedelta(any.randrange(365))) for _ in range(8)}
    exceptions = []
    for day in sorted(days):
        if any.random() < 0.4:
            exceptions.append({"date": day, "closed": True})
        else:
            exceptions += [{"date": day, **some_hours(any)} for _ in range(any.choice((1, 1, 2)))]
    return exceptions


def some_cut_off(any):
    return {"cut_off": clock(any.choice((0, 90, 120, 150, 480, 660, 720, 840, 900, 960, 1020, 1080, 1380, 1440)))} if any.random() < 0.6 else {}


def some_way(any, method):
    way = {"preparation_minutes": any.choice((0, 15, 45, 60, 120, 180, 600, 1500, 4000))} if any.random() < 0.9 else {}
    way |= some_cut_off(any)
    if any.random() < 0.5:
        way["last_collection_minutes"] = any.choice((0, 15, 30, 60, 240))
    if method == "same_day":
        way["preparation_minutes"] = any.choice((0, 15, 60, 120))
        if any.random() < 0.7:
            way["radius_km"] = any.choice((5, 25.5, 200))
    return way


def some_document(any, zone, hours, kind, at):
    document = {"type": kind, "time_zone": zone, "latitude": at[0], "longitude": at[1], "opening_hours": hours_of(hours)}
    if any.random() < 0.8 and hours is not None:
        document["exceptions"] = some_exceptions(any)
    if kind == "store" and any.random() < 0.9:
        document["methods"] = {m: some_way(any, m) for m in METHODS if any.random() < 0.8} or {"pickup": {}}
    return document


class Maker:
    """Fills a model of the world and tells the probe the same."""

    def __init__(self, zones, seed, stores):
        self.any = random.Random(seed)
        self.zones, self.number, self.told = zones, 0, []
        # log time: before the year, or in it, with supply that is late but may still come
        self.begins = YEAR - self.any.choice((1, 5, 9)) * DAY
        self.world = World(self.begins + self.any.choice((0, 0, 30 * DAY, 140 * DAY)), self.any.choice((0, 0, 5 * DAY)))
        self._say("PUT", "/v1/settings", {"supply_grace_us": self.world.grace * 1000000})
        for sku, item in ITEMS.items():
            self.world.items[sku] = dict(item)
            if "release_at" in item:
                self.world.items[sku]["release_instant"] = int(datetime.datetime.fromisoformat(item["release_at"]).timestamp())
            self._say("PUT", f"/v1/items/{sku}", item)
        for name, zone, hours, at in stores:
            self._store(name, zone, hours, at)
        self._suppliers()
        for name, place in self.world.places.items():
            self._stock(name, place.type)
        self.told.append(f"now\t{self.world.now}")
        self._say("POST", "/v1/events", self._event("receipt", "CLOCK", stores[0][0], 1, self.world.now))

    def _say(self, method, path, body):
        self.told.append("\t".join(("say", method, path, json.dumps(body))))

    def _event(self, kind, sku, place, quantity, at, **more):
        self.number += 1
        return {"id": f"e{self.number}", "source": "check", "type": kind, "sku": sku, "location": place, "quantity": quantity, "occurred_at": said(at), **more}

    def _store(self, name, zone, hours, at):
        self._place(name, some_document(self.any, zone, hours, "store", at), zone)

    def _place(self, name, document, zone):
        self.world.places[name] = Place(name, self.zones.setdefault(zone, Zone(zone)), document)
        self._say("PUT", f"/v1/locations/{name}", document)

    def _suppliers(self):
        """Two or three for each store, each for several stores."""
        stores, any = list(self.world.places), self.any
        for k in range(max(2, len(stores) // 3)):
            kind = any.choice(("warehouse", "supplier", "supplier"))
            zone = any.choice(("Europe/London", "Europe/Berlin") + ODD_ZONES)
            hours = any.choice(("Mo-Fr 06:00-20:00", "Mo-Sa 08:00-17:30", "Mo-Fr 22:00-04:00") + ODD_HOURS)
            document = some_document(any, zone, hours, kind, (any.uniform(50, 55), any.uniform(-3, 1)))
            document["lanes"] = [{"to": to, "days": any.choice((0, 0, 1, 1, 2, 3, 7)), **some_cut_off(any)} for to in any.sample(stores, min(len(stores), 7))]
            name = f"SUP{k}"
            self._place(name, document, zone)
            for lane in document["lanes"]:
                self.world.lanes.setdefault(lane["to"], []).append(Lane(self.world.places[name], self.world.places[lane["to"]], lane))

    def _stock(self, place, kind):
        any, events, t0 = self.any, [], self.begins
        for sku, at_store, at_supplier in (("HERE", 9, 6), ("COMES", 1, 1), ("AWAY", 0, 5), ("SOON", 3, 3), ("HEAVY", 2, 2)):
            quantity = any.choice((0, at_store, at_store, at_store)) if kind == "store" else any.choice((0, at_supplier))
            row = self.world.row(sku, place)
            if quantity:
                row.on_hand = quantity
                events.append(self._event("receipt", sku, place, quantity, t0))
            if sku in ("COMES", "AWAY") and any.random() < 0.8:
                self._supply(row, events, sku, place)
        if events:
            self._say("POST", "/v1/events", events)

    def _supply(self, row, events, sku, place):
        any, t0 = self.any, self.begins
        for _ in range(any.choice((1, 1, 2, 3))):
            at = t0 + any.choice((1, 20, 100, 300)) * DAY + 900 * any.randrange(1, 96)
            quantity, reference = any.choice((1, 2, 5)), f"PO-{self.number}"
            row.supply.append((at, quantity, reference))
            events.append(self._event("inbound", sku, place, quantity, t0, reference=reference, expected_at=said(at)))
        # what is required later; not where supply may pass meanwhile: whether it is overdue is somebody's proposal
        if self.world.now == t0 and any.random() < 0.5:
            at, quantity = t0 + 900 * any.randrange(1, 300 * 96), any.choice((1, 2))
            row.later.append((at, quantity))
            events.append(self._event("order_placed", sku, place, quantity, t0, reference=f"ORD-{self.number}", required_at=said(at)))


# ---- questions, answers of either side ----

def year_question(any, world, place, k, hours):
    """A line for the probe, and the answers as it writes them: `number=answer;` wherever it is another."""
    offered = [m for m in METHODS if place.way(m) is not None] or ["pickup"]
    method, basket = offered[k % len(offered)], any.choice(BASKETS)
    first = YEAR + any.choice((0, 0, 1, 900, 1800, 3599))
    at = (place.document["latitude"] + any.uniform(-0.2, 0.2), place.document["longitude"])
    point = [round(x * 10**7) for x in at] if method == "same_day" and any.random() < 0.8 else None
    distance = distance_of([x / 10**7 for x in point], place.document) if point else None
    line = ["year", place.name, METHODS.index(method), *(point or ("", "")), first, HOUR, hours, *itertools.chain(*((sku, q * 1000) for sku, q in basket))]
    return "\t".join(map(str, line)), lambda: year_answer(world, place, method, basket, first, hours, distance)


def year_answer(world, place, method, basket, first, hours, distance):
    told, before = [], None
    for k in range(hours):
        o = world.option(place, method, basket, first + k * HOUR, distance)
        now = "-"
        if o:
            sources = (f" {s[1]}>{s[4]}>{s[5]}" if s[3] else f" {s[1]}" for s in o["sources"])
            now = f"{o['ready_at']} {o['required_at'] or '-'}{''.join(sources)}"
        if now != before:
            told.append(f"{k}={now};")
            before = now
    return "".join(told)


def http_question(any, world):
    stores = [p for p in world.places.values() if p.type == "store"]
    basket = any.choice(BASKETS)
    ordered, methods, limit = YEAR + any.randrange(365 * DAY), METHODS, any.choice((1, 2, 5, 5, 20))
    body = {"items": [{"sku": sku, "quantity": q} for sku, q in basket], "at": said(ordered), "limit": limit}
    center, kind, ask = any.choice(stores), any.random(), {}
    point = [round(center.document[k] + any.uniform(-0.1, 0.1), 6) for k in ("latitude", "longitude")]
    if kind < 0.9:
        body["near"] = {"latitude": point[0], "longitude": point[1]}
        ask["point"] = point
    if kind < 0.2 and any.random() < 0.5:
        body["near"]["within_km"] = any.choice((10, 60, 400))
        ask["within"] = body["near"]["within_km"] * 1000
    if kind > 0.7:
        body["location"] = ask["location"] = any.choice(stores).name
    if any.random() < 0.4:
        body["method"] = any.choice(METHODS)
        methods = (body["method"],)
    return f"ask\t{json.dumps(body)}", lambda: http_answer(world, basket, ordered, methods, limit, ask)


def http_answer(world, basket, ordered, methods, limit, ask):
    return [world.told(o, basket, ordered) for o in world.options(basket, ordered, methods, limit, **ask)]


INSTANTS = ("ready_at", "required_at", "by", "expected_at", "leaves_at", "arrives_at", "at", "starts_at", "opens_at", "closes_at", "release_at")


def plain(told):
    """An answer of the engine as the model tells it: instants as seconds, without versions."""
    if isinstance(told, list):
        return [plain(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {k: int(datetime.datetime.fromisoformat(v.replace("Z", "+00:00")).timestamp()) if k in INSTANTS and v else plain(v) for k, v in told.items() if k != "version"}


def same_option(ours, theirs):
    a, b = ours.get("distance_km"), theirs.get("distance_km")
    near = a is b if a is None or b is None else abs(a / 1000 - b) < 0.0011
    return near and {**ours, "distance_km": 0} == {**theirs, "distance_km": 0}


# ---- the comparison ----

def check_year(line, expected, got):
    if expected == got:
        return 0
    a, b = expected.split(";"), got.split(";")
    k = next(k for k in range(max(len(a), len(b))) if a[k : k + 1] != b[k : k + 1])
    first = int(line.split("\t")[5])
    print(f"{line}\n  model {a[k : k + 1]}\n  engine {b[k : k + 1]}\n  the first at {said(first + HOUR * int((b[k : k + 1] or a[k : k + 1])[0].split('=')[0] or 0))}")
    return 1


def check_http(line, expected, got):
    got = plain(json.loads(got)["options"])
    if len(expected) == len(got) and all(map(same_option, expected, got)):
        return 0
    k = next((k for k, (a, b) in enumerate(zip(expected, got)) if not same_option(a, b)), min(len(expected), len(got)))
    print(f"{line}\n  option {k} of {len(expected)}\n  model {expected[k : k + 1]}\n  engine {got[k : k + 1]} of {len(got)}")
    return 1


class Tally:
    def __init__(self):
        self.worlds = self.places = self.hours = self.asked = self.options = self.wrong = 0


def check_world(probe, zones, seed, stores, size, tally):
    """size: (baskets and ways of each store over the year, hours, questions over HTTP)."""
    made = Maker(zones, seed, stores)
    any, world = made.any, made.world
    places = [world.places[name] for name, *_ in stores]
    questions = [(check_year, *year_question(any, world, place, k, size[1])) for i, place in enumerate(places) for k in range(i, i + size[0])]
    questions += [(check_http, *http_question(any, world)) for _ in range(size[2])]
    lines = made.told + [line for _, line, _ in questions]
    done = subprocess.run([probe, str(made.begins)], input="".join(line + "\n" for line in lines), text=True, stdout=subprocess.PIPE, check=True)
    wrong = 0
    for (check, line, model), got in zip(questions, done.stdout.splitlines(), strict=True):
        if wrong < 5:
            expected = model()
            tally.options += len(expected) if check is check_http else expected.count("=") - expected.count("=-")
            wrong += check(line, expected, got)
    if wrong:
        print(f"world {seed}: {', '.join(place.name for place in places)}; log time {said(world.now)}, grace {world.grace}")
    tally.worlds += 1
    tally.places += len(places)
    tally.hours += size[0] * size[1] * len(places)
    tally.asked += size[2]
    tally.wrong += wrong


def read_stores(data):
    """(demo, libraries, odd): name, zone, hours, position."""
    any = random.Random(7)
    with (data / "demo" / "locations.csv").open(newline="") as file:
        demo = [(row["location"], row["tz"], row["opening_hours"], (float(row["lat"]), float(row["lon"]))) for row in csv.DictReader(file)]
    with gzip.open(data / "libraries_hours.csv.gz", "rt", newline="") as file:
        libraries = [(row["id"], row["tz"], row["opening_hours"] or None, (round(any.uniform(50, 55), 6), round(any.uniform(-3, 1), 6))) for row in csv.DictReader(file)]
    hours = itertools.cycle(ODD_HOURS)
    odd = [(f"ODD{i}", zone, next(hours), (round(any.uniform(50, 55), 6), round(any.uniform(-3, 1), 6))) for i, zone in enumerate(ODD_ZONES)]
    return demo, libraries, odd


def main():
    words = argparse.ArgumentParser()
    words.add_argument("probe")
    words.add_argument("data", type=pathlib.Path)
    words.add_argument("--long", action="store_true")
    words.add_argument("--shard", default="1/1")
    words.add_argument("--seed", type=int, default=2026)
    words.add_argument("--only", type=int, help="this world alone")
    words = words.parse_args()
    demo, libraries, odd = read_stores(words.data)
    if words.long:
        shard, shards = map(int, words.shard.split("/"))
        batches = [demo, odd] + [libraries[k : k + 40] + random.Random(k).sample(odd, 4) for k in range(0, len(libraries), 40)]
        worlds, size = list(enumerate(batches))[shard - 1 :: shards], (1, HOURS, 150)
    else:
        worlds, size = list(enumerate([demo, odd, random.Random(words.seed).sample(libraries, 12)])), (1, HOURS, 120)
    zones, tally = {}, Tally()
    for number, stores in worlds:
        if words.only is None or number == words.only:
            check_world(words.probe, zones, words.seed * 1000 + number, stores, size, tally)
    print(f"{tally.worlds} worlds, {tally.places} stores: {tally.hours} promises in process, {tally.asked} questions over HTTP, {tally.options} different answers: {tally.wrong} questions differ")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
