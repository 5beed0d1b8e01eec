"""Duty: of the instances on one log one proposes what falls due, and another takes over when it is killed, frozen or cut off."""
import datetime
import os
import signal
import time

import pytest
import requests

from harness import wait_until
from test_kafka_log import make_log, on_log

pytestmark = pytest.mark.kafka_facing

TAKEN_OVER = 25  # seconds: a session is 6 s, and the machine may be busy


def soon(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def inbound(reference, expected_at, **more):
    return {"id": f"in-{reference}-{expected_at}", "source": "erp", "type": "inbound", "sku": "SKU-1", "location": "store-1", "quantity": 20,
            "reference": reference, "expected_at": expected_at, "occurred_at": soon(0)} | more


def row(engine):
    answer = engine.get("/v1/availability/SKU-1", params={"location": "store-1", "detail": "true"})
    return answer.json()["locations"][0] if answer.status_code == 200 else {}


def lines(engine):
    """reference → is it overdue?"""
    return {line["reference"]: line.get("overdue", False) for line in row(engine).get("incoming", [])}


def on_duty(engine):
    try:
        return engine.metric("onhand_duty") == 1
    except requests.RequestException:
        return False


def holder(engines):
    """(the one on duty, the others)"""
    wait_until(lambda: sum(map(on_duty, engines)) == 1, TAKEN_OVER, "exactly one is on duty")
    return (next(e for e in engines if on_duty(e)), [e for e in engines if not on_duty(e)])


def tell(engine, reference, seconds):
    assert engine.post("/v1/events", inbound(reference, soon(seconds))).json()["applied"] == 1


@pytest.fixture
def pair(program, broker, daemon):
    topic = make_log(program, broker)
    return [daemon(*on_log(broker, topic)).start() for _ in range(2)]


def test_case_42_a_line_becomes_overdue_on_an_embedded_log(daemon):
    engine = daemon().start()
    wait_until(lambda: on_duty(engine), 5, "alone, and on duty")
    tell(engine, "PO-1", 2)
    tell(engine, "PO-2", 3600)
    assert lines(engine) == {"PO-1": False, "PO-2": False}
    version = row(engine)["version"]
    wait_until(lambda: lines(engine)["PO-1"], 10, "the line is overdue")
    assert lines(engine) == {"PO-1": True, "PO-2": False}
    assert row(engine)["version"] != version and row(engine)["available"] == 0
    assert engine.metric("onhand_proposals_total") == 1 and engine.metric("onhand_due") == 1
    engine.kill()
    engine.start()
    assert lines(engine) == {"PO-1": True, "PO-2": False}
    assert engine.metric("onhand_due") == 1


@pytest.mark.every_kafka
def test_one_of_two_is_on_duty_and_the_other_takes_over(pair):
    first, (second,) = holder(pair)
    tell(second, "PO-1", 1.5)
    for engine in pair:
        wait_until(lambda engine=engine: lines(engine).get("PO-1"), 10, "overdue, whoever is asked")
    assert first.metric("onhand_proposals_accepted_total") == 1 and second.metric("onhand_proposals_total") == 0
    first.kill()
    tell(second, "PO-2", 0.5)
    wait_until(lambda: on_duty(second), TAKEN_OVER, "the other took over")
    wait_until(lambda: lines(second)["PO-2"], 10, "what fell due meanwhile is not forgotten")
    first.start()
    assert holder(pair)[0] is second  # who comes back takes nothing away
    assert second.stop() == 0
    wait_until(lambda: on_duty(first), 10, "who leaves in order is not waited for")


def test_who_stood_still_does_nothing_wrong(pair):
    first, (second,) = holder(pair)
    tell(second, "PO-0", 0.2)
    wait_until(lambda: lines(second).get("PO-0"), 10, "the first line")
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        for number in range(1, 6):
            tell(second, f"PO-{number}", number)
        wait_until(lambda: on_duty(second), TAKEN_OVER, "the other took over")
        wait_until(lambda: all(lines(second).values()), 15, "all are overdue")
        time.sleep(3)  # both had their time: the session is over, whatever the clock of the sleeper says
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    assert not on_duty(first), "it woke up and believed that it was still on duty"
    wait_until(lambda: lines(first) == lines(second), 10, "the sleeper knows what the other did")
    assert holder(pair)[0] is second
    assert sum(engine.metric("onhand_proposals_accepted_total") for engine in pair) == 6
    assert row(first)["version"] == row(second)["version"]


def test_without_a_broker_nobody_is_on_duty(program, own_broker, daemon):
    topic = make_log(program, own_broker)
    engines = [daemon(*on_log(own_broker, topic)).start() for _ in range(2)]
    holder(engines)
    own_broker.kill()
    wait_until(lambda: not any(map(on_duty, engines)), TAKEN_OVER, "duty is lost without a coordinator")
    own_broker.start()
    wait_until(lambda: all(engine.get("/readyz").status_code == 200 for engine in engines), 60, "both are ready again")
    first, _ = holder(engines)
    wait_until(lambda: first.post("/v1/events", inbound("PO-9", soon(1))).status_code == 200, 30, "appends go again")
    for engine in engines:
        wait_until(lambda engine=engine: lines(engine).get("PO-9"), 20, "overdue, whoever is asked")


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def test_a_silent_location_becomes_stale_and_speaks_again(daemon):
    """store-1 is always open; store-2 has been closed since yesterday, and does not become stale."""
    engine = daemon().start()
    wait_until(lambda: on_duty(engine), 5, "alone, and on duty")
    days = [{"date": (today() + datetime.timedelta(days=d)).isoformat(), "closed": True} for d in range(-2, 3)]
    hours = [{"days": ["mo", "tu", "we", "th", "fr", "sa", "su"], "opens": "09:00", "closes": "18:00"}]
    for name, more in (("store-1", {}), ("store-2", {"time_zone": "Europe/Berlin", "opening_hours": hours, "exceptions": days})):
        assert engine.session.put(f"{engine.base}/v1/locations/{name}", json={"stale_after_seconds": 2} | more).status_code == 201
        event = {"id": name, "source": "till", "type": "receipt", "sku": "SKU-1", "location": name, "quantity": 3, "occurred_at": soon(0)}
        assert engine.post("/v1/events", event).json()["applied"] == 1

    def stale(name):
        return engine.get(f"/v1/locations/{name}").json()["stale"]

    def flags(name):
        answer = engine.get("/v1/availability/SKU-1", params={"location": name, "detail": "true"}).json()
        return "stale" in answer["locations"][0]["flags"]

    assert not stale("store-1") and not flags("store-1")
    wait_until(lambda: stale("store-1"), 10, "store-1 is stale")
    assert flags("store-1") and not stale("store-2") and not flags("store-2")
    engine.kill()
    engine.start()
    assert stale("store-1")
    beat = {"id": "beat", "source": "till", "type": "heartbeat", "location": "store-1", "occurred_at": soon(0)}
    assert engine.post("/v1/events", beat).json()["applied"] == 1
    assert not stale("store-1") and not flags("store-1")
    wait_until(lambda: stale("store-1"), 10, "it fell silent again")
    assert not stale("store-2")
