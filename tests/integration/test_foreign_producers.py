"""Whoever may write to the log's topic: producers of other libraries with canonical JSON and protobuf, poison among it. What can be used
counts on both engines; what cannot goes to the dead-letter topic as it came, with its reason, sent by whoever is on duty."""
import datetime
import json
import shutil
import subprocess
import time

import pytest

from harness import wait_until
from test_kafka_log import make_log, on_log, protobuf_receipt, receipt
from test_poison import headers_of


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
    assert sum(engine.metric("onhand_log_letters_total") for engine in engines) == len(POISON)
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
