"""Questions over HTTP beside servers that answer the same bytes."""
import contextlib
import socket
import subprocess

from harness import peers
from harness.process import free_port, listens, load, pids, running, wait_for
from harness.result import Samples

SKUS_ALL, EACH, CONNECTIONS, PIPELINED = 100_000, 4, 32, 16


def place(sku):
    return f"store-{sku * 7 % 1000:04d}"


def raw_answer(port, sku):
    """The bytes of one answer, head and body."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(f"GET /v1/availability/SKU-{sku}?location={place(sku)} HTTP/1.1\r\nHost: b\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + length(got):
            got += s.recv(65536)
    return got


def length(head):
    return next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))


class Front:
    """What all contenders need: rows to ask for, and the answer that peers repeat."""

    def __init__(self, context, threads=1):
        self.context, self.threads = context, threads
        self.skus = context.scale(SKUS_ALL, 1000)
        self.rows = context.folder / "rows.csv"
        self.rows.write_text("sku,location\n" + "".join(f"SKU-{n},{place(n)}\n" for n in range(self.skus)))
        self.answer = context.folder / "answer"
        self.limit = str(int(60 + 40 * context.seconds))  # ends by itself

    def load(self, port, process, *options, **named):
        told = load(self.context, "--url", f"http://127.0.0.1:{port}", "--file", self.rows, "--connections", CONNECTIONS, "--pid", pids(process),
                    "--seconds", self.context.seconds, "--warm-up", self.context.scale(0.5, 0.1), *options, **named)
        return told["steps"]

    @contextlib.contextmanager
    def serving(self, command):
        port = free_port()
        command = [str(part).replace("{PORT}", str(port)) for part in command]
        with running(self.context.on(0, command)) as process:
            wait_for(lambda: listens(port), command[0])
            yield port, process

    @contextlib.contextmanager
    def onhand(self, threads=1):
        command = [self.context.program("bench/http/serve_state"), "{PORT}", self.skus, self.limit, threads]
        with self.serving(command) as (port, process):
            if not self.answer.exists():
                self.answer.write_bytes(raw_answer(port, 7919 % self.skus))
            yield port, process

    @contextlib.contextmanager
    def nginx(self):
        folder, port = self.context.new_folder("nginx"), free_port()
        conf = peers.nginx_conf(folder, port, self.answer.read_bytes())
        with running(self.context.on(0, ["nginx", "-p", folder, "-c", conf])) as process:
            wait_for(lambda: listens(port), "nginx")
            yield port, process

    @contextlib.contextmanager
    def redis(self):
        with peers.redis(self.context, "--appendonly", "no", core=0) as (port, _, process):
            peers.redis_fill(port, (("HSET", f"onhand:a:{{SKU-{n}}}", place(n), 1 + n * EACH % 50) for n in range(self.skus)))
            yield port, process


def contenders(context, front):
    found = {"onhand": front.onhand,
             "bare epoll": lambda: front.serving([context.program("bench/http/bare_epoll"), "{PORT}", front.answer, front.limit])}
    if peers.have("nginx"):
        found["nginx"] = front.nginx
    found["evhttp"] = lambda: front.serving([context.program("bench/peers/evhttp"), "{PORT}", front.answer, front.limit])
    if peers.have("go"):
        found["Go net/http"] = lambda: front.serving([peers.go_program(context), "{PORT}", front.answer, front.limit])
    if peers.have("redis-server"):
        found["Redis HMGET"] = front.redis
    return found


def asking(name, port):
    """Options for a contender: one body for all questions is not looked into."""
    if name == "Redis HMGET":
        return ["--redis", f"127.0.0.1:{port}"]
    return [] if name == "onhand" else ["--no-check"]


def measure(context, s, front, name, start):
    with start() as (port, process):
        for depth in (1,) if name == "evhttp" else (1, PIPELINED):
            step, = front.load(port, process, "--mix", "row", "--rate", "max", "--pipeline", depth, *asking(name, port))
            what = name if depth == 1 else f"{name}, {depth} pipelined"
            s.add(what, "requests_per_second", step["answered_per_second"], more=True)
            s.add(what, "cpu_us", step["server_cpu_us_per_request"], more=False)
            s.add(what, "p99_us", step["kinds"]["row"]["latency_us"]["p99"], more=False)
            s.histogram("GET, 32 connections as fast as they go" + (", 16 pipelined" if depth > 1 else ""), name, step["kinds"]["row"]["latency_us"])


def sweep(context, s, front, found):
    """Latency against load, open loop: the same rates for each."""
    rates = context.scale("10000,25000,50000,75000,100000,125000,150000,175000,200000", "500,1000")
    lines = {}
    for name, start in found.items():
        with start() as (port, process):
            steps = front.load(port, process, "--mix", "row", "--rate", rates, *asking(name, port), "--patience", 1)
        lines[name] = steps
        s.histogram(f"GET, {steps[1]['rate_asked']:,.0f} a second (open loop)", name, steps[1]["kinds"]["row"]["latency_us"])
    for quantile in ("p50", "p99"):
        s.curves[f"GET: {quantile} against load (open loop)"] = {
            "x": "requests a second, as answered", "y": f"{quantile}, µs", "x_log": False, "y_log": True,
            "lines": {name: [[p["answered_per_second"], p["kinds"]["row"]["latency_us"][quantile]] for p in steps] for name, steps in lines.items()}}
    s.curves["GET: answered against asked"] = {
        "x": "requests a second asked for", "y": "answered", "x_log": False, "y_log": False,
        "lines": {name: [[p["rate_asked"], p["answered_per_second"]] for p in steps] for name, steps in lines.items()}}


def two_threads(context, s, front):
    """Not pinned: on two cores the load takes a part of what the second thread could."""
    pinned, context.pinned = context.pinned, False
    try:
        for threads in (1, 2):
            with front.onhand(threads) as (port, process):
                step, = front.load(port, process, "--mix", "row", "--rate", "max")
            s.add(f"onhand, {threads} HTTP thread{'s' * (threads > 1)}, not pinned", "requests_per_second", step["answered_per_second"], more=True)
    finally:
        context.pinned = pinned


def http(context):
    """GET of one row, keep-alive, one HTTP thread."""
    s = Samples("http")
    context.make("bench/http/serve_state", "bench/http/bare_epoll", "bench/peers/evhttp", "bench/load/onhand_load")
    front = Front(context)
    found = contenders(context, front)
    for name in ("nginx", "Go net/http", "Redis HMGET"):
        if name not in found:
            s.lacks(name, "not installed: bench/run --install")
    for _ in range(context.rounds):
        for name, start in found.items():
            measure(context, s, front, name, start)
    for name in found:
        s.promise(name, peers.PROMISES[name])
    sweep(context, s, front, found)
    two_threads(context, s, front)
    s.totals["every answer of onhand names the row that was asked for"] = "the load generator compares them"
    s.figure("get.epoll_cpu", ("onhand", "cpu_us"), ("bare epoll", "cpu_us"))
    s.figure("get.nginx", ("onhand", "requests_per_second"), ("nginx", "requests_per_second"))
    s.figure("get.nginx_p99", ("onhand", "p99_us"), ("nginx", "p99_us"))
    for figure, peer in (("evhttp", "evhttp"), ("go", "Go net/http"), ("redis", "Redis HMGET")):
        s.figure(f"get.{figure}", ("onhand", "requests_per_second"), (peer, "requests_per_second"))
    for figure, peer in (("epoll", "bare epoll"), ("nginx", "nginx")):
        s.figure(f"get-pipelined.{figure}", ("onhand, 16 pipelined", "requests_per_second"), (f"{peer}, 16 pipelined", "requests_per_second"))
    s.notes.append("evhttp is left out where requests are pipelined: it answers one and stalls")
    return s


def batch(context):
    """100 rows a request."""
    s = Samples("batch")
    context.make("bench/http/serve_state", "bench/load/onhand_load")
    front = Front(context)
    for _ in range(context.rounds):
        with front.onhand() as (port, process):
            for name, mix in (("onhand, 100 rows a request", "batch"), ("onhand, single GETs", "row")):
                step, = front.load(port, process, "--mix", mix, "--batch", 100, "--rate", "max")
                s.add(name, "rows_per_second", step["rows_per_second"], more=True)
                s.add(name, "p99_us", step["kinds"][mix]["latency_us"]["p99"], more=False)
                s.histogram("100 rows a request", name, step["kinds"][mix]["latency_us"])
        if not peers.have("redis-server"):
            s.lacks("Redis HMGET, 16 pipelined", "redis-server is not installed: bench/run --install")
            continue
        with front.redis() as (port, process):
            step, = front.load(port, process, "--redis", f"127.0.0.1:{port}", "--mix", "row", "--rate", "max", "--pipeline", PIPELINED)
            s.add("Redis HMGET, 16 pipelined", "rows_per_second", step["rows_per_second"], more=True)
    s.promise("Redis HMGET, 16 pipelined", peers.PROMISES["Redis HMGET"])
    s.totals["every answer has the 100 rows that were asked for, in their order"] = "the load generator compares them"
    s.figure("batch.single", ("onhand, 100 rows a request", "rows_per_second"), ("onhand, single GETs", "rows_per_second"))
    s.figure("batch.redis", ("onhand, 100 rows a request", "rows_per_second"), ("Redis HMGET, 16 pipelined", "rows_per_second"))
    return s
