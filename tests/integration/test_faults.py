"""The real sales through a real broker into two engines on one log, with one Redis and the availability topic; while they flow, engines are
killed and frozen, Redis is killed, flushed, frozen and full, the broker is killed: each alone, and all together. At the end everything
equals the ledger.

The ordinary run sends one day; --long the whole stream, with faults as long as an operator would see them."""
import contextlib
import itertools
import json
import pathlib
import signal
import subprocess
import threading
import time
import uuid

import pytest
import requests
from confluent_kafka import Consumer, Producer

from harness import wait_until
from retail import bundles
from table_topic import TableTopic
from test_broker_trouble import receipt
from test_redis import RedisServer, check_snapshot

BUNDLE = 10
MIB = 1 << 20
RSS_MOST = 400  # MiB of one engine


class Stream:
    """Sends a stream to a topic in about `seconds`, whatever happens to the broker meanwhile; again and again the same would do nothing."""

    def __init__(self, broker, topic, events, seconds):
        self.events, self.topic, self.seconds = events, topic, seconds
        self.sent, self.failed = 0, []
        self.producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True, "linger.ms": 5,
                                  "queue.buffering.max.messages": 1000000, "message.timeout.ms": 0,
                                  "reconnect.backoff.max.ms": 500, "log_level": 0})
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _told(self, error, _message):
        if error:
            self.failed.append(error)

    def _send(self):
        began, messages = time.monotonic(), list(bundles(self.events, BUNDLE))
        for number, (location, text) in enumerate(messages):
            self.producer.produce(self.topic, text, location, on_delivery=self._told)
            self.sent = number + 1
            self.producer.poll(0)
            ahead = number * self.seconds / len(messages) - (time.monotonic() - began)
            if ahead > 0.01:
                time.sleep(ahead)
        self.producer.flush(120)

    @property
    def flows(self):
        return self.thread.is_alive()

    def end(self):
        self.thread.join(180)
        assert not self.flows and not self.failed, self.failed[:1]


class Till:
    """Says one receipt after the other over HTTP, to the engines in turn, each until somebody has it."""

    row = ("TILL-1", "ST01")

    def __init__(self, engines):
        self.engines, self.said, self.repeated, self.refused, self.over = engines, 0, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.wait(0.02):
            self._say({"id": f"till-{self.said}", "source": "till", "type": "receipt", "sku": self.row[0], "location": self.row[1],
                       "quantity": 1, "occurred_at": "2010-12-01T00:00:00Z"})
            self.said += 1

    def _say(self, event):
        for engine in itertools.cycle(self.engines):
            with contextlib.suppress(requests.RequestException):
                answer = requests.post(engine.base + "/v1/events", json=event, timeout=7)
                if answer.status_code == 200 and answer.json()["applied"] + answer.json()["duplicate"] == 1:
                    self.repeated += answer.json()["duplicate"]
                    return
                self.refused += answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            time.sleep(0.1)

    def end(self):
        """How many were said."""
        self.over.set()
        self.thread.join(120)
        assert not self.thread.is_alive()
        return self.said


class Memory:
    """The most that processes had in memory, open files and threads, looked at five times a second."""

    def __init__(self, engines):
        self.engines, self.most, self.over = engines, {"rss": 0, "files": 0, "threads": 0}, threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        while not self.over.wait(0.2):
            for engine in self.engines:
                with contextlib.suppress(OSError, AttributeError, KeyError):  # it was killed just now
                    folder = pathlib.Path("/proc") / str(engine.process.pid)
                    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                    self._note(rss=int(status["VmRSS"].split()[0]) * 1024, threads=int(status["Threads"]),
                               files=len(list((folder / "fd").iterdir())))

    def _note(self, **seen):
        self.most = {name: max(value, seen[name]) for name, value in self.most.items()}

    def end(self):
        self.over.set()
        self.thread.join()
        return self.most


class Stage:
    """Two engines on one log, Redis, the broker, and how long things are broken."""

    def __init__(self, program, broker, daemon, server, retail, long_run, rng, seconds):
        self.broker, self.server, self.retail, self.long, self.rng = broker, server, retail, long_run, rng
        self.log, self.sales, self.topic = (f"{what}-{uuid.uuid4().hex[:8]}" for what in ("log", "sales", "availability"))
        topics = ("--kafka", broker.address, "--log-topic", self.log, "--dead-letter-topic", f"{self.sales}-dead", "--intake",
                  f"{self.sales}=json", "--availability-topic", self.topic)
        subprocess.run([program, "topics", *topics], check=True, stdout=subprocess.PIPE, timeout=60)
        options = ("--log", "kafka", *topics, "--redis", f"unix:{server.socket}", "--checkpoint-seconds", "10" if long_run else "3")
        server.start()
        self.engines = [daemon(*options).start() for _ in range(2)]
        self.memory = Memory(self.engines)
        self.began = time.monotonic()
        self.till = Till(self.engines)
        self.stream = Stream(broker, self.sales, retail.all, seconds)

    # ---- what is done to them ----

    def pause(self, least, most):
        time.sleep(self.rng.uniform(least, most))

    def start_again(self, engine):
        """As an operator's supervisor would: again, until there is a broker."""
        def started():
            with contextlib.suppress(AssertionError):
                return engine.start()
            engine.kill()

        wait_until(started, 120, "it starts again", every=1)

    def engine_killed(self, engine):
        engine.kill()
        self.pause(0, 1)
        self.start_again(engine)

    def engine_frozen(self, engine):
        engine.process.send_signal(signal.SIGSTOP)
        time.sleep(15 if self.long else 4)
        engine.process.send_signal(signal.SIGCONT)

    def redis_killed(self):
        self.server.kill()
        self.pause(1, 5 if self.long else 2)
        self.server.start()

    def redis_flushed(self):
        self.server.client.flushall()

    def redis_frozen(self):
        self.server.send_signal(signal.SIGSTOP)
        time.sleep(15 if self.long else 4)
        self.server.send_signal(signal.SIGCONT)

    def redis_evicting(self):
        """Its memory is less than what it holds already: it throws keys away, again and again as they are written."""
        client = self.server.client
        wait_until(lambda: client.dbsize() > 500, 180, "there is something to throw away")
        before = client.info("stats")["evicted_keys"]
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", str(client.info("memory")["used_memory"] - 300_000))
        wait_until(lambda: client.info("stats")["evicted_keys"] > before, 20, "keys are thrown away")
        time.sleep(15 if self.long else 3)
        client.config_set("maxmemory", "0")

    def broker_killed(self):
        self.broker.kill()
        until = time.monotonic() + (30 if self.long else 5)
        while time.monotonic() < until:
            for engine in self.engines:  # reads go on, of whoever runs
                with contextlib.suppress(requests.RequestException, TypeError):
                    assert engine.session.get(engine.base + "/v1/availability/85123A", timeout=1).status_code in (200, 404)
            time.sleep(0.2)
        self.broker.start()

    # ---- and how it ends ----

    def check(self, rss_most):
        """Everything arrived once, in both; both exports, Redis and the digests are equal; memory stayed below a bound."""
        self.stream.end()
        said = self.till.end()
        expected = self.retail.expected | {self.till.row: said}
        for engine in self.engines:
            engine.wait_metric("onhand_events_applied_total", len(self.retail.all) + said, 120)
        exports = [engine.export() for engine in self.engines]
        for found in exports:
            wrong = {pair: (found.get(pair, 0), value) for pair, value in expected.items() if found.get(pair, 0) != value}
            assert not wrong, f"{len(wrong)} rows, (found, expected): {dict(list(wrong.items())[:5])}"
            assert sum(found.values()) == sum(expected.values())
        assert exports[0] == exports[1]
        check_snapshot(self.server, self.engines[0], expected, 60)
        available = sum(float(h["*"]) for h in self.server.hashes().values()) - said
        assert available == sum(max(0, quantity) for quantity in self.retail.expected.values())
        table = TableTopic(self.broker, self.topic)

        def as_in_the_topic():
            found = {pair: row["on_hand"] for pair, row in table.read().items()}
            return {pair: (found.get(pair, 0), value) for pair, value in expected.items() if found.get(pair, 0) != value}

        wait_until(lambda: not as_in_the_topic(), 60, lambda: f"the topic: {str(as_in_the_topic())[:800]}")
        table.close()
        took = time.monotonic() - self.began
        judged = set()
        for engine in self.engines:
            metrics = engine.metrics()
            assert metrics["onhand_events_applied_total"] == len(self.retail.all) + said
            assert metrics["onhand_events_rejected_total"] == metrics["onhand_unreadable_records_total"] == 0
            judged.add((metrics["onhand_events_total"], metrics["onhand_events_duplicate_total"]))
        assert len(judged) == 1
        most = self.memory.end()
        for engine in self.engines:
            assert engine.stop() == 0, engine.errors.read_text()[-1500:]
        print(f"{len(self.retail.all)} events of intake, {said} over HTTP ({self.till.refused} times 503, {self.till.repeated} had been "
              f"taken), {available:.0f} available, {took:.0f} s; of an engine at most {most['rss'] / MIB:.0f} MiB, "
              f"{most['files']} files, {most['threads']} threads")
        assert most["rss"] < rss_most * MIB and most["files"] < 150 and most["threads"] < 80, most
        self.check_digests()
        if self.long:
            assert available == 1_673_781

    def check_digests(self):
        """Whoever wrote a checkpoint before the same record had the same state."""
        said = {}
        for engine in self.engines:
            for digest, record in engine.digests():
                said.setdefault(record, set()).add(digest)
        assert said and all(len(digests) == 1 for digests in said.values()), said


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    s = RedisServer(folder)
    yield s
    s.send_signal(signal.SIGCONT) if s.process else None
    s.kill()


@pytest.fixture
def sales(retail_day, long_run, request):
    return request.getfixturevalue("retail") if long_run else retail_day


@pytest.fixture
def make_stage(program, daemon, server, sales, long_run, rng):
    made = []

    def make(broker, seconds=75):
        made.append(Stage(program, broker, daemon, server, sales, long_run, rng, seconds if long_run else 4))
        return made[-1]

    yield make
    for stage in made:
        stage.till.over.set()
        stage.memory.end()


@pytest.fixture
def stage(make_stage, broker):
    return make_stage(broker)


def test_nothing_happens(stage):
    """What the others are measured against."""
    stage.check(RSS_MOST)


def test_engines_killed_in_turn(stage):
    while stage.stream.flows:
        for engine in stage.engines:
            stage.engine_killed(engine)
            stage.pause(0.5, 3)
    stage.check(RSS_MOST)


def test_engines_frozen_in_turn(stage):
    for engine in stage.engines:
        stage.engine_frozen(engine)
        stage.pause(0, 2)
    stage.check(RSS_MOST)


@pytest.mark.parametrize("what", ["killed", "flushed", "frozen", "evicting"])
def test_redis(stage, what):
    stage.pause(0.5, 1)
    for _ in range(3 if stage.long else 1):
        getattr(stage, f"redis_{what}")()
        stage.pause(1, 2)
    stage.check(RSS_MOST)


def test_broker_killed(make_stage, own_broker):
    stage = make_stage(own_broker)
    stage.pause(0.5, 1)
    stage.broker_killed()
    stage.check(RSS_MOST)


def test_broker_slow(make_stage, far_broker):
    """A tenth of a second each way and 2 MB/s: late, and right. Reads do not notice."""
    stage, proxy = make_stage(far_broker), far_broker.proxy
    stage.pause(0.5, 1)
    proxy.delay_seconds, proxy.bytes_per_second = 0.1, 2_000_000
    until = time.monotonic() + (30 if stage.long else 4)
    while time.monotonic() < until:
        for engine in stage.engines:
            assert engine.get("/v1/availability/85123A").status_code in (200, 404)
        time.sleep(0.2)
    proxy.delay_seconds, proxy.bytes_per_second = 0, None
    stage.check(RSS_MOST)


def test_cut_in_the_middle_of_a_message(make_stage, far_broker):
    """Again and again, after any number of bytes: whatever was on its way, in whichever direction, counts once."""
    stage, proxy = make_stage(far_broker), far_broker.proxy
    while stage.stream.flows:
        proxy.cut(stage.rng.randrange(100_000))
        stage.pause(0.2, 1)
    proxy.cut(10)
    wait_until(lambda: proxy.cuts > 3, 20, "connections are cut")
    stage.check(RSS_MOST)


def test_a_member_that_is_fenced_joins_anew(broker, program, daemon):
    """Somebody joins the intake group under its name, and goes. (A lost answer to joining does the same: it fences itself.)"""
    topic = broker.topic(2)
    engine = daemon("--kafka", broker.address, "--intake", f"{topic}=json", "--dead-letter-topic", f"{topic}-dead").start()
    broker.produce(topic, [("L", json.dumps(receipt(number, "L"))) for number in range(100)])
    wait_until(lambda: engine.row("SKU-1", "L") == 100, 30, "the first hundred")
    version = engine.get("/v1/availability/SKU-1").json()["version"]
    other = Consumer({"bootstrap.servers": broker.address, "group.id": f"onhand-intake-{version.split(':')[0]}",
                      "group.instance.id": "onhand", "partition.assignment.strategy": "range,roundrobin", "log_level": 0})
    other.subscribe([topic])
    wait_until(lambda: other.poll(0.2) and False or other.assignment(), 30, "the other one has joined")
    wait_until(lambda: "joins anew" in engine.errors.read_text(), 30, "it was fenced")
    other.close()
    broker.produce(topic, [("L", json.dumps(receipt(number, "L"))) for number in range(100, 200)])
    wait_until(lambda: engine.row("SKU-1", "L") == 200, 60, "the second hundred")
    assert engine.metric("onhand_events_duplicate_total") == 0
    assert engine.stop() == 0


def test_all_together(make_stage, own_broker):
    """Engines, Redis and the broker, each by somebody of its own, at the same time."""
    stage = make_stage(own_broker, 180)
    first, second = stage.engines
    engines = [lambda: stage.engine_killed(first), lambda: stage.engine_frozen(second), lambda: stage.engine_killed(second),
               lambda: stage.engine_frozen(first)]
    redis_too = [stage.redis_killed, stage.redis_flushed, stage.redis_frozen, stage.redis_evicting]
    troubles = []

    def person(*things):
        def run():
            try:
                for thing in things:
                    stage.pause(0, 1)
                    thing()
                if stage.long and stage.stream.flows:
                    run()
            except BaseException as error:  # shown by the test, not by the thread
                troubles.append(error)

        return threading.Thread(target=run)

    short = None if stage.long else 2
    rest = [lambda: stage.pause(15, 25)] if stage.long else []
    people = [person(*engines[:short]), person(*redis_too[:short]), person(stage.broker_killed, *rest)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert not troubles, troubles
    stage.check(RSS_MOST)
