"""Several engines on one log: they compare digests, a new one begins with another's checkpoint, and a log moves from a data folder to
Kafka and goes on."""
import itertools
import json
import re
import subprocess
import threading
import time

import requests
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from harness import wait_until
from test_kafka_log import make_log, on_log, post, receipt
from test_redis import server  # noqa: F401 (a fixture)


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
        for engine in itertools.cycle(self.engines):
            if self.stopping:
                break
            answer = post(engine, [json.dumps(event) for event in self.batch()])
            assert answer.status_code == 200, answer.text[:300]
            time.sleep(0.05)

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
        assert engine.metric("onhand_checkpoints_total") >= 0.8 * same  # the rest fell into the writing of a file
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


# ---- from the embedded log to Kafka ----

def count(number, sku, quantity, at):
    return receipt(0, id=f"count-{number}", type="count", sku=sku, quantity=quantity, as_of=at, occurred_at=at)


def version_of(engine, sku="SKU-1"):
    incarnation, offset = engine.get(f"/v1/availability/{sku}").json()["version"].split(":")
    return int(incarnation), int(offset)


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def some_history(engine):
    assert engine.post("/v1/events", [receipt(n, sku=f"SKU-{n % 7}", quantity=n) for n in range(1, 50)]).json()["applied"] == 49
    assert engine.post("/v1/events", count(1, "SKU-3", 100, "2026-01-01T11:00:00Z")).json()["applied"] == 1
    late = receipt(0, id="late", type="sale", sku="SKU-3", occurred_at="2026-01-01T10:30:00Z")
    assert engine.post("/v1/events", late).json()["superseded"] == 1
    put = engine.session.put(engine.base + "/v1/locations/store-1", json={"name": "One"}, timeout=30)
    assert put.status_code == 201


def test_a_log_moves_to_kafka_and_goes_on(program, broker, daemon, server):
    data = "moved"
    server.start()
    old = daemon("--redis", f"unix:{server.socket}", name=data).start()
    some_history(old)
    rows, before = old.export(), version_of(old)
    wait_until(lambda: server.client.hget("onhand:a:{SKU-3}", "store-1") == "100", 10, "in Redis")
    topic = f"moved-{time.time_ns()}"
    move = ("move", "--data", old.data, "--kafka", broker.address, "--log-topic", topic)
    running = run(program, *move)
    assert running.returncode == 5 and "another process has this log open" in running.stderr, running
    assert not broker.has(topic)
    assert old.stop() == 0
    moved = run(program, *move)
    assert moved.returncode == 0 and f"goes on in the Kafka topic {topic}" in moved.stdout, moved
    again = run(program, *move)
    assert again.returncode == 1 and "was moved to the Kafka topic" in again.stderr, again
    embedded = run(program, "serve", "--data", old.data, "--listen", "127.0.0.1:0")
    assert embedded.returncode == 1 and "go on there with --log kafka" in embedded.stderr, embedded

    (old.data / "moved").unlink()  # as if it had been cut off just before it wrote that
    once_more = run(program, *move)
    assert once_more.returncode == 0 and once_more.stdout == moved.stdout, once_more

    new = daemon(*on_log(broker, topic), "--redis", f"unix:{server.socket}", name=data).start()
    assert new.export() == rows
    after = version_of(new)
    assert after > before and after[0] > before[0] and after[1] == 0
    repeat = new.post("/v1/events", receipt(5, sku="SKU-5", quantity=5)).json()
    assert repeat["duplicate"] == 1 and repeat["applied"] == 0
    still_late = receipt(0, id="later", type="sale", sku="SKU-3", occurred_at="2026-01-01T10:40:00Z")
    assert new.post("/v1/events", still_late).json()["superseded"] == 1
    result = new.post("/v1/events", receipt(100, sku="SKU-3", quantity=11, occurred_at="2026-01-01T12:00:00Z")).json()["results"][0]
    assert result["verdict"] == "applied"
    wait_until(lambda: server.client.hget("onhand:a:{SKU-3}", "store-1") == "111", 10, "the newer incarnation counts in Redis")
    fresh = new.get("/v1/availability/SKU-3", params={"min_version": f"{before[0]}:{before[1]}"})
    assert fresh.status_code == 200  # a version of the old log was reached long ago
    new.kill()
    new.start()  # from the old log's checkpoint once more
    assert new.row("SKU-3", "store-1") == 111
    assert new.stop() == 0
    new.start()  # and from one of its own
    assert new.row("SKU-3", "store-1") == 111 and version_of(new, "SKU-3")[0] == after[0]
    another = daemon(*on_log(broker, topic), "--from", new.base, name="another").start()
    assert another.export() == new.export() and version_of(another, "SKU-3") == version_of(new, "SKU-3")
    result = another.post("/v1/events", receipt(101, sku="SKU-3", quantity=1, occurred_at="2026-01-01T12:00:00Z")).json()["results"][0]
    answer = new.get("/v1/availability/SKU-3", params={"min_version": result["version"]}).json()
    assert answer["available"] == 112
    assert another.stop() == 0 and new.stop() == 0
    check = run(program, "check", "--data", new.data)
    assert check.returncode == 0, check


def test_intake_goes_on_where_it_was(program, broker, daemon):
    """Places in intake move with the log: nothing twice, nothing lost."""
    sales = broker.topic(3, "sales")
    intake = ("--kafka", broker.address, "--intake", f"{sales}=json", "--dead-letter-topic", f"{sales}-dead")
    old = daemon(*intake, name="tills").start()
    broker.produce(sales, [(f"k{n}", json.dumps(receipt(n))) for n in range(300)])
    old.wait_metric("onhand_events_total", 300, 40)
    assert old.stop() == 0
    broker.produce(sales, [(f"k{n}", json.dumps(receipt(n))) for n in range(300, 400)])
    topic = f"moved-{time.time_ns()}"
    assert run(program, "move", "--data", old.data, "--kafka", broker.address, "--log-topic", topic).returncode == 0
    new = daemon(*on_log(broker, topic), *intake[2:], name="tills").start()
    broker.produce(sales, [(f"k{n}", json.dumps(receipt(n))) for n in range(400, 600)])
    new.wait_metric("onhand_events_total", 600, 40)
    assert new.row("SKU-1", "store-1") == 600
    assert new.metric("onhand_events_duplicate_total") == new.metric("onhand_intake_repeats_total") == 0
    assert new.stop() == 0


def test_a_log_that_goes_on_needs_its_checkpoint(program, broker, daemon, tmp_path):
    old = daemon(name="old").start()
    some_history(old)
    assert old.stop() == 0
    topic = f"moved-{time.time_ns()}"
    assert run(program, "move", "--data", old.data, "--kafka", broker.address, "--log-topic", topic).returncode == 0
    empty = run(program, "serve", "--data", tmp_path / "empty", "--listen", "127.0.0.1:0", *on_log(broker, topic))
    assert empty.returncode == 4 and "--from URL" in empty.stderr and "goes on from the checkpoint" in empty.stderr, empty
    stranger = daemon(name="stranger").start()
    some_history(stranger)
    assert stranger.stop() == 0
    other = run(program, "serve", "--data", stranger.data, "--listen", "127.0.0.1:0", *on_log(broker, topic))
    assert other.returncode == 1 and "the checkpoint is of the log with incarnation" in other.stderr, other
    taken = run(program, "move", "--data", stranger.data, "--kafka", broker.address, "--log-topic", topic)
    assert taken.returncode == 1 and "has a log of its own already" in taken.stderr, taken
    assert stranger.start().stop() == 0  # nothing became of it
    nowhere = run(program, "move", "--data", tmp_path / "nowhere", "--kafka", broker.address, "--log-topic", topic)
    assert nowhere.returncode == 2 and "there is no embedded log" in nowhere.stderr, nowhere


# ---- a new instance begins with another's checkpoint ----

def checkpoint_file(data):
    return sorted((data / "checkpoints").glob("checkpoint-*"))


def test_a_new_instance_copies_a_checkpoint(program, broker, daemon, retail_day, tmp_path):
    topic = make_log(program, broker)
    first = daemon(*on_log(broker, topic)).start()
    events = [text for _, _, _, text in retail_day.all]
    for at in range(0, len(events), 1000):
        assert post(first, events[at:at + 1000]).status_code == 200
    none_yet = first.get("/v1/checkpoint")
    assert none_yet.status_code == 404 and none_yet.headers["Retry-After"]
    second = daemon(*on_log(broker, topic), "--from", first.base).start()  # asks for a fresh one
    said = second.errors.read_text()
    assert "was copied from" in said and "verified" in said
    assert re.search(r"recovered from the checkpoint before record (\d+), 0 record\(s\) to replay", said), said
    assert second.export() == first.export()
    assert [file.read_bytes() for file in checkpoint_file(second.data)] == [checkpoint_file(first.data)[-1].read_bytes()]
    head = first.session.head(first.base + "/v1/checkpoint", timeout=30)
    assert int(head.headers["Content-Length"]) == checkpoint_file(first.data)[-1].stat().st_size
    version = post(first, events[:1] + ['{"id":"new","source":"t","type":"receipt","sku":"N","location":"ST01","quantity":1,'
                                        '"occurred_at":"2026-01-01T00:00:00Z"}']).json()["results"][1]["version"]
    assert second.get("/v1/availability/N", params={"min_version": version}).json()["available"] == 1
    assert second.stop() == 0
    second.start()
    assert "nothing is copied from" in second.errors.read_text()
    for engine in (first, second):
        assert engine.stop() == 0


def test_a_checkpoint_that_the_log_left_behind_is_replaced(program, broker, daemon):
    """Records went (--allow-retention): a folder whose checkpoint is older than what is left takes another's newer one."""
    topic = make_log(program, broker)
    options = (*on_log(broker, topic), "--allow-retention")
    first = daemon(*options).start()
    assert first.post("/v1/events", [receipt(n) for n in range(10)]).json()["applied"] == 10
    late = daemon(*options, "--from", first.base).start()
    assert late.stop() == 0
    assert first.post("/v1/events", [receipt(n) for n in range(10, 30)]).json()["applied"] == 20
    assert first.post("/v1/events", receipt(30)).json()["applied"] == 1
    end = version_of(first)[1] + 1  # a metric is a turn of the writer behind answers
    admin = AdminClient({"bootstrap.servers": broker.address})
    broker._wait(admin.delete_records([TopicPartition(topic, 0, end - 1)]))
    alone = run(program, "serve", "--data", late.data, "--listen", "127.0.0.1:0", *options)
    assert alone.returncode == 4 and "the checkpoint is older" in alone.stderr, alone
    late.start()
    assert late.errors.read_text().count("was copied from") == 2  # the first one's was older, too: a fresh one was made
    assert late.row("SKU-1", "store-1") == 31
    assert late.stop() == 0


def test_copies_that_are_refused(program, broker, daemon, tmp_path):
    topic, foreign = make_log(program, broker), make_log(program, broker)
    keys = tmp_path / "keys"
    made = run(program, "key", "create", "--keys", keys, "--scope", "admin")
    key = re.search(r"onhand_\S+", made.stdout).group(0)
    reading = re.search(r"onhand_\S+", run(program, "key", "create", "--keys", keys, "--scope", "read").stdout).group(0)
    engine = daemon(*on_log(broker, topic), "--keys", keys).start()

    def start(log_topic, url, *more):
        done = run(program, "serve", "--data", tmp_path / "new", "--listen", "127.0.0.1:0", *on_log(broker, log_topic), "--from", url, *more)
        assert not checkpoint_file(tmp_path / "new")
        return done

    nobody = start(topic, "http://127.0.0.1:1")
    assert nobody.returncode == 3 and "cannot reach http://127.0.0.1:1" in nobody.stderr, nobody
    without = start(topic, engine.base)
    assert without.returncode == 1 and "401" in without.stderr and "scope admin" in without.stderr, without
    too_little = start(topic, engine.base, "--api-key", reading)
    assert too_little.returncode == 1 and "403" in too_little.stderr, too_little
    other = start(foreign, engine.base, "--api-key", key)
    assert other.returncode == 1 and "has another log" in other.stderr, other
    no_onhand = start(topic, f"http://{broker.address}", "--api-key", key)
    assert no_onhand.returncode == 3, no_onhand
    embedded = run(program, "serve", "--data", tmp_path / "new", "--from", engine.base)
    assert embedded.returncode == 2 and "two servers never share an embedded log" in embedded.stderr, embedded
    good = daemon(*on_log(broker, topic), "--keys", keys, "--from", engine.base, "--api-key", key).start()
    assert "was copied from" in good.errors.read_text()
    busy = run(program, "serve", "--data", good.data, "--listen", "127.0.0.1:0", *on_log(broker, topic), "--from", engine.base)
    assert "another process uses the data folder" in busy.stderr, busy


class Cutting:
    """A server between: passes on `limit` bytes of each answer's body, or changes one of them, and hangs up (or just hangs)."""

    def __init__(self, behind, limit=None, flip=None, hangs=False):
        import http.server
        outer, self.requests = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = {k: self.headers[k] for k in ("Range", "If-Range") if self.headers[k]}
                outer.requests.append(wanted.get("Range"))
                answer = requests.get(behind + self.path, headers=wanted, timeout=30)
                body = bytearray(answer.content)
                if flip is not None and len(body) > flip:
                    body[flip] ^= 1
                self.send_response(answer.status_code)
                for name in ("ETag", "Content-Length", "Content-Range", "Content-Type"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.end_headers()
                self.wfile.write(body if limit is None or len(body) <= 64 else body[:limit])
                if hangs and len(body) > 64:
                    self.wfile.flush()
                    time.sleep(15)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_copy_that_is_cut_goes_on(program, broker, daemon, tmp_path):
    topic = make_log(program, broker)
    first = daemon(*on_log(broker, topic)).start()
    for at in range(0, 5000, 1000):
        assert post(first, [json.dumps(receipt(n, sku=f"S-{n}")) for n in range(at, at + 1000)]).status_code == 200
    assert first.get("/v1/checkpoint?fresh=true").status_code == 200
    size = checkpoint_file(first.data)[-1].stat().st_size
    with Cutting(first.base, limit=size // 4 + 1) as between:
        second = daemon(*on_log(broker, topic), "--from", between.url).start()
        bodies = [int(r[6:-1]) for r in between.requests if r.endswith("-")]
        assert bodies == [part * (size // 4 + 1) for part in range(4)], between.requests
    assert second.errors.read_text().count("going on") >= 3
    assert checkpoint_file(second.data)[-1].read_bytes() == checkpoint_file(first.data)[-1].read_bytes()
    # the one who copies is killed: the next goes on
    third = daemon(*on_log(broker, topic), "--from", first.base, name="third")
    with Cutting(first.base, limit=size // 2, hangs=True) as between:
        command = [program, "serve", "--data", third.data, "--listen", "127.0.0.1:0", *on_log(broker, topic), "--from", between.url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: [part for part in third.data.glob("checkpoints/*.part") if part.stat().st_size == size // 2], 30, "half of it")
        process.kill()
        process.wait()
    third.start()
    assert f"going on with a copy that was cut: {size // 2} of {size} bytes are here" in third.errors.read_text()
    assert checkpoint_file(third.data)[-1].read_bytes() == checkpoint_file(first.data)[-1].read_bytes()
    assert not list(third.data.glob("checkpoints/*.part"))
    # a bit that was lost on the way is found, wherever it was
    for place in (100, size // 2, size - 30):
        with Cutting(first.base, flip=place) as between:
            damaged = run(program, "serve", "--data", tmp_path / "damaged", "--listen", "127.0.0.1:0", *on_log(broker, topic), "--from", between.url)
        assert damaged.returncode == 4 and "damaged" in damaged.stderr, damaged
        assert list((tmp_path / "damaged" / "checkpoints").iterdir()) == []
