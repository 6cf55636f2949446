"""Servers that are up and warm, for all that is measured on them."""

from contextlib import contextmanager

from harness.report import step

from .systems import TITLES

PATIENCE = 30  # seconds without a job that ends
WARM_UP, WARM_UP_JOBS = "warm-up", 20  # per job in parallel
WARM_UP_JOB = 0.02  # seconds


def measure(bench, sections):
    """Return the rows of these sections. Those that can share a server do.

    A section is a module: PARALLEL tells for how many jobs in parallel it is measured.
    `measure(bench, site, server, parallel)` returns what it finds on one system, and
    `rows(found)` makes rows of that, by number in parallel and name of the system. What
    `before(bench, site, parallel)`, if there is one, enqueues is there when the server
    starts, and comes after the jobs that warm it up.
    """
    found = {section: {} for section in sections}
    for parallel in sorted({number for each in sections for number in each.PARALLEL}):
        here = [section for section in sections if parallel in section.PARALLEL]
        for site in bench.sites:
            system = site.system
            with step(f"{TITLES[system.name]}, {parallel} in parallel"):
                results = _measure(bench, site, parallel, here)
            for section, result in zip(here, results, strict=True):
                found[section].setdefault(parallel, {})[system.name] = result
    return [row for section in sections for row in section.rows(found[section])]


def _measure(bench, site, parallel, sections):
    site.prepare(parallel)
    for section in sections:
        if hasattr(section, "before"):
            section.before(bench, site, parallel)
    with _warm_server(site, parallel) as server:
        return [section.measure(bench, site, server, parallel) for section in sections]


@contextmanager
def _warm_server(site, parallel):
    count = WARM_UP_JOBS * parallel
    site.enqueue(count=count, name=WARM_UP, priority=1, duration=WARM_UP_JOB)
    with site.server(parallel) as server:
        site.wait_until_ready(server, parallel)
        site.wait_until_started(WARM_UP, server)
        site.wait_until_done(WARM_UP, count, server, PATIENCE)
        yield server
