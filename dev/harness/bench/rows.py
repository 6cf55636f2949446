"""The lines of the result, and what this addon is to reach."""

import math
from operator import ge, le
from typing import NamedTuple

from .site import OURS, PEER, REGULAR

SIGNS = {ge: "≥", le: "≤"}
MEDIAN, P95, LONGEST = (0.5, "median"), (0.95, "p95"), (1, "longest")
MORE = {"more_is_better": True}
DRAWN = {"drawn": True}


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
