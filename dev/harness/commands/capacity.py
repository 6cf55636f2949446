"""`./dev/capacity`: never more jobs than a channel may run, and not fewer either.

Two prefork servers with eight runners share a queue of short jobs in six nested
channels. Meanwhile their limits are edited and cron workers are killed; the database
notes each start above a limit. Jobs that last longer follow, and tell how much of its
capacity each channel uses while it has enough of them. With --storm: a queue is filled
in bulk, and the wake-ups are counted. Exit status 1 tells of violations.
"""

import os
from math import inf

import psutil

from harness.chaos import limits, plans
from harness.chaos.blows import Blows, schedule
from harness.chaos.trial import trial
from harness.chaos.verdict import JOURNAL, judge, rows
from harness.fleet import Fleet, load_from_tests
from harness.options import Options

JOBS, BULK_JOBS = 2000, 10_000
MINIMUM = 100  # jobs
LEAST = 90  # per cent
SIZE = 4  # cron workers of a server
# To a job. With one wake-up to each claim that leaves something to start, whoever looks
# by himself or is triggered already, there are 0.4 triggers.
MOST_TRIGGERS = MOST_EMPTY_RUNS = 0.1

# Rows that were rolled back, and those of other crons, are in the sequence too.
TRIGGERS = "SELECT nextval('ir_cron_trigger_id_seq')"
# Odoo writes one for each run; a runner's run notes the jobs that it has done.
RUNS = """
    SELECT count(*), count(*) FILTER (WHERE done = 0)
      FROM ir_cron_progress JOIN ir_cron ON ir_cron.id = cron_id
     WHERE queue_job_runner
"""


def main(argv):
    """Return 0 if there was no violation, 1 otherwise."""
    options = _parse(argv)
    # channels of the server's own configuration would hold alone
    os.environ["ODOO_QUEUE_JOB_CHANNELS"] = "root:0"
    with trial(options.seed) as it:
        it.execute(JOURNAL)
        return _count_wake_ups(it, options) if options.storm else _measure(it, options)


def _parse(argv):
    parser = Options("capacity", __doc__)
    jobs = f"how many jobs (default: {JOBS}, with --storm {BULK_JOBS})"
    parser.add_argument("--storm", action="store_true", help="count the wake-ups")
    parser.add_argument("--jobs", type=int, metavar="N", help=jobs)
    parser.add_number("kills", "how many cron workers to kill; none with --storm", 10)
    least = "of its capacity a channel has to use so many per cent"
    parser.add_number("least", least, LEAST)
    parser.add_seed("which jobs, edits and kills")
    parser.add_argument(
        "--length",
        type=float,
        default=0.4,
        metavar="SECONDS",
        help="how long the steady jobs last on average (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.jobs is None:
        options.jobs = BULK_JOBS if options.storm else JOBS
    if options.jobs < MINIMUM or options.kills < 0:
        parser.error(f"at least {MINIMUM} jobs and 0 kills")
    return options


def _measure(it, options):
    plan = plans.capacity(options.jobs, options.length, it.rng)
    planned = schedule(it.rng, {"kill": options.kills}, options.jobs * 3 // 4)
    watch = load_from_tests(it.env.checkout, "channel_watch")
    it.execute(watch.CREATE)
    with it.connect() as connection:
        with Fleet(it.env, it.database, 2, SIZE) as fleet:
            fleet.wait_until_listening(connection)
            blows = Blows(it, fleet, planned)
            psutil.cpu_times_percent()
            it.run(plan, fleet, blows)
            idle = psutil.cpu_times_percent().idle
        figures, violations = judge(connection, plan, blows)
        violations += limits.exceeded(connection, watch)
        violations += limits.unused(it.console, connection, watch, options.least)
    edits = sum(bool(batch.limits) for batch in plan.batches) - 1
    more = ("Edits of limits", edits), ("The processors", f"{idle:.0f}% idle")
    return it.conclude([*figures, *more], violations)


def _count_wake_ups(it, options):
    plan = plans.bulk(options.jobs, it.rng)
    with it.connect() as connection, it.env.databases.connect() as listener:
        with Fleet(it.env, it.database, 1, SIZE) as fleet:
            fleet.wait_until_listening(connection)
            [(first,)] = rows(connection, TRIGGERS)
            with listener.cursor() as cursor:
                cursor.execute("LISTEN cron_trigger")
            blows = Blows(it, fleet)
            it.run(plan, fleet, blows)
        [(last,)] = rows(connection, TRIGGERS)
        [(runs, empty)] = rows(connection, RUNS)
        listener.poll()
        figures, violations = judge(connection, plan, blows)
    triggers = last - first - 1
    counts = [
        ("Triggers", triggers, MOST_TRIGGERS),
        ("Notifications", len(listener.notifies), inf),
        ("Runs", runs, inf),
        ("Empty runs", empty, MOST_EMPTY_RUNS),
    ]
    per_job = [
        (title, f"{count}, {count / options.jobs:.4f} to a job")
        for title, count, _most in counts
    ]
    violations += [
        f"{title}: {count} for {options.jobs} jobs"
        for title, count, most in counts
        if count >= most * options.jobs
    ]
    return it.conclude([*figures, *per_job], violations)
