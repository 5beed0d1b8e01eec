"""Live changes: thousands of listeners, each compared with a reckoning of the test's own; slow ones; restarts; another engine."""
import asyncio
import json
import threading
import time

import requests

from harness import wait_until
from live import Ear, Reckoning, offset
from test_kafka_log import make_log, on_log

KINDS = [("kind", k) for k in ("change", "level", "back_in_stock", "low_stock")]
GROUPS = {"north": [f"ST{n:02}" for n in range(1, 11)], "rest": ["DC00", "ST31"]}
CHANNEL = {"name": "web", "low_threshold": 3, "rules": [{"buffer": 1}]}


def prepare(d):
    assert requests.put(f"{d.base}/v1/channels/web", json=CHANNEL, timeout=30).status_code == 201
    for name, members in GROUPS.items():
        for member in members:
            place = {"name": member, "type": "store"}
            assert requests.put(f"{d.base}/v1/locations/{member}", json=place, timeout=30).status_code in (200, 201)
        assert requests.put(f"{d.base}/v1/groups/{name}", json={"name": name, "members": members}, timeout=30).status_code == 201


def post(d, reckoning, texts):
    """One request, known to be applied, and reckoned with."""
    answer = d.session.post(d.base + "/v1/events", data="\n".join(texts).encode(), timeout=60,
                            headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text[:300]
    reckoning.applied([json.loads(t) for t in texts], answer.json()["results"])


def stream(d, reckoning, texts, size, pause=0.0):
    for at in range(0, len(texts), size):
        post(d, reckoning, texts[at:at + size])
        time.sleep(pause)


class Crowd:
    """Listeners in a thread of their own."""

    def __init__(self, d, queries):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.tasks = []  # the loop holds them by a thread only
        self.ears = [Ear(d.port, q) for q in queries]
        self.listen(self.ears)

    def listen(self, ears):
        async def begin():
            for e in ears:
                e.listening.clear()
            tasks = [asyncio.ensure_future(e.listen()) for e in ears]
            await asyncio.wait_for(asyncio.gather(*(e.listening.wait() for e in ears)), 120)
            return tasks
        self.tasks += asyncio.run_coroutine_threadsafe(begin(), self.loop).result(150)

    def add(self, d, query, slow=False):
        e = Ear(d.port, query, slow=asyncio.Event() if slow else None)
        self.ears.append(e)
        self.listen([e])
        return e

    def resume(self):
        wait_until(lambda: all(e.ended for e in self.ears), 60, "all streams end with the server")
        self.listen(self.ears)

    def close(self):
        async def cancel():
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)


def check(crowd, reckoning, exactly=True):
    """Each ear heard what it asked for, in order; the same row twice in one record counts once."""
    for e in crowd.ears:
        want = list(reckoning.expected(e.query, GROUPS))
        try:
            wait_until(lambda: len(set(e.heard)) >= len(set(want)), 90, "all is heard")  # pylint: disable=cell-var-from-loop
        except AssertionError:
            missing = sorted(set(want) - set(e.heard))
            raise AssertionError(f"{e.query} did not hear {len(missing)}: {missing[:3]} of {len(want)}") from None
        heard = e.heard if exactly else list(dict.fromkeys(e.heard))
        assert [h[0] for h in heard] == sorted(h[0] for h in heard), e.query
        assert sorted(heard) == sorted(want), e.query
        assert not e.missed, e.query


def test_two_thousand_listeners_each_hear_what_they_asked_for(daemon, retail_day, rng):
    d = daemon("--http-threads", 2).start()
    prepare(d)
    reckoning = Reckoning(buffer=1, low=CHANNEL["low_threshold"])
    opening, texts = [t for *_, t in retail_day.opening], [t for *_, t in retail_day.events]
    stream(d, reckoning, opening, 2000)
    reckoning.told.clear()
    skus = [json.loads(t)["sku"] for t in texts]
    places = sorted({json.loads(t)["location"] for t in texts})
    queries = [[("sku", rng.choice(skus)), *KINDS] for _ in range(900)]
    queries += [[("sku", s) for s in set(rng.choices(skus, k=3))] + [("channel", "web")] for _ in range(600)]
    queries += [[("sku", rng.choice(skus)), ("location", rng.choice(places)), *KINDS] for _ in range(300)]
    queries += [[("location", rng.choice(places)), ("channel", "web"), ("kind", "level")] for _ in range(150)]
    queries += [[("group", rng.choice(list(GROUPS))), ("kind", "back_in_stock")] for _ in range(30)]
    queries += [[("channel", "web"), ("kind", "low_stock")] for _ in range(15)] + [KINDS for _ in range(5)]
    assert len(queries) == 2000
    crowd = Crowd(d, queries)
    assert d.metric("onhand_http_listeners") == 2000
    took = max(time_of(lambda n=n: stream(d, reckoning, texts[n::8], 100, 0.05)) for n in range(8))
    check(crowd, reckoning)
    told, listeners = d.metric("onhand_http_changes_told_total"), d.metric("onhand_http_listeners")
    print(f"{len(texts)} events, {told:.0f} events told to {listeners:.0f}, the slowest eighth took {took:.2f} s")
    assert listeners == 2000 and told == sum(len(e.heard) for e in crowd.ears)
    assert d.stop() == 0
    wait_until(lambda: all(e.ended for e in crowd.ears), 20, "all streams end with the server")
    crowd.close()


def time_of(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def receipts(first, count, sku=None):
    for n in range(first, first + count):
        yield json.dumps({"id": f"r-{n}", "source": "test", "type": "receipt", "sku": sku or f"SKU-{n % 500}", "location": f"ST{n % 7:02}",
                          "quantity": 1, "occurred_at": "2026-01-01T10:00:00Z"})


def test_a_slow_listener_slows_nobody_and_goes_on_where_it_was(daemon):
    """What it did not take it is told when it does, and nobody waits for it; the id it has brings it back."""
    d = daemon("--changes-kept", 1 << 17).start()
    reckoning = Reckoning(buffer=1, low=3)
    crowd = Crowd(d, [KINDS, [("sku", "SKU-1"), *KINDS]])
    slow = crowd.add(d, KINDS, slow=True)
    stream(d, reckoning, list(receipts(0, 30000)), 1000)
    quick = [e for e in crowd.ears if e is not slow]
    for e in quick:
        want = len(list(reckoning.expected(e.query, GROUPS)))
        wait_until(lambda: len(e.heard) >= want, 90, "the others hear all")  # pylint: disable=cell-var-from-loop
    assert len(slow.heard) < 30000 and d.metric("onhand_http_listeners_behind_total") >= 1
    crowd.loop.call_soon_threadsafe(slow.slow.set)
    check(crowd, reckoning)
    crowd.close()
    assert d.stop() == 0


def test_who_falls_out_of_what_is_kept_is_cut_and_told_so(daemon):
    d = daemon("--changes-kept", 16384).start()
    reckoning = Reckoning(buffer=1, low=3)
    crowd = Crowd(d, [])
    slow = crowd.add(d, KINDS, slow=True)
    number = 80000  # some 15 MB, more than sockets hold for who takes nothing
    stream(d, reckoning, list(receipts(0, number)), 2000)
    crowd.loop.call_soon_threadsafe(slow.slow.set)
    wait_until(lambda: slow.ended, 90, "it is cut")
    assert d.metric("onhand_http_listeners_cut_total") == 1
    kept, want = slow.last, set(reckoning.expected(slow.query, GROUPS))
    assert set(slow.heard) <= want and len(set(slow.heard)) == len(slow.heard)
    assert {w for w in want if w[0] <= offset(kept)} <= set(slow.heard)  # all up to its id
    crowd.listen([slow])
    wait_until(lambda: slow.missed == 1, 60, "it is told that some is missing")
    assert offset(kept) < offset(slow.last) and d.metric("onhand_http_listeners_too_old_total") == 1
    post(d, reckoning, list(receipts(number, 1, "SKU-NEW")))
    wait_until(lambda: slow.heard[-1][2] == "SKU-NEW", 60, "it hears what is new")
    crowd.close()
    assert d.stop() == 0


def test_killed_and_started_again_nobody_misses_anything(daemon, rng):
    """kill -9 in the middle of it, with checkpoints and without; also what changed before the last checkpoint is told."""
    d = daemon("--checkpoint-seconds", 1).start()
    assert requests.put(f"{d.base}/v1/channels/web", json=CHANNEL, timeout=30).status_code == 201
    reckoning = Reckoning(buffer=1, low=3)
    queries = [KINDS, [("sku", "SKU-3"), *KINDS], [("location", "ST02"), ("channel", "web"), *KINDS], [("kind", "back_in_stock")]]
    crowd = Crowd(d, queries + [[("sku", f"SKU-{rng.randrange(500)}"), *KINDS] for _ in range(100)])
    left = Ear(d.port, KINDS)  # comes back only at the end
    crowd.listen([left])
    number = 0
    for life in range(4):
        stream(d, reckoning, list(receipts(number, 2000)), 200)
        number += 2000
        if life == 1:
            d.wait_metric("onhand_checkpoint_offset", d.metric("onhand_log_next_offset"), 60)
        d.kill()
        if life == 0:
            wait_until(lambda: left.ended, 60, "it ends")
        d.start()
        crowd.resume()
    crowd.ears.append(left)
    crowd.listen([left])
    stream(d, reckoning, list(receipts(number, 500)), 100)
    check(crowd, reckoning, exactly=False)
    assert d.metric("onhand_http_listeners_resumed_total") >= len(crowd.ears)
    crowd.close()
    assert d.stop() == 0


def test_goes_on_at_the_second_engine_of_a_log(broker, program, daemon):
    log = make_log(program, broker)
    one, two = daemon(*on_log(broker, log)).start(), daemon(*on_log(broker, log)).start()
    reckoning = Reckoning(buffer=1, low=3)
    crowd = Crowd(one, [KINDS, [("sku", "SKU-5"), *KINDS], [("kind", "back_in_stock"), ("location", "ST01")]])
    stream(one, reckoning, list(receipts(0, 1000)), 100)
    wait_until(lambda: len(crowd.ears[0].heard) >= 1000, 60, "the first engine tells")
    one.kill()
    wait_until(lambda: all(e.ended for e in crowd.ears), 60, "all streams end with the engine")
    stream(two, reckoning, list(receipts(1000, 1000)), 100)
    for e in crowd.ears:
        e.port = two.port
    crowd.listen(crowd.ears)
    stream(two, reckoning, list(receipts(2000, 300)), 100)
    check(crowd, reckoning, exactly=False)
    crowd.close()
    assert two.stop() == 0
