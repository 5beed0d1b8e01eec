"""The peers: how each is started, and what it does and does not promise."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess

from harness.process import ROOT, free_port, listens, running, unprivileged, wait_for

PEERS = ROOT / "bench" / "peers"

# Debian packages of all peers, for --install.
PACKAGES = ("nginx-light", "redis-server", "redis-tools", "postgresql-15", "postgresql-contrib", "golang-go", "openjdk-17-jdk-headless", "maven",
            "libevent-dev", "liburcu-dev", "libtbb-dev", "libhiredis-dev", "util-linux", "g++")

PROMISES = {
    "onhand": "repeats judged by id, reservations with ids, expiry, references; durable before it is answered; every figure with its version",
    "bare epoll": "no parser, no bounds, no deadlines: one read, one write of the same bytes",
    "nginx": "`return 200` of one fixed body: looks nothing up",
    "evhttp": "libevent's own HTTP server, one fixed body: looks nothing up",
    "Go net/http": "one fixed body: looks nothing up",
    "Redis HMGET": "one field of a hash: a number without a version, a level, a channel's rules or an age",
    "Redis Lua, appendfsync always": "a check and a decrement, durable; no id that can be sent again, no expiry, no reference, no basket",
    "Redis Lua, appendfsync everysec": "the same, and up to a second of it lost in a crash",
    "Redis Lua, no AOF": "the same, and all of it lost in a crash",
    "PostgreSQL": "UPDATE … WHERE available >= 1 in a transaction of its own, durable (synchronous_commit); no id that can be sent again, no expiry",
    "librdkafka": "reads the messages and throws them away",
    "librdkafka, protobuf-c": "reads and decodes them, and throws them away",
    "librdkafka, HINCRBY": "decodes, and counts in Redis: a repeat counts twice, a crash between the two loses or doubles",
    "Kafka Streams": "a KTable in RocksDB with a changelog topic, at least once: a repeat counts twice; no question by HTTP",
}

NGINX = """
daemon off; worker_processes 1; pid %(here)s/nginx.pid; error_log /dev/null;
events { worker_connections 256; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 60; tcp_nodelay on; default_type application/json;
  client_body_temp_path %(here)s/a; proxy_temp_path %(here)s/b; fastcgi_temp_path %(here)s/c; uwsgi_temp_path %(here)s/d; scgi_temp_path %(here)s/e;
  server { listen 127.0.0.1:%(port)d; location / { %(headers)s return 200 '%(body)s'; } } }
"""


def have(program):
    return shutil.which(program) is not None


def nginx_conf(folder, port, answer):
    """What onhand said for one SKU becomes what nginx says for all."""
    head, body = answer.decode().split("\r\n\r\n", 1)
    own = [line.split(": ", 1) for line in head.split("\r\n")[1:] if re.match(r"(X-|Content-Sec|ETag|Cache)", line)]
    headers = " ".join("add_header {} '{}';".format(name, value.replace("'", "\\'")) for name, value in own)
    path = folder / "nginx.conf"
    path.write_text(NGINX % {"here": folder, "port": port, "body": body, "headers": headers})
    return path


def go_program(context):
    """Builds the Go peer once."""
    program = context.folder / "go-peer"
    if not program.exists():
        subprocess.run(["go", "build", "-o", program, PEERS / "go" / "main.go"], check=True, stdout=subprocess.DEVNULL, cwd=context.folder)
    return program


# ---- Redis ----

@contextlib.contextmanager
def redis(context, *options, core=None):
    """A Redis of our own on a port and a unix socket: (port, socket, process)."""
    folder, port = context.new_folder("redis"), free_port()
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket", folder / "s", "--dir", folder, "--save", "", *options]
    with running(context.on(core, command) if core is not None else command) as process:
        wait_for(lambda: listens(port), "redis-server")
        yield port, folder / "s", process


def resp(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def redis_fill(port, commands, batch=1000):
    """Sends commands (iterables of words) and waits for every answer."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        waiting = bytearray()
        pending = 0
        answers = s.makefile("rb")
        for command in commands:
            waiting += resp(*command)
            pending += 1
            if pending == batch:
                pending = _settle(s, answers, waiting, pending)
        _settle(s, answers, waiting, pending)


def _settle(s, answers, waiting, pending):
    s.sendall(waiting)
    waiting.clear()
    for _ in range(pending):
        line = answers.readline()
        assert line[:1] in b"+:", line  # statuses and numbers only
    return 0


def redis_sum(port, keys, field_of):
    """The sum of one field of each hash."""
    total = 0
    with socket.create_connection(("127.0.0.1", port)) as s:
        answers = s.makefile("rb")
        for key in keys:
            s.sendall(resp("HGET", key, field_of(key)))
            size = int(answers.readline()[1:])
            total += int(answers.read(size + 2)) if size >= 0 else 0
    return total


# ---- PostgreSQL ----

def postgres_programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """A cluster in a folder of its own, run by somebody who is not root; never the system's service."""

    def __init__(self, context, skus):
        self.bin, self.port, self.skus = postgres_programs(), free_port(), skus
        self.folder = context.new_folder("postgres")
        self.prefix, uid = unprivileged()
        os.chmod(context.folder, 0o755)
        if os.geteuid() == 0:
            os.chown(self.folder, uid, -1)
        self.run("initdb", "-D", self.folder / "data", "-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8")
        self.start()
        try:
            for text in ("CREATE TABLE stock (sku text PRIMARY KEY, available bigint NOT NULL)",
                         f"INSERT INTO stock SELECT 'SKU-' || n, 100000000 FROM generate_series(0, {skus - 1}) n", "VACUUM ANALYZE stock"):
                self.sql(text)
        finally:
            self.stop()

    def run(self, program, *arguments, **options):
        return subprocess.run([*self.prefix, str(self.bin / program), *[str(a) for a in arguments]], check=True, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options).stdout

    def start(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-t", "60", "-l", self.folder / "log", "-o",
                 f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c max_wal_size=4GB -c shared_buffers=256MB", "start")

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "fast", "stop")

    def sql(self, text):
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", "bench", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-Atc", text)

    def taken(self):
        return self.skus * 100000000 - int(self.sql("SELECT sum(available) FROM stock").strip())

    def load(self, connections, seconds, hot=False, rate=None):
        """Reservations a second and the latencies (microseconds, sorted) of every one."""
        sku = "\\set sku 0\n" if hot else f"\\set sku random(0, {self.skus - 1})\n"
        (self.folder / "script.sql").write_text(sku + "UPDATE stock SET available = available - 1 WHERE sku = 'SKU-' || :sku AND available >= 1;\n")
        for old in self.folder.glob("latency.*"):
            old.unlink()
        self.run("pgbench", "-h", self.folder, "-p", self.port, "-U", "bench", "-n", "-M", "prepared", "-c", connections, "-j", "1", "-T",
                 max(1, round(seconds)), "-f", self.folder / "script.sql", "-l", "--log-prefix", self.folder / "latency",
                 *(["-R", rate] if rate else []), "postgres")
        times = [line.split() for log in self.folder.glob("latency.*") for line in log.read_text().splitlines()]
        ends = [int(t[4]) + int(t[5]) / 1e6 for t in times]
        took = max(ends) - min(ends) if len(ends) > 1 else seconds
        return len(times), len(times) / took, sorted(float(t[2]) for t in times)


def latencies(sorted_us):
    """As the load generator tells them: percentiles, and buckets with 1/128 of precision."""
    count = len(sorted_us)

    def at(share):
        return sorted_us[min(count - 1, max(0, -int(-share * count // 1) - 1))]

    buckets = {}
    for us in sorted_us:
        ns = max(1, int(us * 1000))
        shift = max(0, ns.bit_length() - 8)
        top = (((ns >> shift) + 1) << shift) - 1
        buckets[top] = buckets.get(top, 0) + 1
    return {"count": count, "mean": sum(sorted_us) / count, "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "p99_9": at(0.999),
            "p99_99": at(0.9999), "most": sorted_us[-1], "buckets": [[top / 1000, n] for top, n in sorted(buckets.items())]}


# ---- Kafka ----

def can_kafka(s):
    """Whether a broker can be started; the samples say why not."""
    missing = [program for program in ("java", "mvn") if not have(program)]
    if missing:
        s.lacks("Kafka", f"{' and '.join(missing)} not installed: bench/run --install")
    return not missing


@contextlib.contextmanager
def kafka(context, memory=False):
    """A broker of our own: its address. Java and Maven are needed."""
    folder = context.new_folder("kafka", memory)
    try:
        yield subprocess.run([ROOT / "deploy/kafka/start", folder / "d"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    finally:
        subprocess.run([ROOT / "deploy/kafka/stop", folder / "d"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def warm(context, address):
    """A broker that has just started answers slowly at first (its code is not compiled yet): some seconds that nobody measures."""
    fill, delay = context.program("bench/ingest_peer"), context.program("bench/ingest_delay")
    subprocess.run([fill, "fill", address, "warm-up", "0"], check=True)
    subprocess.run([delay, "consume", address, "warm-up", "2000", str(context.scale(10, 1))], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def streams_classpath(context):
    """Builds the Kafka Streams peer with Maven, once for all runs; it lies beside the broker's jars."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "onhand" / "streams-peer-2"
    if not (cache / "complete").exists():
        beside = context.new_folder("streams")
        shutil.copytree(PEERS / "streams", beside, dirs_exist_ok=True)
        subprocess.run(["mvn", "-B", "-q", "-f", beside / "pom.xml", "package", "dependency:copy-dependencies",
                        "-DincludeScope=runtime", f"-DoutputDirectory={beside}/jars"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(beside / "jars", cache)
        shutil.copy(next((beside / "target").glob("streams-peer-*.jar")), cache)
        (cache / "complete").touch()
    return f"{cache}/*"
