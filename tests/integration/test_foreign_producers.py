"""Whoever may write to the log's topic: producers of other libraries with canonical JSON and protobuf, poison among it. What can be used
counts on both engines; what cannot goes to the dead-letter topic as it came, with its reason, sent by whoever is on duty."""
import datetime
import json
import shutil
import subprocess
import time

import pytest

from confluent_kafka import Producer
from kafka import KafkaProducer

from harness import wait_until
from test_kafka_log import make_log, on_log, protobuf_receipt, receipt
from test_poison import headers_of


pytestmark = pytest.mark.kafka_facing


def two_engines(program, broker, daemon, *more):
    topic = make_log(program, broker)
    options = (*on_log(broker, topic), "--dead-letter-topic", f"{topic}-dead", *more)
    return topic, options, [daemon(*options).start() for _ in range(2)]


def letters_by_offset(broker, topic, count, seconds=30):
    """offset → letter; at least once, so the same may come again."""
    found = {}
    until = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        for letter in broker.read(f"{topic}-dead", 100_000, 2):
            found[int(headers_of(letter)["onhand.error.offset"])] = letter
    return found


POISON = [(b"\x0a\xff\xff\xff", "malformed"), (b'{"id":"x","type":"theft"}', "unknown_type"), (b"{", "malformed"), (b"[" * 3000, "malformed"),
          (b"", "malformed"), (b'{"id":"\xff"}', "malformed"), (b"\x00\x00\x00\x00\x01{}", "malformed"),
          (json.dumps(receipt("ahead", occurred_at="2999-01-01T00:00:00Z")).encode(), "future"),
          (json.dumps([receipt("ok-1"), receipt("ahead-2", occurred_at="2999-01-01T00:00:00Z")]).encode(), "future")]


@pytest.mark.every_kafka
def test_poison_on_the_log_goes_to_the_dead_letters(program, broker, daemon):
    """As it came: bytes, key and headers, and where and why. It stops nothing, and what HTTP sends wrong is answered there only."""
    topic, _, engines = two_engines(program, broker, daemon)
    messages = []
    for number, (value, _) in enumerate(POISON):
        messages.append((f"key-{number}", value, [("trace", b"t-%d" % number)]))
        messages.append(("any", json.dumps(receipt(number)), [("trace", b"good")]))
    broker.produce(topic, messages)
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("SKU-1", "store-1") == len(POISON) + 1, 20, "all good ones, and the good one beside a bad one")
    answer = engines[0].post("/v1/events", receipt("by-http", occurred_at="2999-01-01T00:00:00Z"))
    assert answer.json()["rejected"] == 1
    found = letters_by_offset(broker, topic, len(POISON))
    assert len(found) == len(POISON)
    for number, (value, reason) in enumerate(POISON):
        by_key = [letter for letter in found.values() if letter.key() == f"key-{number}".encode()]
        (letter,) = by_key
        headers = headers_of(letter)
        assert (letter.value() or b"") == value and headers["trace"] == f"t-{number}"
        assert headers["onhand.error.topic"] == topic and headers["onhand.error.partition"] == "0"
        assert headers["onhand.error.reason"] == reason and headers["onhand.error.detail"], headers
        datetime.datetime.fromisoformat(headers["onhand.error.at"].replace("Z", "+00:00"))
    assert headers_of(found[max(found)])["onhand.error.detail"].startswith("event 1, id r-ahead-2: /occurred_at ")
    assert sum(engine.metric("onhand_log_letters_total") for engine in engines) >= len(POISON)  # again when duty moved
    for engine in engines:
        assert engine.stop() == 0


def test_letters_outlive_whoever_sends_them(program, broker, daemon, long_run):
    """Both killed in turn while poison comes: every letter at least once."""
    topic, _, engines = two_engines(program, broker, daemon)
    count = 0
    for turn in range(6 if long_run else 2):
        for engine_runs in (True, False):
            broker.produce(topic, [(f"bad-{count + n}", b"{bad") for n in range(50)])
            count += 50
            if engine_runs:
                engines[turn % 2].kill()
        engines[turn % 2].start()
    found = letters_by_offset(broker, topic, count, 60)
    assert {letter.key().decode() for letter in found.values()} == {f"bad-{n}" for n in range(count)}
    for engine in engines:
        assert engine.stop() == 0


def test_letter_whose_original_is_gone(program, broker, daemon):
    """Kafka threw the record away before it could be sent: what onhand kept of it goes, and says so."""
    topic = make_log(program, broker)
    options = (*on_log(broker, topic), "--allow-retention")
    engine = daemon(*options, "--dead-letter-topic", f"{topic}-later").start()
    broker.produce(topic, [("k-1", b"{bad"), ("k-2", json.dumps(receipt("ahead", occurred_at="2999-01-01T00:00:00Z"))), ("k", json.dumps(receipt(1)))])
    wait_until(lambda: engine.row("SKU-1", "store-1") == 1, 20, "read")
    assert engine.stop() == 0  # its dead-letter topic is not there: nothing was sent
    broker.delete_before(topic, 4)
    broker.make(f"{topic}-later", 1)
    engine.start()
    letters = {int(headers_of(m)["onhand.error.offset"]): m for m in broker.read(f"{topic}-later", 2)}
    assert letters[1].value() == b"{bad" and json.loads(letters[2].value())["id"] == "r-ahead"
    assert all(headers_of(m)["onhand.error.original"].startswith("gone") and m.key() is None for m in letters.values())
    assert engine.stop() == 0


class Wheel:
    """librdkafka as the confluent-kafka wheel brings it: batches, compressed."""

    def __init__(self, broker, topic):
        self.topic = topic
        self.producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 50, "compression.type": "zstd"})

    def send(self, messages):
        for message in messages:
            self.producer.produce(self.topic, message, b"k")
        assert self.producer.flush(30) == 0


class Java:
    """kafka-python, which does as Java's client does: murmur2, gzip, no idempotence."""

    def __init__(self, broker, topic):
        self.topic = topic
        self.producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", compression_type="gzip", linger_ms=20)

    def send(self, messages):
        for sent in [self.producer.send(self.topic, message, key=b"k") for message in messages]:
            sent.get(30)


class Kcat:
    """kcat: a message a file, no key, a partitioner of its own choice."""

    def __init__(self, broker, topic, folder):
        self.folder, self.count = folder, 0
        self.command = ["kcat", "-b", broker.address, "-P", "-t", topic, "-z", "snappy", "-X", "partitioner=fnv1a_random", "-H", "via=kcat"]

    def send(self, messages):
        files = []
        for message in messages:
            self.count += 1
            files.append(self.folder / f"message-{self.count}")
            files[-1].write_bytes(message)
        subprocess.run([*self.command, *files], check=True, timeout=30)


@pytest.mark.every_kafka
def test_producers_of_other_libraries(program, broker, daemon, tmp_path):
    """Canonical JSON and protobuf, one event, many, repeats, an aborted transaction and poison, from three producers at once."""
    topic, _, engines = two_engines(program, broker, daemon)
    producers = {"wheel": Wheel(broker, topic), "java": Java(broker, topic)}
    if shutil.which("kcat"):
        producers["kcat"] = Kcat(broker, topic, tmp_path)
    poison = [b"{poison", b"\x0a\xff\xff\xff", b"[" * 3000]
    for name, producer in producers.items():
        mine = [json.dumps(receipt(f"{name}-{n}")).encode() for n in range(20)]
        mine.insert(5, poison[0])
        mine.append(json.dumps([receipt(f"{name}-a{n}") for n in range(30)]).encode())
        mine += [poison[1], protobuf_receipt(f"{name}-p", 50), poison[2], mine[0]]  # and one of them again
        producer.send(mine)
    aborted = Producer({"bootstrap.servers": broker.address, "transactional.id": f"{topic}-aborted"})
    aborted.init_transactions(20)
    aborted.begin_transaction()
    aborted.produce(topic, json.dumps(receipt("aborted", quantity=7777)))
    aborted.produce(topic, b"{poison that is not there")
    aborted.flush(20)
    aborted.abort_transaction(20)
    producers["java"].send([json.dumps(receipt("last", sku="LAST")).encode()])
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("LAST", "store-1") == 1, 20, "the last one")
        assert engine.row("SKU-1", "store-1") == 100 * len(producers)
        assert engine.metric("onhand_events_duplicate_total") == len(producers)
    found = letters_by_offset(broker, topic, 3 * len(producers))
    assert sorted(letter.value() for letter in found.values()) == sorted(poison * len(producers))
    if "kcat" in producers:
        assert sum(headers_of(letter).get("via") == "kcat" for letter in found.values()) == 3
    assert engines[0].export() == engines[1].export()
    for engine in engines:
        assert engine.stop() == 0
