"""The plot for the README: how many times as good as the regular runner."""

import math

from PIL import Image, ImageDraw, ImageFont

from .report import figure
from .systems import OURS, PEER, REGULAR, TITLES

SCALE = 2  # pixels of a unit
WIDTH, MARGIN = 900, 20
AXIS = 300, 640  # from, to
COLUMN = 84  # of the figures, from the right edge on
BAR, GAP = 15, 14
TOP, BOTTOM = 104, 64
TICKS = 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100
LEAST, MOST = 0.08, 120  # longer bars are cut off; their label tells
INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
COLORS = {OURS: "#017e84", PEER: "#b8a05a"}


def draw(path, rows, systems, about):
    """Draw the rows that are meant for it, each with a bar for each system."""
    names = [s.name for s in systems if s.name != REGULAR]
    rows = [row for row in rows if row.drawn and any(row.values.values())]
    factors = [(row, {name: _factor(row, name) for name in names}) for row in rows]
    height_of_row = BAR * len(names) + GAP
    height = TOP + height_of_row * len(factors) + BOTTOM
    paper = _Paper(height)
    paper.text(
        MARGIN,
        26,
        "Jobs in cron workers, against the regular runner of queue_job",
        INK,
        size=19,
    )
    paper.text(
        MARGIN,
        52,
        "To the right: so many times as good as the regular runner. To the left: worse."
        " Logarithmic scale. Enqueueing: against queue_job alone.",
        FAINT,
    )
    _legend(paper, names)
    _columns(paper, TOP - 20, [TITLES[name] for name in (*names, REGULAR)])
    shown = [factor for _row, found in factors for factor in found.values() if factor]
    shown = [min(max(factor, LEAST), MOST) for factor in shown]
    axis = _Axis(paper, min([*shown, 0.4]), max([*shown, 2.5]))
    axis.draw(TOP - 8, height - BOTTOM)
    for number, (row, found) in enumerate(factors):
        _row(paper, axis, TOP + number * height_of_row, row, found)
    _foot(paper, height, about)
    paper.save(path)


def _factor(row, name):
    ratio = row.ratio(name, REGULAR)
    if ratio is None or not 0 < ratio < math.inf:
        return None  # what is short enough can come out as nothing, or less
    return ratio if row.more_is_better else 1 / ratio


def _legend(paper, names):
    left = MARGIN
    for name in names:
        paper.box(left, 70, left + 11, 81, COLORS[name])
        left = paper.text(left + 17, 76, TITLES[name], INK) + 24


def _row(paper, axis, top, row, found):
    middle = top + BAR * len(found) / 2
    paper.text(AXIS[0] - 14, middle, row.label, INK, anchor="rm")
    for number, (name, factor) in enumerate(found.items()):
        bar = top + number * BAR
        if factor is None:
            paper.text(axis.at(1) + 5, bar + BAR / 2, "no figure", FAINT, size=10)
            continue
        axis.bar(bar + 2, bar + BAR - 1, factor, COLORS[name])
    values = [figure(row.values.get(name), row.unit) for name in (*found, REGULAR)]
    _columns(paper, middle, values)


def _columns(paper, middle, texts):
    for number, text in enumerate(reversed(texts)):
        right = WIDTH - MARGIN - number * COLUMN
        paper.text(right, middle, text, FAINT, anchor="rm", size=11)


def _foot(paper, height, about):
    text = (
        f"{about['date'][:10]}, {about['cores']} cores ({about['processor']}), "
        f"Odoo 19.0, queue_job {about['queue_job']}, PostgreSQL {about['postgresql']}."
    )
    paper.text(MARGIN, height - 22, text + " Made by ./dev/bench.", FAINT, size=11)


class _Axis:
    """A logarithmic scale. What does not fit on it is cut off."""

    def __init__(self, paper, least, most):
        self.paper = paper
        # room for the labels beside the bars
        self.least, self.most = math.log(least / 1.3), math.log(most * 1.5)

    def at(self, factor):
        share = (math.log(factor) - self.least) / (self.most - self.least)
        left, right = AXIS
        return left + min(max(share, 0), 1) * (right - left)

    def draw(self, top, bottom):
        for tick in TICKS:
            if self.least < math.log(tick) < self.most:
                where = self.at(tick)
                self.paper.box(where, top, where + 1, bottom, GRID)
                text = f"{tick:g} x"
                self.paper.text(where, bottom + 10, text, FAINT, anchor="mm", size=11)
        self.paper.box(self.at(1) - 0.5, top, self.at(1) + 1, bottom, INK)

    def bar(self, top, bottom, factor, color):
        one, end = self.at(1), self.at(factor)
        self.paper.box(min(one, end), top, max(one, end), bottom, color)
        text = f"{factor:.{1 if factor > 1 else 2}f} x"
        if not LEAST <= factor <= MOST:
            text += " (bar cut off)"
        # beside the line for bars to the left: there is always room
        self.paper.text(max(one, end) + 5, (top + bottom) / 2, text, INK, size=11)


class _Paper:
    """A drawing in units, of SCALE pixels each."""

    def __init__(self, height):
        self.image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), "white")
        self.pen = ImageDraw.Draw(self.image)

    def box(self, left, top, right, bottom, color):
        corners = [round(each * SCALE) for each in (left, top, right, bottom)]
        self.pen.rectangle([*corners[:2], corners[2] - 1, corners[3] - 1], fill=color)

    def text(self, x, y, text, color, anchor="lm", size=12):
        """Write a text; return where it ends."""
        font = ImageFont.load_default(size * SCALE)
        place = x * SCALE, y * SCALE
        self.pen.text(place, text, fill=color, font=font, anchor=anchor)
        return self.pen.textbbox(place, text, font=font, anchor=anchor)[2] / SCALE

    def save(self, path):
        self.image.quantize(64).save(path, optimize=True)
