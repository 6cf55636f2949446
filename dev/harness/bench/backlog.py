"""Many jobs, or channels, in the tables: made by SQL."""

from .site import OURS

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


def add_channels(site, count):
    """Add channels in 40 groups; return their names."""
    groups = [f"root.g{number:02}" for number in range(min(count, 40))]
    names = [f"{groups[n % len(groups)]}.c{n:04}" for n in range(count)]
    for level in (groups, names):
        site.execute(ADD_CHANNELS, [level])
    return names


def add_jobs(site, name, count, names, state="pending", priority=10, eta=None):
    """Add jobs without work, to these channels in turn; eta: in seconds from now."""
    values = {"name": name, "count": count, "channels": names, "state": state}
    site.execute(ADD_JOBS, {**values, "priority": priority, "eta": eta})


def fill(site, large, part):
    """Have 1,000 pending jobs in 50 channels, and beside them, if it is a large table,
    what years leave: such a part of it. Return a function that adds more in these."""
    full, *open_ones = add_channels(site, 51)

    def add(name, count, names=open_ones, **options):
        add_jobs(site, name, round(count * part), names, **options)

    if site.name == OURS:
        site.execute(LIMIT, [1, [full]])
    add_jobs(site, "running", 1, [full], state="started")
    add("small", 1_000)
    if large:
        indexes = site.execute(INDEXES)  # to fill them row by row takes minutes
        site.execute(";".join(f"DROP INDEX {name}" for name, _definition in indexes))
        add("old", 1_000_000, state="done")
        add("full", 200_000, [full], priority=1)
        add("ahead", 200_000, eta=24 * 60 * 60)
        add("passed", 20_000, eta=-60)
        site.execute(";".join(definition for _name, definition in indexes))
    site.execute("VACUUM ANALYZE queue_job")
    return add
