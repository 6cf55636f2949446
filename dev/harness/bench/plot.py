"""The plot for the README: a panel of bars for each row that is meant for it."""

import math

from matplotlib import rcParams
from matplotlib.figure import Figure

from .report import figure, names_of
from .site import OURS, PEER, REGULAR, TITLES

COLUMNS = 3
SIZE = 3.8, 1.15  # of a panel, in inches
COLORS = {OURS: "#017e84", PEER: "#b8a05a", REGULAR: "#999999"}


def draw(path, rows, about):
    """Draw the rows; without one that is meant for it, there is no plot."""
    rows = [row for row in rows if row.drawn]
    if not rows:
        return
    rcParams["font.size"] = 8
    height = -(-len(rows) // COLUMNS)
    picture = Figure((SIZE[0] * COLUMNS, SIZE[1] * height + 0.4), layout="constrained")
    panels = iter(picture.subplots(height, COLUMNS, squeeze=False).flat)
    names = names_of(rows)[::-1]
    for row in rows:
        panel = next(panels)
        values = [row.values.get(name, math.inf) for name in names]
        lengths = [value if math.isfinite(value) else 0 for value in values]
        colors = [COLORS[name] for name in names]
        bars = panel.barh([TITLES[name] for name in names], lengths, color=colors)
        panel.bar_label(bars, [figure(value, row.unit) for value in values], padding=3)
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
