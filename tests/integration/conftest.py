"""What the integration tests stand on: a real Kafka broker, the daemon as a process, the real stream."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

import pytest

from browser import Browser
from harness import Broker, Daemon
from proxy import Proxy
from retail import Retail

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long versions: more crashes")
    parser.addoption("--seed", type=int, default=None, help="repeat a run: the seed that it printed")
    parser.addoption("--kafka-version", default=os.environ.get("ONHAND_TEST_KAFKA"), help="of the broker: only this one")


def pytest_configure(config):
    config.addinivalue_line("markers", "every_kafka: runs with each version of Kafka that onhand is for")
    config.addinivalue_line("markers", "kafka_facing: with --long it runs with each version of Kafka")


KAFKA_VERSIONS = ["4.3.1", "3.9.2"]


def pytest_generate_tests(metafunc):
    """Tests with a broker get the newest Kafka; what faces Kafka itself gets the others as well, or with --long all of it does."""
    wanted = metafunc.config.getoption("--kafka-version")
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    everywhere = "every_kafka" in marks or ("kafka_facing" in marks and metafunc.config.getoption("--long"))
    versions = [wanted] if wanted else KAFKA_VERSIONS if everywhere else KAFKA_VERSIONS[:1]
    for fixture in ("broker", "own_broker"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, versions, indirect=True, ids=[f"kafka-{v}" for v in versions])


@pytest.fixture(scope="session")
def long_run(pytestconfig):
    return pytestconfig.getoption("--long")


@pytest.fixture
def rng(pytestconfig, request):
    """Random numbers from a seed that is printed, so that a failure can be repeated."""
    seed = pytestconfig.getoption("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"{request.node.name}: --seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def program():
    path = pathlib.Path(os.environ.get("ONHAND_PROGRAM", ROOT / "build" / "onhand"))
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture(scope="session")
def broker(tmp_path_factory, request):
    """One broker for the whole session and version; every test has topics of its own."""
    b = Broker(ROOT, tmp_path_factory.mktemp("kafka"), request.param)
    b.start()
    yield b
    b.stop()


@pytest.fixture
def own_broker(tmp_path, request):
    """A broker that a test may kill."""
    b = Broker(ROOT, tmp_path / "kafka", request.param)
    b.start()
    yield b
    b.stop()


@pytest.fixture
def far_broker(tmp_path, pytestconfig):
    """A broker that everybody reaches through a proxy, `far_broker.proxy`: it advertises the proxy's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = Proxy(port)
    b = Broker(ROOT, tmp_path / "kafka", pytestconfig.getoption("--kafka-version") or KAFKA_VERSIONS[0], "--port", str(port),
               "--set", f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy.port}")
    b.proxy = proxy
    b.start()
    yield b
    proxy.stop()
    b.stop()


@pytest.fixture
def daemon(program, tmp_path):
    """Makes daemons: daemon("--kafka", …), the nth with a data folder of its own; all are gone after the test."""
    made = []

    def make(*options, name=None):
        d = Daemon(program, tmp_path / (name or f"data-{len(made)}"), options)
        made.append(d)
        return d

    yield make
    for d in made:
        d.kill()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """One Chromium for a file of tests, and one at a time on this machine: it takes what there is of it."""
    with open(pathlib.Path(tempfile.gettempdir()) / f"onhand-chromium-{os.getuid()}.lock", "w", encoding="ascii") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        b = Browser(tmp_path_factory.mktemp("chromium"))
        yield b
        b.finish()


@pytest.fixture
def browser(chromium):
    """A window with nothing kept. After the test nothing may be left in its console, and nothing was stopped by the page's policy."""
    chromium.fresh()
    yield chromium
    assert chromium.complaints() == []
    assert not chromium.stopped_by_policy()


@pytest.fixture(scope="session")
def retail():
    """305 days of sales: 120,000 rows."""
    return Retail(ROOT / "tests" / "data" / "demo", ROOT / "tests" / "data" / "retail" / "stream_2010-12-01_2011-09-30.csv.gz")


@pytest.fixture(scope="session")
def retail_day():
    """The first day of it: quick."""
    return Retail(ROOT / "tests" / "data" / "demo_day1", ROOT / "tests" / "data" / "retail" / "stream_2010-12-01_one_day.csv.gz")
