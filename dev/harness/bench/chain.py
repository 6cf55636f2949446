"""A chain of jobs without work: how soon a job that waits for another one starts."""

from .report import Row

PARALLEL = 2
NAME = "link"


def measure(bench):
    count, links, triggers = bench.number(60, 10), {}, {}
    for site in bench.sites:
        site.prepare(PARALLEL)
        with site.server(PARALLEL):
            site.call("enqueue_chain", count=count, name=NAME)
            seconds = site.span(NAME, count)
            links[site.name] = seconds and 1000 * seconds / count
            if not site.regular:
                triggers[site.name] = site.triggers_left()
    yield Row("chain", f"chain of {count} no-op jobs, each", "ms", links, drawn=True)
    yield Row("chain triggers", "triggers left by the chain", "", triggers)
