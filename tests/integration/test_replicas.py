"""Several engines on one log: they compare digests, a new one begins with another's checkpoint, and a log moves from a data folder to
Kafka and goes on."""
import itertools
import re
import subprocess
import threading
import time

import requests

from harness import wait_until
from test_kafka_log import make_log, on_log, post, receipt


def digests(engine):
    """offset → digest, as the lines of its own checkpoints say."""
    said = re.findall(r"the state before record (\d+) is the same here and at \S+: digest ([0-9a-f]{32})", engine.errors.read_text())
    return dict(said)


def compared(engine):
    return engine.metric("onhand_digest_compared_total"), engine.metric("onhand_digest_differs_total")


class Load:
    """Events to several engines in turn, from a thread, until stopped."""

    def __init__(self, engines, rng):
        self.engines, self.rng, self.stopping, self.sent = engines, rng, False, 0
        self.thread = threading.Thread(target=self.run)

    def batch(self):
        kinds = ("receipt", "receipt", "sale", "adjustment", "order_placed")
        for _ in range(200):
            yield receipt(self.sent, type=self.rng.choice(kinds), sku=f"SKU-{self.rng.randrange(2000)}",
                          location=f"store-{self.rng.randrange(20)}", quantity=self.rng.randrange(1, 9))
            self.sent += 1

    def run(self):
        import json
        for engine in itertools.cycle(self.engines):
            if self.stopping:
                break
            answer = post(engine, [json.dumps(event) for event in self.batch()])
            assert answer.status_code == 200, answer.text[:300]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


def test_digests_are_equal_under_load(program, broker, daemon, rng, long_run):
    """Two engines, a checkpoint every two seconds: each digest that both know is the same. --long: ten minutes of it."""
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic), "--checkpoint-seconds", "2").start() for _ in range(2)]
    with Load(engines, rng) as load:
        time.sleep(600 if long_run else 20)
    assert load.sent > 1000
    for engine in engines:
        same, differ = compared(engine)
        assert same >= (200 if long_run else 5) and differ == 0
        assert engine.metric("onhand_checkpoints_total") >= same
    both = [digests(engine) for engine in engines]
    common = both[0].keys() & both[1].keys()
    assert len(common) >= (200 if long_run else 5)
    assert all(both[0][offset] == both[1][offset] for offset in common)
    info = next(name for name in engines[0].metrics() if name.startswith("onhand_digest_info{"))
    assert re.search(r'digest="[0-9a-f]{32}"', info)


def test_an_idle_log_stays_idle(program, broker, daemon):
    """What instances tell each other is no reason to tell more."""
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic), "--checkpoint-seconds", "1").start() for _ in range(2)]
    assert engines[0].post("/v1/events", receipt(1)).json()["applied"] == 1
    for engine in engines:
        engine.wait_metric("onhand_digest_compared_total", 1, 30)
    time.sleep(2)
    ends = [engine.metric("onhand_log_next_offset") for engine in engines]
    assert ends[0] == ends[1] <= 8  # incarnation, event, a cut or two, a digest or two of each
    time.sleep(5)
    assert [engine.metric("onhand_log_next_offset") for engine in engines] == ends


def test_a_difference_is_reported_by_both(program, broker, daemon, monkeypatch):
    """One engine is made to count wrong: within one checkpoint both say so, and go on answering."""
    topic = make_log(program, broker)
    good = daemon(*on_log(broker, topic), "--checkpoint-seconds", "1").start()
    monkeypatch.setenv("ONHAND_TEST_PLANT", "3")
    bad = daemon(*on_log(broker, topic), "--checkpoint-seconds", "1").start()
    for number in range(3):
        assert good.post("/v1/events", receipt(number)).json()["applied"] == 1
    for engine in (good, bad):
        engine.wait_metric("onhand_digest_differs_total", 1, 30)
        said = engine.errors.read_text()
        names = {(e.data / "instance").read_text() for e in (good, bad)}
        line = next(line for line in said.splitlines() if "REPLICAS DIFFER" in line)
        assert all(name in line for name in names)
        assert engine.get("/readyz").status_code == 200
        status = subprocess.run([program, "status", "--url", engine.base], text=True, stdout=subprocess.PIPE, timeout=30)
        assert status.returncode == 1 and "DIFFER" in status.stdout
    assert good.post("/v1/events", receipt(10)).json()["applied"] == 1
