"""The jobs of the trials, each with the end that it is meant to have."""

from harness.jobs import Batch, Job, Plan, alone, batches, flaky

LONGEST = 5  # seconds, of a job amid the chaos
SEQUENTIAL = {"capacity": 1, "sequential": True}

CHANNELS = {
    "root": {"capacity": 6},
    "root.a": {"capacity": 4},
    "root.a.x": {"capacity": 2},
    "root.a.y": {"capacity": 3},
    "root.b": {"capacity": 2},
    "root.b.z": SEQUENTIAL,
}
# With these, x and y don't compete for root.a any more, and all of them can be full.
STEADY_LIMITS = {**CHANNELS, "root.a.y": {"capacity": 2}}
EDITS = 12
STEADY_TIME = 15  # seconds, at least
SHORT, STEADY = "Short", "Steady"  # the first word of the jobs' tokens

HELD, BEHIND = "Held", "Behind"  # a failed job, and one that waits for its end
LONG = "Long"  # a job that lasts longer than an upgrade waits for locks
ENDLESS = "Endless"  # a job that somebody has to stop

BULK_LIMITS = {
    "root": {"capacity": 3},
    "root.a": {"capacity": 2},
    "root.a.x": {"capacity": 1},
    "root.b": {"capacity": 2},
}
BULK_TRANSACTIONS = 4


def mean_length(count):
    """Seconds that a job waits on average: few jobs are long ones, or all of them would
    be over before the blows have fallen."""
    return max(0.5, 240 / count)


def chaos(count, held, long, endless, rng):
    """Return a plan of `count` jobs in random order.

    `held` of them fail in a sequential channel of their own, and hold another one there
    until they are cancelled; `long` of them last long, and `endless` without end.

    They may be tried without end (max_retries 0): whether a job is killed more often
    than it may be tried would be up to chance. Most of them record first and then wait,
    so that a kill finds something to take back. Half of them come while others run.
    """

    def length():
        return round(min(rng.expovariate(1 / mean_length(count)), LONGEST), 3)

    many, few = range(1, count // 20 + 1), range(1, count // 40 + 1)
    graphs = alone(
        *(_job(f"Failing {n}", "fail", state="failed") for n in many),
        *(_job(f"Busy {n}", "burn", 0.1) for n in many),
        *(flaky(n, rng, max_retries=0) for n in range(1, count // 10 + 1)),
        *(_long(n, rng) for n in range(1, long + 1)),
        *(
            _job(f"{ENDLESS} {n}", "linger", 10_000, state="cancelled")
            for n in range(endless)
        ),
    )
    for number in few:
        links = range(rng.choice((3, 4)))
        graphs.append([[_job(f"Chain {number}.{n}", "sleep", length())] for n in links])
        members = range(rng.choice((3, 5)))
        first = [_job(f"Group {number}.{n}", "sleep", length()) for n in members]
        graphs.append([first, [_job(f"Group {number} end", "record")]])
    graphs += [[_held(n)] for n in range(1, held + 1)]
    left = count - sum(len(stage) for graph in graphs for stage in graph)
    graphs += alone(*(_job(f"Plain {n}", "linger", length()) for n in range(left)))
    rng.shuffle(graphs)
    middle = len(graphs) // 2
    found = [*batches(graphs[:middle], 50), *batches(graphs[middle:], 50)]
    found[len(found) // 2].after = count // 10
    found[0].limits = {f"root.{HELD}{n}": SEQUENTIAL for n in range(1, held + 1)}
    return Plan(found)


def _job(token, method, *args, **meant):
    return Job(token, method, list(args), max_retries=0, **meant)


def _held(number):
    channel = f"root.{HELD}{number}"
    first = {"channel": channel, "priority": 1, "state": "cancelled"}
    second = {"channel": channel, "priority": 2}
    return [
        _job(f"{HELD} {number}", "fail", **first),
        _job(f"{BEHIND} {number}", "record", **second),
    ]


def _long(number, rng):
    eta = 30 * (number - 1) + rng.randint(1, 10)
    return _job(f"{LONG} {number}", "linger", 30, priority=1, eta=eta)


def capacity(count, length, rng):
    """Return a plan of `count` short jobs, and then of steady ones that last `length`
    seconds on average.

    The limits are edited while the short ones run. The steady ones come in a single
    transaction when all of these are done, find nothing but the channels' own limits in
    their way, and show whether these are made use of.
    """
    short = alone(*(_short(number, rng) for number in range(count)))
    # all edits come in time, even if a killed job keeps others from ending
    edits = [*(_edited(number, rng) for number in range(EDITS)), _limits(STEADY_LIMITS)]
    pause = count * 3 // 4 // len(edits)
    number = int(STEADY_TIME * STEADY_LIMITS["root"]["capacity"] / length)
    steady = alone(*_steady(range(max(count // 2, number)), length, rng))
    return Plan(
        [
            Batch([], limits=CHANNELS),
            *batches(short, 500),
            *(
                Batch([], after=pause * n, limits=edit)
                for n, edit in enumerate(edits, 1)
            ),
            Batch(steady, after=count),
        ]
    )


def _short(number, rng):
    channel, seconds = rng.choice(list(CHANNELS)), round(rng.uniform(0, 0.05), 3)
    return _job(f"{SHORT} {number}", "linger", seconds, channel=channel)


def _steady(numbers, length, rng):
    """First those of root, then those of the channels below it, then the rest: in this
    order nothing but a channel's own limit keeps it from being full."""
    slots = [
        name for name, each in STEADY_LIMITS.items() for _ in range(each["capacity"])
    ]
    for number in numbers:
        name = slots[number % len(slots)]
        seconds = round(rng.uniform(0.4 * length, 1.6 * length), 3)
        meant = {"channel": name, "priority": 20 + name.count(".")}
        yield _job(f"{STEADY} {number}", "linger", seconds, **meant)


def _limits(channels):
    return {name: {"paused": False, **limits} for name, limits in channels.items()}


def _edited(number, rng):
    """Return limits: of one channel they are raised, lowered, or it is paused. If root
    were, the next edit would wait for ever; the sequential one can only be paused."""
    names = list(CHANNELS)[1:] if number % 3 == 2 else list(CHANNELS)[:-1]
    name, limits = rng.choice(names), _limits(CHANNELS)
    capacity = CHANNELS[name]["capacity"]
    limits[name] |= [
        {"capacity": rng.randint(capacity + 1, capacity + 3)},
        {"capacity": rng.randint(1, max(capacity - 1, 1))},
        {"paused": True},
    ][number % 3]
    return limits


def bulk(count, rng):
    """Return a plan of jobs that do next to nothing, in a few transactions."""
    channels = list(BULK_LIMITS)
    jobs = (
        Job(f"Quick {n}", "record", channel=rng.choice(channels)) for n in range(count)
    )
    size = -(-count // BULK_TRANSACTIONS)
    return Plan([Batch([], limits=BULK_LIMITS), *batches(alone(*jobs), size)])
