"""Channels and jobs in any number, made by SQL."""

GROUPS = 40

ADD_CHANNELS = """
    INSERT INTO queue_job_channel (name, complete_name, parent_id, removal_interval)
         SELECT substring(path FROM '[^.]+$'), path, parent.id, 30
           FROM unnest(%s) AS path
           JOIN queue_job_channel AS parent
             ON parent.complete_name = substring(path FROM '(.*)[.]')
"""
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


def add_channels(site, count):
    """Add channels in groups; return their names."""
    groups = [f"root.g{number:02}" for number in range(min(count, GROUPS))]
    names = [f"{groups[n % len(groups)]}.c{n:04}" for n in range(count)]
    site.execute(ADD_CHANNELS, groups)
    site.execute(ADD_CHANNELS, names)
    return names


def add_jobs(site, name, count, channels, state="pending", priority=10, eta=None):
    """Add jobs without work, to these channels in turn.

    :param eta: seconds from now
    """
    values = {"name": name, "count": count, "channels": channels, "state": state}
    with site.connection.cursor() as cursor:
        cursor.execute(ADD_JOBS, {**values, "priority": priority, "eta": eta})
