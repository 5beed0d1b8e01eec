"""Redis follows duty: only the one on duty writes, and who takes over from one that was killed in the middle makes it equal to the table."""
import time

import pytest
from harness import wait_until
from test_duty import TAKEN_OVER, holder, on_duty
from test_kafka_log import make_log, on_log
from test_redis import BATCH, check_snapshot, events, send, server  # noqa: F401 (fixtures)


def written(engine):
    """SKUs that were sent to Redis, whatever became of them."""
    return sum(engine.metric(f"onhand_redis_{name}_total") for name in ("writes", "unchanged", "guarded", "incomplete"))


@pytest.fixture
def pair(program, broker, daemon, server):  # noqa: F811
    topic = make_log(program, broker)
    server.start()
    options = (*on_log(broker, topic), "--redis", f"unix:{server.socket}")
    return [daemon(*options).start() for _ in range(2)]


def test_who_takes_over_makes_redis_equal_to_the_table(pair, server, events, retail_day):  # noqa: F811
    first, (second,) = holder(pair)
    first.wait_metric("onhand_redis_connected", 1, 10)
    half = len(events) // 2
    send(second, events[:half])
    wait_until(lambda: first.metric("onhand_progress_records_total") > 0, 20, "progress is in the log")
    assert written(second) == 0 and second.metric("onhand_redis_connected") == 0
    send(second, events[half:half + 4 * BATCH])
    first.kill()  # in the middle of it
    send(second, events[half + 4 * BATCH:])
    wait_until(lambda: on_duty(second), TAKEN_OVER, "the other took over")
    check_snapshot(server, second, retail_day.expected)
    wait_until(lambda: second.metric("onhand_progress_records_total") > 0, 20, "and says so in the log")
    time.sleep(2)
    offset = second.metric("onhand_log_next_offset")
    time.sleep(3)
    assert second.metric("onhand_log_next_offset") == offset, "progress must not make a record of itself"
    first.start()
    assert second.stop() == 0
    wait_until(lambda: on_duty(first), TAKEN_OVER, "back again")
    assert first.post("/v1/events", {"id": "one-more", "source": "till", "type": "receipt", "sku": "ONE-MORE", "location": "L", "quantity": 1,
                                     "occurred_at": "2026-01-01T10:00:00Z"}).json()["applied"] == 1
    wait_until(lambda: server.client.hget("onhand:a:{ONE-MORE}", "*") == "1", 20, "it writes")
    assert written(first) < 100, "nothing was lost, so nothing is written again"
