#!/usr/bin/env python3
"""The Redis sink beside unguarded HSETs, and how old Redis is under load: run.py BUILD_DIRECTORY [ROUNDS [CHANGES_A_SECOND [SECONDS]]].

An engine and a redis-server without persistence on a unix socket; 100,000 rows (10,000 SKUs at 10 locations). First all of it is written after a
FLUSHALL, in turns with the peer (redis_hset: pipelined, no version, no sum, no guard); then single-row changes come over HTTP by a schedule, and the
age of Redis (now - `at` of onhand:meta) is looked at every 10 ms."""
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import redis

BUILD = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
RATE = int(sys.argv[3]) if len(sys.argv) > 3 else 100000
SECONDS = int(sys.argv[4]) if len(sys.argv) > 4 else 10
SKUS, LOCATIONS, BATCH, PORT = 10000, 10, 2500, 18932
HERE = tempfile.mkdtemp(prefix="onhand-bench-")
SOCKET = os.path.join(HERE, "redis.sock")


def event(number, kind, quantity):
    row = number * 7919 % (SKUS * LOCATIONS)
    return json.dumps({"id": f"{kind}-{number}", "source": "bench", "type": kind, "sku": f"SKU-{row // LOCATIONS}",
                       "location": f"store-{row % LOCATIONS:02}", "quantity": quantity, "occurred_at": "2026-01-01T00:00:00Z"})


def body(kind, first, count, quantity):
    return "\n".join(event(number, kind, quantity) for number in range(first, first + count)).encode()


def post(connection, data):
    connection.request("POST", "/v1/events?results=problems", data, {"Content-Type": "application/x-ndjson"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200 and json.loads(text)["applied"] > 0, text[:300]
    return answer


def meta_version(client):
    found = client.hget("onhand:meta", "version")
    return tuple(int(part) for part in found.split(":")) if found else (0, 0)


def wait_for(client, version, seconds=120):
    until = time.monotonic() + seconds
    while meta_version(client) < version:
        assert time.monotonic() < until, "Redis never got there"
        time.sleep(0.002)


def engine_version(connection):
    connection.request("GET", "/v1/availability/SKU-0?location=store-00")
    return tuple(int(part) for part in json.loads(connection.getresponse().read())["version"].split(":"))


def rebuild(client, connection):
    version = engine_version(connection)
    client.flushall()
    while client.dbsize() < 5:  # the engine looks now and then whether its mark is still there: that is not what is measured
        time.sleep(0.0005)
    began = time.monotonic()
    wait_for(client, version)
    took = time.monotonic() - began
    assert client.hlen("onhand:a:{SKU-77}") == LOCATIONS + 3
    return took


def peer(client, how):
    client.flushall()
    done = subprocess.run([f"{BUILD}/bench/redis/redis_hset", SOCKET, str(SKUS), str(LOCATIONS), how], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def ages(client, over, found):
    while not over.is_set():
        at = client.hget("onhand:meta", "at")
        if at:
            found.append(time.time() * 1000 - float(at))
        time.sleep(0.01)


def under_load(client, connection):
    bodies = [body("sale", at, BATCH, 1) for at in range(0, RATE * SECONDS, BATCH)]
    over, found = threading.Event(), []
    watcher = threading.Thread(target=ages, args=(client, over, found))
    began = time.monotonic()
    watcher.start()
    for number, data in enumerate(bodies):
        ahead = began + number * BATCH / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        post(connection, data)
    took = time.monotonic() - began
    over.set()
    watcher.join()
    found.sort()
    return {"changes_a_second": len(bodies) * BATCH / took, "age_ms_p50": statistics.median(found), "age_ms_p99": found[len(found) * 99 // 100],
            "age_ms_most": found[-1]}


def main():
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
    engine = subprocess.Popen([f"{BUILD}/onhand", "serve", "--data", f"{HERE}/data", "--listen", f"127.0.0.1:{PORT}", "--redis", f"unix:{SOCKET}",
                               "--history", "off"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert b"ready" in engine.stdout.readline()
        client = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        for at in range(0, SKUS * LOCATIONS, BATCH):
            post(connection, body("receipt", at, BATCH, 1000))
        wait_for(client, engine_version(connection))
        rows = SKUS * LOCATIONS
        took = {"sink": [], "row": [], "sku": []}
        for _ in range(ROUNDS):
            took["sink"].append(rebuild(client, connection))
            for how in ("row", "sku"):
                took[how].append(peer(client, how))
            client.flushall()
            wait_for(client, engine_version(connection))
        best = {name: rows / min(seconds) for name, seconds in took.items()}
        print(f"rows a second: sink {best['sink']:,.0f}; HSET a row {best['row']:,.0f} (ratio {best['sink'] / best['row']:.2f}); "
              f"HSET a SKU {best['sku']:,.0f} (ratio {best['sink'] / best['sku']:.2f})")
        print(json.dumps(under_load(client, connection)))
    finally:
        engine.terminate()
        engine.wait()
        server.terminate()
        server.wait()
        shutil.rmtree(HERE)


main()
