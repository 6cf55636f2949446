"""`./dev/bench`: this addon against the regular runner of queue_job, in one run.

Same machine, same Odoo, and same PostgreSQL: one that only this command uses, unless
PGHOST names a server, where statements and CPU time can't be told. The systems take
turns. What counts are the ratios: the figures themselves depend on the machine and on
what else it does. Tables, a file with everything, the tables as Markdown, and a plot;
a run of all sections also leaves the plot in static/description/benchmark.png.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console

from harness.bench import plot, report
from harness.bench.goals import judge
from harness.bench.sections import SECTIONS, Bench
from harness.bench.site import TITLES, open_sites
from harness.bench.throughput import log_statements
from harness.cache import NAME, alone, folder
from harness.environment import environment
from harness.options import Options
from harness.report import step

BUSY = 0.3  # of the cores
WIDTH = 150  # of tables that are not for a terminal
PLOT = Path("static", "description", "benchmark.png")
VERSION = re.compile(r"\d+\.\d+(\.\d+)*")


def main(argv):
    """Return 0 if all could be measured, whether the goals are met or not."""
    options = _parse(argv)
    with alone("bench", "another bench"), environment("bench") as env:
        os.environ.update(env.variables)
        about, rows = _machine(env), []
        if env.cluster:
            log_statements(env.cluster, "none")  # a killed bench left it on
        try:
            with (
                env.databases.name("bench") as database,
                open_sites(env, options.peer, database) as sites,
            ):
                bench = Bench(sites, options.quick)
                for name in options.sections:
                    with step(name):
                        rows += SECTIONS[name].measure(bench)
        finally:
            # what there is until a section fails, or until Ctrl-C
            _report(about, rows, options)
        if options.sections == list(SECTIONS) and not options.quick:
            shutil.copy(options.json.with_suffix(".png"), env.checkout / PLOT)
    return 0


def _parse(argv):
    parser = Options("bench", __doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"what to measure (default: all): {', '.join(SECTIONS)}",
    )
    what = f"another {NAME} to compare with"
    parser.add_argument("--peer", type=Path, metavar="PATH", help=what)
    what = "so few jobs that the figures mean nothing: to try the command"
    parser.add_argument("--quick", action="store_true", help=what)
    parser.add_argument(
        "--json",
        type=Path,
        default=folder() / "bench" / f"{datetime.now():%Y-%m-%d-%H%M%S}.json",
        metavar="PATH",
        help="where everything is written to, with the tables (.md) and the plot "
        "(.png) beside it (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    options.sections = options.sections or list(SECTIONS)
    if options.peer:
        options.peer = options.peer.resolve()
        if options.peer.name != NAME or not (options.peer / "__manifest__.py").exists():
            parser.error(f"{options.peer} is no {NAME}")
    return options


def _machine(env):
    """Return what the figures depend on, and the load at this moment."""
    commit = ["git", "-C", env.checkout, "describe", "--always", "--dirty"]
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": f"{datetime.now():%Y-%m-%d}",
        "cores": os.cpu_count(),
        "processor": model[1] if model else platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": env.databases.names("SHOW server_version")[0],
        "odoo": env.versions[0],
        "queue_job": VERSION.search(env.versions[1])[0],
        "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
    }


def _report(about, rows, options):
    goals, path = judge(rows), options.json
    names = [name for name in TITLES if any(name in row.values for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "goals": goals, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    with path.with_suffix(".md").open("w") as file:
        tables = rows, goals, names
        report.show(Console(file=file, width=WIDTH), box.MARKDOWN, *tables)
    plot.draw(path.with_suffix(".png"), rows, names, about)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    report.show(console, box.SIMPLE, *tables)
    if about["load_before"] > about["cores"] * BUSY:
        console.print(
            f"The machine was busy when this began (load {about['load_before']}). "
            "Odoo's cron workers are nice: what else runs holds them up first.",
            soft_wrap=True,
        )
    console.print(f"Everything: {path}", soft_wrap=True)
