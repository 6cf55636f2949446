"""Tables of jobs, made by SQL: a small one, and one after years of work."""

CHANNELS = 50
FULL = "root.full"

# The triggers are the regular runner's notifications, which would take minutes.
PREPARE = """
    ALTER TABLE queue_job DISABLE TRIGGER USER;
    DELETE FROM queue_job;
    INSERT INTO queue_job_channel (name, complete_name, parent_id, removal_interval,
                                   capacity)
         SELECT 'full', 'root.full', id, 30, 1
           FROM queue_job_channel WHERE name = 'root'
"""
INSERT = """
    INSERT INTO queue_job (
        uuid, name, state, channel, priority, date_created, eta, retry, max_retries,
        model_name, method_name, func_string, channel_method_name, args, kwargs,
        records, dependencies, user_id, company_id)
    SELECT gen_random_uuid(), 'job ' || number, %(state)s,
           COALESCE(%(channel)s, 'root.c' || number %% %(channels)s), %(priority)s,
           now() AT TIME ZONE 'UTC' - INTERVAL '1 day' + number * INTERVAL '1 ms',
           now() AT TIME ZONE 'UTC' + %(eta)s * INTERVAL '1 s', 0, 5, 'queue.job',
           '_test_job', 'queue.job()._test_job()', '<queue.job>._test_job', '[]', '{}',
           '{"_type": "odoo_recordset", "model": "queue.job", "ids": [], "uid": 1,
             "su": false}',
           '{"depends_on": [], "reverse_depends_on": []}', 1, 1
      FROM generate_series(1, %(count)s) AS number
"""


class Backlog:
    """Fills a database.

    :param cursor: of a connection that commits each statement
    """

    def __init__(self, cursor):
        self.cursor = cursor

    def small(self):
        self.cursor.execute(PREPARE)
        self.add(1_000, "pending")
        self.add(1, "started", FULL)
        self.cursor.execute("VACUUM ANALYZE queue_job")

    def large(self):
        self.small()
        self.add(1_000_000, "done")
        self.add(200_000, "pending", FULL, priority=1)
        self.add(200_000, "pending", eta=24 * 60 * 60)
        self.add(20_000, "pending", eta=-60)
        self.cursor.execute("VACUUM ANALYZE queue_job")

    def add(self, count, state, channel=None, priority=10, eta=None):
        """Add jobs to one channel, or to all but the full one in turn.

        :param eta: seconds from now
        """
        values = {"state": state, "channel": channel, "priority": priority, "eta": eta}
        self.cursor.execute(INSERT, {**values, "count": count, "channels": CHANNELS})
