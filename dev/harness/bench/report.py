"""The lines of the result, and how they are shown."""

import math
from dataclasses import dataclass

from rich.table import Table

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

    def ratio(self, system, base):
        """Return one system's figure divided by another's, None if one is missing."""
        value, other = self.values.get(system), self.values.get(base)
        return value / other if value is not None and other else None


def percentile_rows(key, label, unit, samples, shares, drawn=False):
    """Yield a Row for each of these shares: of the sample that so great a share of them
    does not exceed."""
    for share, name in shares:
        values = {
            system: sorted(each)[math.ceil(share * len(each)) - 1]
            for system, each in samples.items()
        }
        title = f"{label}, {name}"
        yield Row(f"{key} {name}", title, unit, values, drawn=drawn, samples=samples)


def show(console, box, rows, goals, names):
    """Print the rows, with ratios to the other systems, and the goals.

    An arrow is with figures that are better the greater they are.
    """
    names = [name for name in TITLES if name in names]
    others = [name for name in (REGULAR, PEER) if name in names]
    heads = ["", *(TITLES[n] for n in names), *(f"to {TITLES[n]}" for n in others)]
    lines = [
        [
            row.label + " ↑" * row.more_is_better,
            *(figure(row.values.get(name), row.unit) for name in names),
            *(figure(row.ratio(OURS, name)) for name in others),
        ]
        for row in rows
    ]
    _print(console, box, heads, lines)
    lines = [
        [goal["goal"], goal["bound"], figure(goal["figure"]), MET[goal["met"]]]
        for goal in goals
    ]
    _print(console, box, ["goal", "bound", "figure", ""], lines)


def figure(value, unit=""):
    """Return a value with its unit, to two or three digits."""
    if value is None:
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    space = "" if unit.startswith("/") else " "
    return f"{value:,.{digits}f}{space}{unit}".rstrip()


def _print(console, box, heads, lines):
    table = Table(box=box)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console.print(table)
