"""Plots as SVG, with nothing but the standard library."""
import html
import math

COLOURS = ("#0b62a4", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#8c6d31", "#666666", "#a6761d", "#e6ab02")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 78, 16, 40, 56


def short(value):
    """An axis label: 12, 3.4, 25k, 1.2M."""
    if value == 0:
        return "0"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def linear_ticks(low, high):
    step = 10 ** math.floor(math.log10((high - low) / 4 or 1))
    for factor in (1, 2, 5, 10):
        if (high - low) / (step * factor) <= 6:
            step *= factor
            break
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low, high):
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [f * 10.0 ** d for d in decades for f in factors if low * 0.999 <= f * 10.0 ** d <= high * 1.001]


class Axis:
    def __init__(self, low, high, start, end, log):
        if log:
            low = max(low, 1e-9)
            high = max(high, low * 1.01)
            low, high = 10 ** math.floor(math.log10(low) * 2 + 1e-9), 10 ** (math.log10(high) * 1.0)
            low = 10 ** (math.floor(math.log10(low)) / 2)
        elif high <= low:
            high = low + 1
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def at(self, value):
        if self.log:
            share = (math.log(max(value, self.low)) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)


def text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{html.escape(str(words))}</text>'


def frame(title, x_label, y_label, x, y, x_ticks=None):
    parts = [text(WIDTH / 2, 20, title, extra='class="title"')]
    for value, words in x_ticks or [(v, short(v)) for v in x.ticks()]:
        at = x.at(value)
        parts.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(text(at, HEIGHT - BOTTOM + 16, words))
    for value in y.ticks():
        at = y.at(value)
        parts.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" class="grid"/>')
        parts.append(text(LEFT - 6, at + 4, short(value), "end"))
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" class="box"/>')
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_label))
    parts.append(text(0, 0, y_label, extra=f'transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)"'))
    return parts


STYLE = """<style>text{font:12px system-ui,sans-serif;fill:currentColor}.title{font-size:14px;font-weight:600}.grid{stroke:currentColor;stroke-opacity:.13}
.box{fill:none;stroke:currentColor;stroke-opacity:.5}</style>"""


def drawn(parts, height=HEIGHT):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" color="#222">{STYLE}'
            '<rect width="100%" height="100%" fill="#fff"/>' + "".join(parts) + "</svg>")


def legend(names):
    parts = []
    for n, name in enumerate(names):
        y = TOP + 14 + n * 16
        parts.append(f'<line x1="{LEFT + 10}" y1="{y - 4}" x2="{LEFT + 30}" y2="{y - 4}" stroke="{COLOURS[n % len(COLOURS)]}" stroke-width="2.5"/>')
        parts.append(text(LEFT + 36, y, name, "start"))
    return parts


def lines(title, x_label, y_label, series, x_log=False, y_log=False, x_ticks=None, marks=True):
    """series: name -> [[x, y], …]."""
    points = [p for line in series.values() for p in line if not y_log or p[1] > 0]
    if not points:
        return drawn([text(WIDTH / 2, HEIGHT / 2, f"{title}: nothing measured")])
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    x = Axis(min(xs) if x_log else min(0, *xs), max(xs), LEFT, WIDTH - RIGHT - 8, x_log)
    if x_ticks:
        x = Axis(min(xs), max(max(xs), x_ticks[-1][0]), LEFT, WIDTH - RIGHT - 8, False)
    y = Axis(min(ys) if y_log else min(0, *ys), max(ys) * (1.3 if y_log else 1.08), HEIGHT - BOTTOM, TOP, y_log)
    parts = frame(title, x_label, y_label, x, y, x_ticks)
    for n, line in enumerate(series.values()):
        colour = COLOURS[n % len(COLOURS)]
        at = [(x.at(px), y.at(py)) for px, py in line]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in at)}"/>')
        if marks:
            parts.extend(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" fill="{colour}"/>' for a, b in at)
    return drawn(parts + legend(series))


def nines(share):
    return -math.log10(1 - share)


PERCENTILES = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")]


def percentiles(title, histograms):
    """Latency by percentile: each contender's histogram, the axis stretched towards the nines."""
    series = {}
    for name, h in histograms.items():
        seen, line, total = 0, [], h["count"]
        for top, count in h["buckets"]:
            seen += count
            share = min(seen / total, 1 - 1 / (total + 1))
            if share < 0.99999:
                line.append([nines(share), top])
        series[name] = line or [[0, h["most"]]]
    return lines(title, "percentile", "µs", series, y_log=True, x_ticks=[(nines(share), words) for share, words in PERCENTILES], marks=False)


def targets(title, rows):
    """Every figure between its floor and its goal. rows: [(label, share of the goal reached, floor's share, verdict)]: 1 is the goal."""
    height, left, span = TOP + 22 * len(rows) + 30, 300, WIDTH - 300 - 70
    most = max([2.0] + [min(share, 4) for _, share, _, _ in rows])

    def at(share):
        return left + min(share, most) / most * span

    parts = [text(WIDTH / 2, 20, title, extra='class="title"')]
    colours = {"goal": "#1b9e77", "floor": "#e6ab02", "MISSED": "#c03028", "goal missed": "#e6ab02", "measured": "#888888", "not judged": "#888888"}
    for n, (label, share, floor, verdict) in enumerate(rows):
        y = TOP + n * 22
        parts.append(text(left - 8, y + 13, label, "end"))
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{max(1, at(share) - left):.1f}" height="13" fill="{colours[verdict]}"/>')
        if floor:
            parts.append(f'<line x1="{at(floor):.1f}" y1="{y}" x2="{at(floor):.1f}" y2="{y + 19}" stroke="currentColor" stroke-dasharray="3 2"/>')
        parts.append(text(at(share) + 5, y + 13, f"{share:.2f}", "start"))
    parts.append(f'<line x1="{at(1):.1f}" y1="{TOP - 6}" x2="{at(1):.1f}" y2="{height - 26}" stroke="currentColor"/>')
    parts.append(text(at(1), height - 10, "goal = 1 (dashed: floor)"))
    return drawn(parts, height)
