"""A silent store is held back by rules until it speaks, over HTTP and in Redis; what was asked for in vain is told; feeds equal the export."""
import csv
import gzip
import json
import pathlib
import subprocess
from datetime import datetime, timezone

import pytest

from harness import wait_until
from test_redis import RedisServer

DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo"
SILENCE_S = 3
PATIENCE_S = 90


@pytest.fixture
def redis_server(tmp_path):
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.kill()


def now():
    return datetime.now(timezone.utc).isoformat()


def put(shop, path, body):
    answer = shop.session.put(shop.base + path, json=body, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def say(shop, event_id, source, kind, **fields):
    event = {"id": event_id, "source": source, "type": kind, "location": "ST01", "occurred_at": now(), **fields}
    answer = shop.post("/v1/events", event)
    assert answer.status_code == 200 and answer.json()["applied"] == 1, answer.text


def shown(shop, channel):
    answer = shop.get("/v1/availability/SHOE", params={"location": "ST01", **({"channel": channel} if channel else {})})
    assert answer.status_code == 200, answer.text
    return answer.json()["available"]


def stale(shop):
    answer = shop.get("/v1/locations", params={"stale": "true"})
    assert answer.status_code == 200, answer.text
    return [place["id"] for place in answer.json()["locations"]]


def in_redis(server, channel=None):
    """What a channel finds there: its own hash, or the pool's."""
    key = "onhand:a:{SHOE}"
    found = (server.client.hget(f"{key}:{channel}", "ST01") if channel else None) or server.client.hget(key, "ST01")
    return None if found is None else float(found)


def expect(shop, server, **channels):
    """Polls until HTTP and Redis both show that."""
    def is_so():
        return all(shown(shop, c) == q and in_redis(server, c) == q for c, q in channels.items())

    wait_until(is_so, PATIENCE_S, lambda: f"{channels}, not {[(c, shown(shop, c), in_redis(server, c)) for c in channels]}", every=0.2)


def test_a_silent_store_is_held_back_until_it_speaks(daemon, redis_server):
    shop = daemon("--redis", f"unix:{redis_server.socket}", "--history", "off").start()
    put(shop, "/v1/channels/web", {"low_threshold": 2, "rules": [{"when": "stale", "enabled": False}]})
    put(shop, "/v1/channels/market", {"rules": [{"when": "stale", "buffer": 2}]})
    put(shop, "/v1/channels/desk", {})
    put(shop, "/v1/locations/ST01", {"type": "store", "sources": ["ST01/*"]})
    say(shop, "c-1", "ST01/till", "count", sku="SHOE", quantity=5, as_of=now())
    expect(shop, redis_server, web=5, market=5, desk=5)
    assert stale(shop) == []

    put(shop, "/v1/locations/ST01", {"type": "store", "sources": ["ST01/*"], "stale_after_seconds": SILENCE_S})
    wait_until(lambda: stale(shop) == ["ST01"], PATIENCE_S, "ST01 is stale")
    expect(shop, redis_server, web=0, market=3, desk=5)
    place = shop.get("/v1/locations/ST01").json()
    heard, since = (datetime.fromisoformat(place[k].replace("Z", "+00:00")) for k in ("last_event_at", "stale_since"))
    assert place["stale"] and (since - heard).total_seconds() == SILENCE_S
    assert place["due_at"] is None and place["last_count_at"] and place["last_full_count_at"] is None
    wait_until(lambda: shop.metric("onhand_locations_stale") == 1, PATIENCE_S, "the metric says so")
    refused = shop.post("/v1/reservations", {"id": "r-1", "channel": "web", "items": [{"sku": "SHOE", "quantity": 1, "location": "ST01"}]})
    assert refused.status_code == 409, refused.text
    explained = shop.get("/v1/rows/SHOE/ST01/explain", params={"channel": "market"}).json()
    assert explained["rules"]["by_silence"] == ["buffer"]

    # others speak of it: that is no word of its own
    say(shop, "o-1", "webshop", "order_placed", sku="SHOE", quantity=1, reference="O-1")
    expect(shop, redis_server, web=0, market=2, desk=4)
    assert stale(shop) == ["ST01"]

    assert shop.stop() == 0
    shop.start()
    assert stale(shop) == ["ST01"] and shown(shop, "web") == 0
    again = shop.get("/v1/locations/ST01").json()
    assert all(again[k] == place[k] for k in ("last_count_at", "last_full_count_at", "stale_since"))
    insights = shop.get("/v1/insights", params={"sku": "SHOE", "channel": "web"}).json()  # kept over the restart
    assert insights["error_most"] == 0
    assert insights["entries"][0]["reservations"] == 1 and insights["entries"][0]["queries"] > 0

    # it speaks: asked at once, before it may be silent again
    put(shop, "/v1/channels/web", {"low_threshold": 2, "rules": [{"when": "stale", "enabled": False}]})

    def speaks():
        say(shop, f"h-{now()}", "ST01/till", "heartbeat")
        return shown(shop, "web") == 4 and in_redis(redis_server, "web") == 4

    wait_until(speaks, PATIENCE_S, "the store's stock is shown again", every=0.3)
    wait_until(lambda: speaks() and not redis_server.client.exists("onhand:a:{SHOE}:web"), PATIENCE_S,
               "web sees what the pool sees", every=0.3)


@pytest.fixture
def demo(daemon, program):
    """The demo's stores with some of its items, in all quantities from none to many."""
    shop = daemon("--history", "off").start()
    subprocess.run([program, "import", "--url", shop.base, DEMO / "locations.csv", DEMO / "channels.csv"], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)
    with gzip.open(DEMO / "initial_stock.csv.gz", "rt", newline="") as lines:
        stock = [row for _, row in zip(range(150), csv.DictReader(lines))]
    places = [place["id"] for place in shop.get("/v1/locations", params={"limit": 1000}).json()["locations"]]
    events = []
    for number, row in enumerate(stock):
        for at, place in enumerate(places):
            quantity = int(row["quantity_at_DC00" if place == "DC00" else "quantity_at_each_store"])
            events.append({"id": f"c-{number}-{at}", "source": place, "type": "count", "sku": row["sku"], "location": place,
                           "quantity": (quantity * at * (number + 1)) % (quantity + 7), "as_of": now(), "occurred_at": now()})
    for at in range(0, len(events), 1000):
        answer = shop.post("/v1/events?results=problems", events[at:at + 1000])
        assert answer.status_code == 200 and answer.json()["rejected"] == 0, answer.text
    return shop


def export(shop, program, *options):
    done = subprocess.run([program, "export", "--url", shop.base, "--channel", "web", *options], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=120)
    return done.stdout.splitlines()


def test_feeds_equal_the_export(demo, program):
    rows = {(r["sku"], r["location"]): r for r in csv.DictReader(export(demo, program, "--format", "csv"))}
    assert len(rows) == 150 * 32
    levels = {"in_stock": "in_stock", "low_stock": "limited_availability", "out_of_stock": "out_of_stock"}
    assert {r["level"] for r in rows.values()} == set(levels)

    feed = list(csv.DictReader(export(demo, program, "--format", "google-local-inventory"), delimiter="\t"))
    told = {(r["id"], r["store code"]): r for r in feed}
    assert len(feed) == len(told)
    assert set(told) == {pair for pair in rows if pair[1] != "DC00"}  # a warehouse is no store
    for pair, line in told.items():
        row = rows[pair]
        assert int(line["quantity"]) == int(float(row["available"])), (line, row)
        assert line["availability"] == levels[row["level"]], (line, row)
        if line["availability"] == "out_of_stock":
            assert line["pickup method"] == "not supported" and not line["pickup SLA"], line
        else:
            assert line["pickup method"] == "reserve" and line["pickup SLA"] in ("same_day", "next_day"), line

    words = {"in_stock": "InStock", "low_stock": "LimitedAvailability", "out_of_stock": "OutOfStock"}
    documents = [json.loads(line) for line in export(demo, program, "--format", "jsonld")]
    offers = {(d["sku"], o["availableAtOrFrom"]["branchCode"]): o for d in documents for o in d["offers"]}
    assert {pair: (float(r["available"]), "https://schema.org/" + words[r["level"]]) for pair, r in rows.items()} == \
        {pair: (float(o["inventoryLevel"]["value"]), o["availability"]) for pair, o in offers.items()}
    one = documents[7]
    assert demo.get(f"/v1/items/{one['sku']}/jsonld", params={"channel": "web"}).json() == one
    place = demo.get("/v1/locations/ST01/jsonld").json()
    assert place["@type"] == "Store" and place["branchCode"] == "ST01" and place["openingHoursSpecification"]


def test_hostile_names_stay_inside_their_strings(demo):
    name = "</script><script>alert('x')</script><!-- \u2028 & \" \\"
    put(demo, "/v1/items/%3C%2Fscript%3E", {"name": name.replace("\u2028", " "), "product": "<!--", "options": {"</script>": "<b>"}})
    put(demo, "/v1/locations/EVIL", {"name": name.replace("\u2028", " "), "type": "store", "address": "</script>"})
    for path in ("/v1/items/%3C%2Fscript%3E/jsonld", "/v1/locations/EVIL/jsonld"):
        answer = demo.get(path)
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/ld+json"
        assert "<" not in answer.text and ">" not in answer.text and "&" not in answer.text
        assert answer.json()["name"] == name.replace("\u2028", " ")
