"""Promises over HTTP: a checkout from basket to doorstep, the same request again, the last unit under many hands, holds
that end by themselves, and the demo's days as reservations."""
import json
import random
import threading
import time

import pytest
import requests

from harness import wait_until
from lanes import Lane, request, run
from promises import Scenario, expected, must, opening, totals
from test_kafka_log import make_log, on_log

CLIENTS = 64
MARGIN_S = 5  # a hold's life in tests, against what a busy machine adds


def stock(engine, units, sku="SKU-1", location="store-1", name="stock"):
    event = {"id": f"{name}-{sku}-{location}", "source": "t", "type": "receipt", "sku": sku, "location": location,
             "quantity": units, "occurred_at": "2026-01-01T10:00:00Z"}
    assert engine.post("/v1/events", event).json()["applied"] == 1


def basket(identity, quantity, sku="SKU-1", location="store-1", **more):
    return {"id": identity, "items": [{"sku": sku, "quantity": quantity, "location": location}]} | more


def reserve(engine, *args, **more):
    return engine.post("/v1/reservations", basket(*args, **more))


def step(engine, identity, name, **body):
    return engine.post(f"/v1/reservations/{identity}/{name}", body)


def row(engine, sku="SKU-1", location="store-1"):
    answer = engine.get(f"/v1/availability/{sku}", params={"location": location, "detail": "true"})
    assert answer.status_code == 200, answer.text
    return answer.json()["locations"][0]


def figures(engine, **where):
    r = row(engine, **where)
    return r["on_hand"], r["reserved"], r["committed"], r["available"]


@pytest.fixture
def engine(daemon):
    return daemon().start()


# ---- a checkout ----

def test_a_checkout_from_basket_to_doorstep(engine):
    stock(engine, 23)
    held = reserve(engine, "cart-1", 2, ttl_seconds=900)
    assert held.status_code == 201, held.text
    told = held.json()
    assert told["state"] == "held" and told["missing"] == [] and told["expires_at"]
    assert [(one["sku"], one["location"], one["quantity"], one["open"]) for one in told["lines"]] == [("SKU-1", "store-1", 2, 2)]
    assert figures(engine) == (23, 2, 0, 21)

    confirmed = step(engine, "cart-1", "confirm", reference="ORD-77")
    assert confirmed.status_code == 200 and confirmed.json()["state"] == "confirmed", confirmed.text
    assert figures(engine) == (23, 0, 2, 21)
    again = step(engine, "cart-1", "confirm", reference="ORD-77")
    assert again.status_code == 200 and again.json()["lines"] == confirmed.json()["lines"]

    shipped = {"id": "wh-1", "source": "wms", "type": "order_shipped", "sku": "SKU-1", "location": "store-1", "quantity": 2,
               "reference": "ORD-77", "occurred_at": "2026-11-22T09:00:00Z"}
    assert engine.post("/v1/events", shipped).json()["applied"] == 1
    assert figures(engine) == (21, 0, 0, 21)
    done = engine.get("/v1/reservations/cart-1").json()
    assert done["state"] == "fulfilled" and done["lines"][0]["open"] == 0 and done["lines"][0]["gone"] == 2
    # the shop says so as well: the same units count once (case 31)
    assert step(engine, "cart-1", "fulfil").status_code == 200
    assert figures(engine) == (21, 0, 0, 21)
    found = engine.get("/v1/reservations", params={"reference": "ORD-77"}).json()
    assert [r["id"] for r in found["reservations"]] == ["cart-1"] and found["next"] is None


def test_the_same_request_again_is_the_same_and_another_is_a_conflict(engine):
    stock(engine, 10)
    first = reserve(engine, "r-1", 3, ttl_seconds=900)
    text = json.dumps({"ttl_seconds": 900, "items": [{"location": "store-1", "quantity": 3.0, "sku": "SKU-1"}], "id": "r-1"}, indent=4)
    again = engine.session.post(engine.base + "/v1/reservations", data=text, headers={"Content-Type": "application/json"}, timeout=30)
    assert (first.status_code, again.status_code) == (201, 200), again.text
    assert {k: v for k, v in again.json().items() if k != "version"} == {k: v for k, v in first.json().items() if k != "version"}
    other = reserve(engine, "r-1", 4, ttl_seconds=900)
    assert other.status_code == 422 and other.json()["reason"] == "conflict", other.text
    assert figures(engine) == (10, 3, 0, 7)
    # a refusal holds nothing and the id is free
    refused = reserve(engine, "r-2", 8)
    assert refused.status_code == 409
    assert refused.json()["shortfalls"] == [{"sku": "SKU-1", "location": "store-1", "requested": 8, "available": 7}]
    assert reserve(engine, "r-2", 7).status_code == 201
    assert step(engine, "r-2", "release").status_code == 200
    assert step(engine, "r-2", "release").status_code == 200  # the state it leads to
    late = step(engine, "r-2", "confirm")
    assert late.status_code == 409 and late.json()["state"] == "released", late.text
    assert figures(engine) == (10, 3, 0, 7)


def test_parts_need_a_step_id_and_count_once(engine):
    stock(engine, 10)
    assert reserve(engine, "r-1", 5).status_code == 201
    assert step(engine, "r-1", "confirm").status_code == 200
    lines = [{"sku": "SKU-1", "location": "store-1", "quantity": 2}]
    assert step(engine, "r-1", "fulfil", lines=lines).status_code == 422
    for _ in range(3):
        told = step(engine, "r-1", "fulfil", lines=lines, step_id="parcel-1")
        assert told.status_code == 200 and told.json()["lines"][0]["gone"] == 2, told.text
    assert figures(engine) == (8, 0, 3, 5)
    assert step(engine, "r-1", "cancel").status_code == 200
    assert figures(engine) == (8, 0, 0, 8)


def test_what_is_wrong_is_named(engine):
    stock(engine, 1)
    for body, pointer in (
            ({}, "/id"), (basket("a", 0), "/items/0/quantity"), (basket("a", 1.0001), "/items/0/quantity"),
            (basket("a", 1, ttl_seconds=0), "/ttl_seconds"), (basket("a", 1, colour="red"), "/colour"),
            (basket("a", 1, mode="some"), "/mode"), ({"id": "a", "items": [{"sku": "SKU-1", "quantity": 1}]}, "/items/0"),
            (basket("a", 1, ttl_seconds=5, expires_at="2027-01-01T00:00:00Z"), "/ttl_seconds"),
            ({"id": "a", "items": [{"sku": "SKU-1", "quantity": 1, "near": {"latitude": 91, "longitude": 0}}]}, "/items/0/near/latitude"),
            ({"id": "a", "items": [{"sku": "SKU-1", "quantity": 1, "group": "nowhere"}]}, "/items/0/group")):
        answer = engine.post("/v1/reservations", body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert pointer in [e["pointer"] for e in answer.json()["errors"]], (pointer, answer.text)
    assert step(engine, "nobody", "confirm").status_code == 404
    assert engine.get("/v1/reservations/nobody").status_code == 404
    assert figures(engine) == (1, 0, 0, 1)


def test_who_holds_what_and_what_is_short_until_stock_comes(engine):
    stock(engine, 10)
    assert reserve(engine, "r-1", 4, reference="ORD-1").status_code == 201
    assert reserve(engine, "r-2", 3, state="confirmed", reference="ORD-2").status_code == 201
    seen = engine.get("/v1/rows/SKU-1/store-1/demand").json()
    assert (seen["held"], seen["committed"], seen["next"]) == (4, 3, None)
    assert [(d["reference"], d["reservations"], d["held"], d["committed"]) for d in seen["demand"]] == [
        ("ORD-1", ["r-1"], 4, 0), ("ORD-2", ["r-2"], 0, 3)]
    first = engine.get("/v1/rows/SKU-1/store-1/demand", params={"limit": 1}).json()
    rest = engine.get("/v1/rows/SKU-1/store-1/demand", params={"limit": 1, "after": first["next"]}).json()
    assert [first["demand"], rest["demand"], rest["next"]] == [seen["demand"][:1], seen["demand"][1:], None]
    assert engine.get("/v1/shortfalls").json()["shortfalls"] == []
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    count = {"id": "c", "source": "s", "type": "count", "sku": "SKU-1", "location": "store-1", "quantity": 2, "as_of": now, "occurred_at": now}
    assert engine.post("/v1/events", count).json()["applied"] == 1

    def short():
        return [(r["oversold"], [(d["reference"], d["short"]) for d in r["demand"]]) for r in engine.get("/v1/shortfalls").json()["shortfalls"]]
    assert short() == [(5, [("ORD-2", 3), ("ORD-1", 2)])]
    late = {"id": "late", "source": "t", "type": "receipt", "sku": "SKU-1", "location": "store-1", "quantity": 3,
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))}
    assert engine.post("/v1/events", late).json()["applied"] == 1
    assert short() == [(2, [("ORD-2", 2)])]
    assert engine.post("/v1/events", late | {"id": "late-2", "quantity": 2}).json()["applied"] == 1
    assert short() == []


# ---- holds end by themselves ----

def test_case_09_a_hold_ends_by_itself(engine):
    stock(engine, 100)
    assert reserve(engine, "r-1", 20, ttl_seconds=2).status_code == 201
    assert figures(engine) == (100, 20, 0, 80)
    wait_until(lambda: figures(engine) == (100, 0, 0, 100), 2 + MARGIN_S, lambda: row(engine))
    ended = engine.get("/v1/reservations/r-1").json()
    assert ended["state"] == "expired"
    revived = step(engine, "r-1", "confirm")
    assert revived.status_code == 200 and revived.json()["revived"], revived.text
    assert figures(engine) == (100, 0, 20, 80)


# ---- many hands ----

def test_case_08_the_last_unit_goes_once(engine):
    """Round after round: one unit, 64 requests at once."""
    for turn in range(20):
        sku = f"S{turn}"
        stock(engine, 1, sku=sku)
        statuses = []
        run([engine.base], [Lane([(request("POST", "/v1/reservations", basket(f"{sku}-{n}", 1, sku=sku)),
                                   lambda status, _: statuses.append(status))]) for n in range(CLIENTS)], 60)
        assert sorted(statuses) == [201] + [409] * (CLIENTS - 1)
        assert figures(engine, sku=sku) == (1, 1, 0, 0)


class Clients:
    """64 clients, each with its own record of what it was granted."""

    def __init__(self, bases, units, skus, rng, attempts):
        self.granted = [set() for _ in range(CLIENTS)]
        self.bases, self.skus = bases, skus
        lanes = []
        for client in range(CLIENTS):
            lanes.append(Lane(self._jobs(client, random.Random(rng.random()), attempts)))
        run(bases, lanes, 240)

    def _jobs(self, client, rng, attempts):
        for number in range(attempts):
            identity, sku = f"c{client}-{number}", rng.choice(self.skus)
            yield request("POST", "/v1/reservations", basket(identity, 1, sku=sku)), self._told(client, identity)

    def _told(self, client, identity):
        def told(status, body):
            assert status in (201, 409), (status, body[:500])
            if status == 201:
                self.granted[client].add(identity)
        return told

    @property
    def total(self):
        return sum(len(g) for g in self.granted)


def check_promises(engines, clients, skus, units):
    assert clients.total == units
    for engine in engines:
        def all_there(engine=engine):
            return sum(row(engine, sku=sku)["reserved"] for sku in skus) == units
        wait_until(all_there, 60, "all reservations in this engine")
        for sku in skus:
            found = row(engine, sku=sku)
            assert found["reserved"] + found["available"] == found["on_hand"] and found["available"] >= 0, found


@pytest.mark.parametrize("units", [1, 10, 1000])
@pytest.mark.parametrize("spread", ["uniform", "one hot row"])
def test_as_many_are_granted_as_there_were(engine, rng, units, spread):
    skus = [f"S{n}" for n in range(min(units, 50) if spread == "uniform" else 1)]
    for number, sku in enumerate(skus):
        stock(engine, units // len(skus) + (number < units % len(skus)), sku=sku)
    attempts = max(20, 40 * units // CLIENTS) if spread == "uniform" else max(20, 2 * units // CLIENTS)
    clients = Clients([engine.base], units, skus, rng, attempts)
    check_promises([engine], clients, skus, units)


@pytest.mark.parametrize("units", [1, 10, 1000])
@pytest.mark.parametrize("spread", ["uniform", "one hot row"])
def test_two_engines_grant_as_many_as_there_were(program, broker, daemon, rng, units, spread):
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    skus = [f"S{n}" for n in range(min(units, 50) if spread == "uniform" else 1)]
    for number, sku in enumerate(skus):
        stock(engines[0], units // len(skus) + (number < units % len(skus)), sku=sku)
    clients = Clients([e.base for e in engines], units, skus, rng, max(20, (6 if spread == "uniform" else 2) * units // CLIENTS))
    check_promises(engines, clients, skus, units)
    # every client's own record, asked of either engine
    for engine in engines:
        for identity in list(set().union(*clients.granted))[:50]:
            assert engine.get(f"/v1/reservations/{identity}").json()["state"] == "held"
        if spread == "uniform":
            continue  # which SKU it was is the clients' own
        for identity in list(set().union(*clients.granted))[:20]:
            again = reserve(engine, identity, 1, sku=skus[0])
            assert again.status_code == 200, again.text


def test_either_engine_may_be_killed_and_verdicts_stay(program, broker, daemon, rng):
    """Clients that repeat what got no answer, at an engine or the other, while one of them is killed and comes back."""
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    units = 300
    stock(engines[0], units)
    bases = [e.base for e in engines]
    verdicts, lock, stop = {}, threading.Lock(), threading.Event()

    def client(number):
        session = requests.Session()
        for turn in range(20):
            identity = f"k{number}-{turn}"
            for attempt in range(400):
                try:
                    answer = session.post(bases[(number + attempt) % 2] + "/v1/reservations", json=basket(identity, 1), timeout=10)
                except requests.RequestException:
                    time.sleep(0.05)
                    continue
                if answer.status_code in (200, 201, 409):
                    with lock:
                        verdicts[identity] = answer.status_code != 409
                    break
                assert answer.status_code in (429, 503), answer.text
                time.sleep(0.05)
            else:
                raise AssertionError(f"{identity} got no answer")

    threads = [threading.Thread(target=client, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for victim in (0, 1):
        time.sleep(0.5)
        engines[victim].kill()
        engines[victim].start()
        wait_until(lambda: requests.get(engines[victim].base + "/readyz", timeout=5).status_code == 200, 60, "it is back")
    for thread in threads:
        thread.join()
    stop.set()
    assert len(verdicts) == 32 * 20
    assert sum(verdicts.values()) == units
    for engine in engines:
        wait_until(lambda engine=engine: row(engine)["reserved"] == units, 20, lambda engine=engine: row(engine))
        for identity in rng.sample(sorted(verdicts), 60):
            found = engine.get(f"/v1/reservations/{identity}")
            assert found.status_code == (200 if verdicts[identity] else 404), (identity, found.text)


# ---- the demo's days ----

def load(engine, folder):
    run([engine.base], [Lane([(request("POST", "/v1/events?results=problems", body, "application/x-ndjson"), must(200))])
                        for body in opening(folder)], 120)


def stocks(engine, pairs):
    """(sku, location) → (on_hand, reserved), asked in large batches."""
    locations, found = {}, {}
    for sku, location in pairs:
        locations.setdefault(sku, []).append(location)
    skus = sorted(locations)
    for at in range(0, len(skus), 500):
        answer = engine.post("/v1/availability", {"detail": True, "items": [{"sku": s, "locations": locations[s]} for s in skus[at:at + 500]]})
        assert answer.status_code == 200, answer.text[:500]
        for item in answer.json()["items"]:
            for place in item["locations"]:
                found[item["sku"], place["location"]] = (place.get("on_hand", 0), place.get("reserved", 0))
    return found


def play(bases, engine, folder, stream, collect, seconds):
    """The whole scenario; every pair and every total as the independent oracle has it."""
    load(engine, folder)
    version = engine.get("/v1/locations").json()["version"]
    for base in bases:  # a driver that looks first must not look at less
        assert requests.get(base + "/v1/availability/10002", params={"min_version": version}, timeout=30).status_code == 200
    scenario = Scenario(stream, collect)
    began = time.monotonic()
    run(bases, scenario.lanes(), seconds)
    told, total = scenario.told, {k: int(v) for k, v in totals(folder).items() if k != "name"}
    print(f"{told.granted + told.refused} judged in {time.monotonic() - began:.1f} s")
    want = expected(folder)
    found = stocks(engine, want)
    letter = "C" if collect else "B"
    wrong = {pair: (found.get(pair, (0, 0)), r) for pair, r in want.items()
             if found.get(pair, (0, 0)) != (int(r[f"{letter}_on_hand"]), int(r["C_reserved"]) if collect else 0)}
    assert not wrong, f"{len(wrong)} of {len(want)} pairs: {dict(list(wrong.items())[:5])}"
    if not collect:
        assert (told.granted, told.refused) == (total["B_sale_accepted"], total["B_sale_rejected"])
        assert sum(on_hand for on_hand, _ in found.values()) == total["B_final_units"]
        return
    assert told.held == total["C_reserved"] and told.refused == total["C_rejected"]
    assert told.granted - told.held == total["C_sold"]
    assert told.collected == total.get("C_collect", 0) and told.released == total.get("C_expire", 0)
    assert told.held - told.collected - told.released == total["C_open_reservations_at_end"]
    assert sum(on_hand for on_hand, _ in found.values()) == total["C_final_on_hand"]
    assert sum(reserved for _, reserved in found.values()) == total["C_final_reserved"]


@pytest.fixture(scope="session")
def data(program):
    root = __import__("pathlib").Path(__file__).resolve().parents[1] / "data"
    return {"day": (root / "demo_day1", root / "retail" / "stream_2010-12-01_one_day.csv.gz"),
            "all": (root / "demo", root / "retail" / "stream_2010-12-01_2011-09-30.csv.gz")}


@pytest.mark.parametrize("scenario", ["B", "C"])
def test_the_demo_comes_out_exactly(engine, data, long_run, scenario):
    """B: 312,619 lines granted, 47,938 refused. C: 28,828 reservations, 25,541 collected, 3,228 expired, 59 open. The
    ordinary run plays the first day."""
    play([engine.base], engine, *data["all" if long_run else "day"], scenario == "C", 1800)


@pytest.mark.parametrize("scenario", ["B", "C"])
def test_the_demo_comes_out_exactly_on_kafka_with_two_engines(program, broker, daemon, data, long_run, scenario):
    """The lanes are dealt to both engines; a pair stays with one, whose log decides."""
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    play([e.base for e in engines], engines[0], *data["all" if long_run else "day"], scenario == "C", 1800)
    version = engines[0].post("/v1/events", {"id": "last", "source": "t", "type": "receipt", "sku": "LAST", "location": "DC00",
                                             "quantity": 1, "occurred_at": "2026-01-01T10:00:00Z"}).json()["results"][0]["version"]
    assert engines[1].get("/v1/availability/LAST", params={"min_version": version}).status_code == 200
    want = expected(data["all" if long_run else "day"][0])
    assert stocks(engines[0], want) == stocks(engines[1], want)


def placed(reference, quantity, sku="SKU-1", location="store-1", **more):
    return {"id": f"o-{reference}-{sku}-{location}-{more.get('line', '')}", "source": "shop", "type": "order_placed", "reference": reference,
            "sku": sku, "location": location, "quantity": quantity, "occurred_at": "2026-01-01T11:00:00Z"} | more


def of_reference(engine, reference, **more):
    answer = engine.get("/v1/demand", params={"reference": reference} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(page):
    return [(d["sku"], d["location"], d["line"], d["reservations"], d["held"], d["committed"], d["open"], d["short"]) for d in page["demand"]]


def test_what_is_open_of_an_order_over_all_rows(engine):
    stock(engine, 5)
    stock(engine, 5, location="store-2")
    stock(engine, 1, sku="SKU-2")
    assert of_reference(engine, "ORD-1")["demand"] == []
    events = [placed("ORD-1", 2), placed("ORD-1", 1, location="store-2", line="1"), placed("ORD-1", 2, location="store-2", line="2"),
              placed("ORD-1", 3, sku="SKU-2", required_at="2036-01-01T00:00:00Z"), placed("ORD-2", 1)]
    assert engine.post("/v1/events", events).json()["applied"] == 5
    assert reserve(engine, "r-1", 3, reference="ORD-1").status_code == 201
    page = of_reference(engine, "ORD-1")
    assert told(page) == [("SKU-1", "store-1", None, ["r-1"], 1, 2, 3, 0), ("SKU-1", "store-2", "1", [], 0, 1, 1, 0),
                          ("SKU-1", "store-2", "2", [], 0, 2, 2, 0), ("SKU-2", "store-1", None, [], 0, 3, 3, 2)]
    assert (page["reference"], page["held"], page["committed"], page["next"], page["complete"]) == ("ORD-1", 1, 8, None, True)
    assert page["demand"][3]["required_at"].startswith("2036-01-01T00:00:00")
    assert page["demand"][0]["since"].startswith("2026-01-01T11:00:00")
    pages, after = [], None
    while True:
        one = of_reference(engine, "ORD-1", limit=1, **({"after": after} if after else {}))
        pages += one["demand"]
        after = one["next"]
        if not after:
            break
    assert pages == page["demand"]
    gone = [{"id": "s-1", "source": "shop", "type": "order_shipped", "reference": "ORD-1", "sku": "SKU-1", "location": "store-2", "line": "2",
             "quantity": 2, "occurred_at": "2026-01-01T12:00:00Z"},
            {"id": "c-1", "source": "shop", "type": "order_cancelled", "reference": "ORD-1", "sku": "SKU-2", "location": "store-1",
             "occurred_at": "2026-01-01T12:00:00Z"}]
    assert engine.post("/v1/events", gone).json()["applied"] == 2
    assert step(engine, "r-1", "release").status_code == 200
    assert told(of_reference(engine, "ORD-1")) == [("SKU-1", "store-1", None, ["r-1"], 0, 2, 2, 0), ("SKU-1", "store-2", "1", [], 0, 1, 1, 0)]
    for query in ({}, {"reference": ""}, {"reference": "ORD-1", "limit": 0}, {"reference": "ORD-1", "after": "1"}, {"reference": "ORD-1", "sku": "a"}):
        assert engine.get("/v1/demand", params=query).status_code == 400, query
    again = engine.get("/v1/demand", params={"reference": "ORD-1"})
    assert engine.get("/v1/demand", params={"reference": "ORD-1"}, headers={"If-None-Match": again.headers["ETag"]}).status_code == 304


def test_a_reservation_that_its_order_overtook(engine):
    stock(engine, 2)
    assert engine.post("/v1/events", [placed("ORD-1", 2)]).json()["applied"] == 1
    refused = reserve(engine, "r-0", 1, reference="ORD-2")
    assert refused.status_code == 409
    granted = reserve(engine, "r-1", 2, reference="ORD-1")
    assert (granted.status_code, granted.json()["state"]) == (201, "confirmed")
    assert figures(engine) == (2, 0, 2, 0)
    refused = reserve(engine, "r-2", 3, reference="ORD-1")
    assert (refused.status_code, [(s["requested"], s["available"]) for s in refused.json()["shortfalls"]]) == (409, [(3, 0)])
