"""`./dev/capacity`: never more jobs than a channel may run, and not fewer either.

Two prefork servers with eight runners share a queue of short jobs in six nested
channels. Meanwhile their limits are edited and cron workers are killed; the database
notes each start above a limit. Jobs that last longer follow, and tell how much of its
capacity each channel uses while it has enough of them. With --storm: a queue is filled
in bulk, and the wake-ups are counted. Exit status 1 tells of violations.
"""

import os
from math import inf

from rich.table import Table

from harness.chaos import plans
from harness.chaos.blows import schedule
from harness.chaos.trial import Trial, crashable
from harness.fleet import load_from_tests
from harness.report import Options

JOBS, BULK_JOBS = 2000, 10_000
MINIMUM = 100  # jobs
LENGTH = 0.4  # seconds that a steady job lasts on average
SIZE = 4  # cron workers of a server
LEGEND = """\
Of the steady jobs. Filling: starts that took the last place. Measured is the time while
nothing but the channel's own limit stood in the way: how much of the capacity was used.
"""
# Channel, start and end in seconds of the epoch.
STARTS = """
    SELECT job_channel,
           EXTRACT(epoch FROM started)::float AS start,
           EXTRACT(epoch FROM ended)::float AS end
      FROM channel_watch
      JOIN queue_job ON queue_job.id = job_id
     WHERE channel_watch.channel = 'root' AND starts_with(name, %s)
"""

# To a job. With one wake-up to each claim that leaves something to start, whoever looks
# by himself or is triggered already, there are 0.4 triggers.
MOST_TRIGGERS = MOST_EMPTY_RUNS = 0.1
# Rows that were rolled back, and those of other crons, are in the sequence too.
TRIGGERS = "SELECT nextval('ir_cron_trigger_id_seq')"
# Odoo writes one for each run; a runner's run notes the jobs that it has done.
RUNS = """
    SELECT count(*) AS runs, count(*) FILTER (WHERE done = 0) AS empty
      FROM ir_cron_progress JOIN ir_cron ON ir_cron.id = cron_id
     WHERE queue_job_runner
"""


def main(argv):
    """Return 0 if there was no violation, 1 otherwise."""
    options = _parse(argv)
    # channels of the server's own configuration would hold alone
    os.environ["ODOO_QUEUE_JOB_CHANNELS"] = "root:0"
    with crashable() as place:
        it = Trial(*place, options.seed)
        return it.conclude(*(_storm if options.storm else _capacity)(it, options))


def _parse(argv):
    parser = Options("capacity", __doc__)
    jobs = {"least": MINIMUM, "shown": f"{JOBS}, with --storm {BULK_JOBS}"}
    parser.add_argument("--storm", action="store_true", help="count the wake-ups")
    parser.add_number("jobs", "how many jobs", None, **jobs)
    parser.add_number("kills", "how many cron workers to kill; none with --storm", 10)
    parser.add_number("least", "of its capacity a channel has to use so many %%", 90)
    parser.add_seed("which jobs, edits and kills")
    options = parser.parse_args(argv)
    if options.jobs is None:
        options.jobs = BULK_JOBS if options.storm else JOBS
    return options


def _capacity(it, options):
    plan = plans.capacity(options.jobs, LENGTH, it.rng)
    planned = schedule(it.rng, {"kill": options.kills}, options.jobs * 3 // 4)
    watch = load_from_tests(it.env.checkout, "channel_watch")
    it.query(watch.CREATE)
    figures, violations = it.run(plan, 2, SIZE, planned)
    for query, how in (
        (watch.ABOVE_LIMIT, "as it saw itself"),
        (watch.OVERLAPPING, "by the clock"),
    ):
        violations += [
            f"{channel}: {running} jobs with a capacity of {limit}, {how} (job {job})"
            for job, channel, limit, running in it.query(query)
        ]
    edits = sum(bool(batch.limits) for batch in plan.batches) - 1
    violations += _unused(it, watch, options.least)
    return [*figures, ("Edits of limits", edits)], violations


def _unused(it, watch, least):
    """Print how the limits were made use of, and return a sentence for each channel
    that was never full, or has used less than so many per cent of its capacity."""
    filled = {name: counts for name, *counts in it.query(watch.FILLED, plans.STEADY)}
    starts = it.query(STARTS, plans.STEADY)
    heads = ("Channel", "Starts", "Filling", "Capacity", "Measured", "Used")
    table = Table(*heads, box=None, padding=(0, 2, 0, 0))
    sentences = []
    for name, limits in plans.STEADY_LIMITS.items():
        capacity = limits["capacity"]
        seconds, share = _measure(name, capacity, starts)
        counts = map(str, [*filled[name], capacity])
        table.add_row(name, *counts, f"{seconds:.1f} s", f"{share:.1%}")
        if not filled[name][1]:
            sentences.append(f"{name} was never full")
        if share * 100 < least:
            used = f"{share:.1%} of its capacity used"
            sentences.append(f"{name}: {used}, at least {least}%")
    it.console.print(table, LEGEND, sep="\n")
    return sentences


def _measure(name, capacity, starts):
    """Return for how many seconds jobs of the channel itself have waited for nothing
    but its limit, and the share of the capacity used.

    The jobs of the channels above come first: from the last one's end to the start of
    the channel's own last one.
    """
    own = [start for channel, start, _end in starts if channel == name]
    above = [end for channel, _start, end in starts if name.startswith(f"{channel}.")]
    begin, finish = max(above, default=min(own)), max(own)
    used = sum(
        min(end, finish) - max(start, begin)
        for channel, start, end in starts
        if f"{channel}.".startswith(f"{name}.") and start < finish and end > begin
    )
    return finish - begin, used / (finish - begin) / capacity


def _storm(it, options):
    with it.env.databases.connect() as listener:
        listener.cursor().execute("LISTEN cron_trigger")
        [[first]] = it.query(TRIGGERS)
        figures, violations = it.run(plans.bulk(options.jobs, it.rng), 1, SIZE)
        [[last]], [[runs, empty]] = it.query(TRIGGERS), it.query(RUNS)
        listener.poll()
    for title, count, most in (
        ("Triggers", last - first - 1, MOST_TRIGGERS),
        ("Notifications", len(listener.notifies), inf),
        ("Runs", runs, inf),
        ("Empty runs", empty, MOST_EMPTY_RUNS),
    ):
        share = count / options.jobs
        figures.append((title, f"{count}, {share:.4f} to a job"))
        if share >= most:
            violations.append(f"{title}: {count} for {options.jobs} jobs")
    return figures, violations
