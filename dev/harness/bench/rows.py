"""The lines of the result, what this addon is to reach, and how both are shown: in
tables, and in a plot."""

import math
from operator import ge, le
from typing import NamedTuple

from matplotlib import rcParams
from matplotlib.figure import Figure
from tabulate import tabulate

from .site import OURS, PEER, REGULAR, TITLES

SIGNS = {ge: "≥", le: "≤"}
MEDIAN, P95, LONGEST = (0.5, "median"), (0.95, "p95"), (1, "longest")
MORE = {"more_is_better": True}
DRAWN = {"drawn": True}
MET = {True: "met", False: "not met", None: "not measured"}
COLUMNS = 3  # of panels in the plot
SIZE = 3.8, 1.15  # of a panel, in inches
COLORS = {OURS: "#017e84", PEER: "#b8a05a", REGULAR: "#999999"}


class Row(NamedTuple):
    """What a section has found out: one figure for each system that has it."""

    key: str  # what sections and goals call it
    label: str
    unit: str = ""
    more_is_better: bool = False
    drawn: bool = False  # in the plot
    share: float = 0.5  # of its samples that do not exceed the figure
    samples: str | None = None  # the key of the samples, if it is another one

    def figures(self, found):
        """Return the figure for each system that has samples; what never came is
        infinite.

        :param found: per key and system, a list of samples
        """
        return {
            system: sorted(samples)[math.ceil(self.share * len(samples)) - 1]
            for system, samples in found.get(self.samples or self.key, {}).items()
        }


class Goal(NamedTuple):
    """A bound of this addon's figure in a row, or of its ratio to another figure."""

    label: str
    row: str
    sign: object
    bound: float
    to: str | None = None  # another system in this row, or this addon in another row


def _shares(key, label, unit, *shares):
    for share, name in shares:
        label_of_share = f"{label}, {name}"
        yield Row(f"{key} {name}", label_of_share, unit, share=share, samples=key)


def _in_parallel():
    for parallel in (1, 2, 4):
        for key, what in (("no-op", "no-op jobs"), ("waiting", "20 ms jobs")):
            label = f"{what} per second, {parallel} in parallel"
            yield Row(f"{key} {parallel}", label, "/s", **MORE, **DRAWN)


def _claims():
    for size in ("small", "large"):
        for snapshot in ("", ", old snapshot"):
            for case in ("in one run", "first of a run"):
                key = f"claim {case}{snapshot}, {size} table"
                yield Row(key, key, "ms")


_CHANNELS = {n: f"{int(n):,} channels" for n in ("1", "200", "2000", "10000")}
_CHANNELS["paused"] = "2,000 channels, 1,000 paused"
ROWS = [
    *_in_parallel(),
    Row("cpu", "CPU seconds per 1,000 no-op jobs, 2 in parallel", "s", **DRAWN),
    Row("statements", "SQL statements per no-op job", **DRAWN),
    Row("enqueue many", "enqueue 1,000 jobs in one transaction", "s", **DRAWN),
    *_shares("idle start", "commit to start, idle server", "ms", MEDIAN, P95),
    *_shares("stream", "commit to start in a stream", "ms", MEDIAN, P95, LONGEST),
    *_shares("enqueue one", "enqueue one job in a stream", "ms", MEDIAN),
    Row("runs", "runs per job in a stream"),
    Row("chain", "chain of no-op jobs, each", "ms", **DRAWN),
    Row("chain triggers", "triggers left by the chain"),
    Row("busy", "triggers left beside a busy runner"),
    *(
        Row(f"channels {key}", f"no-op jobs per second, {label}", "/s", **MORE)
        for key, label in _CHANNELS.items()
    ),
    *_claims(),
    *_shares("eta", "late by eta", "s", MEDIAN, P95),
    *_shares("retry", "late by retry", "s", MEDIAN, P95),
    Row("idle", "CPU seconds of an idle hour, 4 in parallel", "s", **DRAWN),
]

_TWO, _STREAM = "no-op jobs, 2 runners", "commit to start in a stream"
GOALS = [
    Goal("no-op jobs, 1 runner: to the peer's", "no-op 1", ge, 1.05, PEER),
    Goal(f"{_TWO}: to the peer's", "no-op 2", ge, 1.6, PEER),
    Goal(f"{_TWO}: to the regular runner's", "no-op 2", ge, 6, REGULAR),
    Goal("20 ms jobs: 4 runners to 1", "waiting 4", ge, 3.6, "waiting 1"),
    Goal("CPU of no-op jobs: to the peer's", "cpu", le, 1, PEER),
    Goal("statements per no-op job", "statements", le, 9),
    Goal("enqueue 1,000: to queue_job alone", "enqueue many", le, 1.2, REGULAR),
    Goal(f"{_STREAM}, median: to regular", "stream median", le, 0.6, REGULAR),
    Goal(f"{_STREAM}, p95: to regular", "stream p95", le, 0.6, REGULAR),
    Goal(f"{_STREAM}, longest, ms", "stream longest", le, 1000),
    Goal("enqueue one: to queue_job alone", "enqueue one median", le, 1.5, REGULAR),
    Goal("runs per job in a stream", "runs", le, 0.05),
    Goal("chain, ms per link", "chain", le, 13),
    Goal("triggers left by the chain", "chain triggers", le, 3),
    Goal("triggers left beside a busy runner", "busy", le, 100),
    Goal("200 channels: to 1", "channels 200", ge, 0.95, "channels 1"),
    Goal("2,000 channels: to 1", "channels 2000", ge, 0.8, "channels 1"),
    Goal("10,000 channels: to 1", "channels 10000", ge, 0.7, "channels 1"),
    Goal("paused channels in front: to 1", "channels paused", ge, 0.3, "channels 1"),
    Goal("lateness of an eta, p95, s", "eta p95", le, 1),
    Goal("lateness of a retry, p95, s", "retry p95", le, 1),
]


def judge(figures):
    """Return a dict for each goal; `met` is None where that could not be told.

    :param figures: per key of a row and system
    """
    found = []
    for label, key, sign, bound, to in GOALS:
        values = figures.get(key, {})
        base = figures[to].get(OURS) if to in figures else values.get(to) if to else 1
        figure = values[OURS] / base if OURS in values and base else None
        met = None if figure is None else sign(figure, bound)
        text = f"{SIGNS[sign]} {bound:,g}"
        found.append({"goal": label, "bound": text, "figure": figure, "met": met})
    return found


def tables(figures, goals):
    """Return the rows, with ratios to the other systems, and the goals, in Markdown.

    :param figures: per key of a row and system
    """
    names = _names(figures)
    others = [name for name in (REGULAR, PEER) if name in names]
    heads = ["", *(TITLES[n] for n in names), *(f"to {TITLES[n]}" for n in others)]
    lines = []
    for row in _rows(figures):
        values = figures[row.key]
        own = values.get(OURS)
        ratios = [own / values[n] if own and values.get(n) else None for n in others]
        shown = [_text(values.get(name), row.unit) for name in names]
        lines.append([row.label + " ↑" * row.more_is_better, *shown])
        lines[-1] += map(_text, ratios)
    reached = [
        [g["goal"], g["bound"], _text(g["figure"]), MET[g["met"]]] for g in goals
    ]
    goals_table = _table(["goal", "bound", "figure", ""], reached)
    return f"{_table(heads, lines)}\n\n{goals_table}\n"


def _table(heads, lines):
    style = {"tablefmt": "pipe", "colglobalalign": "right", "colalign": ["left"]}
    return tabulate(lines, heads, disable_numparse=True, **style)


def draw(path, figures, about):
    """Draw a panel of bars for each row that is meant for it; without one, nothing."""
    rows = [row for row in _rows(figures) if row.drawn]
    if not rows:
        return
    rcParams["font.size"] = 8
    height = -(-len(rows) // COLUMNS)
    picture = Figure((SIZE[0] * COLUMNS, SIZE[1] * height + 0.4), layout="constrained")
    panels = iter(picture.subplots(height, COLUMNS, squeeze=False).flat)
    names = _names({row.key: figures[row.key] for row in rows})[::-1]
    for row in rows:
        panel = next(panels)
        values = [figures[row.key].get(name, math.inf) for name in names]
        lengths = [value if math.isfinite(value) else 0 for value in values]
        colors = [COLORS[name] for name in names]
        bars = panel.barh([TITLES[name] for name in names], lengths, color=colors)
        panel.bar_label(bars, [_text(value, row.unit) for value in values], padding=3)
        better = "more" if row.more_is_better else "less"
        panel.set_title(f"{row.label} ({better} is better)", size=8, loc="left")
        panel.margins(x=0.3)
        panel.set_xticks([])
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    for panel in panels:  # those that are left
        panel.set_axis_off()
    picture.supxlabel(
        f"{about['date']}, {about['cores']} cores ({about['processor']}), Odoo 19.0, "
        f"queue_job {about['queue_job']}, PostgreSQL {about['postgresql']}",
        size=8,
    )
    picture.savefig(path, dpi=150)


def _rows(figures):
    return [row for row in ROWS if row.key in figures]


def _names(figures):
    """Return the names of the systems that have figures, in the order of columns."""
    found = set().union(*figures.values())
    return [name for name in TITLES if name in found]


def _text(value, unit=""):
    """Return a value with its unit, to two or three digits."""
    if value is None or math.isinf(value):
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    space = "" if unit.startswith("/") else " "
    return f"{value:,.{digits}f}{space}{unit}".rstrip()
