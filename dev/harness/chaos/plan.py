"""The jobs of the chaos, each with the end that it is meant to have."""

from harness.demo.plan import Batch, Job, Plan

MINIMUM = 40  # jobs; below, some kind would have none
BATCH = 50  # graphs to a transaction
LONGEST = 5  # seconds


def mean_length(count):
    """Seconds that a job waits on average: few jobs are long ones, or all of them would
    be over before the blows have fallen."""
    return max(0.5, 240 / count)


def make_plan(count, rng):
    """Return a plan of `count` jobs in random order.

    They may be tried without end (max_retries 0): whether a job is killed more often
    than it may be tried would be up to chance. Most of them record first and then wait,
    so that a kill finds something to take back.
    """
    mean = mean_length(count)

    def length():
        return round(min(rng.expovariate(1 / mean), LONGEST), 3)

    graphs = [
        *([[job]] for job in _many("Failing", count // 20, "fail", state="failed")),
        *([[job]] for job in _many("Busy", count // 20, "burn", 0.1)),
        *([[_flaky(number, rng)]] for number in range(1, count // 10 + 1)),
        *(_chain(number, length, rng) for number in range(1, count // 40 + 1)),
        *(_group(number, length, rng) for number in range(1, count // 40 + 1)),
    ]
    left = count - sum(len(stage) for graph in graphs for stage in graph)
    graphs += [[[_job(f"Plain {n}", "linger", length())]] for n in range(1, left + 1)]
    rng.shuffle(graphs)
    return Plan(
        [Batch(graphs[start : start + BATCH]) for start in range(0, len(graphs), BATCH)]
    )


def halves(plan):
    """Return the plan's first batches, and the others."""
    middle = (len(plan.batches) + 1) // 2
    return Plan(plan.batches[:middle]), Plan(plan.batches[middle:])


def _job(token, method, *args, **meant):
    return Job(token, method, list(args), max_retries=0, **meant)


def _many(kind, count, method, *args, **meant):
    for number in range(1, count + 1):
        yield _job(f"{kind} {number}", method, *args, **meant)


def _flaky(number, rng):
    failures = rng.choice((1, 2))
    seconds = rng.choice((1, 2, None))
    return _job(f"Flaky {number}", "flaky", failures, seconds, tries=failures + 1)


def _chain(number, length, rng):
    """Three or four jobs one after another."""
    tokens = [f"Chain {number}.{link}" for link in range(rng.choice((3, 4)))]
    return [
        [_job(token, "sleep", length(), after=tokens[:link])]
        for link, token in enumerate(tokens)
    ]


def _group(number, length, rng):
    """Some jobs side by side, and then one."""
    tokens = [f"Group {number}.{member}" for member in range(rng.choice((3, 5)))]
    first = [_job(token, "sleep", length()) for token in tokens]
    return [first, [_job(f"Group {number} end", "record", after=tokens)]]
