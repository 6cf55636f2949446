"""Tables of jobs, made by SQL: a small one, and one after years of work."""

from contextlib import contextmanager

CHANNELS = 50
FULL = "root.full"

# The triggers are the regular runner's notifications, which would take minutes.
PREPARE = """
    ALTER TABLE queue_job DISABLE TRIGGER USER;
    DELETE FROM queue_job;
    INSERT INTO queue_job_channel (name, complete_name, parent_id, removal_interval)
         SELECT 'full', 'root.full', id, 30
           FROM queue_job_channel WHERE name = 'root'
"""
FILL = "UPDATE queue_job_channel SET capacity = 1 WHERE name = 'full'"
INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
      FROM pg_index
     WHERE indrelid = 'queue_job'::regclass
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
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
    :param limits: whether channels have limits
    :param part: how much of the tables to make
    """

    def __init__(self, cursor, limits, part=1):
        self.cursor = cursor
        self.limits = limits
        self.part = part

    def small(self):
        self.cursor.execute(PREPARE)
        if self.limits:
            self.cursor.execute(FILL)
        self.add(1_000, "pending")
        self.add(1, "started", FULL)
        self.cursor.execute("VACUUM ANALYZE queue_job")

    def large(self):
        self.small()
        with self._without_indexes():
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
        count = max(round(count * self.part), 1)
        values |= {"count": count, "channels": CHANNELS}
        self.cursor.execute(INSERT, values)

    @contextmanager
    def _without_indexes(self):
        """They are made anew at the end: filling them row by row takes minutes."""
        self.cursor.execute(INDEXES)
        indexes = self.cursor.fetchall()
        for name, _definition in indexes:
            self.cursor.execute(f"DROP INDEX {name}")
        yield
        for _name, definition in indexes:
            self.cursor.execute(definition)
