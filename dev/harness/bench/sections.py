"""What is measured. A section is called with a Site, with number(full, quick) of
something, and with each of its cases; it yields keys of rows, with a sample or several.
"""

import math
import random
import time
from functools import partial

from harness.process import wait_until

from . import backlog
from .site import ENDED, OURS, START_LIMIT, cpu_seconds

PARALLEL = 2
RATE = 20  # jobs a second
PACE = 1 / RATE, 1 / RATE  # seconds between two jobs
IDLE = 2.5, 3.5  # the same, the runs that linger have ended
# The peer's start can't be seen. (Of longer than a run without a job may linger.)
LASTING = """
    SELECT 1 FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'
       AND state_change < now() - INTERVAL '2 s'
"""
RUNS = "SELECT count(*) FROM ir_cron_progress"  # no other scheduled action is active

CLAIMS = {"in one run": True, "first of a run": False}  # goes by the one before?

GAPS = 0.2, 2.2  # seconds between two moments, with a job of each kind
PATIENCE = 150  # seconds without a job that starts: Odoo itself looks once a minute
LATENESS = """
    SELECT EXTRACT(EPOCH FROM date_started - eta)::float8
      FROM queue_job
     WHERE name = %s AND state IN ('done', 'failed')
"""

RUNNERS = 4  # of an idle server
HOUR = 3600  # seconds
POLL = 64.5  # seconds: SLEEP_INTERVAL + pid % 10 in odoo/service/server.py, on average
POSTPONE = """
    UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + INTERVAL '1 day';
    DELETE FROM ir_cron_trigger
"""
MAKE_DUE = "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE active"
INTERVAL = """
    SELECT EXTRACT(EPOCH FROM interval_number * ('1 ' || interval_type)::interval)::int
      FROM ir_cron
     WHERE active
     LIMIT 1
"""


def throughput(site, number, parallel):
    """From the first start to the last end of jobs that were there when the server
    started."""
    cluster = site.env.cluster
    many, few = number(800, quick=30), number(100, quick=10) * parallel
    site.prepare(parallel)
    site.call("enqueue", count=many, name="no-op", priority=2)
    site.call("enqueue", count=few, name="waiting", priority=3, duration=0.02)
    with site.server(parallel) as server:
        pids = [server.process.pid, cluster.pid] if cluster else []
        left, used = many - site.value(ENDED, "no-op"), cpu_seconds(*pids)
        yield f"no-op {parallel}", many / site.span("no-op", many)
        if parallel == 2 and cluster:
            yield "cpu", 1000 * (cpu_seconds(*pids) - used) / left
        yield f"waiting {parallel}", few / site.span("waiting", few)
        if parallel == 1 and cluster:
            yield "statements", site.statements_per_job(number(110, quick=20))


def enqueue(site, number, turn):
    """Many jobs in one transaction, with its commit. No server is running, so the
    regular runner's system is queue_job alone."""
    site.prepare(PARALLEL)
    seconds = site.call("enqueue", count=number(1000, quick=50), name="many")
    if turn:  # the first one warms up
        yield "enqueue many", seconds


def stream(site, number):
    """At a steady pace, and so far apart that the server is idle in between. Enqueueing
    is compared with such a stream where nothing runs the jobs: with queue_job alone."""
    few = {"name": "single", "count": number(12, quick=2), "pause": IDLE}
    many = {"name": "stream", "count": number(15 * RATE, quick=40), "pause": PACE}
    site.prepare(PARALLEL)
    if site.regular:
        jobs = site.call("enqueue_singly", **many)
        yield "enqueue one", [1000 * seconds for *_job, seconds in jobs]
        site.prepare(PARALLEL)
    with site.server(PARALLEL):
        yield "idle start", _waits(site, "single", site.call("enqueue_singly", **few))
        before = site.regular or site.value(RUNS)
        jobs = site.call("enqueue_singly", **many)
        yield "stream", _waits(site, "stream", jobs)
        if not site.regular:
            yield "enqueue one", [1000 * seconds for *_job, seconds in jobs]
            yield "runs", (site.value(RUNS) - before) / len(jobs)


def _waits(site, name, jobs):
    """Return the milliseconds from the commit to the start of each of these jobs."""
    site.wait_until_ended(name, len(jobs))
    starts = site.starts(name)
    return [1000 * (starts.get(uuid, math.inf) - moment) for uuid, moment, _ in jobs]


def chain(site, number):
    """How soon a job starts that waits for another one."""
    count = number(60, quick=10)
    site.prepare(PARALLEL)
    with site.server(PARALLEL):
        site.call("enqueue_chain", count=count, name="link")
        yield "chain", 1000 * site.span("link", count) / count
        if not site.regular:
            yield "chain triggers", site.triggers_left()


def busy(site, number):
    """What they leave behind while the first runner has a job that lasts: whoever
    enqueues triggers a runner, and Odoo deletes a runner's triggers when it runs."""
    if site.regular:
        return
    count = number(3000, quick=50)
    site.prepare(1)
    with site.server(PARALLEL, "--limit-time-real-cron=0"):
        site.call("enqueue", count=1, name="long", duration=3600)
        lasts, error = partial(site.execute, LASTING), "No job lasts."
        wait_until(lasts, START_LIMIT, error)
        site.call("have_runners", count=2)
        site.call("enqueue_singly", count=count, name="short")
        site.wait_until_ended("short", count)
        yield "busy", site.triggers_left()
        wait_until(lasts, 0, error)


def channels(site, number, count, paused):
    """Jobs per second by the number of channels that the waiting jobs are in: one for
    each customer, perhaps. More jobs than can be done.

    Those of paused channels stand in front of the queue; the others have a limit, so
    great that it never holds a job.
    """
    # of the regular runner two cases are enough, and the peer has no channels
    if site.name != OURS and not (site.regular and not paused and count in (1, 2000)):
        return
    site.prepare(PARALLEL)
    names, jobs = backlog.add_channels(site, count), number(20_000, quick=1_000)
    if site.name == OURS:
        site.execute(backlog.LIMIT, [PARALLEL, names])
    if paused:
        jobs //= 2
        site.execute(backlog.PAUSE, [names[:paused]])
        backlog.add_jobs(site, "paused", jobs, names[:paused], priority=5)
    backlog.add_jobs(site, "open", jobs, names[paused:])
    site.execute("VACUUM ANALYZE queue_job")
    with site.server(PARALLEL):
        time.sleep(number(2, quick=0.2))
        before, start = site.value(ENDED, "open"), time.monotonic()
        time.sleep(number(20, quick=1))
        rate = (site.value(ENDED, "open") - before) / (time.monotonic() - start)
        yield f"channels {'paused' if paused else count}", rate


def claims(site, number, size):
    """What a claim costs after years of work, beside a small table.

    Entries of jobs that are done stay in the indexes as long as an old snapshot lives.
    """
    if site.regular:
        return

    def timed(snapshot=""):
        for case, remember in CLAIMS.items():
            options = {"count": number(100, quick=10), "remember": remember}
            seconds = site.call("time_claims", **options)
            yield f"claim {case}{snapshot}, {size} table", 1000 * seconds

    site.prepare(1)
    add = backlog.fill(site, size == "large", number(1, quick=0.05))
    yield from timed()
    databases = site.env.databases
    with databases.connect(database=site.database) as old, old.cursor() as cursor:
        cursor.execute(backlog.OLD_SNAPSHOT)
        add("dead", 20_000, priority=5)
        for state in ("started", "done"):
            site.execute(backlog.SET_STATE, [state, "dead"])
        yield from timed(", old snapshot")


def delays(site, number):
    """How late a job starts whose time has come: an eta, the delay of a retry.

    All jobs are enqueued at the beginning. From then on nothing happens that could wake
    a worker by chance. Their times are apart, so that the server is idle between them.
    """
    rng, moments = random.Random(0), [2]
    while len(moments) < number(20, quick=2):
        moments.append(moments[-1] + rng.uniform(*GAPS))
    rng.shuffle(moments)
    site.prepare(PARALLEL)
    with site.server(PARALLEL):
        site.call("enqueue_ahead", seconds=moments)
        for kind in ("eta", "retry"):
            ended = site.wait_until_ended(kind, len(moments), PATIENCE)
            found = [seconds for (seconds,) in site.execute(LATENESS, [kind])]
            yield kind, found + [math.inf] * (len(moments) - ended)


def idle(site, number):
    """CPU seconds of an hour, in three parts.

    What Odoo's processes do every few seconds; what the cron workers do when they look
    for work, once in `POLL` seconds; and what the runners do when their interval is
    over. The latter two are made to happen. What else happens once in a while, such as
    the regular runner's look each minute, is left out.
    """
    window, enough = number(12, quick=1), number(1.5, quick=0.5)  # seconds
    times = number(2, quick=1)
    site.prepare(RUNNERS)
    with site.server(RUNNERS) as server:

        def used(seconds, *events):
            before = cpu_seconds(server.process.pid)
            for happen in events:
                happen()
            time.sleep(seconds)
            return cpu_seconds(server.process.pid) - before

        def extra(*events):
            """Return the CPU seconds of one time, on top of the quiet server's."""
            total = sum(used(enough, *events) for _ in range(times))
            return total / times - enough * quiet

        site.execute(POSTPONE)
        used(enough, site.notify)
        quiet = used(window) / window
        hour = quiet * HOUR + extra(site.notify) * HOUR / POLL
        if not site.regular:
            run = extra(partial(site.execute, MAKE_DUE), site.notify)
            hour += run * HOUR / site.value(INTERVAL)
        yield "idle", hour


# Each with its cases, those to try it with first. In the channels' ones: how many there
# are, and are paused.
SECTIONS = {
    throughput: [(1,), (2,), (4,)],
    enqueue: [(turn,) for turn in range(4)],
    stream: [()],
    chain: [()],
    busy: [()],
    channels: [(1, 0), (2_000, 1_000), (200, 0), (2_000, 0), (10_000, 0)],
    claims: [("small",), ("large",)],
    delays: [()],
    idle: [()],
}
