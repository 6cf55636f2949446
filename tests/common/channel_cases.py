# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Random queues: channels with limits, and jobs in every state.

A seed always makes the same one. Values are few, so that there are many ties.
"""

import math
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from ...runner.decision import Limits

NOW = datetime(2026, 1, 15, 12)
HOUR = timedelta(hours=1)
THROTTLES = [1800, 7200]  # seconds
STATES = {
    "pending": 14,
    "started": 1,
    "enqueued": 1,
    "failed": 1,
    "wait_dependencies": 1,
    "done": 1,
    "cancelled": 1,
}
STRANGE = ("root", "other", "other.sub", "root.root", "rooted", "a..b", "root.")
DAYS = [NOW - days * 24 * HOUR for days in (1, 2, 3)]
ETAS = [NOW + hours * HOUR for hours in (-30, -2, -2, -1, 1, 1, 3, 24)]


class Job(NamedTuple):
    channel: str | None
    state: str
    priority: int | None
    date_created: datetime | None
    eta: datetime | None


@dataclass
class Case:
    """A configuration and a queue. ``server``: the configuration is the server's, in
    which a channel may come twice and without the one above it."""

    seed: int
    server: bool
    limits: list[tuple[str, Limits]]
    jobs: list[Job]

    @property
    def text(self):
        """The limits as a configuration of the regular runner."""
        return ",".join(f"{name}:{_text(limits)}" for name, limits in self.limits)

    def __str__(self):
        lines = map(str, self.jobs)
        return "\n".join([f"Seed {self.seed}, channels {self.text or 'none'}", *lines])


def seeds(share=1):
    """Return the seeds to try: those of the suite, or of ``./dev/fuzz-channels``.

    :param share: of the cases, for a test whose cases take longer.
    """
    cases = int(os.environ.get("QUEUE_JOB_CRON_JOBRUNNER_FUZZ_CASES", 250))
    first = int(os.environ.get("QUEUE_JOB_CRON_JOBRUNNER_FUZZ_SEED", 0))
    return range(first, first + math.ceil(cases * share))


def make_case(seed, server=None):
    """Return the case of that seed, if need be one with or without ``server``."""
    rng = Random(seed)
    if server is None:
        server = rng.random() < 0.5
    names = _tree(rng)
    strict = rng.random() < 0.4  # most channels are sequential
    limits = [(_spell(rng, name), make_limits(rng, strict)) for name in names]
    if rng.random() < 0.5:
        limits.insert(0, ("root", make_limits(rng)))
    if server:
        limits = [each for each in limits if rng.random() < 0.8]
        again = rng.choice(names or ["root"])
        for _number in range(rng.choice([0, 0, 0, 3])):
            limits.append((_spell(rng, again), make_limits(rng)))
    channels, states = job_channels(rng, names), STATES
    if names and rng.random() < 0.3:
        # one sequential channel that nothing holds but its jobs with an eta
        strict, states, name = True, {"pending": 1}, rng.choice(names)
        limits.append((name, Limits(capacity=1, sequential=True)))
        channels = [name, name.removeprefix("root."), f"{name}.x"]
    empty = rng.random() < 0.1
    count = rng.randint(0, 25)
    jobs = [make_job(rng, channels, states, strict, empty) for _number in range(count)]
    return Case(seed, server, limits, jobs)


def make_limits(rng, strict=False):
    sequential = rng.random() < (0.7 if strict else 0.15)
    sequential_default = rng.random() < 0.1
    return Limits(
        capacity=1 if sequential else rng.choice([0, 0, 1, 1, 2, 3]),
        sequential=sequential,
        throttle=rng.choice([0] * 8 + THROTTLES),
        paused=rng.random() < 0.06,
        capacity_default=1 if sequential_default else rng.choice([0, 0, 0, 0, 1, 2]),
        sequential_default=sequential_default,
    )


def job_channels(rng, names):
    """Return some names that jobs may give as their channel."""
    known = [_spell(rng, name) for name in names * 6]
    below = [_spell(rng, f"{name}.{sub}") for name in names for sub in ("x", "x.y")]
    pool = [*known, *below, *STRANGE, None, None, "", ""]
    return rng.sample(pool, rng.randint(1, len(pool) // 2))


def make_job(rng, channels, states=None, strict=False, empty=False):
    """Return a job in one of the channels.

    :param states: a dictionary, with a weight for each state; by default STATES
    :param strict: many jobs have an eta
    :param empty: some have no priority or no date, as those made by SQL
    """
    states = states or STATES
    with_eta = rng.random() < (0.5 if strict else 0.25)
    return Job(
        channel=rng.choice(channels),
        state=rng.choices(list(states), states.values())[0],
        priority=rng.choice([5, 10, 10, 20] + [None] * empty),
        date_created=rng.choice(DAYS + [None] * empty),
        eta=rng.choice(ETAS) if with_eta else None,
    )


def _tree(rng):
    """Return full names, each one after that of its parent."""
    names = []
    for _number in range(rng.randint(0, 8)):
        parents = [name for name in ["root", *names] if name.count(".") < 4]
        parent = parents[-1] if rng.random() < 0.5 else rng.choice(parents)
        name = f"{parent}.{rng.choice('abc')}"
        if name not in names:
            names.append(name)
    return names


def _spell(rng, name):
    """Return the name with or without the root."""
    return name.removeprefix("root.") if rng.random() < 0.5 else name


def _text(limits):
    options = [
        name if value is True else f"{name}={value}"
        for name, value in limits._asdict().items()
        if value and name != "capacity"
    ]
    return ":".join([str(limits.capacity), *options])
