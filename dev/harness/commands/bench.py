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
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from harness.bench.rows import ROWS, draw, judge, tables
from harness.bench.sections import SECTIONS
from harness.bench.site import log_statements, open_sites
from harness.cache import NAME, alone, folder
from harness.environment import environment
from harness.report import Options, step

NAMES = {section.__name__: section for section in SECTIONS}
PLOT = Path("static", "description", "benchmark.png")
VERSION = re.compile(r"\d+\.\d+(\.\d+)*")


def main(argv):
    """Return 0 if all could be measured, whether the goals are met or not."""
    options = _parse(argv)
    os.environ.pop("ODOO_QUEUE_JOB_CHANNELS", None)
    with alone("bench", "another bench"), environment("bench") as env:
        about, found = _machine(env), defaultdict(lambda: defaultdict(list))
        if env.cluster:  # a killed bench left it on
            log_statements(env.cluster, "none")
        try:
            with (
                env.databases.name("bench") as database,
                open_sites(env, options.peer, database) as sites,
            ):
                for name in options.sections:
                    with step(name):
                        _measure(NAMES[name], sites, options.number, found)
        finally:
            # what there is until a section fails, or until Ctrl-C
            _report(about, found, options.json)
        if options.sections == list(NAMES) and not options.quick:
            shutil.copy(options.json.with_suffix(".png"), env.checkout / PLOT)
    return 0


def _measure(section, sites, number, found):
    """Add to the samples that are found, per key and system: these take turns."""
    for case in SECTIONS[section][: number(None, quick=2)]:
        for site in sites:
            for key, samples in section(site, number, *case):
                some = samples if isinstance(samples, list) else [samples]
                found[key][site.name] += some


def _parse(argv):
    parser = Options("bench", __doc__)
    what = f"what to measure (default: all): {', '.join(NAMES)}"
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=what)
    what = f"another {NAME} to compare with"
    parser.add_argument("--peer", type=Path, metavar="PATH", help=what)
    what = "so few jobs and cases that the figures mean nothing: to try it"
    parser.add_argument("--quick", action="store_true", help=what)
    what = "where everything is written to, with the tables (.md) and the plot (.png)"
    default = folder() / "bench" / f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    parser.add_argument("--json", type=Path, default=default, metavar="PATH", help=what)
    options = parser.parse_args(argv)
    if unknown := set(options.sections) - set(NAMES):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    options.sections = options.sections or list(NAMES)
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
        "postgresql": env.databases.query("SHOW server_version")[0][0],
        "queue_job": VERSION.search(env.versions[1])[0],
        "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
    }


def _report(about, found, path):
    rows = [(row, row.figures(found)) for row in ROWS]
    figures = {row.key: values for row, values in rows if values}
    goals = judge(figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**row._asdict(), "values": values} for row, values in rows if values]
    result = {"machine": about, "goals": goals, "rows": rows, "samples": found}
    path.write_text(json.dumps(result, indent=1) + "\n")
    text = tables(figures, goals)
    path.with_suffix(".md").write_text(text)
    draw(path.with_suffix(".png"), figures, about)
    print(text, f"Load before: {about['load_before']}. Everything: {path}", sep="\n")
