"""What comes from Kafka: ingest, replay, and how soon it is visible."""
import collections
import csv
import json
import pathlib
import shutil
import subprocess
import time

from harness import peers
from harness.process import engine, running, wait_for
from harness.result import Samples

SKUS, PLACES, LOCATIONS = 6016, 20, 188  # as in bench/ingest/events.h
PAIRS = SKUS * PLACES
TOPIC = "ingest-bench"


def pair_of(number):
    if number < PAIRS:
        return number
    mixed = number * 0x9E3779B97F4A7C15 & 2**64 - 1
    mixed = (mixed ^ mixed >> 31) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    return (mixed >> 32) * PAIRS >> 32


def expected(events):
    """By SKU and location: how many units."""
    units = collections.Counter(pair_of(number) for number in range(PAIRS + events))
    return {(f"SKU-{pair // PLACES}", f"store-{(pair // PLACES + pair % PLACES * 9) % LOCATIONS}"): n for pair, n in units.items()}


def stock(e):
    return {(row["sku"], row["location"]): int(row["on_hand"]) for row in csv.DictReader(e.ask("GET", "/v1/export?format=csv").decode().splitlines())}


def cpu_seconds(pid):
    """Of all its threads, in nanosecond steps."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def told_by(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(done.args)}: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def ingested(context, s, contender, address, events, units, data):
    """One engine on an empty folder: rates and CPU from the instant all rows are there."""
    with engine(context, "--history", "off", "--kafka", address, "--intake", f"{TOPIC}=protobuf", data=data) as e:
        until = time.monotonic() + 300
        while (first := e.metric("events_total")) < PAIRS and time.monotonic() < until:
            time.sleep(0.005)
        began, cpu = time.monotonic(), cpu_seconds(e.process.pid)
        while e.metric("events_total") < PAIRS + events:
            assert time.monotonic() < until, "not all events came"
            time.sleep(0.02)
        seconds, cpu = time.monotonic() - began, cpu_seconds(e.process.pid) - cpu
        messages = PAIRS + events - first
        assert e.metric("events_rejected_total") == 0 and stock(e) == units, "the stock is not what the events say"
        s.add(contender, "events_per_second", messages / seconds, more=True)
        s.add(contender, "cpu_s_per_million", cpu / messages * 1e6, more=False)
        s.totals["onhand: every row has as many units as events said"] = f"{len(units):,} rows, {PAIRS + events:,} events"
        e.process.kill()  # as a crash: no checkpoint of the end
        e.process.wait()


def replayed(context, s, events, units, data):
    """The same log again, from its beginning."""
    shutil.rmtree(data / "checkpoints", ignore_errors=True)
    began = time.monotonic()
    with engine(context, "--history", "off", data=data) as e:
        seconds = time.monotonic() - began
        if stock(e) != units:  # the log may have been trimmed behind a checkpoint: then there is nothing whole to replay
            raise RuntimeError("what was replayed is not what the events say")
        s.add("onhand, replay", "events_per_second", (PAIRS + events) / seconds, more=True)


def keep(s, contender, told):
    s.add(contender, "events_per_second", told["messages"] / told["seconds"], more=True)
    s.add(contender, "cpu_s_per_million", told["cpu_seconds"] / told["messages"] * 1e6, more=False)


def peers_of_ingest(context, s, address, events):
    whole = PAIRS + events
    keep(s, "librdkafka", told_by(context.program("bench/ingest_peer"), "drain", address, TOPIC, whole))
    told = told_by(context.program("bench/peers/consume"), address, TOPIC, whole, PAIRS)
    assert told["quantity"] == whole
    keep(s, "librdkafka, protobuf-c", told)
    if peers.have("redis-server"):
        with peers.redis(context, "--appendonly", "no") as (_, socket, process):
            cpu = cpu_seconds(process.pid)
            told = told_by(context.program("bench/peers/consume"), address, TOPIC, whole, PAIRS, socket)
            assert told["quantity"] == whole
            told["cpu_seconds"] += (cpu_seconds(process.pid) - cpu) * told["messages"] / whole  # Redis' part
            keep(s, "librdkafka, HINCRBY", told)


def streams(context, s, address, events, round_number):
    if not peers.have("mvn") or not peers.have("javac"):
        s.lacks("Kafka Streams", "needs maven and a JDK: bench/run --install")
        return
    folder = context.new_folder(f"streams-{round_number}")
    told = told_by("java", "-Xmx1g", f"-Djava.io.tmpdir={folder}", "-cp", peers.streams_classpath(context), "Streams", address, TOPIC,
                   PAIRS + events, PAIRS, folder)
    assert told["quantity"] == PAIRS + events, "Kafka Streams has another sum"
    keep(s, "Kafka Streams", told)


def ingest(context):
    """One partition of protobuf events with ids, the embedded log in memory; then the replay of that log."""
    s = Samples("ingest")
    if not peers.can_kafka(s):
        return s
    context.make("onhand", "bench/ingest_peer", "bench/peers/consume")
    events = context.scale(500_000, 5_000)
    units = expected(events)
    with peers.kafka(context, memory=True) as address:
        subprocess.run([context.program("bench/ingest_peer"), "fill", address, TOPIC, str(PAIRS + events)], check=True)
        for number in range(context.rounds):
            data = context.new_folder("ingest", memory=True)
            ingested(context, s, "onhand", address, events, units, data)
            replayed(context, s, events, units, data)
            shutil.rmtree(data, ignore_errors=True)
            data = context.new_folder("ingest-disk")
            ingested(context, s, "onhand, log on the disk", address, events, units, data)
            shutil.rmtree(data, ignore_errors=True)
            peers_of_ingest(context, s, address, events)
            if number == 0 or not context.quick:
                streams(context, s, address, events, number)
    for name in ("onhand", "librdkafka", "librdkafka, protobuf-c", "librdkafka, HINCRBY", "Kafka Streams"):
        s.promise(name, peers.PROMISES[name])
    s.figure("ingest.drain", ("onhand", "events_per_second"), ("librdkafka", "events_per_second"))
    s.figure("ingest.drain_cpu", ("onhand", "cpu_s_per_million"), ("librdkafka", "cpu_s_per_million"))
    s.figure("ingest.decode", ("onhand", "events_per_second"), ("librdkafka, protobuf-c", "events_per_second"))
    s.figure("ingest.hincrby", ("onhand", "events_per_second"), ("librdkafka, HINCRBY", "events_per_second"))
    s.figure("ingest.streams", ("onhand", "events_per_second"), ("Kafka Streams", "events_per_second"))
    s.figure("replay.ingest", ("onhand, replay", "events_per_second"), ("onhand", "events_per_second"))
    s.notes.append("broker and log lie in memory (/dev/shm), but for the line that says otherwise")
    s.notes.append("the replay's time is that of the whole start, from nothing to ready")
    return s


# ---- produced → visible ----

def delay(context, address, topic, rate, e=None):
    """Microseconds from due to be produced until seen: by a librdkafka consumer, or by asking the engine."""
    subprocess.run([context.program("bench/ingest_peer"), "fill", address, topic, "0"], check=True)  # makes it
    seconds = context.scale(max(5, context.seconds), 1)
    command = [context.program("bench/ingest_delay"), "visible" if e else "consume", address, topic, rate, seconds]
    return told_by(*command, *([e.host, e.port] if e else []))["latency_us"]


def saturating(context, e):
    """A closed loop of GETs beside what is measured, for as long as it takes."""
    command = [context.program("bench/load/onhand_load"), "--quiet", "--url", e.url, "--rate", "max", "--seconds", 3600, "--no-check", "--no-totals"]
    return running(command)


def keep_delay(s, plot, name, told):
    s.add(name, "p50_ms", told["p50"] / 1e3, more=False)
    s.add(name, "p99_ms", told["p99"] / 1e3, more=False)
    s.histogram(plot, name, told)


def one_pair(context, s, address, rate, plot, names, round_number, saturated=False, disk=False):
    label = plot.replace(" ", "-").replace(",", "") + ("-disk" if disk else "")
    ours, theirs = names
    topic = f"visible-{label}-{round_number}"
    # its first message is there before it is asked about: its group has its partition when that is applied. ingest_delay sends it again, which changes nothing
    subprocess.run([context.program("bench/ingest_peer"), "fill", address, topic, "1"], check=True)
    with engine(context, "--history", "off", "--kafka", address, "--intake", f"{topic}=protobuf", data=context.new_folder("visible", memory=not disk)) as e:
        e.fill(10, 1)
        wait_for(lambda: e.metric("events_total") == 11, "intake has its partition")
        if saturated:
            with saturating(context, e):
                found = delay(context, address, topic, rate, e)
                peer = delay(context, address, f"consume-{label}-{round_number}", rate)
        else:
            found = delay(context, address, topic, rate, e)
    if disk:
        keep_delay(s, plot, ours + ", log on the disk", found)
        return
    if not saturated:
        peer = delay(context, address, f"consume-{label}-{round_number}", rate)
    for name, told in ((ours, found), (theirs, peer)):
        keep_delay(s, plot, name, told)


def visible(context):
    """From due to be produced to visible over HTTP, beside librdkafka's own produce → consume under the same load."""
    s = Samples("visible")
    if not peers.can_kafka(s):
        return s
    context.make("onhand", "bench/ingest_peer", "bench/ingest_delay", "bench/load/onhand_load")
    fast = context.scale(100_000, 2_000)
    cases = (("visible", "produced to visible, 1,000 a second", 1000, False), ("visible-loaded.fast", f"produced to visible, {fast:,} a second", fast, False),
             ("visible-loaded.http", "produced to visible, 1,000 a second, HTTP saturated", 1000, True))
    with peers.kafka(context, memory=True) as address:
        peers.warm(context, address)
        for number in range(context.rounds):
            for figure, plot, rate, saturated in cases:
                one_pair(context, s, address, rate, plot, (f"onhand: {plot}", f"librdkafka: {plot}"), number, saturated)
            one_pair(context, s, address, 1000, cases[0][1], (f"onhand: {cases[0][1]}", ""), number, disk=True)
    for figure, plot, _, _ in cases:
        ours, peer = f"onhand: {plot}", f"librdkafka: {plot}"
        if figure == "visible":
            s.figure("visible.p50", (ours, "p50_ms"), (peer, "p50_ms"), how="difference")
            s.figure("visible.p99", (ours, "p99_ms"), (peer, "p99_ms"))
        else:
            s.figure(f"{figure}_p50", (ours, "p50_ms"), (peer, "p50_ms"))
            s.figure(f"{figure}_p99", (ours, "p99_ms"), (peer, "p99_ms"))
    s.notes.append("broker and log lie in memory (/dev/shm), but for the line that says otherwise: there a sync lies between")
    s.totals["every event produced was seen"] = "ingest_delay fails otherwise"
    return s
