"""The real sales as files of POST /v1/import: what comes out is what was computed independently, however often and however cut off they come."""
import csv
import io
import json
import threading

import pytest
import requests

PIECE = 64 * 1024


def in_pieces(text):
    data = text.encode()
    for at in range(0, len(data), PIECE):
        yield data[at:at + PIECE]


def send(engine, text, kind="application/x-ndjson", **parameters):
    """The report's lines and its totals."""
    answer = requests.post(engine.base + "/v1/import", params=parameters, data=in_pieces(text), timeout=120,
                           headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    *lines, totals = [json.loads(line) for line in answer.text.splitlines()]
    assert totals["complete"]
    return lines, totals


def as_csv(events):
    """Without ids: the same file has the same ids again."""
    out = io.StringIO()
    rows = csv.DictWriter(out, ["type", "sku", "location", "quantity", "occurred_at", "reference", "reason"], extrasaction="ignore")
    rows.writeheader()
    for _, _, identity, text in events:
        rows.writerow({**json.loads(text), "reference": identity.rsplit("-", 1)[0]})
    return out.getvalue()


def check_export(engine, expected):
    """Every on_hand as computed independently. A pair that never had a movement may have no row."""
    found = engine.export()
    wrong = {pair: (found.get(pair, 0), value) for pair, value in expected.items() if found.get(pair, 0) != value}
    assert not wrong, f"{len(wrong)} of {len(expected)} rows, (found, expected): {dict(list(wrong.items())[:5])}"
    assert sum(found.values()) == sum(expected.values())


@pytest.fixture
def stream(request, long_run):
    return request.getfixturevalue("retail" if long_run else "retail_day")


def test_the_stream_as_a_csv_without_ids(daemon, stream):
    engine = daemon().start()
    file = as_csv(stream.all)
    count = len(stream.all)
    lines, totals = send(engine, file, "text/csv")
    assert (totals["lines"], totals["applied"], totals["failed"]) == (count, count, 0), lines[:3]
    check_export(engine, stream.expected)
    lines, totals = send(engine, file, "text/csv")
    assert not lines and (totals["applied"], totals["repeated"]) == (0, count)
    check_export(engine, stream.expected)
    assert engine.stop() == 0


def test_a_file_that_is_cut_off_is_sent_again(daemon, stream, rng):
    """Killed in the middle, several times: the whole file again, and every line counts once."""
    engine = daemon().start()
    file = "\n".join(text for _, _, _, text in stream.all)
    for _ in range(4):
        timer = threading.Timer(rng.uniform(0.01, 0.4), engine.process.kill)
        timer.start()
        try:
            requests.post(engine.base + "/v1/import", data=in_pieces(file), timeout=60, headers={"Content-Type": "application/x-ndjson"})
        except requests.RequestException:
            pass
        timer.join()
        engine.kill()
        engine.start()
    _, totals = send(engine, file)
    assert totals["applied"] + totals["repeated"] == totals["lines"] == len(stream.all)
    check_export(engine, stream.expected)
    assert engine.stop() == 0


def test_a_stocktake_against_the_books(daemon, stream):
    """Day's end at ST05: the books agree with what was computed; half of the shelf is gone, and nothing else changes."""
    engine = daemon().start()
    send(engine, "\n".join(text for _, _, _, text in stream.all))
    as_of = "2011-12-31T23:00:00Z"
    there = {sku: value for (sku, location), value in stream.expected.items() if location == "ST05"}
    known = {sku for (sku, location) in engine.export() if location == "ST05"}
    shelf = {sku: there.get(sku, 0) for sku in known}

    def counted(rows):
        return "\n".join(json.dumps({"type": "count", "sku": sku, "location": "ST05", "quantity": max(0, value), "as_of": as_of,
                                     "occurred_at": as_of}) for sku, value in rows)

    negative = {sku: value for sku, value in shelf.items() if value < 0}
    lines, totals = send(engine, counted(shelf.items()), mode="compare", scope="full", location="ST05")
    assert (totals["different"], totals["equal"], totals["unmentioned"]) == (len(negative), len(shelf) - len(negative), 0)
    assert {line["sku"]: line["expected"] for line in lines} == negative
    kept = sorted(shelf.items())[::2]
    gone = {sku for sku, value in sorted(shelf.items())[1::2] if value}
    lines, totals = send(engine, counted(kept), mode="compare", scope="full", location="ST05")
    assert totals["unmentioned"] == len(gone) == sum(line["line"] is None for line in lines)
    check_export(engine, stream.expected)
    _, totals = send(engine, counted(kept), scope="full", location="ST05")
    assert (totals["applied"], totals["unmentioned"]) == (len(kept), len(shelf) - len(kept))
    after = {pair: value for pair, value in stream.expected.items() if pair[1] != "ST05"}
    after.update({(sku, "ST05"): 0 for sku in shelf})
    after.update({(sku, "ST05"): max(0, value) for sku, value in kept})
    check_export(engine, after)
    assert engine.stop() == 0
