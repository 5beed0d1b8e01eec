"""Samples of a bench, round by round, and the figures made of them."""
import statistics
import sys

from harness.targets import FIGURES


class Samples:
    """values[contender][quantity] = one value a round; more[contender][quantity]: is more of it better?"""

    def __init__(self, bench):
        self.bench, self.values, self.more, self.figures = bench, {}, {}, {}
        self.totals, self.histograms, self.curves, self.promises, self.missing, self.notes = {}, {}, {}, {}, {}, []

    def add(self, contender, quantity, value, more):
        self.values.setdefault(contender, {}).setdefault(quantity, []).append(value)
        print(f"   {contender}: {quantity} {number(value)}", file=sys.stderr, flush=True)  # so that one sees it go on
        self.more[quantity] = more

    def best(self, contender, quantity):
        rounds = self.values.get(contender, {}).get(quantity)
        return (max if self.more[quantity] else min)(rounds) if rounds else None

    def promise(self, contender, text):
        """What it does and does not give: beside its figure in every table."""
        self.promises[contender] = text

    def lacks(self, contender, why):
        self.missing[contender] = why

    def histogram(self, plot, contender, latency_us):
        """Of the round with the least p99; buckets are [microseconds, count]."""
        kept = self.histograms.setdefault(plot, {})
        if contender not in kept or latency_us["p99"] < kept[contender]["p99"]:
            kept[contender] = latency_us

    def figure(self, name, ours, peer=None, how="ratio"):
        """ours and peer: (contender, quantity). The best rounds make the value; the rounds, pair by pair, its noise."""
        if name not in FIGURES:
            raise KeyError(name)
        mine = self.values.get(ours[0], {}).get(ours[1])
        theirs = self.values.get(peer[0], {}).get(peer[1]) if peer else None
        if not mine or (peer and not theirs):
            return
        combine = {"ratio": lambda a, b: a / b, "difference": lambda a, b: a - b}[how]
        if peer:
            rounds = [combine(a, b) for a, b in zip(mine, theirs)]
            value = combine(self.best(*ours), self.best(*peer))
        else:
            rounds, value = list(mine), self.best(*ours)
        self.put(name, value, rounds, {"ours": {"of": ours, "best": self.best(*ours)}, **({"peer": {"of": peer, "best": self.best(*peer)}} if peer else {})})

    def put(self, name, value, rounds, made_of=None):
        self.figures[name] = {"value": value, "rounds": rounds, "noise": (max(rounds) - min(rounds)) if len(rounds) > 1 else None,
                              "verdict": verdict(name, value), **(made_of or {})}

    def to_json(self):
        summary = {}
        for contender, quantities in self.values.items():
            summary[contender] = {q: {"best": self.best(contender, q), "median": statistics.median(rounds), "rounds": rounds}
                                  for q, rounds in quantities.items()}
        return {"bench": self.bench, "figures": self.figures, "contenders": summary, "totals": self.totals, "histograms": self.histograms,
                "curves": self.curves, "promises": self.promises, "missing": self.missing, "notes": self.notes}


def verdict(name, value):
    f = FIGURES[name]
    reached = (lambda bound: value <= bound) if f.better == "less" else (lambda bound: value >= bound)
    if f.goal is not None and reached(f.goal):
        return "goal"
    if f.floor is not None:
        return "floor" if reached(f.floor) else "MISSED"
    return "measured" if f.goal is None else "goal missed"


def number(value):
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show(samples):
    """The table of one bench, for a terminal."""
    lines = [f"\n== {samples.bench}"]
    for contender, quantities in samples.values.items():
        told = ", ".join(f"{q} {number(samples.best(contender, q))}" + (f" ({number(min(r))}–{number(max(r))})" if len(r) > 1 else "")
                         for q, r in quantities.items())
        lines.append(f"  {contender:34} {told}")
        if contender in samples.promises:
            lines.append(f"  {'':34}   {samples.promises[contender]}")
    for contender, why in samples.missing.items():
        lines.append(f"  {contender:34} not measured: {why}")
    if samples.figures:
        lines.append(f"  {'figure':72} {'measured':>9} {'noise':>8} {'floor':>7} {'goal':>7}")
    for name, f in samples.figures.items():
        t = FIGURES[name]
        lines.append(f"  {name + ': ' + t.what:72} {number(f['value']):>9} {number(f['noise']):>8} {number(t.floor):>7} {number(t.goal):>7}  {f['verdict']}")
    for what, total in samples.totals.items():
        lines.append(f"  total: {what}: {total}")
    lines.extend(f"  note: {note}" for note in samples.notes)
    return "\n".join(lines)
