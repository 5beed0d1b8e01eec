"""The whole promise, computed in another way than the engine's: the openings of two years as a sorted list, with the
opening time before each; time zones from Python's zoneinfo; ATP from its definition (model.md). Seconds since 1970."""
import bisect
import datetime
import math

from hours_check import joined

DAY = 86400
FIRST_DAY = datetime.date(2025, 12, 15)
DAYS = 800
METHODS = ("pickup", "ship", "same_day")
NEVER = None
LACKING = 20  # places that are asked what they get, of each method


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def later(a, b):
    return a if a > b else b


# ---- time ----

class Place:
    """A location: its document, and what follows from it for each day."""

    def __init__(self, name, zone, document):
        self.name, self.zone, self.document = name, zone, document
        self.type = document.get("type", "store")
        self.limited = bool(document.get("opening_hours") or document.get("exceptions"))
        week = [[] for _ in range(7)]
        for rule in document.get("opening_hours", []):
            for day in rule["days"]:
                week[("mo", "tu", "we", "th", "fr", "sa", "su").index(day)].append(self._span(rule))
        dated = {}
        for e in document.get("exceptions", []):
            dated.setdefault(datetime.date.fromisoformat(e["date"]), []).extend([] if e.get("closed") else [self._span(e)])
        self.days = [self._day(FIRST_DAY + datetime.timedelta(k), week, dated) for k in range(DAYS)]
        self.midnight = [zone.instant(FIRST_DAY + datetime.timedelta(k), 0) for k in range(DAYS + 1)]
        self._lay_out()
        self._cut_offs = {}

    @staticmethod
    def _span(said):
        opens, closes = minutes(said["opens"]), minutes(said["closes"])
        return opens, closes + 1440 if closes < opens else closes

    def _day(self, day, week, dated):
        """The hours that begin on that day."""
        spans = dated[day] if day in dated else week[day.weekday()]
        if not self.limited:
            spans = [(0, 1440)]
        hours = ((self.zone.instant(day, a), self.zone.instant(day, b)) for a, b in joined([s for s in spans if s[0] < s[1]]))
        return [(a, b) for a, b in hours if a < b]  # a clock change may leave nothing of it

    def _lay_out(self):
        """All openings, without overlap, and the opening time before each."""
        self.opens, self.closes, self.before, self.after = [], [], [], []
        for a, b in sorted(piece for day in self.days for piece in day):
            if self.closes and a <= self.closes[-1]:
                self.closes[-1] = later(self.closes[-1], b)
            else:
                self.opens.append(a)
                self.closes.append(b)
        total = 0
        for a, b in zip(self.opens, self.closes):
            self.before.append(total)
            total += b - a
            self.after.append(total)

    def next_open(self, at):
        if not self.limited:
            return at
        i = bisect.bisect_right(self.closes, at)
        return NEVER if i == len(self.opens) else later(at, self.opens[i])

    def add(self, at, seconds):
        """So much opening time later than `at`, when it is open."""
        if not self.limited or not seconds:
            return at + seconds
        i = bisect.bisect_right(self.closes, at)
        wanted = self.before[i] + at - self.opens[i] + seconds
        i = bisect.bisect_left(self.after, wanted)
        return NEVER if i == len(self.after) else self.opens[i] + wanted - self.before[i]

    def opening(self, at):
        """From when to when it is open without a break; None: longer than two weeks."""
        if not self.limited:
            return None, None
        i = bisect.bisect_right(self.closes, at)
        a, b = self.opens[i], self.closes[i]
        return (a if at - a <= 14 * DAY else None), (b if b - at <= 14 * DAY else None)

    def day_of(self, at):
        """That on which the hours began in which it lies, else the calendar's: its number."""
        day = bisect.bisect_right(self.midnight, at) - 1
        for one in (day, day - 1):
            for a, b in self.days[one]:
                if a <= at < b:
                    return one
        return day

    def cut_off(self, day, text):
        """Of a day; in the part of its hours past midnight it is the next calendar day's."""
        if (day, text) not in self._cut_offs:
            self._cut_offs[day, text] = self._cut_off(day, minutes(text))
        return self._cut_offs[day, text]

    def _cut_off(self, day, minute):
        date, hours = FIRST_DAY + datetime.timedelta(day), self.days[day]
        at, next_day = self.zone.instant(date, minute), self.zone.instant(date, minute + 1440)
        return next_day if hours and at < hours[0][0] and next_day <= hours[-1][1] else at

    # ---- what it offers, and when it is ready ----

    def way(self, method):
        """None: it does not."""
        said = self.document.get("methods") or {}
        if said:
            return said.get(method)
        without_saying = {"pickup": self.type == "store", "ship": self.type not in ("supplier", "virtual"), "same_day": False}
        return {} if without_saying[method] else None

    def begin(self, way, ordered):
        """(the order's day, its cut-off, missed, from when on it may be prepared)"""
        day = self.day_of(ordered)
        cut_off = self.cut_off(day, way["cut_off"]) if "cut_off" in way else None
        if cut_off is None or ordered <= cut_off:
            return day, cut_off, False, ordered
        for hours in self.days[day + 1 :]:
            for a, _ in hours:
                if a >= ordered:
                    return day, cut_off, True, a
        return day, cut_off, True, NEVER

    def ready(self, way, ordered, goods_at=0, not_before=0):
        """None: never."""
        day, cut_off, missed, start = self.begin(way, ordered)
        start = NEVER if start is NEVER else self.next_open(later(start, goods_at))
        at = NEVER if start is NEVER else self.add(start, way.get("preparation_minutes", 0) * 60)
        at = NEVER if at is NEVER else self.collectable(way, later(at, not_before))
        if at is NEVER:
            return None
        return {"ready_at": at, "starts_at": start, "cut_off_at": cut_off, "missed": missed, "same_day": self.day_of(at) == day}

    def collectable(self, way, at):
        """Open, and not in the last minutes."""
        while (at := self.next_open(at)) is not NEVER:
            closes = self.opening(at)[1]
            if closes is None or at <= closes - 60 * way.get("last_collection_minutes", 0):
                return at
            at = closes
        return NEVER


class Lane:
    def __init__(self, source, to, said):
        self.source, self.to, self.said = source, to, said
        self._arrivals = {}

    def leaves(self, day, at):
        """When goods that are ready at `at` leave on that working day; None: not on this one."""
        source = self.source
        if not source.days[day]:
            return None
        if "cut_off" in self.said:
            leaves = source.cut_off(day, self.said["cut_off"])
        elif source.limited:
            leaves = source.days[day][-1][1]
        else:
            return later(at, source.midnight[day])
        return leaves if leaves >= at else None

    def transit(self, at):
        """(leaves, arrives); None: never."""
        for day in range(self.source.day_of(at), DAYS - 400):
            leaves = self.leaves(day, at)
            if leaves is not None:
                arrives = self.to.next_open(later(leaves, self.to.midnight[day + self.said["days"]]))
                return None if arrives is NEVER else (leaves, arrives)
        return None


# ---- stock ----

class Row:
    """What one place has of one item: on hand, what comes, what is required later. Log time is `now`."""

    def __init__(self, now, grace=0):
        self.now, self.grace = now, grace
        self.on_hand, self.committed = 0, 0
        self.supply, self.later = [], []  # (instant, quantity, reference), (instant, quantity)

    def coming(self):
        """(when it counts, quantity, reference, expected) of supply that still may come."""
        lines = ((t if t > self.now else t + self.grace, q, r, t) for t, q, r in self.supply)
        return [line for line in lines if line[0] > self.now]

    def projected(self, at):
        return (self.on_hand - self.committed + sum(q for t, q, _, _ in self.coming() if t <= at)
                - sum(q for t, q in self.later if t <= at))

    def atp(self, at):
        """The least that is projected from then on."""
        instants = [t for t, *_ in self.coming()] + [t for t, _ in self.later]
        return min(self.projected(t) for t in [at] + [t for t in instants if t > at])

    def comes(self, needed):
        """When so much can be granted, 0: now; None: not known."""
        if self.atp(self.now) >= needed:
            return 0
        return min((t for t, *_ in self.coming() if self.atp(t) >= needed), default=None)


class World:
    """Baskets are tuples of (sku, quantity), one for each sku."""

    def __init__(self, now, grace=0):
        self.now, self.grace = now, grace
        self.places, self.lanes = {}, {}  # in the order in which they were made
        self.rows = {}
        self.items = {}  # sku → document
        self._comes, self._offers, self._released = {}, {}, {}

    def row(self, sku, place):
        return self.rows.setdefault((sku, place), Row(self.now, self.grace))

    def components(self, sku):
        parts = self.items.get(sku, {}).get("components")
        return [(c["sku"], c["quantity"]) for c in parts] if parts else [(sku, 1)]

    def comes(self, basket, line, place):
        """When a place has a whole line, what other lines of the basket need of the same included; 0: now."""
        key = (basket, line, place)
        if key not in self._comes:
            self._comes[key] = self._ask_comes(basket, line, place)
        return self._comes[key]

    def needs(self, basket, line):
        """(sku, quantity over the whole basket) of a line's parts."""
        total = {}
        for sku, quantity in basket:
            for part, each in self.components(sku):
                total[part] = total.get(part, 0) + quantity * each
        return [(part, total[part]) for part, _ in self.components(basket[line][0])]

    def _ask_comes(self, basket, line, place):
        latest = 0
        for sku, quantity in self.needs(basket, line):
            at = self.row(sku, place).comes(quantity)
            if at is None:
                return None
            latest = later(latest, at)
        return latest

    def offers(self, place, method, basket, distance):
        key = (place.name, method, basket, distance)
        if key not in self._offers:
            self._offers[key] = self._ask_offers(place, method, basket, distance)
        return self._offers[key]

    def _ask_offers(self, place, method, basket, distance):
        way = place.way(method)
        parts = [sku for sku, _ in basket] + [part for sku, _ in basket for part, _ in self.components(sku)]
        if way is None or any(self.items.get(sku, {}).get("restrictions", {}).get(method) is False for sku in parts):
            return False
        return not way.get("radius_km") or (distance is not None and distance <= way["radius_km"] * 1000)

    def released(self, basket):
        """Before that nothing is handed over: (instant, sku)."""
        if basket not in self._released:
            all = (one for sku, _ in basket for one in [sku] + [part for part, _ in self.components(sku)])
            self._released[basket] = max(((self.items.get(one, {}).get("release_instant", 0), one) for one in all), key=lambda told: told[0])
        return self._released[basket]

    def source(self, place, basket, line, ordered, over_lanes):
        """(there at, place of the goods, held for, lane, leaves, arrives); the place itself when all is as soon."""
        own, best = self.comes(basket, line, place.name), None
        if own is not None:
            best = (own, place.name, own or None, None, None, None)
        if own == 0:
            return best
        for lane in self.lanes.get(place.name, []) if over_lanes else []:
            at = self.comes(basket, line, lane.source.name)
            transit = None if at is None else lane.transit(later(at, ordered))
            if transit and (best is None or transit[1] < best[0]):
                best = (transit[1], lane.source.name, at or None, lane, *transit)
        return best

    def is_whole(self, place, basket):
        return all(self.comes(basket, line, place.name) == 0 for line in range(len(basket)))

    def option(self, place, method, basket, ordered, distance=None):
        """None: it cannot hand that over in this way."""
        if not self.offers(place, method, basket, distance):
            return None
        way, sources = place.way(method), []
        for line in range(len(basket)):
            sources.append(self.source(place, basket, line, ordered, True))
            if sources[-1] is None:
                return None
        ready = place.ready(way, ordered, max(s[0] for s in sources), self.released(basket)[0])
        if ready is None or (method == "same_day" and (ready["missed"] or not ready["same_day"])):
            return None
        return {"method": method, "place": place, "way": way, "distance": distance, "sources": sources, "waits": any(s[0] for s in sources),
                "required_at": max((s[2] for s in sources if s[2]), default=None), **ready}

    def options(self, basket, ordered, methods, limit, point=None, location=None, within=None):
        """In the order of the answer."""
        if location:
            near = [(distance_of(point, self.places[location].document), self.places[location])]
        else:
            near = [(distance_of(point, p.document), p) for p in self.places.values()]
            near = sorted((one for one in near if one[0] is not None and (within is None or one[0] <= within)), key=lambda one: one[0])
        found = []
        for method in METHODS:
            if method not in methods:
                continue
            of_method, lacking = [], []
            for distance, place in near:
                if len(of_method) < limit and self.offers(place, method, basket, distance):
                    if self.is_whole(place, basket):
                        of_method.append(self.option(place, method, basket, ordered, distance))
                        of_method = [o for o in of_method if o]
                    else:
                        lacking.append((distance, place))
            for distance, place in lacking[:LACKING]:
                if len(of_method) < limit and (one := self.option(place, method, basket, ordered, distance)):
                    of_method.append(one)
            found += of_method
        return sorted(found, key=lambda o: (o["waits"], o["ready_at"], -1 if o["distance"] is None else o["distance"], METHODS.index(o["method"])))

    # ---- what an option says ----

    def told(self, o, basket, ordered):
        """As the answer has it, but for versions."""
        place, way = o["place"], o["way"]
        rests, lanes = [], set()
        for line, (_, held, at, lane, leaves, arrives) in enumerate(o["sources"]):
            for sku, quantity in self.needs(basket, line):
                row = self.row(sku, held)
                rests.append({"kind": "stock", "sku": sku, "location": held, "quantity": quantity, "available": max(0, row.atp(at or self.now)), "by": at})
                rests += [{"kind": "incoming", "sku": sku, "location": held, "reference": r, "line": None, "quantity": q, "expected_at": expected}
                          for counts, q, r, expected in sorted(row.coming(), reverse=True) if at and counts <= at]
            if lane and (id(lane), leaves) not in lanes:
                lanes.add((id(lane), leaves))
                rests.append({"kind": "lane", "from": held, "to": place.name, **{k: lane.said[k] for k in ("days", "cut_off") if k in lane.said},
                              "leaves_at": leaves, "arrives_at": arrives})
        if "cut_off" in way:
            rests.append({"kind": "cut_off", "location": place.name, "cut_off": way["cut_off"], "at": o["cut_off_at"], "missed": o["missed"]})
        rests.append({"kind": "preparation", "location": place.name, "minutes": way.get("preparation_minutes", 0), "starts_at": o["starts_at"]})
        opens, closes = place.opening(o["ready_at"])
        rests.append({"kind": "opening_hours", "location": place.name, "time_zone": place.document.get("time_zone"), "opens_at": opens, "closes_at": closes})
        if way.get("last_collection_minutes") and closes:
            rests.append({"kind": "last_collection", "location": place.name, "minutes": way["last_collection_minutes"],
                          "at": closes - 60 * way["last_collection_minutes"]})
        if way.get("radius_km"):
            rests.append({"kind": "radius", "location": place.name, "radius_km": way["radius_km"]})
        release, sku = self.released(basket)
        if release > ordered:
            rests.append({"kind": "release", "sku": sku, "release_at": release})
        told = {"method": o["method"], "location": place.name, "distance_km": o["distance"], "ready_at": o["ready_at"],
                "lines": [{"sku": sku, "quantity": quantity, "location": s[1]} for (sku, quantity), s in zip(basket, o["sources"])], "rests_on": rests}
        return told if o["required_at"] is None else {**told, "required_at": o["required_at"]}


def distance_of(point, document):
    """Metres; None: not known."""
    if point is None or "latitude" not in document:
        return None
    a, b = math.radians(point[0]), math.radians(document["latitude"])
    across = math.radians(document["longitude"] - point[1])
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * 6371008.8 * math.asin(min(1.0, math.sqrt(h)))
