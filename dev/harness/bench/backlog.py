"""What it costs that many jobs, or channels, are in the tables. Made by SQL."""

import time

from .report import Row
from .site import ENDED, OURS

# Channels, and the paused ones of them.
CASES = (1, 0), (200, 0), (2_000, 0), (10_000, 0), (2_000, 1_000)
CHEAP = (1, 0), (2_000, 0)  # enough of the regular runner
PARALLEL = 2
CLAIMS = {"in one run": True, "first of a run": False}  # goes by the one before?

ADD_CHANNELS = """
    INSERT INTO queue_job_channel (name, complete_name, parent_id, removal_interval)
         SELECT substring(path FROM '[^.]+$'), path, parent.id, 30
           FROM unnest(%s) AS path
           JOIN queue_job_channel AS parent
             ON parent.complete_name = substring(path FROM '(.*)[.]')
"""
LIMIT = "UPDATE queue_job_channel SET capacity = %s WHERE complete_name = ANY(%s)"
PAUSE = "UPDATE queue_job_channel SET paused = TRUE WHERE complete_name = ANY(%s)"
# The triggers are the regular runner's notifications, which would take minutes.
ADD_JOBS = """
    ALTER TABLE queue_job DISABLE TRIGGER USER;
    INSERT INTO queue_job (
        uuid, name, state, channel, priority, date_created, eta, retry, max_retries,
        model_name, method_name, func_string, channel_method_name, args, kwargs,
        records, dependencies, user_id, company_id)
    SELECT gen_random_uuid(), %(name)s, %(state)s,
           (%(channels)s)[1 + number %% cardinality(%(channels)s)], %(priority)s,
           now() AT TIME ZONE 'UTC' - INTERVAL '1 day' + number * INTERVAL '1 ms',
           now() AT TIME ZONE 'UTC' + %(eta)s * INTERVAL '1 s', 0, 5, 'queue.job',
           '_test_job', 'queue.job()._test_job()', '<queue.job>._test_job', '[]', '{}',
           '{"_type": "odoo_recordset", "model": "queue.job", "ids": [], "uid": 1,
             "su": false}',
           '{"depends_on": [], "reverse_depends_on": []}', 1, 1
      FROM generate_series(1, %(count)s) AS number;
    ALTER TABLE queue_job ENABLE TRIGGER USER
"""
INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
      FROM pg_index
     WHERE indrelid = 'queue_job'::regclass
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
OLD_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ir_cron"
SET_STATE = "UPDATE queue_job SET state = %s WHERE name = %s"


def channels(sites, number):
    """Jobs per second by the number of channels that the waiting jobs are in: one for
    each customer, perhaps. More jobs than can be done."""
    for case in CASES:
        rates, (count, paused) = {}, case
        for site in sites:
            if site.name == OURS or site.regular and case in CHEAP:
                rates[site.name] = _rate(site, number, *case)
        some, end = ("paused", f", {paused:,} paused") if paused else (count, "")
        label = f"no-op jobs per second, {count:,} channels{end}"
        yield Row(f"channels {some}", label, "/s", rates, more_is_better=True)


def _rate(site, number, count, paused):
    """Return the jobs per second. Those of paused channels stand in front of the queue;
    the others have a limit, so great that it never holds a job."""
    site.prepare(PARALLEL)
    names, jobs = _add_channels(site, count), number(20_000, quick=1_000)
    if site.name == OURS:
        site.execute(LIMIT, [PARALLEL, names])
    if paused:
        jobs //= 2
        site.execute(PAUSE, [names[:paused]])
        _add_jobs(site, "paused", jobs, names[:paused], priority=5)
    _add_jobs(site, "open", jobs, names[paused:])
    site.execute("VACUUM ANALYZE queue_job")
    with site.server(PARALLEL):
        time.sleep(number(2, quick=0.2))
        before, start = site.value(ENDED, "open"), time.monotonic()
        time.sleep(number(20, quick=1))
        return (site.value(ENDED, "open") - before) / (time.monotonic() - start)


def claims(sites, number):
    """What a claim costs after years of work, beside a small table.

    Entries of jobs that are done stay in the indexes as long as an old snapshot lives.
    """
    found = {}
    for site in sites:
        for size in () if site.regular else ("small", "large"):
            for case, seconds in _time_claims(site, number, size):
                values = found.setdefault(f"claim {case}, {size} table", {})
                values[site.name] = 1000 * seconds
    for key, values in found.items():
        yield Row(key, key, "ms", values)


def _time_claims(site, number, size):
    """Yield the cases, and the seconds that a claim takes in each."""

    def timed(kind):
        for case, remember in CLAIMS.items():
            options = {"count": number(100, quick=10), "remember": remember}
            yield case + kind, site.call("time_claims", **options)

    def add(name, count, names=None, **options):
        part = number(1, quick=0.05)
        _add_jobs(site, name, round(count * part), names or open_ones, **options)

    site.prepare(1)
    full, *open_ones = _add_channels(site, 51)
    if site.name == OURS:
        site.execute(LIMIT, [1, [full]])
    _add_jobs(site, "running", 1, [full], state="started")
    add("small", 1_000)
    if size == "large":
        indexes = site.execute(INDEXES)  # to fill them row by row takes minutes
        site.execute(";".join(f"DROP INDEX {name}" for name, _definition in indexes))
        add("old", 1_000_000, state="done")
        add("full", 200_000, [full], priority=1)
        add("ahead", 200_000, eta=24 * 60 * 60)
        add("passed", 20_000, eta=-60)
        site.execute(";".join(definition for _name, definition in indexes))
    site.execute("VACUUM ANALYZE queue_job")
    yield from timed("")
    databases = site.env.databases
    with databases.connect(database=site.database) as old, old.cursor() as cursor:
        cursor.execute(OLD_SNAPSHOT)
        add("dead", 20_000, priority=5)
        for state in ("started", "done"):
            site.execute(SET_STATE, [state, "dead"])
        yield from timed(", old snapshot")


def _add_channels(site, count):
    """Add channels in 40 groups; return their names."""
    groups = [f"root.g{number:02}" for number in range(min(count, 40))]
    names = [f"{groups[n % len(groups)]}.c{n:04}" for n in range(count)]
    for level in (groups, names):
        site.execute(ADD_CHANNELS, [level])
    return names


def _add_jobs(site, name, count, names, state="pending", priority=10, eta=None):
    """Add jobs without work, to these channels in turn; eta: in seconds from now."""
    values = {"name": name, "count": count, "channels": names, "state": state}
    site.execute(ADD_JOBS, {**values, "priority": priority, "eta": eta})
