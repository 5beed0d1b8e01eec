"""Histories of reserve, confirm, release and questions, judged by Porcupine (tests/linearizability): asked of the instance that
answers the commands, alone and with faults."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from test_kafka_log import make_log, on_log
from test_redis import RedisServer

# of each of the two long ones, when others are wanted than the 300 of the issue
HISTORIES = int(os.environ.get("ONHAND_HISTORIES", 0))
HERE = pathlib.Path(__file__).resolve().parents[1] / "linearizability"


@pytest.fixture(scope="session")
def checker(tmp_path_factory):
    """The Go program, built from its module."""
    binary = tmp_path_factory.mktemp("linearizability") / "linearizability"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=HERE, check=True, timeout=300)
    return binary


def judge(checker, engine, histories, seed, **options):
    """Runs them; what the checker said of each. Nobody may be told what no order of all answers explains."""
    command = [checker, "-url", engine.base, "-histories", histories, "-seed", seed]
    for name, value in options.items():
        command += [f"-{name}", value]
    done = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=3000)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [line for line in said if line["judgement"] != "Ok"]
    assert done.returncode == 0 and not wrong and len(said) == histories, (done.stderr[-1500:], wrong[:3])
    assert sum(line["granted"] for line in said) > histories and sum(line["refused"] for line in said) > histories
    return said


@contextlib.contextmanager
def trouble(strike, every, rng):
    """Strikes again and again while the block runs; the list of strikes grows."""
    over = threading.Event()
    errors, strikes = [], []

    def work():
        while not over.wait(every * (0.5 + rng.random())):
            try:
                strike()
                strikes.append(time.monotonic())
            except Exception as error:  # told in the end, not in the middle
                errors.append(error)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield strikes
    finally:
        over.set()
        thread.join()
    assert not errors, errors


def test_a_lie_is_found(checker, daemon):
    engine = daemon().start()
    done = subprocess.run([checker, "-url", engine.base, "-histories", "3", "-seed", "7", "-lie"], text=True, stdout=subprocess.PIPE,
                          timeout=200)
    assert done.returncode == 1
    assert [json.loads(line)["judgement"] for line in done.stdout.splitlines()] == ["Illegal"] * 3


def test_embedded(checker, program, daemon, rng):
    judge(checker, daemon().start(), 30, rng.randrange(1 << 30))


def test_on_kafka(checker, program, broker, daemon, rng):
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    judge(checker, engines[0], 5, rng.randrange(1 << 30), operations=80)


def test_killed_again_and_again(checker, daemon, rng, long_run):
    """The engine is killed in the middle of histories; what was answered holds, what was not may or may not."""
    engine = daemon("--checkpoint-seconds", "1").start()

    def strike():
        engine.kill()
        engine.start()

    with trouble(strike, 2.0 if long_run else 0.5, rng) as strikes:
        while not strikes:
            judge(checker, engine, (HISTORIES or 100) if long_run else 8, rng.randrange(1 << 30), operations=400)


def test_all_together(checker, program, own_broker, daemon, tmp_path, rng, long_run):
    """Two engines on one log with Redis: an engine killed, the broker killed, Redis frozen, in turn."""
    if not long_run:
        pytest.skip("takes minutes: --long")
    topic = make_log(program, own_broker)
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    server.start()
    engines = [daemon(*on_log(own_broker, topic), "--redis", f"unix:{server.socket}").start() for _ in range(2)]

    def strike():
        what = rng.randrange(3)
        if what == 0:
            engine = engines[rng.randrange(2)]
            engine.kill()
            engine.start()
        elif what == 1:
            own_broker.kill()
            time.sleep(2)
            own_broker.start()
        else:
            os.kill(server.process.pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(server.process.pid, signal.SIGCONT)

    try:
        with trouble(strike, 4.0, rng):
            judge(checker, engines[0], HISTORIES or 200, rng.randrange(1 << 30), operations=200)
    finally:
        server.kill()
