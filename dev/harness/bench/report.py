"""The result: tables to look at, as Markdown, and a file with everything."""

import json
from dataclasses import asdict

from rich import box
from rich.table import Table

from .claims import LARGE, SMALL
from .systems import OURS, PEER, REGULAR, TITLES

MET = {True: "met", False: "not met", None: "not measured"}


def tables(rows, goals, systems):
    """Yield the tables to show: of systems, of the sizes of a claim's table, of goals.

    Each is a list of lines, and each of these a list of cells; the first one is the
    head. An arrow is with figures that are better the greater they are.
    """
    names = [name for name in TITLES if name in {system.name for system in systems}]
    ratios = [(OURS, REGULAR)] + [(OURS, PEER)] * (PEER in names)
    compared = [row for row in rows if row.section != "claims"]
    claims = [row for row in rows if row.section == "claims"]
    if compared:
        yield _table(compared, {name: TITLES[name] for name in names}, ratios)
    if claims:
        sizes = {size: f"{size} table" for size in (SMALL, LARGE)}
        yield _table(claims, sizes, [(LARGE, SMALL)])
    yield [
        ["goal", "bound", "figure", ""],
        *(
            [goal["goal"], goal["bound"], figure(goal["figure"]), MET[goal["met"]]]
            for goal in goals
        ),
    ]


def show(console, found):
    for head, *lines in found:
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column(head[0], min_width=30)
        for name in head[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for line in lines:
            table.add_row(*line)
        console.print(table)


def markdown(found):
    """Return the tables as text for the README."""
    return "\n".join(
        "".join(
            f"| {' | '.join(line)} |\n"
            for line in [head, ["---"] + ["--:"] * (len(head) - 1), *lines]
        )
        for head, *lines in found
    )


def write(path, about, rows, goals):
    """Write everything, as JSON."""
    result = {"machine": about, "goals": goals, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(result, indent=1, default=str) + "\n")


def figure(value, unit=""):
    """Return a value with its unit, to two or three digits."""
    if value is None:
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    space = "" if unit.startswith("/") else " "
    return f"{value:,.{digits}f}{space}{unit}".rstrip()


def _table(rows, columns, ratios):
    heads = [f"to {TITLES.get(base, base)}" for _one, base in ratios]
    lines = [["", *columns.values(), *heads]]
    for row in rows:
        values = [figure(row.values.get(name), row.unit) for name in columns]
        found = [figure(row.ratio(one, other)) for one, other in ratios]
        direction = " ↑" if row.more_is_better else ""
        lines.append([row.label + direction, *values, *found])
    return lines
