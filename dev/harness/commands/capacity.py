"""`./dev/capacity`: never more jobs than a channel may run, and not fewer either.

Two prefork servers with eight runners share a queue of short jobs in six nested
channels. Meanwhile their limits are edited and cron workers are killed; the database
notes each start above a limit. Jobs that last longer follow, and tell how much of its
capacity each channel uses while it has enough of them. With --storm: a queue is filled
in bulk, and the wake-ups are counted. Exit status 1 tells of violations.
"""

import os
import time

from rich.console import Console

from harness.capacity import flood, kept
from harness.chaos.cluster import own_or_given
from harness.demo.results import print_mistakes
from harness.environment import environment
from harness.options import Options

LEAST = 90  # per cent
MINIMUM = 100  # jobs


def main(argv):
    """Return 0 if there was no violation, 1 otherwise."""
    options = _parse(argv)
    console = Console()
    # channels of the server's own configuration would hold alone
    os.environ["ODOO_QUEUE_JOB_CHANNELS"] = "root:0"
    with environment() as env, own_or_given(env, "capacity") as place:
        _cluster, databases, database = place
        os.environ.update({**env.variables, **databases.variables})
        console.print(f"Seed {options.seed}", highlight=False)
        start = time.monotonic()
        run = flood.run if options.storm else kept.run
        violations = run(console, env.checkout, databases, database, options)
        print_mistakes(console, violations)
        console.print(f"Violations: {len(violations)}", highlight=False)
        console.print(f"Duration: {time.monotonic() - start:.0f} s", highlight=False)
    return 1 if violations else 0


def _parse(argv):
    parser = Options("capacity", __doc__)
    jobs = f"how many jobs (default: {kept.JOBS}, with --storm {flood.JOBS})"
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
        options.jobs = flood.JOBS if options.storm else kept.JOBS
    if options.jobs < MINIMUM or options.kills < 0:
        parser.error(f"at least {MINIMUM} jobs and 0 kills")
    return options
