"""The lines of the result, and how they are shown."""

import math
from dataclasses import dataclass

from rich.table import Column, Table

from .goals import GOALS, SIGNS
from .site import OURS, PEER, REGULAR, TITLES

MEDIAN, P95, LONGEST = (0.5, "median"), (0.95, "p95"), (1, "longest")
MET = {True: "met", False: "not met", None: "not measured"}


@dataclass
class Row:
    """One figure for each system that has it. What never came is infinite."""

    key: str  # what goals call it
    label: str
    unit: str
    values: dict[str, float]  # by the name of the system
    more_is_better: bool = False
    drawn: bool = False  # in the plot
    samples: dict | None = None  # what the figures are made from


def percentile_rows(key, label, unit, samples, shares):
    """Yield a Row for each of these shares: of the sample that so great a share of them
    does not exceed."""
    for share, name in shares:
        values = {
            system: sorted(each)[math.ceil(share * len(each)) - 1]
            for system, each in samples.items()
        }
        yield Row(f"{key} {name}", f"{label}, {name}", unit, values, samples=samples)


def judge(rows):
    """Return a dict for each goal; `met` is None where that could not be told."""
    rows, found = {row.key: row for row in rows}, []
    for label, key, sign, bound, to in GOALS:
        values = rows[key].values if key in rows else {}
        base = rows[to].values.get(OURS) if to in rows else values.get(to) if to else 1
        figure = values[OURS] / base if OURS in values and base else None
        met = None if figure is None else sign(figure, bound)
        text = f"{SIGNS[sign]} {bound:,g}"
        found.append({"goal": label, "bound": text, "figure": figure, "met": met})
    return found


def names_of(rows):
    """Return the names of the systems that have figures, in the order of columns."""
    return [name for name in TITLES if any(name in row.values for row in rows)]


def show(console, box, rows, goals):
    """Print the rows, with ratios to the other systems, and the goals."""
    names = names_of(rows)
    others = [name for name in (REGULAR, PEER) if name in names]
    heads = ["", *(TITLES[n] for n in names), *(f"to {TITLES[n]}" for n in others)]
    lines = []
    for row in rows:
        own, values = row.values.get(OURS), row.values
        figures = [figure(values.get(name), row.unit) for name in names]
        ratios = [own / values[n] if own and values.get(n) else None for n in others]
        label = row.label + " ↑" * row.more_is_better
        lines.append([label, *figures, *map(figure, ratios)])
    _print(console, box, heads, lines)
    lines = [[g["goal"], g["bound"], figure(g["figure"]), MET[g["met"]]] for g in goals]
    _print(console, box, ["goal", "bound", "figure", ""], lines)


def figure(value, unit=""):
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
