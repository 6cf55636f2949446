"""What this addon is to reach, and whether it does."""

from dataclasses import dataclass

from .systems import OURS, PEER, REGULAR


@dataclass
class Goal:
    """A bound of this addon's figure in a row, or of its ratio to another figure."""

    label: str
    key: str  # of the row
    bound: float
    at_least: bool = False  # the bound is the smallest figure, not the greatest
    system: str = OURS  # whose figure it is compared with
    row: str | None = None  # the row of that, if it is another one

    def judge(self, rows):
        """Return the figure, and whether it is as it should be.

        Without what is needed to tell, both are None. What never came, such as the
        start of a job, misses the goal without a figure.

        :param rows: by their keys
        """
        if self.key not in rows:
            return None, None
        figure = rows[self.key].values[OURS]
        if self.is_ratio:
            row = rows.get(self.row or self.key)
            base = row and row.values.get(self.system)
            if not base:
                return None, None
            figure = figure and figure / base
        if figure is None:
            return None, False
        met = figure >= self.bound if self.at_least else figure <= self.bound
        return figure, met

    @property
    def is_ratio(self):
        return self.system != OURS or self.row is not None


_ONE, _NET = "waiting 1", "latency net median"
_TWO = "no-op jobs per second, 2 in parallel"
GOALS = [
    Goal(f"{_TWO}: to the peer's", "no-op 2", 1.5, True, PEER),
    Goal(f"{_TWO}: to the regular runner's", "no-op 2", 6, True, REGULAR),
    Goal("20 ms jobs per second: 4 runners to 1", "waiting 4", 3.6, True, row=_ONE),
    Goal("commit to start, net, median: to regular", _NET, 1.5, system=REGULAR),
    Goal("enqueue 1,000 jobs: to queue_job alone", "enqueue many", 1.2, system=REGULAR),
    Goal("enqueue one job: to queue_job alone", "enqueue one", 2.5, system=REGULAR),
    Goal("runs per job", "runs", 1.5),
    Goal("longest wait of a job, ms", "wait longest", 1000),
    Goal("lateness of an eta, p95, s", "eta p95", 1),
    Goal("lateness of a retry, p95, s", "retry p95", 1),
]


def judge(rows):
    """Return a dict for each goal; `met` is None where that could not be told."""
    rows = {row.key: row for row in rows}
    found = []
    for goal in GOALS:
        figure, met = goal.judge(rows)
        bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:,g}"
        found.append({"goal": goal.label, "bound": bound, "figure": figure, "met": met})
    return found
