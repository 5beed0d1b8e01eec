"""Messages that nobody can use: in the dead-letter topic with the reason, and the partition goes on."""
import datetime
import json
import time

import pytest

from harness import wait_until


def event(identity, **more):
    return {"id": identity, "source": "till", "type": "receipt", "sku": "SKU-1", "location": "store-1", "quantity": 1,
            "occurred_at": "2026-01-01T10:00:00Z", **more}


def intake(broker, topic, form="json"):
    return ("--kafka", broker.address, "--intake", f"{topic}={form}", "--dead-letter-topic", f"{topic}-dead")


def headers_of(message):
    return {name: value.decode() for name, value in message.headers() or []}


POISON = {
    "no JSON": (b"{", "malformed"),
    "not UTF-8": (b'{"id":"\xff"}', "malformed"),
    "deep": (b"[" * 5000, "malformed"),
    "huge": (b'{"id":"' + b"x" * 300_000 + b'"}', "too_large"),
    "no event": (b"7", "malformed"),
    "nothing": (b"", "malformed"),
    "unknown type": (json.dumps(event("u", type="theft")).encode(), "malformed"),
    "quantity 0": (json.dumps(event("q", quantity=0)).encode(), "malformed"),
    "a fourth digit": (json.dumps(event("f")).replace('"quantity": 1', '"quantity": 1.0001').encode(), "malformed"),
    "reserved": (json.dumps(event("r", reserved=1)).encode(), "malformed"),
    "twice the same key": (b'{"id":"a","id":"b"}', "malformed"),
}


def test_poison_becomes_a_dead_letter(broker, daemon):
    topic = broker.topic(1)
    messages = []
    for number, (value, _) in enumerate(POISON.values()):
        messages.append((f"key-{number}", value, [("trace", b"t-%d" % number)]))
        messages.append(("good", json.dumps(event(f"good-{number}"))))
    engine = daemon(*intake(broker, topic)).start()
    broker.produce(topic, messages)
    engine.wait_metric("onhand_events_applied_total", len(POISON), 30)
    wait_until(lambda: engine.row("SKU-1", "store-1") == len(POISON), 10, "all good ones")
    letters = broker.read(f"{topic}-dead", len(POISON))
    assert len(letters) == len(POISON)
    for number, ((name, (value, reason)), letter) in enumerate(zip(POISON.items(), letters)):
        headers = headers_of(letter)
        assert letter.value() == value and letter.key() == f"key-{number}".encode(), name
        assert headers["trace"] == f"t-{number}", name
        assert headers["onhand.error.topic"] == topic
        assert headers["onhand.error.partition"] == "0"
        assert headers["onhand.error.offset"] == str(2 * number), name
        assert headers["onhand.error.reason"] == reason, name
        assert headers["onhand.error.detail"], name
        datetime.datetime.fromisoformat(headers["onhand.error.at"].replace("Z", "+00:00"))
    assert engine.stop() == 0


def test_good_events_of_a_bad_message_count(broker, daemon):
    topic = broker.topic(1)
    mixed = [event("m1"), event("m2", quantity=-1), event("m3")]
    broker.produce(topic, [("k", json.dumps(mixed))])
    engine = daemon(*intake(broker, topic)).start()
    wait_until(lambda: engine.row("SKU-1", "store-1") == 2, 20, "two of three")
    (letter,) = broker.read(f"{topic}-dead", 1)
    assert json.loads(letter.value()) == mixed
    assert headers_of(letter)["onhand.error.detail"].startswith("event 1: /quantity ")
    assert engine.stop() == 0


def test_what_apply_rejects_becomes_a_dead_letter(broker, daemon):
    """The clock of a till is a day ahead: only apply can know."""
    topic = broker.topic(1)
    ahead = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()
    body = json.dumps([event("now"), event("ahead", occurred_at=ahead)])
    broker.produce(topic, [("k", body, [("trace", b"t")])])
    engine = daemon(*intake(broker, topic)).start()
    (letter,) = broker.read(f"{topic}-dead", 1)
    headers = headers_of(letter)
    assert letter.value() == body.encode() and letter.key() == b"k" and headers["trace"] == "t"
    assert headers["onhand.error.reason"] == "future"
    assert headers["onhand.error.detail"].startswith("event 1, id ahead: /occurred_at ")
    assert engine.row("SKU-1", "store-1") == 1
    assert engine.stop() == 0


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_bytes_of_the_other_format(broker, daemon, form):
    topic = broker.topic(1)
    value = b"\x08\x01\x12\x01x" if form == "json" else json.dumps(event("a")).encode()
    broker.produce(topic, [("k", value)])
    engine = daemon(*intake(broker, topic, form)).start()
    (letter,) = broker.read(f"{topic}-dead", 1)
    assert letter.value() == value and headers_of(letter)["onhand.error.reason"] == "malformed"
    assert engine.stop() == 0


def test_rejections_outlive_kills_and_checkpoints(broker, daemon, rng):
    """A checkpoint may not cover a rejection whose dead letter is not out: killed in between, nobody would tell it again."""
    topic = broker.topic(2)
    ahead = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()
    rejected = {f"ahead-{n}" for n in range(600)}
    engine = daemon(*intake(broker, topic), "--replay-records-most", "1000").start()
    for start in range(0, 600, 150):
        broker.produce(topic, [(f"k-{n}", json.dumps(event(f"ahead-{n}", occurred_at=ahead))) for n in range(start, start + 150)]
                       + [(f"k-{n}", json.dumps(event(f"good-{n}"))) for n in range(2 * start, 2 * start + 300)])
        time.sleep(rng.random() / 2)
        engine.kill()
        engine.start()
    wait_until(lambda: engine.row("SKU-1", "store-1") == 1200, 30, "every good one")

    def every_letter():
        return {json.loads(m.value())["id"] for m in broker.read(f"{topic}-dead", 10_000, 3)} == rejected

    wait_until(every_letter, 30, "every dead letter")
    assert engine.stop() == 0
