"""The availability topic: each row's last word for whoever follows it there, whatever happens to the broker, to the one that writes
it and to the one that wrote it before. It is read with a client of another library (table_topic.py), which also checks every message."""
import subprocess
import uuid
from urllib.parse import quote

import pytest

from table_topic import TableTopic


def make_topics(program, broker, *more):
    """`onhand topics`; the options for `serve`."""
    name = f"availability-{uuid.uuid4().hex[:8]}"
    subprocess.run([program, "topics", "--kafka", broker.address, "--log-topic", f"{name}-log", "--dead-letter-topic", f"{name}-dead",
                    "--availability-topic", name, *more], check=True, stdout=subprocess.PIPE, timeout=30)
    return name


def receipt(number, **more):
    return {"id": f"r-{number}", "source": "till", "type": "receipt", "sku": "SKU-1", "location": "store-1", "quantity": 1,
            "occurred_at": "2026-01-01T10:00:00Z"} | more


@pytest.fixture
def table():
    made = []

    def make(broker, topic):
        made.append(TableTopic(broker, topic))
        return made[-1]

    yield make
    for t in made:
        t.close()


def test_a_row_as_downstream_sees_it(program, broker, daemon, table):
    """The facts of `detail=true`, the SKU encoded in the key and plain in the value; the engine's start writes what was there before."""
    topic = make_topics(program, broker)
    engine = daemon("--kafka", broker.address, "--availability-topic", topic).start()
    sku = "T-shirt {1|2} 100% größe"
    engine.post("/v1/events", [receipt(1, sku=sku, quantity=5.5), receipt(2, sku=sku, type="sale", quantity=2)])
    rows = table(broker, topic)
    rows.until(lambda r: r.get((sku, "store-1"), {}).get("on_hand") == 3.5, 20, "the sale")
    answer = engine.get("/v1/availability/" + quote(sku, safe=""), params={"location": "store-1", "detail": "true"}).json()
    (row,) = answer["locations"]
    found = dict(rows.rows[sku, "store-1"])
    assert found.pop("sku") == sku and found.pop("version") == answer["version"] and found.pop("at")
    assert found.pop("row_version") == row.pop("version")
    assert found == row
    keys = {m.key for m in rows.messages}
    assert keys == {"T-shirt%20%7B1%7C2%7D%20100%25%20gr%C3%B6%C3%9Fe|store-1".encode()}
    assert engine.stop() == 0
