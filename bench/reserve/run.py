#!/usr/bin/env python3
"""Durable reservations over HTTP beside their peers: run.py BUILD_DIRECTORY [ROUNDS [SECONDS]].

Embedded log, 32 connections: every reservation is a record of its own, on disk before it is answered; beside Redis with a Lua script (a check and a
DECRBY; no id, no expiry, no reference) and appendfsync always. Then through Kafka, one at a time, beside librdkafka's own produce → consume round trip
(acks=all, idempotent) on the same broker. Needs wrk, redis-server, redis-tools; python3 with confluent-kafka (tests/requirements.txt) and Java for the
second half, which is left out without them."""
import http.client
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
SKUS, PORT, REDIS_PORT, ONE_BY_ONE = 1000, 18933, 18934, 2000
HERE = tempfile.mkdtemp(prefix="onhand-bench-")
WRK = """
local run, n = os.getenv("RUN"), 0
request = function()
  n = n + 1
  return wrk.format("POST", "/v1/reservations", {["Content-Type"] = "application/json"}, string.format(
    '{"id":"%s-%d","ttl_seconds":3600,"items":[{"sku":"SKU-%d","quantity":1,"location":"s1"}]}', run, n, n * 7919 % %SKUS%))
end
local bad = 0
response = function(status) if status ~= 201 then bad = bad + 1; print("status " .. status) end end
"""
LUA = "if tonumber(redis.call('GET',KEYS[1]) or '0') >= tonumber(ARGV[1]) then return redis.call('DECRBY',KEYS[1],ARGV[1]) else return -1 end"


def start(*options):
    engine = subprocess.Popen([f"{BUILD}/onhand", "serve", "--data", f"{HERE}/{uuid.uuid4().hex}", "--listen", f"127.0.0.1:{PORT}", "--history", "off",
                               *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert b"ready" in engine.stdout.readline()
    events = "\n".join(json.dumps({"id": f"stock-{n}", "source": "bench", "type": "receipt", "sku": f"SKU-{n}", "location": "s1", "quantity": 100000000,
                                   "occurred_at": "2026-01-01T00:00:00Z"}) for n in range(SKUS))
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("POST", "/v1/events?results=problems", events.encode(), {"Content-Type": "application/x-ndjson"})
    assert json.loads(connection.getresponse().read())["applied"] == SKUS
    return engine, connection


def ours():
    engine, _ = start()
    try:
        script = os.path.join(HERE, "reserve.lua")
        pathlib.Path(script).write_text(WRK.replace("%SKUS%", str(SKUS)))
        done = subprocess.run(["wrk", "-t1", "-c32", f"-d{SECONDS}", "--latency", "-s", script, f"http://127.0.0.1:{PORT}"], check=True, text=True,
                              stdout=subprocess.PIPE, env=os.environ | {"RUN": uuid.uuid4().hex[:8]})
        assert "status " not in done.stdout and "Non-2xx" not in done.stdout, done.stdout[:500]
        return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]), re.search(r"99%\s+(\S+)", done.stdout)[1]
    finally:
        engine.terminate()
        engine.wait()


def redis():
    folder = os.path.join(HERE, uuid.uuid4().hex)
    os.mkdir(folder)
    server = subprocess.Popen(["redis-server", "--port", str(REDIS_PORT), "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
                              stdout=subprocess.DEVNULL)
    try:
        while subprocess.run(["redis-cli", "-p", str(REDIS_PORT), "ping"], stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout != b"PONG\n":
            time.sleep(0.05)
        sets = "".join(f"SET stock:{n:012} 100000000\n" for n in range(SKUS))
        subprocess.run(["redis-cli", "-p", str(REDIS_PORT)], input=sets, text=True, stdout=subprocess.DEVNULL, check=True)
        done = subprocess.run(["redis-benchmark", "-p", str(REDIS_PORT), "-c", "32", "-n", str(25000 * SECONDS), "-r", str(SKUS), "--csv", "EVAL", LUA, "1",
                               "stock:__rand_int__", "1"], check=True, text=True, stdout=subprocess.PIPE)
        row = done.stdout.strip().splitlines()[-1].rsplit('","', 7)
        return float(row[1]), row[6] + "ms"
    finally:
        server.terminate()
        server.wait()


def percentiles(seconds):
    seconds.sort()
    return f"p50 {statistics.median(seconds) * 1000:.2f} ms, p99 {seconds[len(seconds) * 99 // 100] * 1000:.2f} ms"


def one_by_one(connection, run):
    found = []
    for n in range(ONE_BY_ONE):
        body = json.dumps({"id": f"{run}-{n}", "ttl_seconds": 3600, "items": [{"sku": f"SKU-{n % SKUS}", "quantity": 1, "location": "s1"}]})
        began = time.perf_counter()
        connection.request("POST", "/v1/reservations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        found.append(time.perf_counter() - began)
        assert answer.status == 201
    return found


def round_trips(address, topic):
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": address, "acks": "all", "enable.idempotence": True, "linger.ms": 0})
    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 500})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    for _ in range(ONE_BY_ONE + 50):
        began = time.perf_counter()
        producer.produce(topic, b"x" * 100)
        producer.poll(0)
        until, message = began + 10, None
        while message is None:
            assert time.perf_counter() < until, "it never came back"
            message = consumer.poll(1)
        assert not message.error(), message.error()
        found.append(time.perf_counter() - began)
    producer.flush(10)
    consumer.close()
    return found[50:]


def through_kafka():
    folder = os.path.join(HERE, "kafka")
    address = subprocess.run([ROOT / "deploy/kafka/start", folder], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[-1]
    try:
        subprocess.run([f"{BUILD}/onhand", "topics", "--kafka", address], check=True, stdout=subprocess.DEVNULL)
        engine, connection = start("--log", "kafka", "--kafka", address)
        try:
            one_by_one(connection, "warm")
            for number in range(ROUNDS):
                print("through Kafka, one at a time:", percentiles(one_by_one(connection, f"r{number}")),
                      "; librdkafka produce → consume:", percentiles(round_trips(address, f"bench-{number}")))
        finally:
            engine.terminate()
            engine.wait()
    finally:
        subprocess.run([ROOT / "deploy/kafka/stop", folder], stdout=subprocess.DEVNULL)


try:
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(ours())
        theirs.append(redis())
    (rate, p99), (peer, peer_p99) = max(mine), max(theirs)
    print(f"embedded, 32 connections: {rate:,.0f}/s, p99 {p99}; Redis Lua, appendfsync always: {peer:,.0f}/s, p99 {peer_p99}; ratio {rate / peer:.2f}")
    try:
        import confluent_kafka  # noqa: F401
        through_kafka()
    except ImportError:
        print("confluent-kafka is not there: nothing through Kafka")
finally:
    shutil.rmtree(HERE, ignore_errors=True)
