"""The real stream as stock events, and what must come out of it (tests/data/demo/README.md has the rules)."""
import csv
import gzip
import itertools
import json

STORES = [f"ST{n:02}" for n in range(1, 32)]
OPENING = "2010-12-01T00:00:00Z"


def location_of(invoice, country):
    if country != "United Kingdom":
        return "DC00"
    return f"ST{1 + int(''.join(c for c in invoice if c.isdigit())) % 31:02}"


class Retail:
    """`opening`: receipts of the initial stock; `events`: the stream in its order. Each event is (location, hour, id, json)."""

    def __init__(self, folder, stream):
        self.opening = list(self._opening(folder / "initial_stock.csv.gz"))
        self.events = list(self._events(stream))
        with gzip.open(folder / "expected" / "final_on_hand.csv.gz", "rt", newline="") as rows:
            self.expected = {(r["sku"], r["location"]): int(r["A_ledger"]) for r in csv.DictReader(rows)}

    @property
    def all(self):
        return self.opening + self.events

    @staticmethod
    def _event(identity, kind, sku, location, quantity, at):
        event = {"id": identity, "source": location, "type": kind, "sku": sku, "location": location, "quantity": quantity,
                 "occurred_at": at}
        if kind == "adjustment":
            event["reason"] = "stock_adjustment"  # an adjustment has to say why; the source does not
        return location, at[:13], identity, json.dumps(event, separators=(",", ":"))

    def _opening(self, path):
        with gzip.open(path, "rt", newline="") as rows:
            for row in csv.DictReader(rows):
                places = [("DC00", int(row["quantity_at_DC00"]))]
                places += [(store, int(row["quantity_at_each_store"])) for store in STORES]
                for location, quantity in places:
                    if quantity:
                        yield self._event(f"opening-{row['sku']}-{location}", "receipt", row["sku"], location, quantity, OPENING)

    def _events(self, path):
        kinds = {"SALE": ("sale", 1), "RETURN": ("return", -1), "ADJUST": ("adjustment", 1)}
        with gzip.open(path, "rt", newline="") as rows:
            for row in csv.DictReader(rows):
                if row["kind"] not in kinds:
                    continue
                kind, sign = kinds[row["kind"]]
                yield self._event(f"{row['invoice']}-{row['line']}", kind, row["stock_code"].upper(),
                                  location_of(row["invoice"], row["country"]), sign * int(row["quantity"]), row["timestamp"])

    def by_hour(self):
        """The stream in groups of an hour."""
        for _, group in itertools.groupby(self.events, key=lambda e: e[1]):
            yield list(group)


def bundles(events, size):
    """Events of one location as messages of `size` each: (location, json array), order kept within a location."""
    waiting = {}
    for location, _, _, text in events:
        bundle = waiting.setdefault(location, [])
        bundle.append(text)
        if len(bundle) == size:
            yield location, "[" + ",".join(bundle) + "]"
            bundle.clear()
    for location, bundle in waiting.items():
        if bundle:
            yield location, "[" + ",".join(bundle) + "]"
