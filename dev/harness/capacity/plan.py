"""The channels, their jobs, and the edits of their limits."""

from harness.demo.plan import Batch, Job, Plan

BATCH = 500  # short jobs to a transaction
QUIET = 3  # seconds without a job that ends: nobody works then
STEADY_TIME = 15  # seconds, at least: longer than it takes to find a killed job

CHANNELS = {
    "root": {"capacity": 6},
    "root.a": {"capacity": 4},
    "root.a.x": {"capacity": 2},
    "root.a.y": {"capacity": 3},
    "root.b": {"capacity": 2},
    "root.b.z": {"capacity": 1, "sequential": True},
}
# With these, x and y don't compete for root.a any more, and all of them can be full.
STEADY_LIMITS = {**CHANNELS, "root.a.y": {"capacity": 2}}
EDITS = 12
SHORT, STEADY = "Short", "Steady"  # the first word of the jobs' tokens


def make_plan(count, length, rng):
    """Return a plan of `count` short jobs, and then of steady ones that last `length`
    seconds on average.

    The limits are edited while the short ones run. The steady ones come in a single
    transaction when nobody works any more, find nothing but the channels' own limits in
    their way, and show whether these are made use of.
    """
    short = [[[job]] for job in _short(count, rng)]
    batches = [Batch(short[start : start + BATCH]) for start in range(0, count, BATCH)]
    edits = list(_edits(count, rng))
    number = max(count // 2, int(STEADY_TIME * _capacity("root") / length))
    steady = [[[job]] for job in _steady(number, length, rng)]
    return Plan(
        [Batch([], limits=CHANNELS), *batches, *edits, Batch(steady, quiet=QUIET)]
    )


def _short(count, rng):
    names = list(CHANNELS)
    for number in range(1, count + 1):
        token = f"{SHORT} {number}"
        yield _job(token, rng.uniform(0, 0.05), rng.choice(names), priority=10)


def _steady(count, length, rng):
    """First those of root, then those of the channels below it, then the rest: in this
    order nothing but a channel's own limit keeps it from being full."""
    slots = [name for name in STEADY_LIMITS for _ in range(_capacity(name))]
    for number in range(1, count + 1):
        name = slots[number % len(slots)]
        seconds = rng.uniform(0.4 * length, 1.6 * length)
        yield _job(f"{STEADY} {number}", seconds, name, 20 + name.count("."))


def _job(token, seconds, channel, priority):
    return Job(
        token,
        "linger",
        [round(seconds, 3)],
        priority=priority,
        max_retries=0,
        channel=channel,
    )


def _capacity(name):
    return STEADY_LIMITS[name]["capacity"]


def _edits(count, rng):
    """Raise, lower and pause one channel after the other, while the short jobs run.
    Each is set back by the next edit, the last one by one more. All come in time, even
    if a killed job keeps others from ending."""
    last, back = count * 3 // 4, {}
    for number in range(1, EDITS + 1):
        name, limits = _edit(number, rng)
        after = last * number // (EDITS + 1)
        limits = {**back.get(name, {}), **limits}
        yield Batch([], after=after, limits={**back, name: limits})
        back = {name: {"paused": False, **CHANNELS[name]}}
    yield Batch([], after=last, limits={**back, **_changed(back)})


def _changed(back):
    """Return the steady limits that differ from those of the short jobs."""
    return {
        name: {**back.get(name, {}), **limits}
        for name, limits in STEADY_LIMITS.items()
        if limits != CHANNELS[name]
    }


def _edit(number, rng):
    """Return the name of a channel and new limits of it. The sequential one can only be
    paused; if root were, the next edit would wait for ever."""
    if number % 3 == 0:
        name = rng.choice([name for name in CHANNELS if name != "root"])
        return name, {"paused": True}
    name = rng.choice([name for name in CHANNELS if name != "root.b.z"])
    capacity = CHANNELS[name]["capacity"]
    if number % 3 == 1:
        return name, {"capacity": rng.randint(capacity + 1, capacity + 3)}
    return name, {"capacity": rng.randint(1, capacity - 1)}
