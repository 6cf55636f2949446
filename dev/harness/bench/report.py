"""How the result is shown: tables, and the plot for the README."""

import math

from matplotlib import rcParams
from matplotlib.figure import Figure
from rich.table import Column, Table

from .rows import ROWS
from .site import OURS, PEER, REGULAR, TITLES

MET = {True: "met", False: "not met", None: "not measured"}
COLUMNS = 3
SIZE = 3.8, 1.15  # of a panel, in inches
COLORS = {OURS: "#017e84", PEER: "#b8a05a", REGULAR: "#999999"}


def show(console, box, figures, goals):
    """Print the rows, with ratios to the other systems, and the goals.

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
    _print(console, box, heads, lines)
    lines = [[g["goal"], g["bound"], _text(g["figure"]), MET[g["met"]]] for g in goals]
    _print(console, box, ["goal", "bound", "figure", ""], lines)


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


def _print(console, box, heads, lines):
    table = Table(Column(heads[0], no_wrap=True), box=box)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console.print(table)
