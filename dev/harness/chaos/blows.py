"""What is done to the processes, and when: as the seed wants it."""

import os
import random
import signal
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Thread

TITLES = {
    "kill": "Cron workers killed",
    "server": "Servers killed",
    "gone": "Servers that went by themselves",
    "crash": "PostgreSQL crashed",
}
KINDS = [kind for kind in TITLES if kind != "gone"]
# The shell that enqueues would not survive it.
AFTER_ENQUEUEING = {"crash"}
# Seconds. A killed job is found by whoever still runs jobs, after 10 s; idle runners
# would look for it only at the end of their interval.
BUSY_END = 25


class NotNow(Exception):
    """There is nobody whom the blow could hit."""


@dataclass(frozen=True)
class Planned:
    """A blow to deal once so many jobs have ended."""

    after: int
    kind: str
    seed: float


@dataclass(frozen=True)
class Blow:
    """A blow that was dealt: `pids` are the processes it may have interrupted, None for
    all."""

    kind: str
    at: datetime
    pids: set[int] | None = None

    def hit(self, claim):
        """Whether the blow may be what has interrupted a rescued claim."""
        return (
            claim.start <= self.at
            and (claim.next_start is None or claim.next_start > self.at)
            and (self.pids is None or claim.pid in self.pids)
        )


def schedule(rng, counts, last):
    """Return the planned blows in order: so many of each kind, before so many jobs have
    ended."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    blows = [Planned(rng.randrange(last), kind, rng.random()) for kind in kinds]
    return sorted(blows, key=lambda blow: blow.after)


class Blows:
    """Deals the planned blows; `dealt` has them. Each kind is a method of that name,
    which returns the processes that it may have interrupted."""

    def __init__(self, planned, fleet, cluster):
        self.planned = planned
        self.fleet = fleet
        self.cluster = cluster
        self.dealt = []
        self.threads = []

    def strike(self, so_far, enqueued):
        """Begin with the next blow if it is due."""
        for planned in self.planned:
            if planned.after > so_far:
                return
            if enqueued or planned.kind not in AFTER_ENQUEUEING:
                self.planned.remove(planned)
                self.threads.append(Thread(target=self._deal, args=[planned]))
                self.threads[-1].start()
                return

    def _deal(self, planned):
        blow = getattr(self, f"_{planned.kind}")
        try:
            self.note(planned.kind, blow(random.Random(planned.seed)))
        except NotNow:
            self.planned.insert(0, planned)

    def note(self, kind, pids):
        self.dealt.append(Blow(kind, datetime.now(timezone.utc), pids))

    def _kill(self, rng):
        try:
            pid = rng.choice(self.fleet.workers())
            os.kill(pid, signal.SIGKILL)
            return {pid}
        except (IndexError, ProcessLookupError) as error:
            raise NotNow from error

    def _server(self, rng):
        return self.fleet.restart(rng.choice(self.fleet.servers))

    def _crash(self, rng):
        self.cluster.restart()
