"""`./dev/chaos`: hit what runs the jobs, again and again, and account for every job.

Several prefork servers share one database and a queue that is filled while they start
and while they run. Meanwhile cron workers and servers are killed, servers restarted
and frozen, their clocks shifted, connections cut and refused; running jobs are edited,
stopped and deleted, failed ones cancelled, and the addon is upgraded. PostgreSQL
crashes: one of our own that only this command uses; a server that PGHOST names is left
alone. Exit status 1 tells of violations.
"""

from harness.chaos import plans
from harness.chaos.blows import BUSY_END, KINDS, schedule
from harness.chaos.trial import Trial, crashable
from harness.report import Options

MINIMUM = 40  # jobs; below, some kind would have none
WORKERS = 3  # cron workers of each server


def main(argv):
    """Return 0 if there was no violation, 1 otherwise."""
    options = _parse(argv)
    with crashable() as place:
        it = Trial(*place, options.seed)
        return _run(it, options)


def _parse(argv):
    parser = Options("chaos", __doc__)
    parser.add_number("jobs", "how many jobs", 2000, least=MINIMUM)
    kills = "how many cron workers to kill; there are fewer of each other blow"
    parser.add_number("kills", kills, 60)
    servers = f"how many servers, each with {WORKERS} cron workers"
    parser.add_number("servers", servers, 2, least=1)
    parser.add_argument(
        "--blows",
        type=lambda text: text.split(","),
        default=KINDS,
        metavar="KIND,...",
        help=f"which blows fall, of {', '.join(KINDS)} (default: all)",
    )
    parser.add_seed("which jobs and which blows")
    options = parser.parse_args(argv)
    if unknown := set(options.blows) - set(KINDS):
        parser.error(f"no such blow: {', '.join(unknown)}")
    return options


def _run(it, options):
    counts = dict.fromkeys(options.blows, max(2, options.kills // 20))
    if "kill" in counts:
        counts["kill"] = options.kills
    if not it.env.cluster:
        counts.pop("crash", None)
    special = [counts.get(kind, 0) for kind in ("cancel", "upgrade", "stop")]
    plan = plans.chaos(options.jobs, *special, it.rng)
    busy_end = WORKERS * options.servers * BUSY_END / plans.mean_length(options.jobs)
    last = max(options.jobs // 3, int(options.jobs - busy_end))
    planned = schedule(it.rng, counts, last, options.jobs)
    return it.conclude(*it.run(plan, options.servers, WORKERS, planned, nudge=True))
