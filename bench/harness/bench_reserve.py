"""Durable reservations beside Redis scripts, PostgreSQL and a round trip through Kafka."""
import json
import subprocess

from harness import peers
from harness.process import engine, load, pids
from harness.result import Samples

SKUS, CONNECTIONS, HOT_MOST = 1000, 32, 40_000
REDIS = {"Redis Lua, appendfsync always": ("--appendonly", "yes", "--appendfsync", "always"),
         "Redis Lua, appendfsync everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
         "Redis Lua, no AOF": ("--appendonly", "no")}
PLOT = "reservations, 32 connections as fast as they go"


def holds(context, where, *options):
    told = load_unpinned(context, *where, "--mix", "hold", "--ttl", 36000, "--connections", CONNECTIONS, "--rate", "max", "--seconds", context.seconds,
                         "--warm-up", context.scale(0.5, 0.1), *options)
    return told["steps"], told


def load_unpinned(context, *options):
    pinned, context.pinned = context.pinned, False
    try:
        return load(context, *options)
    finally:
        context.pinned = pinned


def keep(s, contender, step, kind="hold", plot=PLOT):
    s.add(contender, "per_second", step["answered_per_second"], more=True)
    s.add(contender, "p50_ms", step["kinds"][kind]["latency_us"]["p50"] / 1e3, more=False)
    s.add(contender, "p99_ms", step["kinds"][kind]["latency_us"]["p99"] / 1e3, more=False)
    if plot:
        s.histogram(plot, contender, step["kinds"][kind]["latency_us"])


def ours(context, s, round_number):
    with engine(context, "--history", "off") as e:
        e.fill(SKUS, 1, 100_000_000)
        where = ["--url", e.url, "--pid", pids(e.process)]
        (step,), told = holds(context, where)
        keep(s, "onhand", step)
        s.totals["onhand: the export's reserved went up by what answers granted"] = \
            f"{told['answers_said']['held']:,} units, round {round_number + 1}"
        # an account of a row is bounded: so many holds of one row, and no more
        (step,), _ = holds(context, where, "--pick", "hot", "--count", context.scale(HOT_MOST, 200), "--warm-up", context.scale(0.2, 0))
        keep(s, "onhand, one hot row", step, plot="reservations of one hot row")
        (step,), _ = holds(context, where, "--lines", 100, "--seconds", context.seconds / 2)
        s.add("onhand, baskets of 100", "lines_per_second", step["rows_per_second"], more=True)
        s.add("onhand, baskets of 100", "p99_ms", step["kinds"]["hold"]["latency_us"]["p99"] / 1e3, more=False)
        (step,), _ = holds(context, where, "--pipeline", 100, "--seconds", context.seconds / 2)
        s.add("onhand, 100 reservations pipelined", "lines_per_second", step["rows_per_second"], more=True)


def fill_rows(context):
    rows = context.folder / "reserve.csv"
    rows.write_text("sku,location\n" + "".join(f"SKU-{n},store-00\n" for n in range(SKUS)))
    return rows


def redis(context, s, contender):
    with peers.redis(context, *REDIS[contender]) as (port, _, process):
        peers.redis_fill(port, (("HSET", f"onhand:a:{{SKU-{n}}}", "store-00", 100_000_000) for n in range(SKUS)))
        where = ["--redis", f"127.0.0.1:{port}", "--file", fill_rows(context), "--pid", pids(process)]
        (step,), told = holds(context, where)
        keep(s, contender, step)
        left = peers.redis_sum(port, [f"onhand:a:{{SKU-{n}}}" for n in range(SKUS)], lambda key: "store-00")
        taken = SKUS * 100_000_000 - left
        assert taken == told["answers_said"]["held"] + told["answers_said"]["unknown"], f"{contender}: {taken} taken, {told['answers_said']} granted"
        if contender != "Redis Lua, appendfsync always":
            return
        s.totals[f"{contender}: what is left is what was not granted"] = f"{taken:,} units"
        (step,), _ = holds(context, where, "--lines", 100, "--seconds", context.seconds / 2)
        s.add(f"{contender}, 100 pipelined", "lines_per_second", step["rows_per_second"], more=True)


def postgres(context, s, cluster):
    cluster.start()
    try:
        before = cluster.taken()
        for contender, hot in (("PostgreSQL", False), ("PostgreSQL, one hot row", True)):
            count, rate, times = cluster.load(CONNECTIONS, context.seconds, hot)
            told = peers.latencies(times)
            s.add(contender, "per_second", rate, more=True)
            s.add(contender, "p50_ms", told["p50"] / 1e3, more=False)
            s.add(contender, "p99_ms", told["p99"] / 1e3, more=False)
            s.histogram("reservations of one hot row" if hot else PLOT, contender, told)
            before += count
        assert cluster.taken() == before, "PostgreSQL's rows are not what was committed"
        s.totals["PostgreSQL: what is gone is what was committed"] = f"{before:,} units"
    finally:
        cluster.stop()


def postgres_steps(context, cluster, rates):
    """pgbench -R has a schedule as well, and counts from it."""
    cluster.start()
    try:
        for rate in rates.split(","):
            _, answered, times = cluster.load(64, context.seconds, rate=rate)
            yield {"rate_asked": float(rate), "answered_per_second": answered, "kinds": {"hold": {"latency_us": peers.latencies(times)}}}
    finally:
        cluster.stop()


def sweep(context, s, cluster):
    """Latency against load, open loop."""
    rates, lines = context.scale("1000,2500,5000,10000,15000,20000,25000,30000,35000,40000", "200,400"), {}
    with engine(context, "--history", "off") as e:
        e.fill(SKUS, 1, 100_000_000)
        lines["onhand"] = load_unpinned(context, "--url", e.url, "--mix", "hold", "--ttl", 36000, "--connections", 256, "--rate", rates, "--seconds",
                                        context.seconds, "--warm-up", context.scale(0.5, 0.1), "--patience", 2)["steps"]
    name = "Redis Lua, appendfsync always"
    if peers.have("redis-server"):
        with peers.redis(context, *REDIS[name]) as (port, _, _process):
            peers.redis_fill(port, (("HSET", f"onhand:a:{{SKU-{n}}}", "store-00", 100_000_000) for n in range(SKUS)))
            lines[name] = load_unpinned(context, "--redis", f"127.0.0.1:{port}", "--file", fill_rows(context), "--mix", "hold", "--connections", 256,
                                        "--rate", rates, "--seconds", context.seconds, "--warm-up", context.scale(0.5, 0.1), "--patience", 2)["steps"]
    if cluster:
        lines["PostgreSQL"] = list(postgres_steps(context, cluster, context.scale("1000,2500,5000,7500,10000,12500,15000", "200,400")))
    for quantile in ("p50", "p99"):
        s.curves[f"reservations: {quantile} against load (open loop; 256 connections, PostgreSQL 64)"] = {
            "x": "reservations a second, as answered", "y": f"{quantile}, µs", "x_log": False, "y_log": True,
            "lines": {n: [[p["answered_per_second"], p["kinds"]["hold"]["latency_us"][quantile]] for p in steps] for n, steps in lines.items()}}
    for n, steps in lines.items():
        s.histogram(f"reservations, {steps[1]['rate_asked']:,.0f} a second (open loop)", n, steps[1]["kinds"]["hold"]["latency_us"])


def reserve(context):
    """Embedded log, 32 connections: uniform, one hot row, 100 a request."""
    s = Samples("reserve")
    context.make("onhand", "bench/load/onhand_load")
    cluster = None
    if peers.postgres_programs():
        cluster = peers.Postgres(context, SKUS)
    else:
        s.lacks("PostgreSQL", "not installed: bench/run --install")
    for number in range(context.rounds):
        ours(context, s, number)
        if peers.have("redis-server"):
            for contender in REDIS:
                redis(context, s, contender)
        else:
            s.lacks("Redis Lua", "redis-server is not installed: bench/run --install")
        if cluster:
            postgres(context, s, cluster)
    sweep(context, s, cluster)
    for name in ("onhand", "PostgreSQL", *REDIS):
        s.promise(name, peers.PROMISES[name])
    always = "Redis Lua, appendfsync always"
    s.figure("reserve.redis", ("onhand", "per_second"), (always, "per_second"))
    s.figure("reserve.postgres", ("onhand", "per_second"), ("PostgreSQL", "per_second"))
    s.figure("reserve.p99", ("onhand", "p99_ms"))
    s.figure("reserve-hot.postgres", ("onhand, one hot row", "per_second"), ("PostgreSQL, one hot row", "per_second"))
    s.figure("reserve-hot.uniform", ("onhand, one hot row", "per_second"), ("onhand", "per_second"))
    s.figure("reserve-many.redis", ("onhand, baskets of 100", "lines_per_second"), (f"{always}, 100 pipelined", "lines_per_second"))
    s.notes.append("nothing is pinned: engine, peer and load share both cores")
    s.notes.append(f"one hot row: {context.scale(HOT_MOST, 200):,} holds a round, because the accounts of one row are bounded (65,536)")
    return s


def reserve_kafka(context):
    """Through Kafka, one at a time, beside librdkafka's own round trip on the same broker."""
    s = Samples("reserve_kafka")
    if not peers.can_kafka(s):
        return s
    context.make("onhand", "bench/load/onhand_load", "bench/peers/round_trip", "bench/ingest_peer", "bench/ingest_delay")
    count = context.scale(2000, 50)
    with peers.kafka(context) as address:
        peers.warm(context, address)
        subprocess.run([context.program("onhand"), "topics", "--kafka", address], check=True, stdout=subprocess.DEVNULL)
        with engine(context, "--history", "off", "--log", "kafka", "--kafka", address) as e:
            e.fill(SKUS, 1, 100_000_000)
            for number in range(context.rounds):
                (step,), _ = holds(context, ["--url", e.url], "--connections", 1, "--count", count, "--seconds", 60)
                keep(s, "onhand through Kafka, one at a time", step, plot="one reservation at a time through Kafka")
                topic = f"round-trip-{number}"
                subprocess.run([context.program("bench/ingest_peer"), "fill", address, topic, "0"], check=True)
                told = json.loads(subprocess.run([context.program("bench/peers/round_trip"), address, topic, str(count)], check=True,
                                                 stdout=subprocess.PIPE).stdout)["latency_us"]
                s.add("librdkafka, produce → consume", "p50_ms", told["p50"] / 1e3, more=False)
                s.add("librdkafka, produce → consume", "p99_ms", told["p99"] / 1e3, more=False)
                s.histogram("one reservation at a time through Kafka", "librdkafka, produce → consume", told)
    s.promise("librdkafka, produce → consume", "acks=all, idempotent, 100 bytes: there and back, nothing decided")
    s.figure("reserve-kafka.p50", ("onhand through Kafka, one at a time", "p50_ms"), ("librdkafka, produce → consume", "p50_ms"))
    return s
