"""The jobs of the demo, each with the end that it is meant to have."""

import random
from collections import Counter
from dataclasses import dataclass, field

MINIMUM = 40  # jobs; below, some kind would have none
TRICKLE = 11  # transactions with a few quick jobs each, a second apart


@dataclass
class Job:
    """A job to enqueue: method and arguments of the demo addon's ledger.

    `eta` is in seconds from its creation, which was `age` seconds ago; `max_retries`
    and `channel` (None: that of the job function) are as in `with_delay`. It ends in
    `state` after `tries`, and after the jobs named in `after`.
    """

    token: str
    method: str
    args: list = field(default_factory=list)
    priority: int = 10
    eta: int | None = None
    max_retries: int | None = None
    channel: str | None = None
    age: int = 0
    state: str = "done"
    tries: int = 1
    after: list[str] = field(default_factory=list)


@dataclass
class Batch:
    """Jobs of one transaction, and the seconds to wait before it.

    A graph is a list of stages, a stage a list of jobs that may run side by side
    once those of the stage before it are done. Before the jobs are enqueued, channels
    are edited, or created: `limits` has the values to write, per full name. It all
    waits until at least `after` jobs are done.
    """

    graphs: list[list[list[Job]]]
    pause: float = 0
    after: int = 0
    limits: dict[str, dict] = field(default_factory=dict)


@dataclass
class Plan:
    batches: list[Batch]

    @property
    def jobs(self):
        """All the jobs, whatever batch and graph they are in."""
        graphs = [graph for batch in self.batches for graph in batch.graphs]
        return [job for graph in graphs for stage in graph for job in stage]

    def __str__(self):
        kinds = Counter(job.token.split()[0] for job in self.jobs)
        return ", ".join(f"{count} {kind.lower()}" for kind, count in kinds.items())


def alone(*jobs):
    """Return a graph for each of the jobs."""
    return [[[job]] for job in jobs]


def make_plan(count):
    """Return a plan of `count` jobs, always the same one for the same count.

    Flaky jobs come first, so that their retries are over before the trickle is. That
    is what a real database has all the time, and lasts longer than the etas and the
    retries' delays: Odoo itself looks for times that have come only once a minute, the
    runners whenever they have something to do.
    """
    rng = random.Random(count)
    flaky = [_flaky(number, rng) for number in _one_in(20, count)]
    others = [*alone(*_kinds(count, rng)), _chain(), _group()]
    used = len(flaky) + sum(len(stage) for graph in others for stage in graph)
    quick = alone(
        *(
            Job(f"Quick {number}", "record", priority=rng.choice((5, 10, 20)))
            for number in range(1, count - used + 1)
        )
    )
    late = max(TRICKLE, len(quick) // 5)
    others += quick[late:]
    rng.shuffle(others)
    return Plan(
        [
            Batch(alone(*flaky)),
            *(Batch(others[start : start + 50]) for start in range(0, len(others), 50)),
            *(Batch(quick[start:late:TRICKLE], pause=1) for start in range(TRICKLE)),
        ]
    )


def _one_in(share, count):
    return range(1, count // share + 1)


def _flaky(number, rng):
    """Some name the delay of a retry themselves, the others leave it to the pattern."""
    failures, seconds = rng.choice((1, 2)), rng.choice((1, 2, None))
    args = [failures, seconds]
    return Job(f"Flaky {number}", "flaky", args, priority=1, tries=failures + 1)


def _kinds(count, rng):
    """Yield the jobs that are neither quick, flaky nor in a graph."""
    for number in _one_in(15, count):
        seconds = rng.choice((0.2, 0.4, 0.6))
        yield Job(f"Slow {number}", "sleep", [seconds], priority=15)
        yield Job(f"Eta {number}", "record", eta=rng.randint(2, 8))
    for number in _one_in(40, count):
        yield Job(f"Busy {number}", "burn", [0.2], priority=15)
    for number in _one_in(25, count):
        yield Job(f"Failing {number}", "fail", state="failed")
    # until the limit of its job function
    yield Job(
        "Hanging 1", "hang", ["socket"], priority=1, max_retries=1, state="failed"
    )


def _chain():
    """Five jobs one after another."""
    tokens = [f"Chain {number}" for number in range(1, 6)]
    return [
        [Job(token, "record", after=tokens[:number])]
        for number, token in enumerate(tokens)
    ]


def _group():
    """Six jobs side by side, then one when all of them are done."""
    tokens = [f"Group {number}" for number in range(1, 7)]
    end = Job("Group end", "record", after=tokens)
    return [[Job(token, "sleep", [0.2]) for token in tokens], [end]]
