"""The history of rows: what was said and what it did, once and in order, whatever is killed or lost meanwhile."""
import itertools
import json
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest
import requests

from harness import wait_until
from test_kafka_log import make_log, on_log

ROWS = 40


def event(number, kind="receipt", quantity=1, **more):
    return {"id": f"e-{number}", "source": "test", "type": kind, "sku": f"SKU-{number % ROWS}", "location": f"store-{number % 3}",
            "quantity": quantity, "occurred_at": "2026-01-01T10:00:00Z"} | more


def history(daemon, sku, location, **parameters):
    answer = daemon.get(f"/v1/rows/{sku}/{location}/history", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(daemon, sku, location, limit):
    """All changes of a row, oldest first, page by page."""
    found, after = [], None
    while True:
        page = history(daemon, sku, location, limit=limit, **({"after": after} if after else {}))
        assert len(page["changes"]) <= limit
        found += page["changes"]
        after = page["next"]
        if after is None:
            return found[::-1]


def written(daemon, seconds=60):
    """Waits until the file has everything that was applied."""
    wait_until(lambda: daemon.metric("onhand_history_behind_records") == 0 and daemon.metric("onhand_history_catching_up") == 0, seconds,
               "the history is written")


def lines(daemon):
    """Everything in the file, as a program sees it; `complete_from`."""
    file = sqlite3.connect(f"file:{daemon.data}/history.sqlite?mode=ro", uri=True, timeout=10)
    try:
        found = file.execute("SELECT c.id, r.sku, r.location, c.event, c.type, c.verdict, c.event_id, c.quantity, c.occurred_at,"
                             " c.appended_at, c.on_hand_before, c.on_hand, c.committed_before, c.committed, c.incoming_before, c.incoming"
                             " FROM change c JOIN row r ON r.id = c.row ORDER BY c.id").fetchall()
        return found, dict(file.execute("SELECT name, value FROM position")).get("complete_from", 0)
    finally:
        file.close()


def check_chain(found):
    """Each line of a row begins where the one before ended."""
    for row, changes in itertools.groupby(sorted(found, key=lambda line: (line[1], line[2], line[0])), key=lambda line: line[1:3]):
        now = (0, 0, 0)
        for line in changes:
            assert (line[10], line[12], line[14]) == now, (row, line, now)
            now = (line[11], line[13], line[15])


def test_what_was_said_and_what_it_did(daemon):
    d = daemon().start()
    at = "2026-01-01T1{}:00:00Z".format
    row = {"sku": "SKU-1", "location": "s1"}
    said = [
        event(1, quantity=5, **row, occurred_at=at(0)),
        event(2, "count", 20, **row, as_of=at(1), occurred_at=at(1)),
        event(3, "sale", 2, **row, occurred_at="2026-01-01T10:30:00Z"),  # the count contains it
        event(4, "order_placed", 3, **row, reference="ORD-7", line="1", channel="web", occurred_at=at(2)),
        event(1, quantity=5, **row, occurred_at=at(0)),  # once more
        event(5, "sale", 1, **row, occurred_at="2999-01-01T00:00:00Z"),
        event(6, "transfer_ship", 4, **row, to="s2", reference="T-1", occurred_at=at(3)),
        event(7, "sale", 1, sku="NOBODY-KNOWS", location="s1", occurred_at="2999-01-01T00:00:00Z"),
    ]
    assert d.post("/v1/events", said).status_code == 200
    answer = history(d, "SKU-1", "s1")  # at once: what was answered is in it
    changes = answer["changes"][::-1]
    assert [(c["type"], c["verdict"], c["verdict_reason"]) for c in changes] == [
        ("receipt", "applied", None), ("count", "applied", None), ("sale", "superseded", "superseded_by_count"),
        ("order_placed", "applied", None), ("receipt", "duplicate", None), ("sale", "rejected", "future"),
        ("transfer_ship", "applied", None)]
    movements = [c["after"]["on_hand"] - c["before"]["on_hand"] for c in changes]
    assert movements == [5, 15, 0, 0, 0, 0, -4]  # a count of 20 on 5 is a movement of +15
    for one, next_one in zip(changes, changes[1:]):
        assert one["after"] == next_one["before"]
    placed = changes[3]
    assert (placed["reference"], placed["line"], placed["channel"], placed["id"], placed["source"]) == ("ORD-7", "1", "web", "e-4", "test")
    assert placed["after"]["committed"] == 3 and placed["after"]["net_available"] == 17 and placed["quantity"] == 3
    assert changes[-1]["after"]["on_hand"] == d.row("SKU-1", "s1")
    there = history(d, "SKU-1", "s2")["changes"]
    assert [(c["before"]["incoming"], c["after"]["incoming"]) for c in there] == [(0, 4)]
    assert d.get("/v1/rows/NOBODY-KNOWS/s1/history").status_code == 404
    assert pages(d, "SKU-1", "s1", 2) == changes
    again = d.get("/v1/rows/SKU-1/s1/history", headers={"If-None-Match": d.get("/v1/rows/SKU-1/s1/history").headers["ETag"]})
    assert again.status_code == 304
    assert d.stop() == 0


def test_the_life_of_a_hold_is_visible(daemon):
    """Under which reference, when and why it was taken and ended."""
    d = daemon().start()
    row = {"sku": "SKU-1", "location": "s1"}
    d.post("/v1/events", event(1, quantity=10, **row))
    hold = {"channel": "web", "items": [{**row, "quantity": 2}]}
    for body in ({"id": "r-1", "reference": "ORD-1", "ttl_seconds": 1, **hold}, {"id": "r-2", "ttl_seconds": 900, **hold}):
        assert d.post("/v1/reservations", body).status_code == 201
    assert d.post("/v1/reservations/r-2/confirm", {"reference": "ORD-2"}).status_code == 200
    assert d.post("/v1/reservations/r-2/fulfil", {}).status_code == 200

    def steps():
        return [(c["type"], c["reservation"], c["reference"], c["channel"], c["after"]["reserved"], c["after"]["committed"],
                 c["after"]["on_hand"]) for c in history(d, "SKU-1", "s1")["changes"][::-1]][1:]

    wait_until(lambda: len(steps()) == 5, 20, "the hold expires")
    assert steps() == [("reserve", "r-1", "ORD-1", "web", 2, 0, 10), ("reserve", "r-2", None, "web", 4, 0, 10),
                       ("confirm", "r-2", "ORD-2", "web", 2, 2, 10), ("fulfil", "r-2", "ORD-2", "web", 2, 0, 8),
                       ("expire", "r-1", "ORD-1", "web", 0, 0, 8)]
    assert d.stop() == 0


def test_why_a_past_reservation_was_refused(daemon, program):
    """Its line is in the row's history, and explain says which term it did not pass, though the row is another by now."""
    d = daemon().start()
    row = {"sku": "SKU-1", "location": "s1"}
    d.post("/v1/events", [event(1, quantity=10, **row), {k: v for k, v in event(2, "setting", **row, safety_stock=1).items() if k != "quantity"}])
    d.post("/v1/reservations", {"id": "r-1", "items": [{**row, "quantity": 4}]})
    refused = d.post("/v1/reservations", {"id": "r-2", "reference": "ORD-2", "channel": "web", "items": [{**row, "quantity": 6}]})
    assert refused.status_code == 409 and refused.json()["shortfalls"][0]["available"] == 5
    version = refused.json()["version"]
    d.post("/v1/events", event(3, quantity=100, **row))
    line = history(d, "SKU-1", "s1", limit=2)["changes"][1]
    assert (line["type"], line["verdict"], line["verdict_reason"], line["reservation"]) == ("reserve", "rejected", "insufficient", "r-2")
    answer = d.get("/v1/rows/SKU-1/s1/explain", params={"version": version})
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == version
    [verdict] = answer.json()["verdicts"]
    assert verdict == line
    refusal = verdict["refusal"]
    assert (refusal["bounded_by"], refusal["requested"], refusal["available"]) == ("safety_stock", 6, 5)
    terms = {t["name"]: t["value"] for t in refusal["terms"]}
    assert (terms["on_hand"], terms["reserved"], terms["safety_stock"], terms["available"]) == (10, -4, -1, 5)
    assert sum(t["value"] for t in refusal["terms"][:-1]) == 5
    applied = d.get("/v1/rows/SKU-1/s1/explain", params={"version": history(d, "SKU-1", "s1")["changes"][0]["version"]}).json()["verdicts"][0]
    assert applied["refusal"] is None and applied["after"]["on_hand"] == 110
    shown = subprocess.run([program, "explain", "SKU-1", "s1", "--version", version, "--url", d.base], text=True, capture_output=True)
    assert shown.returncode == 0 and "6 requested, 5 could be granted here: safety_stock" in shown.stdout, shown
    assert d.stop() == 0
    d = daemon("--history", "off", name="data-0").start()
    answer = d.get("/v1/rows/SKU-1/s1/explain", params={"version": version})
    assert answer.status_code == 503 and "--history off" in answer.json()["detail"]
    assert d.stop() == 0


@pytest.mark.parametrize("query, word", [("limit=0", "limit"), ("limit=1001", "limit"), ("after=x", "after"), ("from=yesterday", "from"),
                                         ("nonsense=1", "nonsense")])
def test_wrong_questions_are_answered_by_name(daemon, query, word):
    d = daemon().start()
    d.post("/v1/events", event(1, sku="SKU-1", location="s1"))
    answer = d.get(f"/v1/rows/SKU-1/s1/history?{query}")
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == word, answer.text


def test_without_a_history_it_says_so(daemon):
    d = daemon("--history", "off").start()
    d.post("/v1/events", event(1, sku="SKU-1", location="s1"))
    answer = d.get("/v1/rows/SKU-1/s1/history")
    assert answer.status_code == 503 and "--history off" in answer.json()["detail"]
    assert not (d.data / "history.sqlite").exists()
    assert d.stop() == 0


def test_keys_that_are_bound_to_other_locations_do_not_see_it(daemon, program, tmp_path):
    keys = tmp_path / "keys"

    def key(*words):
        done = subprocess.run([program, "key", "create", "--keys", keys, "--json", *words], check=True, text=True, stdout=subprocess.PIPE)
        return {"Authorization": f"Bearer {json.loads(done.stdout)['key']}"}

    writer, mine, other = key("--scope", "events"), key("--scope", "read", "--location", "s1"), key("--scope", "read", "--location", "s2")
    d = daemon("--keys", keys).start()
    assert d.post("/v1/events", event(1, sku="SKU-1", location="s1"), headers=writer).status_code == 200
    assert d.get("/v1/rows/SKU-1/s1/history", headers=mine).status_code == 200
    assert d.get("/v1/rows/SKU-1/s1/history", headers=other).status_code == 403
    assert d.get("/v1/rows/SKU-1/s1/history").status_code == 401


def test_killed_under_load_nothing_is_missing_and_nothing_double(daemon, rng, long_run):
    """Batches go in while the process is killed; what was not answered is sent again. Then the file is deleted: made anew, it is the
    same."""
    d = daemon("--replay-records-most", "1000", "--checkpoint-seconds", "2").start()
    batches = [[event(at + i, quantity=1 + i % 3) for i in range(50)] for at in range(0, 40000 if long_run else 10000, 50)]
    kills = 12 if long_run else 4
    stop = threading.Event()

    def send():
        session = requests.Session()
        for batch in batches:
            while not stop.is_set():
                try:
                    answer = session.post(d.base + "/v1/events", json=batch, timeout=10)
                    if answer.status_code == 200:
                        break
                except requests.RequestException:
                    session = requests.Session()
                time.sleep(0.05)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.1, 0.8))
            d.kill()
            d.start()
        sender.join(120)
        assert not sender.is_alive()
    finally:
        stop.set()
        sender.join()
    written(d)
    found, complete_from = lines(d)
    applied = [line[6] for line in found if line[5] == "applied"]
    assert complete_from == 0 and len(applied) == len(set(applied)) == sum(len(batch) for batch in batches)
    check_chain(found)
    last = {line[1:3]: line[11] / 1000 for line in found}
    assert last == d.on_hand(last)
    assert d.stop() == 0
    assert lines(d)[0] == found  # a start and a stop change nothing
    for name in ("history.sqlite", "history.sqlite-wal", "history.sqlite-shm"):
        (d.data / name).unlink(missing_ok=True)
    d.start()
    written(d)
    anew, complete_from = lines(d)
    assert anew == [line for line in found if line[0] >> 15 >= complete_from] and anew
    assert d.stop() == 0


def test_a_history_turned_on_later_has_what_the_log_has(daemon):
    d = daemon("--history", "off").start()
    assert d.post("/v1/events", [event(i) for i in range(500)]).json()["applied"] == 500
    assert d.stop() == 0
    d.options = []
    d.start()
    assert d.post("/v1/events", [event(i) for i in range(500, 600)]).json()["applied"] == 100
    written(d)
    found, complete_from = lines(d)
    assert complete_from == 0 and [line[6] for line in found] == [f"e-{i}" for i in range(600)]
    check_chain(found)
    assert d.stop() == 0


def test_old_lines_go(daemon):
    """The size is bounded: the oldest go first, and the answer says from where on it is complete."""
    d = daemon("--history-mib", "1").start()
    for at in range(0, 20000, 1000):
        d.post("/v1/events", [event(at + i, sku="SKU-1", location="s1") for i in range(1000)])
    wait_until(lambda: d.metric("onhand_history_lines_deleted_total") > 1000, 30, "old lines are deleted")
    wait_until(lambda: 0 < d.metric("onhand_history_bytes") <= 1 << 20, 30, "the file is as small as it was told")
    answer = history(d, "SKU-1", "s1", limit=1)
    assert int(answer["complete_from"].split(":")[1]) > 1
    kept = pages(d, "SKU-1", "s1", 1000)
    assert kept[-1]["id"] == "e-19999" and len(kept) < 20000
    numbers = [int(change["id"].split("-")[1]) for change in kept]
    assert numbers == list(range(numbers[0], 20000))
    assert d.stop() == 0


def test_two_engines_on_one_log_have_one_history(program, broker, daemon):
    topic = make_log(program, broker)
    engines = [daemon(*on_log(broker, topic)).start() for _ in range(2)]
    for at in range(0, 2000, 100):
        answer = engines[at // 100 % 2].post("/v1/events", [event(at + i, quantity=1 + i % 4) for i in range(100)])
        assert answer.status_code == 200 and answer.json()["applied"] == 100, answer.text
        if at == 1000:
            engines[1].kill()
            engines[1].start()
    wait_until(lambda: len({e.metric("onhand_log_next_offset") for e in engines}) == 1, 30, "both are equally far")
    for engine in engines:
        written(engine)
    one, other = lines(engines[0]), lines(engines[1])
    assert one == other and len(one[0]) == 2000
    check_chain(one[0])
    for engine in engines:
        assert engine.stop() == 0
    for name in ("history.sqlite", "history.sqlite-wal", "history.sqlite-shm"):
        (engines[1].data / name).unlink(missing_ok=True)
    engines[1].start()  # its checkpoint is of the end: the file comes from the topic
    written(engines[1])
    assert lines(engines[1]) == one
    assert engines[1].stop() == 0


def test_history_for_people_and_scripts(daemon, program):
    d = daemon().start()
    d.post("/v1/events", [event(1, quantity=5, sku="SKU-1", location="s1"),
                          event(2, "count", 20, sku="SKU-1", location="s1", as_of="2026-01-01T11:00:00Z", occurred_at="2026-01-01T11:00:00Z"),
                          event(3, "order_placed", 1, sku="SKU-1", location="s1", reference="ORD-1", occurred_at="2026-01-01T12:00:00Z")])

    def run(*words):
        return subprocess.run([program, "history", *words, "--url", d.base], text=True, capture_output=True, timeout=30)

    table = run("SKU-1", "s1")
    assert table.returncode == 0, table.stderr
    assert "5 → 20 (+15)" in table.stdout and "ORD-1" in table.stdout
    assert table.stdout.index("order_placed") < table.stdout.index("count") < table.stdout.index("receipt")
    objects = [json.loads(line) for line in run("SKU-1", "s1", "--json", "--limit", "2").stdout.splitlines()]
    assert [o["type"] for o in objects] == ["order_placed", "count"]
    nobody = run("SKU-2", "s1")
    assert nobody.returncode != 0 and "SKU-2" in nobody.stderr
    assert d.stop() == 0


def test_a_copy_of_the_log_gives_the_same_history(daemon, tmp_path):
    """Another server on a copy of the log, without the file: its history is told anew, and equal to the last figure."""
    d = daemon().start()
    for at in range(0, 3000, 300):
        d.post("/v1/events", [event(at + i, "sale" if i % 4 == 0 else "receipt") for i in range(300)])
    written(d)
    assert d.stop() == 0
    found = lines(d)
    copy = daemon(name="copy")
    shutil.copytree(d.data, copy.data, ignore=shutil.ignore_patterns("history*"))
    copy.start()
    written(copy)
    assert lines(copy) == found
    assert copy.stop() == 0


class Tail:
    """`onhand tail --json`, read line by line."""

    def __init__(self, program, daemon, *words):
        self.process = subprocess.Popen([program, "tail", "--json", "--url", daemon.base, *words], text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.seen = []
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.seen.append(json.loads(line))

    def wait(self, count):
        wait_until(lambda: len(self.seen) >= count, 20, lambda: f"{count} changes are told, not {len(self.seen)}")
        return self.seen

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def listening(daemon, count):
    wait_until(lambda: daemon.metric("onhand_http_listeners") == count, 20, f"{count} listen")


def test_tail_sees_what_happens_from_now_on_and_goes_on_after_a_restart(daemon, program):
    d = daemon().start()
    d.post("/v1/events", event(0, sku="SKU-1", location="s1", quantity=10))
    everything, one, place = Tail(program, d), Tail(program, d, "--sku", "SKU-1"), Tail(program, d, "--location", "s2")
    try:
        listening(d, 3)
        d.post("/v1/events", [event(1, "sale", sku="SKU-1", location="s1"), event(2, sku="SKU-2", location="s2", quantity=3)])
        assert [(c["sku"], c["location"], c["previous"], c["available"]) for c in everything.wait(2)] == [
            ("SKU-1", "s1", 10, 9), ("SKU-2", "s2", 0, 3)]
        d.kill()
        d.start()  # on the same port: they come again by themselves
        listening(d, 3)
        d.post("/v1/events", event(3, "sale", 2, sku="SKU-1", location="s1"))
        assert [c["available"] for c in everything.wait(3)] == [9, 3, 7]
        assert [c["available"] for c in one.wait(2)] == [9, 7]
        assert [c["available"] for c in place.seen] == [3]
        versions = [tuple(map(int, c["version"].split(":"))) for c in everything.seen]
        assert versions == sorted(versions)
    finally:
        for tail in (everything, one, place):
            tail.stop()
    assert d.stop() == 0


def events_of(answer, count):
    """The next `count` Server-Sent Events of a streamed answer: (event, id, data); an id without an event is none."""
    found, event_, id_, data = [], None, None, None
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if name == "event":
            event_ = value
        elif name == "id":
            id_ = value
        elif name == "data":
            data = json.loads(value)
        elif not line:
            if data is not None:
                found.append((event_, id_, data))
            event_, id_, data = None, None, None
            if len(found) == count:
                return found
    raise AssertionError(f"it ended after {found}")


def listen(daemon, last=None, **parameters):
    answer = requests.get(daemon.base + "/v1/changes", params=parameters, stream=True, timeout=20,
                          headers={"Last-Event-ID": last} if last else {})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/event-stream", answer.text
    return answer


def test_who_comes_back_goes_on_behind_what_it_saw(daemon):
    d = daemon().start()
    with listen(d, kind="change") as answer:
        listening(d, 1)
        d.post("/v1/events", [event(i, sku=f"SKU-{i}", location="s1") for i in range(3)])
        d.post("/v1/events", [event(10 + i, sku=f"SKU-{i}", location="s1") for i in range(3)])
        found = events_of(answer, 6)
    assert [id_ is not None for _, id_, _ in found] == [False, False, True, False, False, True]  # the last of its record
    with listen(d, found[2][1], kind="change") as answer:
        assert [data for _, _, data in events_of(answer, 3)] == [data for _, _, data in found[3:]]
    with listen(d, "7:1") as answer:  # of another log
        name, _, data = events_of(answer, 1)[0]
        assert name == "missed" and data["version"] == found[-1][2]["version"]
    with listen(d, found[2][1], sku="SKU-1", kind="change") as answer:
        (_, id_, data), = events_of(answer, 1)
        assert data["sku"] == "SKU-1" and id_ == found[5][1]  # of its record it is the last that this listener sees
    assert d.get("/v1/changes", headers={"Last-Event-ID": "x"}).status_code == 400
    assert d.get("/v1/changes?sku=").status_code == 400
    assert d.get("/v1/changes?kind=gossip").status_code == 400
    listening(d, 0)
    assert d.stop() == 0


def test_a_listener_that_takes_nothing_is_cut_and_nobody_waits_for_it(daemon):
    d = daemon().start()
    slow = listen(d)
    with listen(d, sku="SKU-LAST") as answer:
        listening(d, 2)
        number = 0
        deadline = time.monotonic() + 120
        while not d.metric("onhand_http_listeners_cut_total"):
            assert time.monotonic() < deadline, "the slow one is not cut"
            batch = [event(number + i, sku=f"SKU-{(number + i) % 5000}", location="s1") for i in range(2000)]
            assert d.post("/v1/events", batch).json()["applied"] == len(batch)
            number += 2000
            if number > 200000:  # more than the window holds: now it takes what was written, and finds that it is too late
                try:
                    for _ in slow.iter_content(1 << 20):
                        pass
                except requests.RequestException:
                    pass
        d.post("/v1/events", event(-1, sku="SKU-LAST", location="s1"))
        assert events_of(answer, 1)[0][2]["available"] == 1
    slow.close()
    assert d.stop() == 0


def test_a_bound_key_hears_of_its_own_locations(daemon, program, tmp_path):
    keys = tmp_path / "keys"

    def key(*words):
        done = subprocess.run([program, "key", "create", "--keys", keys, "--json", *words], check=True, text=True, stdout=subprocess.PIPE)
        return {"Authorization": f"Bearer {json.loads(done.stdout)['key']}"}

    writer, mine = key("--scope", "admin"), key("--scope", "read", "--location", "s1")
    d = daemon("--keys", keys).start()
    assert d.get("/v1/changes", headers=mine, params={"location": "s2"}).status_code == 403
    with requests.get(d.base + "/v1/changes", headers=mine, stream=True, timeout=20) as answer:
        wait_until(lambda: "onhand_http_listeners 1" in d.get("/metrics", headers=writer).text, 20, "it listens")
        d.post("/v1/events", [event(1, sku="SKU-1", location="s2"), event(2, sku="SKU-2", location="s1")], headers=writer)
        assert events_of(answer, 1)[0][2]["sku"] == "SKU-2"
