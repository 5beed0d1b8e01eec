"""The real sales of 305 days through a real broker: whatever happens on the way, every row ends at the ledger."""
import random
import threading
import time

from harness import check_ledger
from retail import bundles


def intake(broker, topic, *more):
    return ("--kafka", broker.address, "--intake", f"{topic}=json", "--dead-letter-topic", f"{topic}-dead", *more)


def test_once_and_twice(broker, daemon, retail):
    """One event a message, four partitions keyed by location; then the whole stream again."""
    topic = broker.topic(4)
    broker.produce(topic, ((location, text) for location, _, _, text in retail.all))
    engine = daemon(*intake(broker, topic)).start()
    engine.wait_metric("onhand_events_total", len(retail.all), 120)
    check_ledger(engine, retail.expected)

    broker.produce(topic, bundles(retail.all, 50))
    engine.wait_metric("onhand_events_duplicate_total", len(retail.all), 120)
    check_ledger(engine, retail.expected)
    metrics = engine.metrics()
    assert metrics["onhand_events_total"] == 2 * len(retail.all)
    assert metrics["onhand_events_rejected_total"] == metrics["onhand_intake_gaps_total"] == 0
    assert engine.stop() == 0


def test_shuffled_with_repeats_into_two_engines(broker, daemon, retail, rng):
    """Shuffled within each hour, a tenth sent twice; two engines with logs of their own each get everything."""
    events = list(retail.opening)
    for hour in retail.by_hour():
        hour += rng.sample(hour, len(hour) // 10)
        rng.shuffle(hour)
        events += hour
    topic = broker.topic(4)
    first = daemon(*intake(broker, topic)).start()
    broker.produce(topic, bundles(events, 20))
    second = daemon(*intake(broker, topic)).start()
    for engine in first, second:
        engine.wait_metric("onhand_events_total", len(events), 120)
        check_ledger(engine, retail.expected)
        assert engine.metric("onhand_events_duplicate_total") == len(events) - len(retail.all)
        assert engine.stop() == 0


def test_killed_at_random_moments(broker, daemon, retail, rng, long_run):
    """kill -9 while it reads, again and again: nothing lost, nothing doubled."""
    topic = broker.topic(4)
    size = 2
    producing = threading.Thread(target=broker.produce, args=(topic, bundles(retail.all, size)))
    engine = daemon(*intake(broker, topic))
    producing.start()
    for _ in range(50 if long_run else 5):
        engine.start()
        time.sleep(rng.uniform(0.01, 1.2))
        engine.kill()
    producing.join()
    engine.start()
    engine.wait_metric("onhand_events_total", len(retail.all), 120)
    check_ledger(engine, retail.expected)
    assert engine.metric("onhand_events_duplicate_total") == 0  # offsets alone were enough
    assert engine.stop() == 0


def test_stopped_in_the_middle(broker, daemon, retail):
    """SIGTERM while it reads as fast as it can: exit 0 within ten seconds, and goes on where it was."""
    topic = broker.topic(4)
    broker.produce(topic, bundles(retail.all, 5))
    engine = daemon(*intake(broker, topic)).start()
    for _ in range(3):
        time.sleep(random.uniform(0.05, 0.4))
        assert engine.stop(10) == 0
        engine.start()
    engine.wait_metric("onhand_events_total", len(retail.all), 120)
    check_ledger(engine, retail.expected)
    assert engine.metric("onhand_events_duplicate_total") == 0
    assert engine.stop() == 0
