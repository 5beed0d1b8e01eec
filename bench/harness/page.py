"""One page with all plots, tables and commands: no outside assets, works from a file."""
import html
import re

from harness import machine, plot
from harness.result import number
from harness.targets import FIGURES, ROWS

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}table{border-collapse:collapse;margin:1rem 0;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e4e4e4;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.MISSED{color:#c03028;font-weight:600}.goal{color:#117a5b}.promise{color:#666;font-size:.85em}pre{background:#f4f4f4;padding:.6rem;overflow:auto}svg{max-width:100%;height:auto}
figure{margin:1rem 0}"""


def cell(value, kind=""):
    return f'<td class="{kind}">{html.escape(str(value))}</td>'


def figures_table(figures):
    rows = []
    for name, f in figures.items():
        t = FIGURES[name]
        rows.append("<tr>" + cell(name) + cell(t.what) + cell(f"{number(f['value'])} {t.unit}", "n") + cell(number(f["noise"]), "n") + cell(number(t.floor), "n")
                    + cell(number(t.goal), "n") + f'<td class="{f["verdict"]}">{f["verdict"]}</td></tr>')
    return ("<table><tr><th>figure</th><th>ours / peer</th><th class=n>measured</th><th class=n>noise</th><th class=n>floor</th><th class=n>goal</th><th></th></tr>"
            + "".join(rows) + "</table>") if rows else ""


def contenders_table(bench):
    rows = []
    for name, quantities in bench["contenders"].items():
        promise = bench["promises"].get(name, "")
        for n, (quantity, v) in enumerate(quantities.items()):
            label = f'<td>{html.escape(name)}<div class="promise">{html.escape(promise)}</div></td>' if n == 0 else "<td></td>"
            rows.append("<tr>" + label + cell(quantity.replace("_", " ")) + cell(number(v["best"]), "n") + cell(number(v["median"]), "n")
                        + cell(f"{number(min(v['rounds']))} – {number(max(v['rounds']))}", "n") + "</tr>")
    return ("<table><tr><th>who</th><th>what</th><th class=n>best</th><th class=n>median</th><th class=n>rounds</th></tr>" + "".join(rows) + "</table>"
            if rows else "")


def goal_shares(results):
    rows = []
    for bench in results.values():
        for name, f in bench["figures"].items():
            t = FIGURES[name]
            if t.goal is None or f["value"] <= 0 and t.better == "more":
                continue
            value = max(f["value"], 1e-6)
            share = t.goal / value if t.better == "less" else value / t.goal
            floor = None if t.floor is None else (t.goal / t.floor if t.better == "less" else t.floor / t.goal)
            rows.append((name, share, floor, f["verdict"]))
    return rows


def bench_part(name, bench, plots):
    what = "; ".join(r.what for r in ROWS if r.bench == name)
    parts = [f'<h2 id="{name}">{html.escape(name)}</h2><p>{html.escape(what)}</p><pre>bench/run {html.escape(name)}</pre>', figures_table(bench["figures"])]
    parts.extend(f"<figure>{plots.add(title, svg)}</figure>" for title, svg in plots_of(bench))
    parts.append(contenders_table(bench))
    notes = [f"Total: {what}: {total}" for what, total in bench["totals"].items()] + bench["notes"] + \
        [f"{who}: not measured, {why}" for who, why in bench["missing"].items()]
    parts.append("<ul>" + "".join(f"<li>{html.escape(n)}</li>" for n in notes) + "</ul>" if notes else "")
    return "".join(parts)


def file_name(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".svg"


class Plots:
    """Each plot stands in the page and lies beside it as a file."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, title, svg):
        (self.folder / file_name(title)).write_text(svg)
        return svg


def plots_of(bench):
    for title, h in bench["histograms"].items():
        yield title, plot.percentiles(title, h)
    for title, c in bench["curves"].items():
        yield title, plot.lines(title, c["x"], c["y"], c["lines"], c["x_log"], c["y_log"])


def all_targets(results):
    return plot.targets("share of the goal reached", goal_shares(results))


def write_plots(run, folder):
    """The plots alone, as files."""
    plots = Plots(folder)
    for bench in run["benches"].values():
        for title, svg in plots_of(bench):
            plots.add(title, svg)
    if goal_shares(run["benches"]):
        plots.add("targets", all_targets(run["benches"]))


def write(run, folder):
    """run: a whole result as bench/run writes it. The page is folder/index.html."""
    plots = Plots(folder)
    results = run["benches"]
    parts = [f"<h1>onhand: what was measured</h1><p>{html.escape(machine.line(run['machine']))}</p><p>{html.escape(run['at'])}; {run['rounds']} rounds, "
             f"{'a quick check of function: its figures mean nothing' if run['quick'] else 'interleaved, the best of each counts'}.</p><pre>{html.escape(run['command'])}</pre>"]
    if goal_shares(results):
        parts.append("<h2>Every figure and its target</h2>" + plots.add("targets", all_targets(results)))
    parts.extend(bench_part(name, bench, plots) for name, bench in results.items())
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>onhand: what was measured</title><style>{STYLE}</style><body>{"".join(parts)}</body></html>\n'
    (folder / "index.html").write_text(page)
    return folder / "index.html"
