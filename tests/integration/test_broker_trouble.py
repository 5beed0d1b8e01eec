"""The broker goes away, comes back, grows, forgets: reads go on, and intake catches up by itself or says what to do."""
import json
import time

from harness import wait_until


def receipt(number, location="store-1"):
    return {"id": f"{location}-{number}", "source": location, "type": "receipt", "sku": "SKU-1", "location": location, "quantity": 1,
            "occurred_at": "2026-01-01T10:00:00Z"}


def receipts(start, end, location="store-1"):
    return [(location, json.dumps(receipt(number, location))) for number in range(start, end)]


def intake(broker, topic):
    return ("--kafka", broker.address, "--intake", f"{topic}=json", "--dead-letter-topic", f"{topic}-dead")


def has(engine, quantity, location="store-1"):
    return lambda: engine.row("SKU-1", location) == quantity


def test_broker_killed_under_it(own_broker, daemon, long_run):
    topic = own_broker.topic(2)
    own_broker.produce(topic, receipts(0, 1000))
    engine = daemon(*intake(own_broker, topic)).start()
    wait_until(has(engine, 1000), 30, "the first thousand")
    own_broker.kill()
    until = time.monotonic() + (30 if long_run else 6)
    while time.monotonic() < until:
        assert has(engine, 1000)()
        assert engine.get("/readyz").status_code == 200
        time.sleep(0.2)
    own_broker.start()
    own_broker.produce(topic, receipts(1000, 2000))
    wait_until(has(engine, 2000), 40, "the second thousand")
    assert engine.metric("onhand_events_duplicate_total") == 0
    assert engine.stop() == 0


def test_starts_and_stops_without_a_broker(daemon):
    engine = daemon("--kafka", "127.0.0.1:1", "--intake", "events=json").start()
    assert engine.get("/healthz").status_code == 200
    wait_until(lambda: "no broker of 127.0.0.1:1 answers" in engine.errors.read_text(), 15, "says so")
    assert engine.stop() == 0


def test_topic_made_later(broker, daemon):
    name = broker.topic(1) + "-later"
    engine = daemon(*intake(broker, name)).start()
    wait_until(lambda: f"topic {name}: " in engine.errors.read_text(), 15, "says that it is missing")
    broker.make(name, 1)
    broker.produce(name, receipts(0, 10))
    wait_until(has(engine, 10), 40, "the topic is read")
    assert engine.stop() == 0


def test_partitions_added(broker, daemon):
    topic = broker.topic(1)
    broker.produce(topic, receipts(0, 100))
    engine = daemon(*intake(broker, topic)).start()
    wait_until(has(engine, 100), 30, "one partition")
    broker.widen(topic, 6)
    for number in range(20):
        broker.produce(topic, receipts(0, 5, f"place-{number}"))
    for number in range(20):
        wait_until(has(engine, 5, f"place-{number}"), 40, f"place-{number}")
    assert engine.stop() == 0


def test_topic_made_anew_is_not_read_as_the_old_one(broker, daemon):
    topic = broker.topic(1)
    broker.produce(topic, receipts(0, 100))
    engine = daemon(*intake(broker, topic)).start()
    wait_until(has(engine, 100), 30, "the first")
    assert engine.stop() == 0
    broker.delete(topic)
    wait_until(lambda: not broker.has(topic), 20, "deleted")
    broker.make(topic, 1)
    broker.produce(topic, receipts(100, 110))
    engine.start()
    wait_until(lambda: "was it made anew? Then raise its generation" in engine.errors.read_text(), 20, "the alarm")
    assert has(engine, 100)()
    assert engine.stop() == 0
    engine.options = [o.replace(f"{topic}=json", f"{topic}@2=json") for o in engine.options]
    engine.start()
    wait_until(has(engine, 110), 20, "the second generation")
    assert engine.stop() == 0
