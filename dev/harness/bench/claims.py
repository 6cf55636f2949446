"""What a claim costs after years of work, beside a small table."""

from .client import client
from .row import Row
from .systems import OURS, TITLES

SMALL, LARGE = "small", "large"


def measure(bench):
    """Return the rows: systems and cases below each other, sizes side by side."""
    rows = []
    for system in bench.systems:
        if not system.regular:
            sizes = [_measure(bench, system, size) for size in (SMALL, LARGE)]
            rows += _rows(system, *sizes)
    return rows


def _measure(bench, system, size):
    database = f"{bench.database}_{system.name}_{size}"
    databases = system.env.databases
    databases.copy(system.template, database)
    with client(system, database, "backlog.py", "claims.py") as shell:
        part, claims = bench.number(1, quick=0.05), bench.number(200, quick=10)
        found = shell.call("measure_claims", size=size, part=part, claims=claims)
    databases.drop([database])
    return found


def _rows(system, small, large):
    prefix = "" if system.name == OURS else f"{TITLES[system.name]}, "
    for case, seconds in small.items():
        values = {SMALL: 1000 * seconds, LARGE: 1000 * large[case]}
        label = f"{prefix}claim {case}"
        yield Row(label, "claims", label, "ms", values)
