"""The log on Kafka: two engines on one topic never disagree, a broker that goes away stops appends and not reads, what is not a log is
refused with what to do, and whoever writes canonical messages straight to the topic is heard."""
import contextlib
import json
import re
import subprocess
import threading
import time
import uuid

import pytest
import requests
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import wait_until

pytestmark = pytest.mark.kafka_facing

HOW_A_LOG_IS = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "retention.bytes": "-1",
                "unclean.leader.election.enable": "false", "max.message.bytes": "1048576"}


def make_log(program, broker, topic=None):
    """`onhand topics`; the name of the log topic."""
    topic = topic or f"log-{uuid.uuid4().hex[:8]}"
    subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", topic, "--dead-letter-topic", f"{topic}-dead"],
                   check=True, stdout=subprocess.PIPE, timeout=30)
    return topic


def make_topic(broker, partitions=1, **settings):
    topic = f"log-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker.address})
    config = HOW_A_LOG_IS | {name.replace("_", "."): value for name, value in settings.items()}
    broker._wait(admin.create_topics([NewTopic(topic, partitions, 1, config=config)]))
    return topic


def on_log(broker, topic):
    return ("--log", "kafka", "--log-topic", topic, "--kafka", broker.address)


def receipt(number, **more):
    return {"id": f"r-{number}", "source": "till", "type": "receipt", "sku": "SKU-1", "location": "store-1", "quantity": 1,
            "occurred_at": "2026-01-01T10:00:00Z"} | more


def post(engine, events):
    return engine.session.post(engine.base + "/v1/events", data="\n".join(events).encode(), timeout=30,
                               headers={"Content-Type": "application/x-ndjson"})


def check_digests(engines):
    """Wherever two of them wrote a checkpoint of the same record, its digest is the same. (Who leaves last has read what the others left behind,
    so the last ones are not always of the same record; test_replicas.py compares while they run.)"""
    found = [{record: digest for digest, record in engine.digests()} for engine in engines]
    for one in found:
        for other in found:
            assert all(other.get(record, digest) == digest for record, digest in one.items())


@pytest.mark.every_kafka
def test_two_engines_on_one_log(program, broker, daemon, retail_day):
    """The demo's day to both in turn, one of them killed and started again: equal rows, equal exports, equal digests."""
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic), "--checkpoint-seconds", "1").start() for _ in range(2)]
    events = [text for _, _, _, text in retail_day.all]
    batches = [events[at:at + 1000] for at in range(0, len(events), 1000)]
    for number, batch in enumerate(batches):
        answer = post(engines[number % 2], batch)
        assert answer.status_code == 200 and answer.json()["applied"] == len(batch), answer.text[:300]
        if number == len(batches) // 2:
            engines[1].kill()
            engines[1].start()
    version = engines[0].post("/v1/events", receipt(0, sku="LATE")).json()["results"][0]["version"]
    other = engines[1].get("/v1/availability/LATE", params={"min_version": version})
    assert other.status_code == 200 and other.json()["locations"][0]["available"] == 1, other.text
    exports = [engine.export() for engine in engines]
    assert exports[0] == exports[1]
    for engine in engines:
        assert engine.metric("onhand_events_total") == len(events) + 1
        assert exports[0].pop(("LATE", "store-1"), 1) == 1
        found = engine.on_hand(retail_day.expected)
        assert {pair: found.get(pair) or 0 for pair in retail_day.expected} == retail_day.expected
        engine.wait_metric("onhand_digest_compared_total", 1, 60)  # behind the same record, wherever each of them is
        assert engine.metric("onhand_digest_differs_total") == 0
    for engine in engines:
        assert engine.stop() == 0


def test_same_ids_to_both_at_once_count_once(program, broker, daemon):
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    verdicts = []

    def send(engine):
        for number in range(200):
            verdicts.append(engine.post("/v1/events", receipt(number)).json()["applied"])

    threads = [threading.Thread(target=send, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verdicts) == 400 and sum(verdicts) == 200
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("SKU-1", "store-1") == 200, 10, "all in both")
        assert engine.stop() == 0


def test_intake_of_two_engines_ends_in_one_log(program, broker, daemon):
    topic = make_log(program, broker)
    sales = broker.topic(4)
    options = (*on_log(broker, topic), "--intake", f"{sales}=json", "--dead-letter-topic", f"{sales}-dead")
    engines = [daemon(*options).start() for _ in range(2)]
    broker.produce(sales, [(f"k{n % 40}", json.dumps(receipt(n, location=f"L{n % 40}"))) for n in range(4000)])
    for engine in engines:
        engine.wait_metric("onhand_events_total", 4000, 40)
    engines[0].kill()
    broker.produce(sales, [(f"k{n % 40}", json.dumps(receipt(n, location=f"L{n % 40}"))) for n in range(4000, 8000)])
    engines[0].start()
    for engine in engines:
        engine.wait_metric("onhand_events_total", 8000, 40)
        assert engine.metric("onhand_events_duplicate_total") == 0
    assert engines[0].export() == engines[1].export()


def test_rejections_of_intake_are_sent_and_hold_up_nobodys_checkpoint(program, broker, daemon):
    """Both engines see every rejection; the member that has the partition sends the dead letter, and the other one goes on as well."""
    topic = make_log(program, broker)
    sales = broker.topic(4)
    options = (*on_log(broker, topic), "--intake", f"{sales}=json", "--dead-letter-topic", f"{sales}-dead", "--checkpoint-seconds", "1")
    engines = [daemon(*options).start() for _ in range(2)]
    future = [(f"k{n}", json.dumps(receipt(n, occurred_at="2999-01-01T00:00:00Z"))) for n in range(40)]  # well formed, and rejected
    broker.produce(sales, future)
    for engine in engines:
        engine.wait_metric("onhand_events_rejected_total", 40, 40)
    end = engines[0].metric("onhand_log_next_offset")
    for engine in engines:
        engine.wait_metric("onhand_checkpoint_offset", end, 30)
        assert engine.stop() == 0
    letters = [dict(letter.headers()) for letter in broker.read(f"{sales}-dead", 60, 3)]  # twice when a partition changed hands
    assert len({(letter["onhand.error.partition"], letter["onhand.error.offset"]) for letter in letters}) == 40


def test_broker_away(program, own_broker, daemon):
    """Appends are refused after a bounded wait, reads go on, and it catches up by itself."""
    topic = make_log(program, own_broker)
    engines = [daemon(*on_log(own_broker, topic)).start() for _ in range(2)]
    for number in range(10):
        assert engines[number % 2].post("/v1/events", receipt(number)).json()["applied"] == 1
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("SKU-1", "store-1") == 10, 10, "ten")
    own_broker.kill()
    refused, number, until = 0, 10, time.monotonic() + 20
    while refused < 6 and time.monotonic() < until:
        began = time.monotonic()
        answer = engines[number % 2].post("/v1/events", receipt(number))
        assert time.monotonic() - began < 8
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0, answer.text
        refused += "nothing was written" in answer.text
        assert engines[number % 2].row("SKU-1", "store-1") == 10
        number += 1
        time.sleep(0.1)
    assert refused == 6  # once it is known, nobody has to wait
    ready = engines[0].get("/readyz")
    assert ready.status_code == 503 and "Kafka" in ready.text
    own_broker.start()
    for engine in engines:
        wait_until(lambda engine=engine: engine.get("/readyz").status_code == 200, 30, "ready again")
    for again in range(10, number):  # what was not known to be written goes again with its id
        answer = engines[again % 2].post("/v1/events", receipt(again)).json()
        assert answer["applied"] + answer["duplicate"] == 1
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("SKU-1", "store-1") == number, 20, "all, once")
    own_broker.kill()
    assert [engine.stop(10) for engine in engines] == [0, 0]  # no broker holds up a stop
    check_digests(engines)


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    """One field of a protobuf message: text and bytes, or an integer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def protobuf_receipt(identity, pieces):
    """onhand.v1.Record with one Event, written from proto/ by hand."""
    event = (field(1, 1) + field(2, identity) + field(3, "till") + field(6, "SKU-1") + field(7, "store-1") +
             field(8, 2 * 1000 * pieces) + field(9, 1767261600000000))  # sint64: zigzag
    return field(2, event)


def test_other_producers(program, broker, daemon):
    """Canonical JSON and protobuf, poison among them, an aborted and a committed transaction, straight on the topic."""
    topic = make_log(program, broker)
    options = (*on_log(broker, topic), "--dead-letter-topic", f"{topic}-dead")
    engines = [daemon(*options).start() for _ in range(2)]
    poison = [b"\x0a\xff\xff\xff", b'{"id":"x","type":"theft"}', b"{", b"[" * 3000]
    broker.produce(topic, [("any", json.dumps(receipt(1))), ("any", json.dumps([receipt(2), receipt(3)])), ("any", poison[0]),
                           ("any", protobuf_receipt("p-1", 5)), ("any", poison[1]), ("any", poison[2]), (None, poison[3]),
                           ("any", json.dumps(receipt(1)))])
    for commit in (False, True):
        producer = Producer({"bootstrap.servers": broker.address, "transactional.id": f"{topic}-{commit}"})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, json.dumps(receipt(f"transaction-{commit}", quantity=100 if commit else 7777)))
        producer.flush(20)
        producer.commit_transaction(20) if commit else producer.abort_transaction(20)
    for engine in engines:
        wait_until(lambda engine=engine: engine.row("SKU-1", "store-1") == 108, 20, "3 + 5 + 100")
        assert engine.metric("onhand_unreadable_records_total") + engine.metric("onhand_events_rejected_total") == len(poison)
        assert engine.metric("onhand_events_duplicate_total") == 1
    # a transaction that ends the log: a new engine is ready although no record stands at the end
    late = daemon(*options).start()
    assert late.row("SKU-1", "store-1") == 108
    engines.append(late)
    # how far dead letters got is a record too: the last there will be
    wait_until(lambda: sum(engine.metric("onhand_progress_records_total") for engine in engines) >= 1, 20, "the progress of letters")
    for engine in engines:
        assert engine.stop() == 0
        letters = [json.loads(line) for line in (engine.data / "dead-letter.ndjson").read_text().splitlines()]
        assert len(letters) == len(poison)
        assert all(letter["reason"] and letter["detail"] for letter in letters)
        assert [letter["bytes"] for letter in letters if "bytes" in letter][:1] == ["Cv///w=="]
    check_digests(engines)


def test_a_transaction_that_hangs_is_told(program, broker, daemon, long_run):
    if not long_run:
        pytest.skip("--long: takes half a minute")
    topic = make_log(program, broker)
    engine = daemon(*on_log(broker, topic)).start()
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, json.dumps(receipt(1)))
    producer.flush(20)
    wait_until(lambda: re.search(r"stays open since record \d+", engine.errors.read_text()), 40, "the warning")  # duty may have spoken first
    producer.commit_transaction(20)
    wait_until(lambda: engine.row("SKU-1", "store-1") == 1, 10, "read")
    wait_until(lambda: "log: goes on" in engine.errors.read_text(), 10, "over")
    assert engine.stop() == 0


def refused(program, tmp_path, broker, topic, data="refused"):
    got = subprocess.run([program, "serve", "--data", tmp_path / data, "--listen", "127.0.0.1:0", *on_log(broker, topic)], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert got.returncode != 0 and got.stdout == "", got
    return got.stderr


WRONG = {
    "partitions": ({"partitions": 3}, "has 3 partitions and must have 1"),
    "compacted": ({"cleanup_policy": "compact"}, "has cleanup.policy=compact and must have delete"),
    "time": ({"message_timestamp_type": "CreateTime"}, "has message.timestamp.type=CreateTime and must have LogAppendTime"),
    "retention": ({"retention_ms": "86400000"}, "has retention.ms=86400000 and must have -1"),
    "unclean": ({"unclean_leader_election_enable": "true"}, "unclean.leader.election.enable=true and must have false"),
    "small": ({"max_message_bytes": "1000"}, "max.message.bytes=1000 and must have at least 1048576"),
    "empty": ({}, "is empty: `onhand topics` writes its first record"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_log_is_refused(program, broker, tmp_path, what):
    how, said = WRONG[what]
    topic = make_topic(broker, **how)
    assert said in refused(program, tmp_path, broker, topic)
    if what != "empty":  # `onhand topics` says it as well
        got = subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", topic], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=30)
        assert got.returncode == 1 and said in got.stderr


def test_another_log_is_refused(program, broker, daemon, tmp_path):
    assert "is not there: make it with `onhand topics`" in refused(program, tmp_path, broker, "no-such-log")
    foreign = make_topic(broker)
    broker.produce(foreign, [("k", json.dumps(receipt(1)))])
    assert "is no incarnation, so it is not a log" in refused(program, tmp_path, broker, foreign)
    first, second = make_log(program, broker), make_log(program, broker)
    engine = daemon(*on_log(broker, first), name="of-the-first").start()
    engine.post("/v1/events", receipt(1))
    assert "another process uses the data folder" in refused(program, tmp_path, broker, first, "of-the-first")
    assert engine.stop() == 0
    assert "the checkpoint is of the log with incarnation" in refused(program, tmp_path, broker, second, "of-the-first")
    assert engine.start().row("SKU-1", "store-1") == 1


def test_a_log_that_is_changed_under_it_takes_nothing_more(program, broker, daemon):
    topic = make_log(program, broker)
    engine = daemon(*on_log(broker, topic)).start()
    assert engine.post("/v1/events", receipt(1)).status_code == 200
    broker.widen(topic, 2)
    wait_until(lambda: engine.get("/readyz").status_code == 503, 20, "seen")
    assert "has 2 partitions" in engine.get("/readyz").text
    assert engine.post("/v1/events", receipt(2)).status_code == 503
    assert engine.row("SKU-1", "store-1") == 1
    assert engine.stop() == 0


def test_a_log_made_anew_ends_it(program, broker, daemon):
    """Deleted and made again under a running engine, and filled beyond where that was: it stops, answers reads and says so."""
    topic = make_log(program, broker)
    engine = daemon(*on_log(broker, topic)).start()
    assert engine.post("/v1/events", receipt(1)).status_code == 200
    broker.delete(topic)
    wait_until(lambda: not broker.has(topic), 20, "deleted")
    make_log(program, broker, topic)
    broker.produce(topic, [("k", json.dumps(receipt(number))) for number in range(2, 50)])
    wait_until(lambda: "made anew" in engine.get("/readyz").text, 20, lambda: engine.get("/readyz").text)
    assert engine.row("SKU-1", "store-1") is not None  # up to three seconds of the other log may be in what is read
    assert engine.post("/v1/events", receipt(60)).status_code == 503
    engine.stop()


def test_starts_without_a_broker_are_refused(program, tmp_path):
    got = subprocess.run([program, "serve", "--data", tmp_path / "data", "--log", "kafka", "--kafka", "127.0.0.1:1"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert got.returncode == 3 and "no broker answers" in got.stderr


def test_starts_without_a_broker_from_its_checkpoint(program, own_broker, daemon, long_run):
    """Reads are answered, nothing is taken; when the broker is there it reads what came meanwhile, then it is ready. A log that is
    another one by then is not read at all."""
    topic = make_log(program, own_broker)
    options = on_log(own_broker, topic)
    engine = daemon(*options).start()
    assert engine.post("/v1/events", receipt(1)).json()["applied"] == 1
    assert engine.stop() == 0
    own_broker.produce(topic, [("k", json.dumps(receipt(2)))])
    own_broker.kill()
    engine.launch()
    wait_until(lambda: answers(engine), 30, "reads are answered")
    assert engine.row("SKU-1", "store-1") == 1
    ready = engine.get("/readyz")
    assert ready.status_code == 503 and "no broker answers" in ready.text and "from the checkpoint" in ready.text
    refused = engine.post("/v1/events", receipt(3))
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    own_broker.start()
    wait_until(lambda: engine.get("/readyz").status_code == 200, 40, lambda: engine.get("/readyz").text)
    assert engine.row("SKU-1", "store-1") == 2  # ready means that what came meanwhile is there
    assert engine.post("/v1/events", receipt(3)).json()["applied"] == 1
    assert engine.stop() == 0
    if not long_run:
        return
    own_broker.delete(topic)
    wait_until(lambda: not own_broker.has(topic), 20, "deleted")
    own_broker.kill()
    engine.launch()
    wait_until(lambda: answers(engine), 30, "reads are answered")
    own_broker.start()
    make_log(program, own_broker, topic)
    own_broker.produce(topic, [("k", json.dumps(receipt(number))) for number in range(10, 60)])
    wait_until(lambda: re.search("made anew|is of the log with incarnation", engine.get("/readyz").text), 40,
               lambda: engine.get("/readyz").text)
    assert engine.row("SKU-1", "store-1") == 3
    assert engine.post("/v1/events", receipt(4)).status_code == 503


def answers(engine):
    with contextlib.suppress(requests.RequestException):
        return engine.get("/healthz").status_code == 200


def test_records_may_go_that_a_checkpoint_leads_beyond(program, broker, daemon, tmp_path):
    """--allow-retention: Kafka throws old records away; whoever has a checkpoint goes on, whoever has none is refused."""
    topic = make_topic(broker, retention_ms="86400000")
    how = (*on_log(broker, topic), "--allow-retention")
    made = [program, "topics", "--kafka", broker.address, "--log-topic", topic]
    subprocess.run([*made, "--allow-retention"], check=True, stdout=subprocess.PIPE, timeout=30)
    assert "or say --allow-retention" in refused(program, tmp_path, broker, topic)
    engine = daemon(*how, "--checkpoint-seconds", "1").start()
    for number in range(20):
        engine.post("/v1/events", receipt(number))
    end = engine.metric("onhand_log_next_offset")
    engine.wait_metric("onhand_checkpoint_offset", end, 30)
    assert engine.stop() == 0
    broker.delete_before(topic, 10)
    assert engine.start().row("SKU-1", "store-1") == 20
    engine.post("/v1/events", receipt(20))
    assert engine.stop() == 0
    got = subprocess.run([program, "serve", "--data", tmp_path / "without", "--listen", "127.0.0.1:0", *how], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert got.returncode != 0 and "begins at record 10 and there is no checkpoint" in got.stderr


def test_two_begin_one_log(program, broker, daemon):
    """`onhand topics` twice at once on an empty topic: whichever record comes first is the log's incarnation, for everybody."""
    topic = make_topic(broker)
    command = [program, "topics", "--kafka", broker.address, "--log-topic", topic, "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [p.communicate(timeout=30)[0].splitlines()[-1] for p in both]
    assert said[0] == said[1] and "the log of incarnation" in said[0]
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    versions = {engine.post("/v1/events", receipt(1)).json()["results"][0]["version"].split(":")[0] for engine in engines}
    assert len(versions) == 1 and versions.pop() in said[0]


def test_what_topics_made_it_calls_made(program, broker):
    """However often it has to look until the last one is there, and told again they are there."""
    names = [f"made-{uuid.uuid4().hex[:8]}" for _ in range(12)]
    command = [program, "topics", "--kafka", broker.address, "--log-topic", f"{names[0]}-log", "--dead-letter-topic", f"{names[0]}-dead",
               *(option for name in names for option in ("--intake", f"{name}=json"))]
    for state in ("made", "there"):
        told = subprocess.run(command, text=True, check=True, timeout=60, stdout=subprocess.PIPE).stdout.splitlines()[1:]
        assert [line.split()[1] for line in told] == [state] * 14, told
