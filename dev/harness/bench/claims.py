"""What a claim costs after years of work, beside a small table."""

from contextlib import contextmanager

from .backlog import add_channels, add_jobs
from .report import Row
from .site import OURS

SIZES = "small table", "large table"
CHANNELS = 50
FILL = "UPDATE queue_job_channel SET capacity = 1 WHERE complete_name = %s"
INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
      FROM pg_index
     WHERE indrelid = 'queue_job'::regclass
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
# Entries of jobs that are done stay in the indexes as long as an old snapshot lives.
DEAD = 20_000
OLD_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ir_cron"
LEAVE_DEAD_ENTRIES = (
    "UPDATE queue_job SET state = 'started' WHERE name = 'dead'",
    "UPDATE queue_job SET state = 'done' WHERE name = 'dead'",
)
CASES = {"in one run": True, "first of a run": False}


def measure(bench):
    found = {}
    for site in bench.sites:
        if not site.regular:
            for size in SIZES:
                for case, seconds in _measure(bench, site, size):
                    values = found.setdefault(f"claim {case}, {size}", {})
                    values[site.name] = 1000 * seconds
    for key, values in found.items():
        yield Row(key, key, "ms", values)


def _measure(bench, site, size):
    """Yield the cases, and the seconds that a claim takes in each."""

    def seconds(remember):
        count = bench.number(200, 10)
        return site.call("time_claims", count=count, remember=remember)

    site.prepare(1)
    full, *channels = add_channels(site, 1 + CHANNELS)
    if site.name == OURS:
        site.execute(FILL, full)
    add_jobs(site, "small", 1_000, channels)
    add_jobs(site, "running", 1, [full], "started")
    if size == SIZES[1]:
        with _without_indexes(site):
            add_jobs(site, "old", bench.number(1_000_000, 50_000), channels, "done")
            add_jobs(site, "full", bench.number(200_000, 10_000), [full], priority=1)
            later = bench.number(200_000, 10_000)
            add_jobs(site, "later", later, channels, eta=24 * 60 * 60)
            add_jobs(site, "passed", bench.number(20_000, 1_000), channels, eta=-60)
    site.execute("VACUUM ANALYZE queue_job")
    for case, remember in CASES.items():
        yield case, seconds(remember)
    databases = site.env.databases
    with databases.connect(database=site.database) as old, old.cursor() as cursor:
        cursor.execute(OLD_SNAPSHOT)
        add_jobs(site, "dead", bench.number(DEAD, 1_000), channels, priority=5)
        for statement in LEAVE_DEAD_ENTRIES:
            site.execute(statement)
        for case, remember in CASES.items():
            yield f"{case}, old snapshot", seconds(remember)


@contextmanager
def _without_indexes(site):
    """They are made anew at the end: filling them row by row takes minutes."""
    indexes = site.execute(INDEXES)
    for name, _definition in indexes:
        site.execute(f"DROP INDEX {name}")
    yield
    for _name, definition in indexes:
        site.execute(definition)
