"""The availability topic: each row's last word for whoever follows it there, whatever happens to the broker, to the one that writes
it and to the one that wrote it before. It is read with a client of another library (table_topic.py), which also checks every message."""
import contextlib
import random
import signal
import subprocess
import threading
import time
import uuid
from urllib.parse import quote

import pytest
import requests
from confluent_kafka import Producer

from harness import wait_until
from retail import bundles
from table_topic import TableTopic, version_of
from test_redis import server  # noqa: F401  a fixture


pytestmark = pytest.mark.kafka_facing


def make_topics(program, broker, *more):
    """`onhand topics`; the options for `serve`."""
    name = f"availability-{uuid.uuid4().hex[:8]}"
    subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", f"{name}-log", "--dead-letter-topic", f"{name}-dead",
                    "--availability-topic", name, *more], check=True, stdout=subprocess.PIPE, timeout=30)
    return name


def receipt(number, **more):
    return {"id": f"r-{number}", "source": "till", "type": "receipt", "sku": "SKU-1", "location": "store-1", "quantity": 1,
            "occurred_at": "2026-01-01T10:00:00Z"} | more


@pytest.fixture
def table():
    made = []

    def make(broker, topic):
        made.append(TableTopic(broker, topic))
        return made[-1]

    yield make
    for t in made:
        t.close()


def test_a_row_as_downstream_sees_it(program, broker, daemon, table):
    """The facts of `detail=true`, the SKU encoded in the key and plain in the value; the engine's start writes what was there before."""
    topic = make_topics(program, broker)
    engine = daemon(*on_topic(broker, topic)).start()
    sku = "T-shirt {1|2} 100% größe"
    engine.post("/v1/events", [receipt(1, sku=sku, quantity=5.5), receipt(2, sku=sku, type="sale", quantity=2)])
    rows = table(broker, topic)
    rows.until(lambda r: r.get((sku, "store-1"), {}).get("on_hand") == 3.5, 20, "the sale")
    answer = engine.get("/v1/availability/" + quote(sku, safe=""), params={"location": "store-1", "detail": "true"}).json()
    (row,) = answer["locations"]
    found = dict(rows.rows[sku, "store-1"])
    assert found.pop("sku") == sku and found.pop("at")
    assert version_of(row["version"]) <= version_of(found.pop("version")) <= version_of(answer["version"])
    assert found.pop("row_version") == row.pop("version")
    assert found == row
    keys = {m.key for m in rows.messages}
    assert keys == {"T-shirt%20%7B1%7C2%7D%20100%25%20gr%C3%B6%C3%9Fe|store-1".encode()}
    assert engine.stop() == 0


def on_topic(broker, topic, *more):
    return ("--kafka", broker.address, "--availability-topic", topic, *more)


def same_as(rows, expected):
    """on_hand is the ledger's, and available what of it can be promised."""
    wrong = {pair: (rows.get(pair, {}).get("on_hand", 0), value) for pair, value in expected.items()
             if rows.get(pair, {}).get("on_hand", 0) != value or rows.get(pair, {}).get("available", 0) != max(0, value)}
    return wrong


def check_table(reader, expected, seconds):
    """Reads on until the table is the ledger, each row and in total."""
    reader.until(lambda rows: not same_as(rows, expected), seconds,
                 lambda: dict(list(same_as(reader.rows, expected).items())[:5]))
    assert sum(row["available"] for row in reader.rows.values()) == sum(max(0, value) for value in expected.values())


def test_the_stream_through_intake(program, broker, daemon, table, retail, retail_day, long_run):
    """The real sales through a broker: intake, engine, topic, and what stands in it is the ledger."""
    stream = retail if long_run else retail_day
    topic, sales = make_topics(program, broker), broker.topic(4)
    engine = daemon(*on_topic(broker, topic, "--intake", f"{sales}=json", "--dead-letter-topic", f"{sales}-dead")).start()
    broker.produce(sales, bundles(stream.all, 20))
    engine.wait_metric("onhand_events_total", len(stream.all), 120)
    reader = table(broker, topic)
    check_table(reader, stream.expected, 60)
    if long_run:
        assert sum(row["available"] for row in reader.rows.values()) == 1_673_781
    assert engine.metric("onhand_topic_rows_total") == len(reader.messages)
    # started again: the log says how far the topic was, and little is written again
    wait_until(lambda: engine.metric("onhand_progress_records_total") >= 1 and engine.metric("onhand_topic_dirty") == 0, 20, "progress")
    time.sleep(2)
    engine.kill()
    engine.start()
    engine.wait_metric("onhand_topic_complete_seconds", 1, 30)
    assert engine.metric("onhand_topic_rows_total") < len(reader.rows) / 10
    check_table(reader, stream.expected, 30)
    assert engine.stop() == 0


def refusal(program, tmp_path, *options):
    got = subprocess.run([program, "serve", "--data", tmp_path / "refused", "--listen", "127.0.0.1:0", *options], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert got.returncode != 0 and got.stdout == "", got
    return got.stderr


def test_what_is_no_table_is_refused(program, broker, tmp_path):
    assert "is not there: make it with `onhand topics --availability-topic nowhere`" in refusal(
        program, tmp_path, *on_topic(broker, "nowhere"))
    plain = broker.topic(1)
    said = "has cleanup.policy=delete and must have compact, or it loses rows: change it with kafka-configs"
    assert said in refusal(program, tmp_path, *on_topic(broker, plain))
    got = subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", f"{plain}-log", "--availability-topic", plain],
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert got.returncode == 1 and said in got.stderr
    assert "needs to know where Kafka is" in refusal(program, tmp_path, "--availability-topic", "x")


def test_what_topics_makes_is_compacted(program, broker):
    topic = make_topics(program, broker, "--partitions", "3")
    assert broker.setting(topic, "cleanup.policy") == "compact"


def test_a_place_that_closes_and_a_kit(program, broker, daemon, table):
    """What changes without its row: every row of a location that is disabled, and a kit with its components."""
    topic = make_topics(program, broker)
    engine = daemon(*on_topic(broker, topic)).start()
    reader = table(broker, topic)
    engine.post("/v1/events", [receipt(n, sku=f"S{n % 50}", location=f"L{n % 2}") for n in range(100)])
    reader.until(lambda rows: len(rows) == 50 and all(row["available"] == 2 for row in rows.values()), 20, "all rows")
    before = len(reader.messages)
    assert engine.session.put(engine.base + "/v1/locations/L1", json={"name": "closed", "enabled": False}).status_code == 201
    reader.until(lambda rows: sum(row["available"] for row in rows.values()) == 50, 20, "those of L1 show nothing")
    assert len(reader.messages) == before + 25 and all("disabled" in row["flags"] for (_, place), row in reader.rows.items() if place == "L1")
    kit = {"name": "set", "components": [{"sku": "S0", "quantity": 1}, {"sku": "S2", "quantity": 2}]}
    assert engine.session.put(engine.base + "/v1/items/KIT", json=kit).status_code == 201
    reader.until(lambda rows: rows.get(("KIT", "L0"), {}).get("available") == 1, 20, "the kit")
    engine.post("/v1/events", receipt(1000, sku="S2", location="L0", quantity=2))
    reader.until(lambda rows: rows["KIT", "L0"]["available"] == 2, 20, "the kit follows its component")
    kit["components"] = [{"sku": "S1", "quantity": 1}]
    assert engine.session.put(engine.base + "/v1/items/KIT", json=kit).status_code == 200
    reader.until(lambda rows: ("KIT", "L1") in rows and ("KIT", "L0") not in rows, 20, "put together otherwise it is elsewhere")
    assert engine.session.delete(engine.base + "/v1/items/KIT").status_code == 204
    reader.until(lambda rows: ("KIT", "L1") not in rows, 20, "and then nowhere")
    assert engine.stop() == 0


def test_broker_away_for_a_while(program, own_broker, daemon, table, long_run):
    """The engine goes on, what changes meanwhile waits as one mark a SKU, and all is out when the broker is back."""
    topic = make_topics(program, own_broker)
    engine = daemon(*on_topic(own_broker, topic)).start()
    engine.post("/v1/events", [receipt(n, sku=f"S{n}") for n in range(500)])
    engine.wait_metric("onhand_topic_rows_total", 500, 20)
    own_broker.kill()
    until, number = time.monotonic() + (30 if long_run else 5), 1000
    while time.monotonic() < until:
        answer = engine.post("/v1/events", [receipt(number + n, sku=f"S{n}") for n in range(500)])
        assert answer.status_code == 200 and answer.json()["applied"] == 500
        number += 500
        time.sleep(0.05)
    assert 0 < engine.metric("onhand_topic_dirty") <= 500
    expected = {pair: int(value) for pair, value in engine.export().items()}
    own_broker.start()
    reader = table(own_broker, topic)
    check_table(reader, expected, 60)
    assert engine.metric("onhand_topic_dirty") == 0
    own_broker.kill()
    engine.post("/v1/events", receipt("late", sku="LATE"))
    assert engine.stop(10) == 0  # no broker holds up a stop
    engine.start()  # nor a start
    own_broker.start()
    reader.until(lambda rows: rows.get(("LATE", "store-1"), {}).get("on_hand") == 1, 60, "written when the broker is there")
    assert engine.stop() == 0


def test_topic_made_anew_is_filled_anew(program, broker, daemon, table, long_run):
    if not long_run:
        pytest.skip("--long: a producer gives a topic that is gone half a minute")
    topic = make_topics(program, broker)
    engine = daemon(*on_topic(broker, topic)).start()
    engine.post("/v1/events", [receipt(n, sku=f"S{n}") for n in range(100)])
    engine.wait_metric("onhand_topic_rows_total", 100, 20)
    broker.delete(topic)
    wait_until(lambda: not broker.has(topic), 20, "deleted")
    engine.post("/v1/events", receipt(1000, sku="S1000"))
    wait_until(lambda: "is not there" in engine.errors.read_text(), 90, "the warning")
    subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", f"{topic}-log", "--availability-topic", topic],
                   check=True, stdout=subprocess.PIPE, timeout=30)
    table(broker, topic).until(lambda rows: len(rows) == 101, 60, "all of it again")
    assert engine.stop() == 0


def test_fenced_by_a_stranger(program, broker, daemon, table):
    """Somebody who takes our transactional id makes this one stop at once, for a while. What he left open is aborted, not shown."""
    topic = make_topics(program, broker)
    engine = daemon(*on_topic(broker, topic)).start()
    engine.post("/v1/events", receipt(1))
    engine.wait_metric("onhand_topic_rows_total", 1, 20)
    thief = Producer({"bootstrap.servers": broker.address, "transactional.id": f"onhand-availability-{topic}"})
    thief.init_transactions(20)
    thief.begin_transaction()
    thief.produce(topic, b'{"not":"ours"}', "SKU-1|store-1")
    thief.flush(20)
    engine.post("/v1/events", receipt(2))
    engine.wait_metric("onhand_topic_fenced_total", 1, 20)
    assert engine.metric("onhand_topic_rows_total") == 1 and "took over the transactional id" in engine.errors.read_text()
    table(broker, topic).until(lambda rows: rows.get(("SKU-1", "store-1"), {}).get("on_hand") == 2, 40, "after a while it takes it back")
    assert engine.stop() == 0


# ---- two engines on one log: one of them writes ----

def on_log(broker, topic, *more):
    return ("--log", "kafka", "--log-topic", f"{topic}-log", "--dead-letter-topic", f"{topic}-dead", *on_topic(broker, topic, *more))


def writer_of(engines, seconds=30):
    """The one that writes the topic, of those that answer."""
    def one():
        for engine in engines:
            with contextlib.suppress(requests.RequestException):
                if engine.metric("onhand_topic_writing") == 1:
                    return engine
        return None

    return wait_until(one, seconds, "somebody writes the topic", every=0.1)


class Load(threading.Thread):
    """Sales and receipts at random rows, to whichever engine is given, until it is told to end."""

    def __init__(self, to, skus=200, locations=5):
        super().__init__(daemon=True)
        self.to, self.skus, self.locations, self.over, self.sent = to, skus, locations, False, 0
        self.random = random.Random(7)

    def run(self):
        while not self.over:
            events = [receipt(f"{uuid.uuid4()}", sku=f"S{self.random.randrange(self.skus)}", location=f"L{self.random.randrange(self.locations)}",
                              type=self.random.choice(("receipt", "receipt", "sale")), quantity=self.random.randrange(1, 9))
                      for _ in range(100)]
            with contextlib.suppress(requests.RequestException):
                self.sent += requests.post(self.to.base + "/v1/events", json=events, timeout=10).status_code == 200
            time.sleep(0.01)

    def end(self):
        self.over = True
        self.join(20)


def settled(engines, reader):
    """Both engines, and the table, hold the same; what it is."""
    end = max(engine.metric("onhand_log_reached_offset") for engine in engines)
    for engine in engines:
        engine.wait_metric("onhand_log_reached_offset", end, 30)
    exports = [engine.export() for engine in engines]
    assert exports[0] == exports[1]
    expected = {pair: int(value) for pair, value in exports[0].items()}
    check_table(reader, expected, 60)
    return expected


@pytest.mark.every_kafka
def test_two_engines_write_one_table(program, broker, daemon, table, retail, retail_day, long_run):
    """The real sales through a broker into two engines on one log, the one that writes killed in the middle: the ledger."""
    stream = retail if long_run else retail_day
    topic, sales = make_topics(program, broker), broker.topic(4)
    engines = [daemon(*on_log(broker, topic, "--intake", f"{sales}=json")).start() for _ in range(2)]
    messages = list(bundles(stream.all, 20))
    broker.produce(sales, messages[:len(messages) // 2])
    first = writer_of(engines)
    first.wait_metric("onhand_topic_rows_total", 1000, 30)
    first.kill()
    broker.produce(sales, messages[len(messages) // 2:])
    first.start()
    for engine in engines:
        engine.wait_metric("onhand_events_total", len(stream.all), 120)
    reader = table(broker, topic)
    check_table(reader, stream.expected, 60)
    if long_run:
        assert sum(row["available"] for row in reader.rows.values()) == 1_673_781
    assert sum(engine.metric("onhand_topic_writing") for engine in engines) == 1
    settled(engines, reader)
    for engine in engines:
        assert engine.stop() == 0


def test_a_holder_that_wakes_up_writes_nothing_old(program, broker, daemon, table, server, long_run):  # noqa: F811
    """The one that writes is frozen with its hands full, another takes over, the first wakes up: in the whole topic no version of a
    key is ever followed by an older one (table_topic.py), Redis goes back nowhere, and the table is what both engines export."""
    topic = make_topics(program, broker)
    options = on_log(broker, topic, "--redis", f"unix:{server.start().socket}")
    engines = [daemon(*options).start() for _ in range(2)]
    for turn in range(4 if long_run else 2):
        old = writer_of(engines)
        new = engines[1 - engines.index(old)]
        load = Load(new)
        load.start()
        old.wait_metric("onhand_topic_rows_total", 500, 30)
        old.process.send_signal(signal.SIGSTOP)
        if long_run:
            time.sleep(15)
        began = new.metric("onhand_topic_rows_total")
        wait_until(lambda: writer_of([new]), 40, "the other takes over")
        new.wait_metric("onhand_topic_rows_total", began + 2000, 30)
        before = {sku: version_of(values["@v"]) for sku, values in server.hashes().items()}
        old.process.send_signal(signal.SIGCONT)
        time.sleep(2)
        load.end()
        after = {sku: version_of(values["@v"]) for sku, values in server.hashes().items()}
        assert load.sent > 10 and all(after[sku] >= version for sku, version in before.items())
        for engine in engines:
            wait_until(lambda engine=engine: engine.get("/readyz").status_code == 200, 30, "ready again")
        reader = table(broker, topic)
        expected = settled(engines, reader)
        wait_until(lambda: sum(float(values["*"]) for values in server.hashes().values()) == sum(max(0, v) for v in expected.values()),
                   30, "Redis holds the same")
    for engine in engines:
        assert engine.stop() == 0
