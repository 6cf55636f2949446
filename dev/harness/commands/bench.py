"""`./dev/bench`: this addon against the regular runner of queue_job, in one run.

Same machine, same Odoo, and same PostgreSQL: one that only this command uses, unless
PGHOST names a server, where statements and CPU time can't be told. The systems take
turns. What counts are the ratios: the figures themselves depend on the machine and on
what else it does, most of all for Odoo's cron workers, which are nice. Tables, a file
with everything, the tables as Markdown, and a plot; a run of all sections also leaves
the plot in static/description/benchmark.png.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console

from harness.bench import backlog, plot, quiet, report, singles, throughput
from harness.bench.site import open_sites
from harness.cache import NAME, alone, folder
from harness.environment import environment
from harness.options import Options
from harness.report import step

# They yield rows. What they ask for is number(full, quick) of something.
SECTIONS = [throughput.throughput, singles.enqueue, singles.stream, singles.chain]
SECTIONS += [singles.busy, backlog.channels, backlog.claims, quiet.delays, quiet.idle]
SECTIONS = {section.__name__: section for section in SECTIONS}
WIDTH = 150  # of tables that are not for a terminal
PLOT = Path("static", "description", "benchmark.png")
VERSION = re.compile(r"\d+\.\d+(\.\d+)*")


def main(argv):
    """Return 0 if all could be measured, whether the goals are met or not."""
    options = _parse(argv)
    os.environ.pop("ODOO_QUEUE_JOB_CHANNELS", None)
    with alone("bench", "another bench"), environment("bench") as env:
        about, rows = _machine(env), []
        if env.cluster:  # a killed bench left it on
            throughput.log_statements(env.cluster, "none")
        try:
            with (
                env.databases.name("bench") as database,
                open_sites(env, options.peer, database) as sites,
            ):
                for name in options.sections:
                    with step(name):
                        rows += SECTIONS[name](sites, options.number)
        finally:
            # what there is until a section fails, or until Ctrl-C
            _report(about, rows, options.json)
        if options.sections == list(SECTIONS) and not options.quick:
            shutil.copy(options.json.with_suffix(".png"), env.checkout / PLOT)
    return 0


def _parse(argv):
    parser = Options("bench", __doc__)
    what = f"what to measure (default: all): {', '.join(SECTIONS)}"
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=what)
    what = f"another {NAME} to compare with"
    parser.add_argument("--peer", type=Path, metavar="PATH", help=what)
    what = "so few jobs that the figures mean nothing: to try the command"
    parser.add_argument("--quick", action="store_true", help=what)
    what = "where everything is written to, with the tables (.md) and the plot (.png)"
    default = folder() / "bench" / f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    parser.add_argument("--json", type=Path, default=default, metavar="PATH", help=what)
    options = parser.parse_args(argv)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    options.sections = options.sections or list(SECTIONS)
    options.number = lambda full, quick: quick if options.quick else full
    options.peer = options.peer and options.peer.resolve()
    if options.peer and not (options.peer / "__manifest__.py").is_file():
        parser.error(f"{options.peer} is no addon")
    return options


def _machine(env):
    """Return what the figures depend on, and the load at this moment."""
    commit = ["git", "-C", env.checkout, "describe", "--always", "--dirty"]
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": f"{datetime.now():%Y-%m-%d}",
        "cores": os.cpu_count(),
        "processor": model[1] if model else os.uname().machine,
        "load_before": round(os.getloadavg()[0], 2),
        "postgresql": env.databases.names("SHOW server_version")[0],
        "queue_job": VERSION.search(env.versions[1])[0],
        "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
    }


def _report(about, rows, path):
    goals = report.judge(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "goals": goals, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    with path.with_suffix(".md").open("w") as file:
        report.show(Console(file=file, width=WIDTH), box.MARKDOWN, rows, goals)
    plot.draw(path.with_suffix(".png"), rows, about)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    report.show(console, box.SIMPLE, rows, goals)
    console.print(f"Load before: {about['load_before']}. Everything: {path}")
