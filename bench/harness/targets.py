"""What is measured against whom, and what is wanted: every row of the targets, each with its figures.

A figure is ours / peer's (or ours - peer's, or ours alone); `better` says whether less or more of it is wanted. `floor`: a change must not fall
under it; `goal`: what is wanted."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str           # row.figure
    what: str           # ours / peer
    better: str         # "less" or "more"
    floor: float | None
    goal: float | None
    unit: str = "×"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    bench: str          # the one in benches.py that measures it
    what: str
    figures: tuple


def row(name, bench, what, *figures):
    return Row(name, bench, what, tuple(Figure(f"{name}.{f[0]}", *f[1:]) for f in figures))


ROWS = (
    row("lookup", "lookup", "read one row in process by SKU text and location, uniform, a writer running",
        ("least", "its time / the least such a design must do (hash, 16-byte entry, line)", "less", 1.6, 1.2),
        ("least_16", "the same in prefetched batches of 16", "less", 1.6, 1.1)),
    row("lookup-peers", "lookup", "the same beside ck_ht, liburcu rculfhash, TBB concurrent_hash_map",
        ("best", "its time / the best peer's", "less", 0.7, 0.4)),
    row("lookup-all", "lookup", "all 20 locations of one SKU",
        ("twenty", "its time / 20 such lookups", "less", 0.5, 0.15)),
    row("growth", "lookup", "growth of lookup time from a hundredth of the rows",
        ("least", "its growth / the least's own", "less", 1.3, 1.1)),
    row("memory", "lookup", "memory of rows, index and texts, 10 locations a SKU",
        ("bare", "bytes a row / bare 64-byte lines in open addressing (107 bytes)", "less", 1.4, 0.75)),
    row("get", "http", "GET /v1/availability/{sku}?location=, keep-alive, 32 connections, one HTTP thread",
        ("epoll_cpu", "server CPU a request / bare epoll loop's", "less", 1.35, 1.1),
        ("nginx", "requests a second / nginx `return 200` of the same bytes", "more", 0.95, 1.1),
        ("nginx_p99", "p99 / nginx's", "less", None, 1.0),
        ("evhttp", "requests a second / evhttp's", "more", 1.6, 1.9),
        ("go", "requests a second / Go net/http's", "more", 1.6, 1.7),
        ("redis", "requests a second / Redis HMGET's", "more", 1.2, 1.3)),
    row("get-pipelined", "http", "the same, 16 pipelined",
        ("epoll", "requests a second / bare epoll loop's", "more", 0.5, 0.8),
        ("nginx", "requests a second / nginx's", "more", 5, 10)),
    row("batch", "batch", "POST /v1/availability, 100 rows",
        ("single", "rows a second / our own single GETs'", "more", 15, 40),
        ("redis", "rows a second / Redis HMGET, 16 pipelined", "more", 2, 4)),
    row("ingest", "ingest", "ingest from a real broker: protobuf with ids, de-duplicated, applied, visible",
        ("drain", "events a second / librdkafka doing nothing", "more", 0.35, 0.7),
        ("drain_cpu", "its CPU an event / librdkafka's", "less", None, 2),
        ("decode", "events a second / librdkafka and protobuf-c decoding", "more", None, None),
        ("hincrby", "events a second / librdkafka, protobuf-c, pipelined HINCRBY", "more", 4, 8),
        ("streams", "events a second / Kafka Streams KTable", "more", 12, 30)),
    row("replay", "ingest", "replay of the log",
        ("ingest", "events a second / ingest's", "more", 1, 2)),
    row("visible", "visible", "produced → visible over HTTP, 1,000 a second",
        ("p50", "p50 - librdkafka's own produce → consume", "less", 0.3, 0.1, "ms"),
        ("p99", "p99 / librdkafka's", "less", 1.5, None)),
    row("visible-loaded", "visible", "the same at 100,000 a second, and while HTTP is saturated",
        ("fast_p50", "100,000/s: p50 / librdkafka's beside the same load", "less", 1.3, 1.1),
        ("fast_p99", "100,000/s: p99 / librdkafka's", "less", 3, 1.5),
        ("http_p50", "HTTP saturated: p50 / librdkafka's beside the same load", "less", 1.3, 1.1),
        ("http_p99", "HTTP saturated: p99 / librdkafka's", "less", 3, 1.5)),
    row("reserve", "reserve", "durable reservation over HTTP, embedded log, 32 connections",
        ("redis", "reservations a second / Redis Lua, appendfsync always", "more", 1, 2),
        ("postgres", "reservations a second / PostgreSQL UPDATE … WHERE available >= n", "more", 2.5, 5),
        ("p99", "p99", "less", None, 1.0, "ms")),
    row("reserve-hot", "reserve", "the same, all on one hot row",
        ("postgres", "reservations a second / PostgreSQL's on one row", "more", 10, 20),
        ("uniform", "reservations a second / our own uniform", "more", 0.9, 1)),
    row("reserve-many", "reserve", "durable reservations, 100 a request",
        ("redis", "lines a second of baskets of 100 / Redis Lua pipelined by 100, appendfsync always", "more", 2, 5)),
    row("reserve-kafka", "reserve_kafka", "durable reservation through Kafka, one at a time",
        ("p50", "p50 / librdkafka's produce → consume round trip", "less", 1.5, 1.1)),
    row("log", "log", "commit of the embedded log",
        ("one", "records a second, 1 waiting / bare preallocated append and fdatasync", "more", 0.7, 0.9),
        ("32", "32 waiting", "more", 0.7, 0.9),
        ("1000", "1000 waiting", "more", 0.7, 0.9)),
    row("handoff", "handoff", "from an asking thread to the log, to the writer and back",
        ("32", "records a second, 32 outstanding / the same chain bare", "more", 0.6, 0.9),
        ("256", "256 outstanding", "more", 0.6, 0.9)),
    row("redis-sink", "redis", "Redis snapshots of changed rows, version-guarded",
        ("hset", "rows a second / hiredis HSET a row without a guard", "more", 0.7, 0.95)),
    row("redis-age", "redis", "age of Redis behind the table, 100,000 changes a second",
        ("p99", "p99", "less", 20, 5, "ms")),
    row("restart", "restart", "restart from a checkpoint",
        ("cold", "time until ready / reading the same bytes, from a disk that has forgotten them", "less", 5, 2),
        ("cached", "time until ready / reading the same bytes, both from the page cache", "less", 5, 2)),
    row("near", "near", "nearest 10 stores with stock among 10,000",
        ("time", "an item that a tenth of the stores have", "less", 100, 20, "µs"),
        ("basket", "a basket of three, half of the stores have each", "less", 100, 20, "µs"),
        ("worst", "nearly sold out: 1 in 100 has it, rows at all 10,000", "less", 100, 20, "µs")),
)

BENCHES = tuple(dict.fromkeys(r.bench for r in ROWS))
FIGURES = {f.name: f for r in ROWS for f in r.figures}
