"""The store finder over HTTP, against what others computed: the five nearest of 2,945 libraries, and the nearest store with stock."""
import csv
import gzip
import json
import pathlib

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
EXPECTED = DATA / "stores" / "expected"
AT = "2011-09-30T20:00:00Z"


def rows(path):
    opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="")
    with opened as file:
        return list(csv.DictReader(file))


def put_location(engine, name, row, kind="store"):
    # the numbers as they stand there: 0.000099 is a decimal, and 9.9e-05 is none
    document = f'{{"latitude":{row["lat"]},"longitude":{row["lon"]},"type":"{kind}"}}'
    answer = engine.session.put(f"{engine.base}/v1/locations/{name}", data=document,
                                headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.status_code in (200, 201), answer.text


def nearest(engine, row, **more):
    answer = engine.session.get(engine.base + "/v1/stores", params={"near": f"{row['lat']},{row['lon']}", **more}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["stores"]


def metres(store):
    return round(store["distance_km"] * 1000)


def test_the_nearest_libraries_are_those_expected(daemon):
    engine = daemon().start()
    for row in rows(DATA / "stores" / "libraries.csv"):
        put_location(engine, row["id"], row)
    expected = {}
    for row in rows(EXPECTED / "nearest_libraries.csv"):
        expected.setdefault(row["query"], []).append(row)
    assert len(expected) == 200
    for wanted in expected.values():
        found = nearest(engine, wanted[0], limit=5)
        assert [(s["location"], metres(s)) for s in found] == [(r["id"], int(r["distance_m"])) for r in wanted]
    assert engine.stop() == 0


def test_the_nearest_store_with_stock_is_the_one_expected(daemon):
    engine = daemon().start()
    for row in rows(DATA / "demo" / "locations.csv"):
        put_location(engine, row["location"], row, row["type"])
    counts = [{"id": f"count-{n}", "source": row["location"], "type": "count", "sku": row["sku"], "location": row["location"],
               "quantity": int(row["on_hand"]), "as_of": AT, "occurred_at": AT}
              for n, row in enumerate(rows(EXPECTED / "stock_B.csv.gz"))]
    for at in range(0, len(counts), 1000):
        answer = engine.session.post(engine.base + "/v1/events", data=json.dumps(counts[at:at + 1000]),
                                     headers={"Content-Type": "application/json"}, timeout=30)
        assert answer.status_code == 200 and answer.json()["applied"] == len(counts[at:at + 1000]), answer.text[:300]
    asked = rows(EXPECTED / "nearest_with_stock_B.csv")
    assert len(asked) == 200
    for row in asked:
        found = nearest(engine, row, sku=row["sku"], quantity=row["min_quantity"], limit=1)
        told = [(s["location"], s["available"], metres(s)) for s in found]
        assert told == ([(row["location"], int(row["on_hand"]), int(row["distance_m"]))] if row["location"] else []), row
    assert engine.stop() == 0
