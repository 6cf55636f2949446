"""`./dev/bench`: this addon against the regular runner of queue_job, in one run.

Same machine, same Odoo, and same PostgreSQL: one that only this command uses, unless
PGHOST names a server, where statements and CPU time can't be told. The systems take
turns. What counts are the ratios: the figures themselves depend on the machine and on
what else it does. Tables, a file with everything, the tables as Markdown, and a plot;
a run of all sections also leaves the plot in static/description/benchmark.png.
"""

import os
import shutil
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.bench import plot, report
from harness.bench.goals import judge
from harness.bench.machine import machine
from harness.bench.sections import SECTIONS, Bench
from harness.bench.statements import log_statements
from harness.bench.systems import make_systems
from harness.cache import NAME, alone, folder
from harness.environment import environment
from harness.options import Options

WIDTH = 120  # of tables that are not for a terminal
BUSY = 0.3  # of the cores
PLOT = Path("static", "description", "benchmark.png")


def main(argv):
    """Return 0 if all could be measured, whether the goals are met or not."""
    options = _parse(argv)
    with alone("bench", "another bench"), environment("bench") as env:
        os.environ.update(env.variables)
        systems = make_systems(env, options.peer)
        about, rows, start = machine(env, systems), [], time.monotonic()
        if env.cluster:
            log_statements(env.cluster, "none")  # a killed bench left it on
        try:
            with ExitStack() as stack:
                database = stack.enter_context(env.databases.name("bench"))
                bench = Bench(stack, systems, database, options.quick)
                for found in bench.measure(options.sections):
                    rows += found
        finally:
            # what there is until a section fails, or until Ctrl-C
            about["seconds"] = round(time.monotonic() - start)
            _report(about, rows, systems, options)
        if options.sections == SECTIONS and not options.quick:
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
    parser.add_argument(
        "--peer",
        type=Path,
        metavar="PATH",
        help=f"another {NAME} to compare with",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="so few jobs that the figures mean nothing: to try the command",
    )
    name = f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    parser.add_argument(
        "--json",
        type=Path,
        default=folder() / "bench" / name,
        metavar="PATH",
        help="where everything is written to, with the tables (.md) and the plot "
        "(.png) beside it (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    options.sections = options.sections or SECTIONS
    if options.peer:
        options.peer = options.peer.resolve()
        if options.peer.name != NAME or not (options.peer / "__manifest__.py").exists():
            parser.error(f"{options.peer} is no {NAME}")
    return options


def _report(about, rows, systems, options):
    goals = judge(rows)
    tables = list(report.tables(rows, goals, systems))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report.write(options.json, about, rows, goals)
    options.json.with_suffix(".md").write_text(report.markdown(tables))
    if any(row.drawn for row in rows):
        plot.draw(options.json.with_suffix(".png"), rows, systems, about)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    report.show(console, tables)
    notes = [note for row in rows for note in row.notes]
    if about["load_before"] > about["cores"] * BUSY:
        notes.append(
            f"The machine was busy when this began (load {about['load_before']:.1f}). "
            "Odoo's cron workers are nice: what else runs holds them up first."
        )
    for note in notes:
        console.print(note, soft_wrap=True)
    console.print(f"{about['seconds']} s. Everything: {options.json}", soft_wrap=True)
