"""A real Redis beside the daemon: killed, flushed, frozen, full, read-only. Afterwards it holds what the ledger says, and nothing else changed."""
import contextlib
import os
import signal
import subprocess
import threading
import time
from urllib.parse import quote, unquote

import pytest
import redis

from harness import check_ledger, wait_until

BATCH = 250


class RedisServer:
    """A redis-server on a unix socket in a folder, without persistence unless told."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.process = None
        self.client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=20, decode_responses=True)

    def start(self, *options):
        command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", "", "--appendonly", "no",
                   *options]
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

        def answers():
            with contextlib.suppress(redis.RedisError):
                return self.client.ping()

        wait_until(answers, 20, "redis-server answers")
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)

    def send_signal(self, number):
        self.process.send_signal(number)

    def hashes(self):
        """sku → its hash, of all SKUs."""
        keys = list(self.client.scan_iter("onhand:a:*", count=1000))
        found = {}
        for at in range(0, len(keys), 500):
            pipe = self.client.pipeline(transaction=False)
            for key in keys[at:at + 500]:
                pipe.hgetall(key)
            for key, value in zip(keys[at:at + 500], pipe.execute()):
                assert key.startswith("onhand:a:{") and key.endswith("}"), key
                found[unquote(key[len("onhand:a:{"):-1])] = value
        return found

    def meta(self):
        return self.client.hgetall("onhand:meta")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    s = RedisServer(folder)
    yield s
    s.kill()


def wrong_in(hashes, expected):
    """What differs between Redis and max(0, A_ledger)."""
    wanted = {}
    for (sku, location), quantity in expected.items():
        wanted.setdefault(sku, {})[location] = max(0, quantity)
    wrong = {}
    for sku in wanted.keys() | hashes.keys():
        there = dict(hashes.get(sku, {}))
        if not (there.pop("@v", None) and there.pop("@t", None)):
            wrong[sku] = "not whole"
            continue
        total = float(there.pop("*", "nan"))
        values = {place: float(value) for place, value in there.items()}
        pairs = wanted.get(sku, {})
        if total != sum(pairs.values()) or any(values.get(p, 0) != pairs.get(p, 0) for p in pairs.keys() | values.keys()):
            wrong[sku] = (there, pairs)
    return wrong


def version_of(text):
    return tuple(int(part) for part in text.split(":"))


def check_snapshot(server, engine, expected, seconds=30):
    """Redis gets to hold the ledger, and says in meta that it does."""
    wrong = [None]
    position = int(engine.metric("onhand_log_next_offset")) - 1

    def equal():
        with contextlib.suppress(redis.RedisError):
            meta = server.meta()
            if "version" not in meta or version_of(meta["version"])[1] < position:
                wrong[0] = f"meta is {meta}, the log at {position}"
                return False
            wrong[0] = wrong_in(server.hashes(), expected)
            return not wrong[0]
        return False

    wait_until(equal, seconds, lambda: f"{str(wrong[0])[:800]}; {engine.errors.read_text()[-800:]}", every=0.2)


def start(daemon, server, *options, **names):
    return daemon("--redis", f"unix:{server.socket}", *options, **names).start()


def send(engine, events, batch=BATCH):
    for at in range(0, len(events), batch):
        answer = engine.session.post(engine.base + "/v1/events", data="\n".join(events[at:at + batch]).encode(), timeout=30,
                                     headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == 0, answer.text[:500]


@pytest.fixture
def events(retail_day):
    return [text for _, _, _, text in retail_day.all]


def test_snapshot_is_the_ledger(daemon, server, retail_day, events):
    server.start()
    messages = server.client.pubsub(ignore_subscribe_messages=True)
    messages.subscribe("onhand:changes")
    messages.get_message(timeout=5)  # that it is subscribed
    engine = start(daemon, server)
    send(engine, events)
    check_snapshot(server, engine, retail_day.expected)
    hashes = server.hashes()
    assert sum(float(h["*"]) for h in hashes.values()) == sum(max(0, q) for q in retail_day.expected.values())
    told = {}
    while True:
        message = messages.get_message(timeout=0.5)
        if not message:
            break
        sku, version = message["data"].split(" ")
        sku = unquote(sku)
        assert version_of(version) >= told.get(sku, (0, 0))
        told[sku] = version_of(version)
    assert told.keys() == hashes.keys()
    assert all(told[sku] <= version_of(h["@v"]) for sku, h in hashes.items())
    meta = server.meta()
    assert set(meta) == {"version", "at", "lag_ms", "engine"}
    assert abs(int(meta["at"]) / 1000 - time.time()) < 5
    assert engine.stop() == 0


def test_the_whole_stream(daemon, server, retail):
    """305 days of sales as fast as they are taken: 120,000 figures."""
    server.start()
    engine = start(daemon, server)
    send(engine, [text for _, _, _, text in retail.all], batch=1000)
    check_snapshot(server, engine, retail.expected, 60)
    assert sum(float(h["*"]) for h in server.hashes().values()) == 1_673_781


def test_meta_is_never_ahead(daemon, server, events, retail_day):
    """Read while events come: what had its last change before meta's version already shows it."""
    server.start()
    engine = start(daemon, server)
    wait_until(lambda: server.meta().get("version"), 30, "meta while nothing happens")
    sender = threading.Thread(target=send, args=(engine, events))
    sender.start()
    seen = []
    while sender.is_alive():
        meta = server.meta().get("version")
        if meta:
            seen.append((version_of(meta), server.hashes()))  # read after meta: at least as new
    sender.join()
    check_snapshot(server, engine, retail_day.expected)
    assert len({meta for meta, _ in seen}) > 1
    rows = {}
    for sku in server.hashes():
        answer = engine.get("/v1/availability/" + quote(sku, safe=""), params={"detail": "true"})
        rows[sku] = [(place["location"], version_of(place["version"]), place["available"]) for place in answer.json()["locations"]]
    checked = 0
    for meta, hashes in seen:
        for sku, places in rows.items():
            for location, version, available in places:
                if version <= meta:
                    assert float(hashes[sku][location]) == available, (meta, sku, location, version)
                    assert version_of(hashes[sku]["@v"]) >= version
                    checked += 1
    assert checked > 1000


def test_killed(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    engine.wait_metric("onhand_redis_connected", 1, 10)
    third = len(events) // 3
    send(engine, events[:third])
    server.kill()
    send(engine, events[third:2 * third])
    assert engine.get("/readyz").status_code == 200
    server.start()
    send(engine, events[2 * third:])
    check_snapshot(server, engine, retail_day.expected)
    assert engine.metric("onhand_redis_connects_total") == 2
    check_ledger(engine, retail_day.expected)


def test_not_there_at_first(daemon, server, events, retail_day):
    engine = start(daemon, server)
    send(engine, events)
    server.start()
    check_snapshot(server, engine, retail_day.expected)


def test_flushed(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    half = len(events) // 2
    send(engine, events[:half])
    server.client.flushall()
    send(engine, events[half:])
    check_snapshot(server, engine, retail_day.expected)
    server.client.flushall()  # and with nothing coming any more
    check_snapshot(server, engine, retail_day.expected)
    server.client.script_flush()
    server.client.delete("onhand:mark")
    check_snapshot(server, engine, retail_day.expected)


def test_frozen(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    half = len(events) // 2
    send(engine, events[:half])
    server.send_signal(signal.SIGSTOP)
    try:
        send(engine, events[half:])
        check_ledger(engine, retail_day.expected)
        assert engine.metric("onhand_redis_in_flight") <= 12
        assert engine.get("/readyz").status_code == 200
        time.sleep(7)  # longer than an answer may take: the connection is given up
    finally:
        server.send_signal(signal.SIGCONT)
    check_snapshot(server, engine, retail_day.expected)
    assert engine.metric("onhand_redis_connects_total") >= 2


def test_full(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    half = len(events) // 2
    send(engine, events[:half])
    server.client.config_set("maxmemory-policy", "noeviction")
    server.client.config_set("maxmemory", "1")
    send(engine, events[half:])
    wait_until(lambda: engine.metric("onhand_redis_errors_total") > 0, 10, "Redis refuses")
    assert engine.get("/readyz").status_code == 200
    server.client.config_set("maxmemory", "0")
    check_snapshot(server, engine, retail_day.expected)


def test_evicting(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    send(engine, events)
    check_snapshot(server, engine, retail_day.expected)
    used = server.client.info("memory")["used_memory"]
    before = len(server.hashes())
    server.client.config_set("maxmemory-policy", "allkeys-random")
    server.client.config_set("maxmemory", str(used - 300_000))
    wait_until(lambda: server.client.info("stats")["evicted_keys"] > 20, 10, "keys are thrown away")
    assert len(server.hashes()) < before
    server.client.config_set("maxmemory", "0")
    check_snapshot(server, engine, retail_day.expected)


def test_read_only(daemon, server, events, retail_day):
    server.start()
    engine = start(daemon, server)
    half = len(events) // 2
    send(engine, events[:half])
    server.client.replicaof("127.0.0.1", "1")
    send(engine, events[half:])
    wait_until(lambda: engine.metric("onhand_redis_errors_total") > 0, 10, "Redis refuses")
    server.client.replicaof("NO", "ONE")
    check_snapshot(server, engine, retail_day.expected)


def test_zombie_never_overwrites(daemon, server, events, retail_day):
    """Two engines of one log, one of them half a day behind: all it can say is old, when it starts and when it wakes up."""
    server.start()
    old = start(daemon, server, name="data-old")
    half = len(events) // 2
    send(old, events[:half])
    old.stop()
    subprocess.run(["cp", "-r", old.data, str(old.data) + "-further"], check=True)
    further = start(daemon, server, name="data-old-further")
    send(further, events[half:])
    check_snapshot(server, further, retail_day.expected)
    before = server.hashes()
    meta = version_of(server.meta()["version"])
    old.start()  # goes over everything, half a day behind
    wait_until(lambda: old.metric("onhand_redis_guarded_total") > 0, 20, "the older one has tried")
    wait_until(lambda: old.metric("onhand_redis_dirty") == 0, 20, "the older one has tried all")
    after = server.hashes()
    assert {sku: h["@v"] for sku, h in after.items()}.items() >= {sku: h["@v"] for sku, h in before.items()}.items()
    assert not wrong_in(after, retail_day.expected)
    assert version_of(server.meta()["version"]) >= meta
    old.process.send_signal(signal.SIGSTOP)
    server.client.flushall()
    check_snapshot(server, further, retail_day.expected)
    old.process.send_signal(signal.SIGCONT)
    time.sleep(3)
    check_snapshot(server, further, retail_day.expected)


def test_restart_of_the_engine(daemon, server, events, retail_day):
    """kill -9 while Redis is being written: the next life makes everything good."""
    server.start()
    engine = start(daemon, server)
    for at in range(0, len(events), 3000):
        send(engine, events[at:at + 3000])
        engine.kill()
        engine.start()
    check_snapshot(server, engine, retail_day.expected)
    server.client.hset("onhand:a:{85123A}", "@t", "1")
    server.client.hdel("onhand:a:{85123A}", "@v", "ST01")
    engine.kill()
    engine.start()
    check_snapshot(server, engine, retail_day.expected)


def test_location_and_kit(daemon, server):
    """What changes a figure without changing its row: a location switched off, a kit's component, the kit itself."""
    server.start()
    engine = start(daemon, server)
    said = [{"id": f"r-{sku}", "source": "t", "type": "receipt", "sku": sku, "location": "L1", "quantity": quantity,
             "occurred_at": "2026-01-01T00:00:00Z"} for sku, quantity in (("A", 10), ("B", 9), ("C", 1))]
    assert engine.post("/v1/events", said).json()["applied"] == 3
    assert engine.session.put(engine.base + "/v1/items/KIT", timeout=30, json={
        "components": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 3}]}).status_code < 300

    def holds(sku, location, value):
        wait_until(lambda: server.client.hget("onhand:a:{%s}" % sku, location) == value, 10,
                   lambda: f"{sku} is {server.client.hgetall('onhand:a:{%s}' % sku)}, not {value}")

    holds("KIT", "L1", "3")
    sale = {"id": "s-B", "source": "t", "type": "sale", "sku": "B", "location": "L1", "quantity": 4, "occurred_at": "2026-01-01T00:00:01Z"}
    assert engine.post("/v1/events", sale).json()["applied"] == 1
    holds("KIT", "L1", "1")
    for enabled, values in ((False, ("0", "0", "0")), (True, ("10", "1", "1"))):
        answer = engine.session.put(engine.base + "/v1/locations/L1", timeout=30, json={"type": "store", "enabled": enabled})
        assert answer.status_code < 300, answer.text
        for sku, value in zip(("A", "C", "KIT"), values):
            holds(sku, "L1", value)
            holds(sku, "*", value)
