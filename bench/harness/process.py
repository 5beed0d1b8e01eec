"""Starting and ending what a bench needs: everything on loopback, in folders of its own, ended by its pid."""
import contextlib
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOP_SECONDS = 60
MEMORY_LEAST = 6 << 30


class Context:
    """One run of the harness: where the build is, how long everything may take, and where things lie meanwhile."""

    def __init__(self, build, quick, rounds, seconds, rows=None):
        self.build, self.quick, self.pinned = pathlib.Path(build).resolve(), quick, (os.cpu_count() or 1) > 1 and not quick
        self.rounds, self.seconds = rounds or (1 if quick else 3), seconds or (0.4 if quick else 3)
        self.rows = rows or (10_000 if quick else 10_000_000)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="onhand-bench-"))  # on the disk in question: TMPDIR says which
        shm = pathlib.Path("/dev/shm")
        roomy = shm.is_dir() and shutil.disk_usage(shm).free > MEMORY_LEAST
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="onhand-bench-", dir=shm)) if roomy else self.folder

    def program(self, name):
        return str(self.build / name)

    def scale(self, whole, quick):
        return quick if self.quick else whole

    def make(self, *targets):
        subprocess.run(["nice", "ninja", "-C", self.build, "-j2", *targets], check=True, stdout=subprocess.DEVNULL)

    def new_folder(self, name, memory=False):
        """memory: where nothing waits for a disk, if there is room."""
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.memory if memory else self.folder))

    def on(self, core, command):
        """The command on one core; as it is where there is only one."""
        return (["taskset", "-c", str(core)] if self.pinned else []) + [str(part) for part in command]

    def finish(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=60, step=0.02):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(step)


def listens(port):
    with contextlib.closing(socket.socket()) as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended at the end, whatever happens."""
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    process = subprocess.Popen([str(part) for part in command], **options)
    try:
        yield process
    finally:
        stop(process)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid):
    with contextlib.suppress(OSError):
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def pids(process):
    return ",".join(str(p) for p in [process.pid, *children(process.pid)])


def resident_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


class Engine:
    """An `onhand serve` of our own."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        self.host, self.port = re.search(r"http://([\d.]+):(\d+)", url).groups()
        self.connection = http.client.HTTPConnection(self.host, int(self.port), timeout=120)

    def ask(self, method, target, body=None, content_type="application/json"):
        self.connection.request(method, target, body, {"Content-Type": content_type} if body is not None else {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target}: {answer.status} {text[:300]}")
        return text

    def metric(self, name):
        found = re.search(rf"^onhand_{name} (\S+)$", self.ask("GET", "/metrics").decode(), re.M)
        return float(found.group(1))

    def version(self, sku, location):
        return tuple(int(part) for part in json.loads(self.ask("GET", f"/v1/availability/{sku}?location={location}"))["version"].split(":"))

    def fill(self, skus, locations, quantity=1_000_000, source="fill", batch=2500):
        """Rows SKU-n at store-m, each with one receipt."""
        lines = []
        for n in range(skus * locations):
            lines.append(f'{{"id":"{source}-{n}","source":"{source}","type":"receipt","sku":"SKU-{n // locations}","location":"store-{n % locations:02}",'
                         f'"quantity":{quantity},"occurred_at":"2026-01-01T00:00:00Z"}}')
            if len(lines) == batch or n == skus * locations - 1:
                said = json.loads(self.ask("POST", "/v1/events?results=problems", "\n".join(lines).encode(), "application/x-ndjson"))
                assert said["applied"] == len(lines), said
                lines.clear()


@contextlib.contextmanager
def engine(context, *options, data=None, core=None):
    data = data or context.new_folder("data")
    command = [context.program("onhand"), "serve", "--data", data, "--listen", "127.0.0.1:0", *options]
    log = open(context.folder / "engine.log", "ab")
    with log, running(context.on(core, command) if core is not None else command, stdout=subprocess.PIPE, stderr=log) as process:
        line = process.stdout.readline().decode()
        found = re.search(r"http://\S+", line)
        if not found:
            raise RuntimeError("the engine did not start:\n" + (context.folder / "engine.log").read_text()[-2000:])
        yield Engine(process, found.group(0))


def load(context, *options, core=1, expect_good=True):
    """One run of onhand_load: its result. What it says is wrong is an error here."""
    command = context.on(core, [context.program("bench/load/onhand_load"), "--quiet", "--json", "-", *options])  # an option said twice: the last one holds
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not done.stdout.startswith("{"):
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[:1000]}")
    told = json.loads(done.stdout)
    if expect_good and not told["good"]:
        bad = [s["first_bad"] or s["statuses"] for s in told["steps"]]
        raise RuntimeError(f"{' '.join(command)}: wrong answers or totals: {bad} {told.get('totals')}")
    return told


def unprivileged():
    """(prefix of commands, uid) for what refuses to be root."""
    if os.geteuid() != 0:
        return [], os.geteuid()
    user = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if _has_user(name))
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"], user.pw_uid


def _has_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False
