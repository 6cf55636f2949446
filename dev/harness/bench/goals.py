"""What this addon is to reach."""

from operator import ge, le
from typing import NamedTuple

from .site import PEER, REGULAR

SIGNS = {ge: "≥", le: "≤"}


class Goal(NamedTuple):
    """A bound of this addon's figure in a row, or of its ratio to another figure."""

    label: str
    row: str
    sign: object
    bound: float
    to: str | None = None  # another system in this row, or this addon in another row


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
