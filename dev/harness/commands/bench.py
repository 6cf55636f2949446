"""`./dev/bench claims`: what a claim costs after years of work, and at first."""

import argparse
import json
import os
import subprocess
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.cache import new_log
from harness.environment import Failure, environment
from harness.report import step

SCRIPTS = [Path(__file__).parents[1] / "bench" / n for n in ("backlog.py", "claims.py")]
SIZES = ("small", "large")


def main(argv):
    parser = argparse.ArgumentParser(prog="./dev/bench", description=__doc__)
    parser.add_argument("what", choices=["claims"])
    parser.parse_args(argv)
    with environment() as env:
        os.environ.update(env.variables)
        with env.database("bench") as database:
            small, large = (_measure(env, database, size) for size in SIZES)
    _print(small, large)


def _measure(env, database, size):
    name = f"{database}_{size}"
    env.databases.copy(env.template, name)
    log = new_log(name)
    script = "\n".join(path.read_text() for path in SCRIPTS)
    script += f"\nmain(env, {size!r})\n"
    with step(f"Claims in a {size} table"), log.open("wb") as errors:
        shell = subprocess.run(
            ["odoo", "shell", "--database", name, "--no-http"],
            input=script.encode(),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    for line in shell.stdout.decode().splitlines():
        if line.startswith("BENCH "):
            return json.loads(line.removeprefix("BENCH "))
    raise Failure(f"The benchmark has failed. Log: {log}")


def _print(small, large):
    table = Table("median of a claim", "small table", "large table", "ratio")
    for case, seconds in small.items():
        table.add_row(
            case,
            f"{1000 * seconds:.2f} ms",
            f"{1000 * large[case]:.2f} ms",
            f"{large[case] / seconds:.2f}",
        )
    Console().print(table)
