"""What is done to the processes, and when: as the seed wants it."""

from dataclasses import dataclass
from datetime import datetime

from .plan import mean_length

WORKER, SERVER, POSTGRESQL = "cron worker", "server", "PostgreSQL"
GONE = "server that went by itself"  # as Odoo may do while PostgreSQL is away
SERVER_KILLS = 2
# Seconds. A killed job is found by whoever still runs jobs, after 10 s; idle runners
# would look for it only at the end of their interval.
BUSY_END = 25


@dataclass(frozen=True)
class Planned:
    """A blow to deal once so many jobs have ended."""

    after: int
    target: str


@dataclass(frozen=True)
class Blow:
    """A blow that was dealt: `pids` are the processes it has killed, None for all that
    were connected."""

    target: str
    at: datetime
    pids: frozenset[int] | None = None

    def hit(self, claim):
        """Whether the blow may be what has interrupted a rescued claim."""
        return (
            claim.start <= self.at
            and (claim.next_start is None or claim.next_start > self.at)
            and (self.pids is None or claim.pid in self.pids)
        )


def schedule(rng, jobs, kills, workers, crash):
    """Return the planned blows in order.

    :param workers: how many cron workers there are to keep busy at the end.
    :param crash: whether PostgreSQL may be crashed.
    """
    last = max(jobs // 3, int(jobs - workers * BUSY_END / mean_length(jobs)))
    targets = [WORKER] * kills + [SERVER] * SERVER_KILLS + [POSTGRESQL] * crash
    blows = [Planned(rng.randrange(last), target) for target in targets]
    return sorted(blows, key=lambda blow: blow.after)
