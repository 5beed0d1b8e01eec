"""Scenarios B and C of tests/data/demo (its README has the rules) as requests: what a till and a click-and-collect shop
would send. A sale that must not oversell is a reservation that begins fulfilled: one record, taken whole or refused.

Log time is the time of the append, so timers of the stream's own clock are the driver's: 24 hours later it confirms and
fulfils, 48 hours later it releases. The pairs of item and location are spread over lanes; of a pair everything goes
in the order of the stream, timers before events of the same or a later time."""
import csv
import datetime
import gzip
import heapq
import json
import zlib

from lanes import Lane, Look, path, request
from retail import OPENING, STORES, location_of

HOUR = datetime.timedelta(hours=1)
LONG = 30 * 24 * 3600  # seconds: no hold of the stream ends by itself


class Told:
    """What the answers said."""

    def __init__(self):
        self.granted = self.refused = self.held = self.collected = self.released = 0
        self.refused_ids = set()


def rows(stream):
    """(time, invoice, line, kind, sku, location, quantity, digits) of the stream in its order, services left out."""
    with gzip.open(stream, "rt", newline="") as lines:
        for r in csv.DictReader(lines):
            if r["kind"] != "SERVICE":
                digits = int("".join(c for c in r["invoice"] if c.isdigit()))
                yield (r["timestamp"], r["invoice"], r["line"], r["kind"], r["stock_code"].upper(),
                       location_of(r["invoice"], r["country"]), int(r["quantity"]), digits)


def opening(folder):
    """Bodies of NDJSON with the initial stock."""
    lines = []
    with gzip.open(folder / "initial_stock.csv.gz", "rt", newline="") as stock:
        for r in csv.DictReader(stock):
            places = [("DC00", int(r["quantity_at_DC00"]))] + [(s, int(r["quantity_at_each_store"])) for s in STORES]
            lines += [json.dumps({"id": f"opening-{r['sku']}-{location}", "source": location, "type": "receipt", "sku": r["sku"],
                                  "location": location, "quantity": quantity, "occurred_at": OPENING})
                      for location, quantity in places if quantity]
    return ["\n".join(lines[at:at + 1000]).encode() for at in range(0, len(lines), 1000)]


def expected(folder):
    with gzip.open(folder / "expected" / "final_on_hand.csv.gz", "rt", newline="") as lines:
        return {(r["sku"], r["location"]): r for r in csv.DictReader(lines)}


def totals(folder):
    with open(folder / "expected" / "totals.csv", newline="") as lines:
        return {r[0]: r[1] for r in csv.reader(lines)}


def must(*statuses):
    def told(status, body):
        assert status in statuses, (status, body[:500])
    return told


class Scenario:
    def __init__(self, stream, collect, lanes=64):
        self.told = Told()
        self.collect = collect
        self.waiting = [[] for _ in range(lanes)]  # per lane, the events and timers of its pairs
        timers = []
        order = 0
        for row in rows(stream):
            at = datetime.datetime.fromisoformat(row[0].replace("Z", "+00:00"))
            while collect and timers and timers[0][0] <= at:
                self._timer(heapq.heappop(timers))
            order += 1
            reserves = collect and row[3] == "SALE" and row[5] != "DC00" and row[7] % 10 == 3
            if reserves:
                expires = row[7] % 100 == 13
                heapq.heappush(timers, (at + (48 if expires else 24) * HOUR, order, expires, row))
            self._lane(row).append(("reserve" if reserves else row[3], row))
        self.open_at_end = len(timers)

    def _lane(self, row):
        return self.waiting[zlib.crc32(f"{row[4]}|{row[5]}".encode()) % len(self.waiting)]

    def _timer(self, timer):
        _, _, expires, row = timer
        self._lane(row).append(("release" if expires else "collect", row))

    def lanes(self):
        return [Lane(job for step in steps for job in self._jobs(*step)) for steps in self.waiting]

    # ---- one step of the stream as requests ----

    def _jobs(self, step, row):
        at, invoice, line, _, sku, location, quantity, _ = row
        identity = f"{invoice}-{line}"
        if step in ("SALE", "reserve"):
            body = {"id": identity, "items": [{"sku": sku, "quantity": quantity, "location": location}]}
            body |= {"ttl_seconds": LONG} if step == "reserve" else {"state": "fulfilled"}
            return [(request("POST", "/v1/reservations", body), self._judged(identity, step == "reserve"))]
        if step == "collect":
            return [(request("POST", path("v1", "reservations", identity, "confirm")), self._step(identity)),
                    (request("POST", path("v1", "reservations", identity, "fulfil")), self._step(identity, "collected"))]
        if step == "release":
            return [(request("POST", path("v1", "reservations", identity, "release")), self._step(identity, "released"))]
        if step == "ADJUST" and quantity < 0:
            return [Look(request("GET", path("v1", "availability", sku) + f"?location={location}"),
                         lambda status, body: self._adjust(row, status, body))]
        kind = "return" if step == "RETURN" else "adjustment"
        return [self._event(identity, kind, row, abs(quantity))] if quantity else []

    def _event(self, identity, kind, row, quantity):
        event = {"id": identity, "source": row[5], "type": kind, "sku": row[4], "location": row[5], "quantity": quantity,
                 "occurred_at": row[0]}
        if kind == "adjustment":
            event["reason"] = "stock_adjustment"
        return request("POST", "/v1/events", event), self._applied

    @staticmethod
    def _applied(status, body):
        assert status == 200 and b'"applied":1,' in body, (status, body[:500])

    def _adjust(self, row, status, body):
        """Takes at most what is there."""
        there = json.loads(body)["available"] if status == 200 else 0
        take = min(-row[6], there)
        return [self._event(f"{row[1]}-{row[2]}", "adjustment", row, -take)] if take > 0 else []

    def _judged(self, identity, holds):
        def told(status, body):
            assert status in (201, 409), (status, body[:500])
            if status == 201:
                self.told.granted += 1
                self.told.held += holds
            else:
                assert b'"reason":"insufficient"' in body, body[:500]
                self.told.refused += 1
                self.told.refused_ids.add(identity)
        return told

    def _step(self, identity, counts=None):
        """A step of what was refused finds nothing."""
        def told(status, body):
            assert status == (404 if identity in self.told.refused_ids else 200), (identity, status, body[:500])
            if counts and status == 200:
                setattr(self.told, counts, getattr(self.told, counts) + 1)
        return told
