"""The same sales through POST /v1/events, with kill -9 right after an answer."""
import threading

import requests

from harness import check_ledger

BATCH = 500


def test_everything_answered_survives(daemon, retail, rng, long_run):
    events = [text for _, _, _, text in retail.all]
    batches = [events[at:at + BATCH] for at in range(0, len(events), BATCH)]
    kill_after = set(rng.sample(range(len(batches)), 50 if long_run else 5))
    engine = daemon().start()
    answered = 0
    for number, batch in enumerate(batches):
        answer = engine.session.post(engine.base + "/v1/events", data="\n".join(batch).encode(), timeout=30,
                                     headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["applied"] == len(batch), answer.text[:300]
        answered += len(batch)
        if number not in kill_after:
            continue
        engine.kill()
        engine.start()
        assert engine.metric("onhand_events_total") == answered
    check_ledger(engine, retail.expected)
    assert engine.stop() == 0


def test_unanswered_exists_wholly_or_not_at_all(daemon, retail_day, rng, long_run):
    """Killed while a request is out: the same ids again, and every event counts once."""
    events = [text for _, _, _, text in retail_day.all]
    engine = daemon().start()
    at, kills = 0, 50 if long_run else 8
    while at < len(events):
        batch = events[at:at + 2000]
        body = "[" + ",".join(batch) + "]"
        if kills:
            kills -= 1
            victim = engine.process
            timer = threading.Timer(rng.uniform(0, 0.03), victim.kill)
            timer.start()
            try:
                requests.post(engine.base + "/v1/events", data=body, headers={"Content-Type": "application/json"}, timeout=10)
            except requests.RequestException:
                pass
            timer.join()
            engine.kill()
            engine.start()
        answer = requests.post(engine.base + "/v1/events", data=body, headers={"Content-Type": "application/json"}, timeout=30)
        assert answer.status_code == 200
        told = answer.json()
        assert told["applied"] + told["duplicate"] == len(batch), answer.text[:300]
        at += len(batch)
    check_ledger(engine, retail_day.expected)
    assert engine.stop() == 0
