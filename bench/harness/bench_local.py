"""Benches of parts in process: lookup, the log, the nearest stores."""
import json
import subprocess

from harness.result import Samples

LOOKUP_PEERS = {"ck_ht": "integer or text keys, one writer; no memory is given back while read, no sums of one version",
                "rculfhash": "liburcu's lock-free hash table, RCU (QSBR)", "tbb": "TBB's concurrent_hash_map: locks a bucket"}
LABELS = {"least": "the least: hash, 16-byte entry, line", "onhand": "onhand", "least_16": "the least, batches of 16", "onhand_16": "onhand, batches of 16",
          "one_of_20": "onhand, one of 20 locations", "all_20": "onhand, all 20 locations", "small_least": "the least, a hundredth of the rows",
          "small_onhand": "onhand, a hundredth of the rows", "onhand_plain": "onhand, SKU and row apart"}


def lookup_once(context, rows, rounds):
    out = context.folder / "lookup.json"
    subprocess.run([context.program("bench/table/bench_lookup"), str(rows), str(rounds), out], check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


def paired(samples, name, ours, theirs, scale=1.0):
    """A figure of two series of rounds."""
    rounds = [a / b / scale for a, b in zip(ours, theirs)]
    samples.put(name, min(ours) / min(theirs) / scale, rounds)


def lookup(context):
    """Rows by SKU and location in process, at 100 k, 1 M and 10 M rows."""
    s = Samples("lookup")
    context.make("bench/table/bench_lookup")
    rounds = context.scale(max(5, context.rounds), 1)
    sizes = context.scale((10_000_000, 1_000_000, 100_000), (100_000,))
    growth = {"onhand": [], "the least": []}
    for rows in sizes:
        told = lookup_once(context, rows, rounds)
        ns = told["ns"]
        growth["onhand"].append([rows, min(ns["onhand"])])
        growth["the least"].append([rows, min(ns["least"])])
        for peer in LOOKUP_PEERS:
            if peer in ns:
                growth.setdefault(peer, []).append([rows, min(ns[peer])])
        if rows != sizes[0]:
            continue
        for label, values in ns.items():
            for value in values:
                s.add(LABELS.get(label, label), "ns", value, more=False)
        s.promises.update({peer: text for peer, text in LOOKUP_PEERS.items() if peer in ns})
        s.totals["all contenders found the same rows"] = f"{rows:,} rows, {rounds} rounds"
        paired(s, "lookup.least", ns["onhand"], ns["least"])
        paired(s, "lookup.least_16", ns["onhand_16"], ns["least_16"])
        paired(s, "lookup-all.twenty", ns["all_20"], [20 * v for v in ns["one_of_20"]])
        peers = [ns[p] for p in LOOKUP_PEERS if p in ns]
        paired(s, "lookup-peers.best", ns["onhand"], min(peers, key=min))
        small = [a / b for a, b in zip(ns["onhand"], ns["small_onhand"])]
        least = [a / b for a, b in zip(ns["least"], ns["small_least"])]
        s.put("growth.least", (min(ns["onhand"]) / min(ns["small_onhand"])) / (min(ns["least"]) / min(ns["small_least"])),
              [a / b for a, b in zip(small, least)])
        bytes_a_row = told["figures"]["bytes_a_row"]
        s.put("memory.bare", bytes_a_row / 107, [bytes_a_row / 107])
        s.notes.append(f"{bytes_a_row:.1f} bytes a row by the books, {told['figures']['resident_bytes_a_row']:.1f} resident; "
                       f"{told['rows_at_home'] * 100:.1f} % of rows at home")
        missing = [p for p in LOOKUP_PEERS if p not in ns]
        for peer in missing:
            s.lacks(peer, "not built: its -dev package is not installed")
    s.curves["lookup: time by rows"] = {"x": "rows", "y": "ns a lookup", "x_log": True, "y_log": False,
                                        "lines": {name: sorted(points) for name, points in growth.items() if len(points) > 1}}
    return s


def log(context):
    """One fdatasync for all who wait, beside a bare file."""
    s = Samples("log")
    context.make("bench/bench_log")
    out = context.folder / "log.json"
    subprocess.run([context.program("bench/bench_log"), context.folder, out, str(context.scale(max(5, context.rounds), 1))], check=True,
                   stdout=subprocess.DEVNULL)
    for waiting, told in json.loads(out.read_text()).items():
        for name, contender in (("log", "onhand's log"), ("bare", "bare append and fdatasync")):
            for rate, p50, p99 in told[name]:
                s.add(f"{contender}, {waiting} waiting", "records_per_second", rate, more=True)
                s.add(f"{contender}, {waiting} waiting", "p50_us", p50, more=False)
                s.add(f"{contender}, {waiting} waiting", "p99_us", p99, more=False)
        s.figure({"1": "log.one"}.get(waiting, f"log.{waiting}"), (f"onhand's log, {waiting} waiting", "records_per_second"),
                 (f"bare append and fdatasync, {waiting} waiting", "records_per_second"))
    s.notes.append("records of 128 bytes; the bare file has no frames, no CRC and no hand-over between threads")
    return s


def handoff(context):
    """Thread → log → writer → thread, beside three bare threads and a file."""
    s = Samples("handoff")
    context.make("bench/handoff")
    done = subprocess.run([context.program("bench/handoff"), context.new_folder("handoff"), str(context.scale(max(5, context.rounds), 1)),
                           str(context.scale(1, 0.3))], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told = json.loads(done.stdout)
    s.totals["every record came back applied"] = f"{told.pop('events'):,}"
    for outstanding, chains in told.items():
        for chain, name in (("engine", "onhand's chain"), ("bare", "bare chain")):
            for rate, p50, p99 in chains[chain]:
                s.add(f"{name}, {outstanding} outstanding", "records_per_second", rate, more=True)
                s.add(f"{name}, {outstanding} outstanding", "p50_us", p50, more=False)
                s.add(f"{name}, {outstanding} outstanding", "p99_us", p99, more=False)
        s.figure(f"handoff.{outstanding}", (f"onhand's chain, {outstanding} outstanding", "records_per_second"),
                 (f"bare chain, {outstanding} outstanding", "records_per_second"))
        s.promise(f"bare chain, {outstanding} outstanding", "stacks and eventfds between three threads, one fdatasync for all who wait; decides nothing")
    s.notes.append("onhand encodes, frames, decodes and applies each event; both sync to the same disk")
    return s


NEAR = {"half_have_it": "half of the stores have it", "a_tenth_has_it": "a tenth has it", "one_in_a_hundred_has_it": "1 in 100, rows only there",
        "one_in_a_hundred_has_it_all_have_rows": "1 in 100, rows at all 10,000",
        "three_in_a_hundred_have_it_all_have_rows": "3 in 100, rows at all 10,000", "ten_have_it": "ten have it, rows only there",
        "basket_of_three_half_have_each": "a basket of three, half have each"}


def near(context):
    """The nearest 10 of 10,000 stores that have an item, in process."""
    s = Samples("near")
    context.make("bench/bench_near")
    out = context.folder / "near.json"
    for _ in range(context.rounds):
        subprocess.run([context.program("bench/bench_near"), "1", out], check=True, stdout=subprocess.DEVNULL)
        for told in json.loads(out.read_text())["contests"]:
            for quantity in ("mean_us", "p50_us", "p99_us"):
                s.add(NEAR[told["name"]], quantity, told[quantity], more=False)
            s.add(NEAR[told["name"]], "without_an_index_us", told["no_index_us"], more=False)
    s.figure("near.time", (NEAR["a_tenth_has_it"], "mean_us"))
    s.figure("near.basket", (NEAR["basket_of_three_half_have_each"], "mean_us"))
    s.figure("near.worst", (NEAR["one_in_a_hundred_has_it_all_have_rows"], "mean_us"))
    s.totals["with and without an index the same stores are found"] = "10 of 10,000, half of them in 50 towns; 100 items in turn, so that rows come from memory"
    return s
