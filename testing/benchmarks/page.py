"""The page of a run: one file of HTML with its plots inside, which needs nothing else."""
import html
import math
import re

import results

WIDTH = 960
LABELS = 430  # Room for names of scenarios
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#7f3fbf"]
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } h3 { font-size: 1em; }
table { border-collapse: collapse; font-size: 13px; } th, td { padding: 2px 10px 2px 0; text-align: left; border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: #222; }
svg text.tick, p.note { fill: #666; color: #666; } .grid { stroke: #e3e3e3; } .limit { stroke: #b00020; stroke-dasharray: 4 3; }
.met { color: #00663a; } .missed { color: #b00020; font-weight: 600; }
"""

GROWTH = [
    ("timers: scan, none due", re.compile(r"^stimer_scan_(\d+)VPx4_none_due \(per full scan\)$")),
    ("timers: scan, all due", re.compile(r"^stimer_scan_(\d+)VPx4_all_due \(per full scan\)$")),
    ("timers: arm + expire one", re.compile(r"^stimer_arm\+expire direct one-shot \(2 scans\)(?:, (\d+) VPs)?$")),
    ("flush: hand over masks", re.compile(r"^hc_flush_va_space_ex_(\d+)VP_banks$")),
    ("flush: visit each VP", re.compile(r"^hc_flush_va_space_ex_(\d+)VP_iterate$")),
    ("IPI: decode", re.compile(r"^hc_send_ipi_ex_(\d+)VP_decode$")),
    ("IPI: request each", re.compile(r"^hc_send_ipi_ex_(\d+)VP_iterate$")),
]


def escape(text):
    return html.escape(str(text))


def nanoseconds(value):
    """As a person writes it."""
    if value >= 1e6:
        return f"{value / 1e6:.2f} ms"
    if value >= 1e4:
        return f"{value / 1e3:.1f} µs"
    return f"{value:.0f} ns" if value >= 100 else f"{value:.2f} ns"


def power_of_ten(value):
    """As the ticks of an axis have it."""
    unit, name = next((unit, name) for unit, name in ((1e6, "ms"), (1e3, "µs"), (1, "ns"), (0, "ns")) if value >= unit)
    return f"{value / (unit or 1):g} {name}"


class LogScale:
    """From values to pixels. Covers all of `values`, by whole powers of ten."""

    def __init__(self, values, first, last):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.first, self.last = first, last

    def at(self, value):
        return self.first + (math.log10(value) - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


class LinearScale:
    """From values to pixels, from `low` to `high`."""

    def __init__(self, low, high, first, last):
        self.low, self.high, self.first, self.last = low, high, first, last

    def at(self, value):
        return self.first + (min(max(value, self.low), self.high) - self.low) / (self.high - self.low) * (self.last - self.first)


def svg(height, parts, label):
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def line(x1, y1, x2, y2, style='class="grid"'):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def text(x, y, content, anchor="start", style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(content)}</text>'


def dot(x, y, color, title, radius=4):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"><title>{escape(title)}</title></circle>'


def dots_of(group):
    """One row a scenario: the median, and a line from the fastest pass to the slowest."""
    scale = LogScale([value for one in group for value in one.ns], LABELS, WIDTH - 90)
    height = 20 * len(group) + 30
    parts = []
    for tick in scale.ticks():
        parts += [line(scale.at(tick), 4, scale.at(tick), height - 22),
                  text(scale.at(tick), height - 8, power_of_ten(tick), "middle", 'class="tick"')]
    for row, one in enumerate(group):
        y = 20 * row + 14
        title = f"{one.name}: median {nanoseconds(one.median)}, passes {nanoseconds(min(one.ns))} to {nanoseconds(max(one.ns))}"
        parts += [text(LABELS - 10, y + 4, one.name, "end"),
                  line(scale.at(min(one.ns)), y, scale.at(max(one.ns)), y, f'stroke="{COLORS[0]}" stroke-width="2" opacity="0.4"'),
                  dot(scale.at(one.median), y, COLORS[0], title), text(WIDTH - 4, y + 4, nanoseconds(one.median), "end")]
    return svg(height, parts, "ns per operation by scenario")


def by_scenario(found):
    rest = [one for one in found.values() if not one.name.endswith(results.RAW)]
    parts = []
    for title, pattern in results.GROUPS:
        group = [one for one in rest if pattern.search(one.name)]
        rest = [one for one in rest if one not in group]
        if group:
            parts.append(f"<h3>{title}</h3>{dots_of(group)}")
    return "".join(parts)


def families(found):
    """[(title, [(VPs, ns)])] of what is measured with different numbers of VPs."""
    result = []
    for title, pattern in GROWTH:
        matches = [(pattern.match(name), one) for name, one in found.items()]
        points = sorted((int(match.group(1) or 1), one.median) for match, one in matches if match)
        if len(points) > 1:
            result.append((title, points))
    return result


def spread(positions, gap=15):
    """The positions, moved apart as little as keeps `gap` between neighbours."""
    order = sorted(range(len(positions)), key=positions.__getitem__)
    moved = list(positions)
    for before, after in zip(order, order[1:]):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved


def growth(found):
    series = families(found)
    if not series:
        return "<p>Not measured.</p>"
    height, left, right, bottom = 460, 80, WIDTH - 200, 420
    counts = sorted({vps for _, points in series for vps, _ in points})
    y_scale = LogScale([ns for _, points in series for _, ns in points], bottom, 16)
    x_of = lambda vps: left + math.log2(vps) / math.log2(max(counts[-1], 2)) * (right - left)
    parts = [text(right, height - 4, "virtual processors", "end", 'class="tick"')]
    for tick in y_scale.ticks():
        parts += [line(left, y_scale.at(tick), right, y_scale.at(tick)),
                  text(left - 8, y_scale.at(tick) + 4, power_of_ten(tick), "end", 'class="tick"')]
    parts += [text(x_of(vps), bottom + 18, vps, "middle", 'class="tick"') for vps in counts]
    labels = spread([y_scale.at(points[-1][1]) for _, points in series])
    for (title, points), label, color in zip(series, labels, COLORS):
        path = " ".join(f"{x_of(vps):.1f},{y_scale.at(ns):.1f}" for vps, ns in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [dot(x_of(vps), y_scale.at(ns), color, f"{title}, {vps} VPs: {nanoseconds(ns)}") for vps, ns in points]
        parts.append(f'<text x="{right + 10}" y="{label + 4:.1f}" style="fill:{color}">{escape(title)}</text>')
    return svg(height, parts, "growth with virtual processors")


def ratio_rows(rows, limits=None):
    """rows: [(name, [(color, title, median, low, high)])] on a linear scale around 1."""
    values = [value for _, marks in rows for mark in marks for value in mark[2:]]
    low, high = max(min(values + [0.98]), 0.0), min(max(values + [1.04]), 3.0)
    scale = LinearScale(low - 0.01, high + 0.01, LABELS, WIDTH - 70)
    height = 24 * len(rows) + 30
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1) if (high - low) / step <= 10)
    ticks = [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
    parts = []
    for tick in ticks:
        style = 'stroke="#888"' if abs(tick - 1) < 1e-9 else 'class="grid"'
        parts += [line(scale.at(tick), 4, scale.at(tick), height - 22, style),
                  text(scale.at(tick), height - 8, f"{tick:.2f}", "middle", 'class="tick"')]
    for row, (name, marks) in enumerate(rows):
        y = 24 * row + 16
        parts.append(text(LABELS - 10, y + 4, name, "end"))
        if limits and name in limits:
            parts.append(line(scale.at(limits[name]), y - 10, scale.at(limits[name]), y + 10, 'class="limit"'))
        for offset, (color, title, median, least, most) in zip((-3, 4), marks):
            parts += [line(scale.at(least), y + offset, scale.at(most), y + offset, f'stroke="{color}" stroke-width="2" opacity="0.45"'),
                      dot(scale.at(median), y + offset, color, f"{name}: {title} {median:.3f} ({least:.3f} to {most:.3f})")]
        parts.append(text(WIDTH - 4, y + 4, f"{marks[0][2]:.3f}", "end"))
    return svg(height, parts, "ratios")


def ratios(found):
    paired = [one for one in found.values() if one.ratios]
    if not paired:
        return "<p>Not measured: there is no KVM here that can be used.</p>"
    middle = results.statistics.median
    rows = [(one.name, [(COLORS[1], "ours / raw C", one.ratio, min(one.ratios), max(one.ratios)),
                        ("#888", "raw C / raw C", middle(one.raw_ratios), min(one.raw_ratios), max(one.raw_ratios))])
            for one in paired]
    return (f'<p class="note"><span style="color:{COLORS[1]}">●</span> ours / raw C loop, <span style="color:#888">●</span> '
            "the raw loop against itself; lines: from the least pass to the greatest; dashed: the bound.</p>" +
            ratio_rows(rows, results.RATIO_BOUNDS))


def comparison(pairs):
    rows = [(pair.name, [(COLORS[0], "new / old", pair.ratio, pair.ratio, pair.ratio)]) for pair in pairs
            if not pair.name.endswith(results.RAW)]
    return ratio_rows(rows)


def bounds(found):
    rows = [f'<tr><td>{escape(one.scenario)}</td><td class="n">{one.shown(one.value)}</td><td class="n">{one.shown(one.bound)}</td>'
            f'<td>{escape(one.what)}</td><td class="{"met" if one.is_met else "missed"}">{"met" if one.is_met else "missed"}</td></tr>'
            for one in results.verdicts(found)]
    return ('<table><tr><th>scenario</th><th class="n">measured</th><th class="n">bound</th><th>which is</th><th></th></tr>' +
            "".join(rows) + "</table>")


def table(found):
    rows = [f'<tr><td>{escape(one.name)}</td><td class="n">{one.median:.2f}</td><td class="n">{min(one.ns):.2f}</td>'
            f'<td class="n">{max(one.ns):.2f}</td><td>{escape(one.program)}</td></tr>' for one in found.values()]
    return ('<table><tr><th>scenario</th><th class="n">median ns</th><th class="n">least</th><th class="n">greatest</th><th>program</th></tr>' +
            "".join(rows) + "</table>")


def render(content, pairs=None):
    """The page of a run, and of its comparison with another one."""
    found = results.measurements(content)
    context = content["context"]
    machine = " · ".join(escape(context[key]) for key in ("cpu", "kernel", "date") if context.get(key))
    kvm = f" KVM: {escape(context['kvm'])}." if context.get("kvm") else ""
    failed = "".join(f"<p class='missed'>{escape(name)}: not measured: {escape(message)}</p>" for name, message in results.errors(content))
    sections = [
        ("Bounds", bounds(found)),
        ("Ratio to the baseline: a raw C loop in the same run", ratios(found)),
        ("Growth with virtual processors", growth(found)),
        ("ns per operation by scenario", "<p class='note'>Medians; lines: from the fastest pass to the slowest.</p>" + by_scenario(found)),
        ("All numbers", table(found)),
    ]
    if pairs:
        sections.insert(0, ("Ratio to the run compared with", comparison(pairs)))
    body = "".join(f"<section><h2>{title}</h2>{part}</section>" for title, part in sections)
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>hvkit: benchmarks</title><style>{STYLE}</style><h1>hvkit: benchmarks</h1>"
            f"<p>{machine}.{kvm} A bare rdtsc costs {context['rdtsc_ns']:.1f} ns here; bounds in ns are for "
            f"{results.REFERENCE_RDTSC_NS} ns and are scaled by it.</p>{failed}{body}</html>\n")
