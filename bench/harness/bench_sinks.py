"""Redis behind the table, restarts, and what a long run does to memory."""
import json
import os
import statistics
import subprocess
import threading
import time

from harness import peers
from harness.process import engine, load, resident_bytes, wait_for
from harness.result import Samples

SKUS_ALL, LOCATIONS = 10_000, 10


# ---- Redis ----

def ask_redis(sock, *words):
    sock.sendall(peers.resp(*words))


class Reader:
    """The few questions this bench has to a Redis."""

    def __init__(self, path):
        import socket
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.answers = self.socket.makefile("rb")

    def ask(self, *words):
        ask_redis(self.socket, *words)
        line = self.answers.readline()
        if line[:1] != b"$":
            return line[1:].strip().decode()
        size = int(line[1:])
        return self.answers.read(size + 2)[:-2].decode() if size >= 0 else None

    def version(self):
        found = self.ask("HGET", "onhand:meta", "version")
        return tuple(int(part) for part in found.split(":")) if found else (0, 0)


def rebuilt(reader, e):
    """All of it written again after a FLUSHALL: seconds from its first key to the word that all is there."""
    version = e.version("SKU-0", "store-00")
    reader.ask("FLUSHALL")
    wait_for(lambda: int(reader.ask("DBSIZE")) >= 1, "the sink saw that its keys are gone", 120, step=0.001)
    began = time.monotonic()
    wait_for(lambda: reader.version() >= version, "Redis has all of it", 120, step=0.001)
    took = time.monotonic() - began
    assert int(reader.ask("HLEN", "onhand:a:{SKU-77}")) == LOCATIONS + 3
    return took


def ages(reader, over, found):
    """(when, version, milliseconds since all that Redis has was the newest), as any reader can tell them."""
    while not over.is_set():
        version, at = reader.version(), reader.ask("HGET", "onhand:meta", "at")
        if at:
            now = time.time()
            found.append((now, version, max(0.0, now * 1000 - float(at))))
        time.sleep(0.002)


def while_changing(found, warm_up):
    """Without what came before the first change and behind the last, when Redis had nothing to follow and said so once a second, and without the warm-up."""
    changed = [i for i in range(1, len(found)) if found[i][1] != found[i - 1][1]]
    return [ms for when, _, ms in found[changed[0]:changed[-1]] if when >= found[changed[0]][0] + warm_up]


def aged(context, s, path, e):
    """How old Redis is while single-row changes come over HTTP by a schedule, a hundred a request so that they come evenly."""
    over, found, reader, warm_up = threading.Event(), [], Reader(path), context.scale(1, 0.2)
    watcher = threading.Thread(target=ages, args=(reader, over, found))
    watcher.start()
    try:
        told = load(context, "--url", e.url, "--mix", "event", "--batch", 100, "--rate", context.scale(1000, 50), "--arrivals", "constant", "--seconds",
                    context.scale(max(6, context.seconds), 1), "--warm-up", warm_up, "--connections", 8)
    finally:
        over.set()
        watcher.join()
    us = peers.latencies(sorted(ms * 1000 for ms in while_changing(found, warm_up)))
    s.add("onhand's Redis", "age_p50_ms", us["p50"] / 1e3, more=False)
    s.add("onhand's Redis", "age_p99_ms", us["p99"] / 1e3, more=False)
    s.add("onhand's Redis", "age_most_ms", us["most"] / 1e3, more=False)
    s.histogram(f"age of Redis, {context.scale(100_000, 5_000):,} changes a second", "onhand's Redis", us)
    s.totals["changes a second while the age was looked at"] = f"{told['steps'][0]['rows_per_second']:,.0f}"


def hset(context, path, skus, how):
    done = subprocess.run([context.program("bench/redis/redis_hset"), str(path), str(skus), str(LOCATIONS), how], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def redis(context):
    """The guarded sink beside unguarded HSETs, on a unix socket."""
    s = Samples("redis")
    if not peers.have("redis-server"):
        s.lacks("onhand's Redis", "redis-server is not installed: bench/run --install")
        return s
    context.make("onhand", "bench/redis/redis_hset", "bench/load/onhand_load")
    skus = context.scale(SKUS_ALL, 100)
    with peers.redis(context, "--appendonly", "no") as (_, path, _process), engine(context, "--history", "off", "--redis", f"unix:{path}") as e:
        e.fill(skus, LOCATIONS, 1000)
        reader = Reader(path)
        wait_for(lambda: reader.version() >= e.version("SKU-0", "store-00"), "Redis has all of it", 120)
        for _ in range(context.rounds):
            s.add("onhand's sink, guarded by versions", "rows_per_second", skus * LOCATIONS / rebuilt(reader, e), more=True)
            for how, name in (("row", "HSET a row"), ("sku", "HSET a SKU with all its rows")):
                reader.ask("FLUSHALL")
                s.add(name, "rows_per_second", skus * LOCATIONS / max(hset(context, path, skus, how), 0.001), more=True)
            reader.ask("FLUSHALL")
            wait_for(lambda: reader.version() >= e.version("SKU-0", "store-00"), "Redis has all of it", 120)
        for _ in range(context.rounds):
            aged(context, s, path, e)
        field = int(reader.ask("HGET", "onhand:a:{SKU-7}", "store-03"))
        wait_for(lambda: reader.version() >= e.version("SKU-0", "store-00"), "Redis has all of it", 120)
        field = int(reader.ask("HGET", "onhand:a:{SKU-7}", "store-03"))
        assert f'"available":{field}' in e.ask("GET", "/v1/availability/SKU-7?location=store-03").decode()
    s.promise("onhand's sink, guarded by versions", "the sum, version and instant beside the rows; an older write loses; a hash that is incomplete is written whole")
    for name in ("HSET a row", "HSET a SKU with all its rows"):
        s.promise(name, "hiredis, pipelined: no version, no sum, no guard, no order")
    s.figure("redis-sink.hset", ("onhand's sink, guarded by versions", "rows_per_second"), ("HSET a row", "rows_per_second"))
    s.figure("redis-age.p99", ("onhand's Redis", "age_p99_ms"))
    return s


# ---- restarts ----

def forget(path):
    """The page cache has nothing of it any more."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def read_seconds(path):
    """Into one buffer, again and again: nothing is done with the bytes."""
    fd, into = os.open(path, os.O_RDONLY), bytearray(1 << 20)
    began = time.monotonic()
    while os.readv(fd, [into]):
        pass
    took = time.monotonic() - began
    os.close(fd)
    return max(took, 1e-4)


def checkpoint_of(data):
    files = [p for p in (data / "checkpoints").iterdir() if p.is_file()]
    return max(files, key=lambda p: p.stat().st_mtime)


def restarted(context, s, data, how):
    path = checkpoint_of(data)  # the last stop may have written another
    for _ in range(2):  # the first time brings it into the cache
        if how == "cold":
            forget(path)
        took = read_seconds(path)
    s.add(f"reading the checkpoint, {how}", "seconds", took, more=False)
    if how == "cold":
        forget(path)
    began = time.monotonic()
    with engine(context, "--history", "off", data=data) as e:
        s.add(f"onhand until ready, {how}", "seconds", time.monotonic() - began, more=False)
        s.add("onhand, resident after a restart", "bytes_a_row", resident_bytes(e.process.pid) / context.rows, more=False)
        assert e.metric("rows") == context.rows, "rows are missing after a restart"


def restart(context):
    """From a checkpoint of 10 million rows, or --rows."""
    s = Samples("restart")
    context.make("onhand")
    data, rows = context.new_folder("restart"), context.rows
    began = time.monotonic()
    with engine(context, "--history", "off", "--checkpoint-seconds", context.scale("20", "1"), data=data) as e:
        e.fill(rows // 10, 10, 7, batch=5000)
        s.notes.append(f"filled with {rows:,} rows by POST /v1/events in {time.monotonic() - began:.1f} s, from Python")
        # what is written when it stops is bounded in time: everything has to be in a checkpoint before
        wait_for(lambda: e.metric("checkpoint_offset") > e.version("SKU-0", "store-00")[1], "a checkpoint has all rows", 300)
    size = checkpoint_of(data).stat().st_size
    for _ in range(context.rounds):
        for how in ("cached", "cold"):
            restarted(context, s, data, how)
    s.totals["every row is there after each restart"] = f"{rows:,}"
    for how in ("cached", "cold"):
        ours, reading = (f"onhand until ready, {how}", "seconds"), (f"reading the checkpoint, {how}", "seconds")
        s.figure(f"restart.{how}", ours, reading)
        s.notes.append(f"{how}: {size / 1e6:.0f} MB (ids of events included) read at {size / s.best(*reading) / 1e9:.2f} GB/s, "
                       f"ready after {s.best(*ours):.2f} s")
    return s


# ---- soak ----

REMEMBERED_MINUTES = 10


def forget_soon(e):
    """What ended is remembered for a day, accounts for a month: with minutes a run sees memory come to rest."""
    us = REMEMBERED_MINUTES * 60 * 1_000_000
    e.ask("PUT", "/v1/settings", json.dumps({"reservations_kept_us": us, "closed_accounts_us": us, "ids_remembered": 262_144}))


def soak(context, hours):
    """Everything at once for hours: memory must not grow with time."""
    s = Samples("soak")
    context.make("onhand", "bench/load/onhand_load")
    until, points, latency = time.monotonic() + hours * 3600, [], []
    with engine(context) as e:
        forget_soon(e)
        e.fill(10_000, 10, 100_000_000)
        began = time.monotonic()
        while time.monotonic() < until:
            step, = load(context, "--url", e.url, "--mix", "row=900,sku=50,hold=40,event=10", "--pick", "zipf", "--rate", 5000, "--batch", 10, "--ttl", 60,
                         "--seconds", min(60, max(1, until - time.monotonic())), "--warm-up", 0.1, "--seed", len(points) + 1, "--no-totals")["steps"]
            minutes = (time.monotonic() - began) / 60
            points.append([minutes, resident_bytes(e.process.pid) / 2**20])
            latency.append([minutes, step["kinds"]["row"]["latency_us"]["p99"]])
            print(f"  {minutes:7.1f} min  {points[-1][1]:8.1f} MiB  p99 {latency[-1][1]:8.1f} µs", flush=True)
    s.curves["soak: memory"] = {"x": "minutes", "y": "MiB resident", "x_log": False, "y_log": False, "lines": {"onhand": points}}
    s.curves["soak: p99 of GET"] = {"x": "minutes", "y": "µs", "x_log": False, "y_log": True, "lines": {"onhand": latency}}
    half = [mib for minute, mib in points if minute > points[-1][0] / 2] or [points[-1][1]]
    s.add("onhand", "mib_median_of_second_half", statistics.median(half), more=False)
    s.add("onhand", "mib_at_the_end", points[-1][1], more=False)
    s.notes.append(f"what ended is remembered for {REMEMBERED_MINUTES} minutes instead of a day, accounts too, and the newest 262,144 ids of events")
    s.totals["requests, all right"] = f"{len(points)} runs of 5,000 a second"
    return s
