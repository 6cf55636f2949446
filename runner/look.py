# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a claim sees of the queue. Its cost follows what is in the way of the next job,
neither the number of jobs nor that of channels.

A job is *ready* if it is pending and has no eta, or one that a claim has found passed:
no index can know the time, so claims note it in ``eta_reached``. While the two are
equal, the job is ready; whoever gives it another eta need not know this.

The look begins with the first rows of the whole queue, in order. Only if all their
channels are closed, each channel is asked for its first job (``queue_job_heads``): a
loose scan, 6 ms for 2,000 channels.

An old snapshot, such as that of a job that runs for an hour, keeps the index entries of
all jobs that were started and done since, and each look would walk over them. A look
that has read more than ``MUCH`` of them, or has asked more than ``MANY`` channels, is
remembered for ``MEMORY`` seconds by the run that took it: the next ones enter the
indexes where it found the first row that lives, or the first channel that is open.
Until then this run may overlook a job that has come to stand before that row, whose
channel has been opened, or whose eta comes before the first one; running jobs are all
seen, for only claims start jobs, at the time of PostgreSQL, one claim after the other.

The functions are PL/pgSQL, since PostgreSQL plans their queries once per session:
planning takes longer than looking. A plan outlives the statistics it was made from, and
a queue is empty one moment and long the next, so the settings leave no choice but the
indexes.
"""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .decision import Decision, Head, short_names

ROWS = 30  # one statement fetches as many as fast as one
MUCH = 2_000
MANY = 200
MEMORY = 1

NOW = "clock_timestamp() AT TIME ZONE 'UTC'"

# An empty value comes last. As it is, it would compare with nothing.
PRIORITY = "COALESCE(priority, 2147483647)"
CREATED = "COALESCE(date_created, '9999-12-31')"
PLACE = f"{PRIORITY}, {CREATED}, id"
CHANNEL = "COALESCE(channel, '')"

TIME = f"SELECT {NOW}"

IS_READY = "state = 'pending' AND (eta IS NULL OR eta = eta_reached)"
IS_LATER = "state = 'pending' AND eta IS NOT NULL AND eta IS DISTINCT FROM eta_reached"
IS_RUNNING = "state IN ('started', 'enqueued')"
# Since when somebody works on it, or the regular runner means to.
SINCE = "COALESCE(CASE state WHEN 'started' THEN date_started END, date_enqueued)"

# Of an unaliased ir_cron: it will look for jobs when it is triggered. While its run
# keeps the cron's row locked, it is switched off in a table of its own.
IS_RUNNER = """
    queue_job_runner
    AND active
    AND NOT EXISTS (
        SELECT FROM queue_job_runner_switch WHERE runner_id = ir_cron.id AND off
    )
"""

INDEXES = {
    "_queue_idx": f"({PLACE}) WHERE {IS_READY}",
    "_ready_idx": f"({CHANNEL}, {PLACE}) WHERE {IS_READY}",
    "_later_idx": f"(eta) WHERE {IS_LATER}",
    "_later_in_channel_idx": f"({CHANNEL}, eta, {PLACE}) WHERE {IS_LATER}",
    "_failed_idx": f"({CHANNEL}, id) WHERE state = 'failed'",
    "_running_idx": f"(({SINCE})) WHERE {IS_RUNNING}",
    "_waiting_idx": "(id) WHERE state = 'wait_dependencies'",
}

_RUNNING = f"'running', {CHANNEL}, NULL::int, {SINCE}, queue_job.id, runner_id"


def _read(*indexes):
    """Of these indexes, the entries that this transaction has read, dead ones among
    them."""
    name = "pg_stat_get_xact_tuples_returned('queue_job_{}_idx'::regclass)"
    count = " + ".join(map(name.format, indexes))
    return f"""
        SELECT 'read', NULL::varchar, ({count})::int,
               NULL::timestamp, NULL::int, NULL::int
    """


# From the beginning, the parameters are NULL. The throttled starts and the runners are
# a few rows. OFFSET 0: the running jobs that are known are looked up by their ids.
LOOK = f"""
    (SELECT 'ready', {CHANNEL}, {PLACE}, NULL::int
       FROM queue_job
      WHERE {IS_READY}
        AND ({PLACE}) >= (COALESCE(priority_seen, -2147483648),
                          COALESCE(created_seen, '-infinity'), COALESCE(id_seen, 0))
      ORDER BY {PLACE}
      LIMIT {ROWS})
    UNION ALL SELECT {_RUNNING} FROM queue_job
               WHERE {IS_RUNNING} AND since_seen IS NULL
    UNION ALL SELECT {_RUNNING} FROM queue_job
               WHERE {IS_RUNNING} AND {SINCE} >= since_seen
    UNION ALL SELECT found.*
                FROM unnest(running_seen) AS known (id)
               CROSS JOIN LATERAL (
                   SELECT {_RUNNING} FROM queue_job
                    WHERE queue_job.id = known.id AND {IS_RUNNING}
                      AND ({SINCE} >= since_seen) IS NOT TRUE OFFSET 0
               ) AS found
    UNION ALL (SELECT 'eta', NULL, NULL, eta, NULL, NULL
                 FROM queue_job
                WHERE {IS_LATER} AND eta >= COALESCE(eta_seen, '-infinity')
                ORDER BY eta LIMIT 1)
    UNION ALL SELECT 'start', name, NULL, date_started, NULL, NULL
                FROM queue_job_channel_start
    UNION ALL SELECT 'runner', NULL, NULL, NULL, id, NULL
                FROM ir_cron WHERE {IS_RUNNER}
    UNION ALL (SELECT 'waiting', NULL, NULL, NULL, id, NULL
                 FROM queue_job
                WHERE state = 'wait_dependencies' AND since_seen IS NULL
                ORDER BY id LIMIT 1)
"""
# From the first ready job of a channel to that of the next one, then all in order.
HEADS = f"""
    WITH RECURSIVE head AS (
        (SELECT {CHANNEL} AS channel, {PRIORITY} AS priority, {CREATED} AS created, id
           FROM queue_job WHERE {IS_READY} ORDER BY {CHANNEL}, {PLACE} LIMIT 1)
        UNION ALL
        SELECT following.*
          FROM head
         CROSS JOIN LATERAL (
             SELECT {CHANNEL}, {PLACE} FROM queue_job
              WHERE {IS_READY} AND {CHANNEL} > head.channel
              ORDER BY {CHANNEL}, {PLACE} LIMIT 1
         ) AS following
    )
    SELECT 'ready', head.*, NULL::int FROM head
"""

# And never by reading the whole table, whatever it looked like at that time.
PLANNED_ONCE = """
    LANGUAGE plpgsql
    SET enable_seqscan = off
    SET plan_cache_mode = force_generic_plan
"""
_COLUMNS = """
    kind text, channel varchar, priority int, moment timestamp, id int, runner int
"""


def _function(signature, *queries):
    queries = "".join(f"RETURN QUERY {query};" for query in queries)
    return f"""
        CREATE FUNCTION {signature} RETURNS TABLE ({_COLUMNS})
        {PLANNED_ONCE} STABLE
        SET enable_sort = off
        SET jit = off
        AS $$
        #variable_conflict use_column
        BEGIN
            {queries}
        END $$;
    """


# In all the versions that earlier versions of the addon may have left.
DROP_FUNCTIONS = """
    DO $$
        DECLARE signature regprocedure;
        BEGIN
            FOR signature IN
                SELECT oid FROM pg_proc
                 WHERE proname IN ('queue_job_look', 'queue_job_look_again',
                                   'queue_job_heads', 'queue_job_start',
                                   'queue_job_wake')
                   AND pronamespace = current_schema()::regnamespace
            LOOP
                EXECUTE format('DROP FUNCTION %s', signature);
            END LOOP;
        END
    $$;
"""
CREATE_LOOK = _function(
    """queue_job_look(
        priority_seen int, created_seen timestamp, id_seen int,
        since_seen timestamp, running_seen int[], eta_seen timestamp
    )""",
    LOOK,
    _read("queue", "running"),
) + _function("queue_job_heads()", HEADS, _read("ready"))

CALL_LOOK = """
    SELECT *
      FROM queue_job_look(
               %(priority)s, %(created)s, %(id)s, %(since)s, %(running)s, %(eta)s
           )
"""
CALL_HEADS = "SELECT * FROM queue_job_heads()"

# For sequential channels: what holds them.
HOLDS = f"""
    SELECT name.long, failed.id, later.*
      FROM unnest(%(long)s::varchar[], %(short)s::varchar[]) AS name (long, short)
      LEFT JOIN LATERAL (
          SELECT id FROM queue_job
           WHERE state = 'failed' AND {CHANNEL} = name.short
           ORDER BY id LIMIT 1
      ) AS failed ON TRUE
      LEFT JOIN LATERAL (
          SELECT eta, {PLACE} FROM queue_job
           WHERE {IS_LATER} AND {CHANNEL} = name.short AND eta > %(after)s
           ORDER BY eta, {PLACE} LIMIT 1
      ) AS later ON TRUE
"""


class Running(NamedTuple):
    """A job that somebody works on: since when, and the id of its runner."""

    channel: str
    since: Any
    runner: int | None


@dataclass
class Look:
    """The queue as one snapshot shows it."""

    now: Any  # PostgreSQL's time, a naive datetime in UTC
    jobs: list = field(default_factory=list)  # (Head, channel): the first ones
    running: dict = field(default_factory=dict)  # id: Running
    starts: dict = field(default_factory=dict)  # when, per throttled channel
    runners: set = field(default_factory=set)  # ids of the active ones
    first_eta: Any = None  # of those that no claim has found passed
    are_waiting: bool = False  # some jobs, for others
    read: int = 0  # entries of indexes
    is_partial: bool = False  # taken from where an earlier one began
    begin: Head | None = None  # where the next one may begin
    taken: float = field(default_factory=time.monotonic)

    @property
    def is_whole(self):
        """Whether there are no ready jobs but these."""
        return len(self.jobs) < ROWS

    @property
    def busy(self):
        """The ids of the runners with a job."""
        return {job.runner for job in self.running.values()}

    def is_worth_remembering(self):
        is_dear = self.read > MUCH or self.begin
        return bool(is_dear) and time.monotonic() - self.taken < MEMORY

    def decision(self, channels):
        """Return the :class:`Decision`, before anything holds a sequential channel."""
        running = {job_id: job.channel for job_id, job in self.running.items()}
        return Decision(channels, running, self.now, self.starts)


def time_of_decision(cr):
    """Return PostgreSQL's time, a naive datetime in UTC."""
    cr.execute(TIME, log_exceptions=False)
    return cr.fetchone()[0]


def look(cr, now, known=None):
    """Return the :class:`Look` in the transaction of the cursor.

    :param now: PostgreSQL's time
    :param known: an earlier one of this run that is worth remembering
    """
    cr.execute(CALL_LOOK, seen_by(known), log_exceptions=False)
    return read_look(cr.fetchall(), now, known)


def read_look(rows, now, known=None):
    """Return the :class:`Look` that these rows are of."""
    found = Look(now, is_partial=bool(known))
    for kind, channel, priority, moment, job_id, runner in rows:
        if kind == "ready":
            found.jobs.append((Head(priority, moment, job_id), channel))
        elif kind == "running":
            found.running[job_id] = Running(channel, moment, runner)
        elif kind == "eta":
            found.first_eta = moment
        elif kind == "start":
            found.starts[channel] = moment
        elif kind == "runner":
            found.runners.add(job_id)
        elif kind == "waiting":
            found.are_waiting = True
        else:
            found.read = priority
    if known:
        found.read, found.taken, found.begin = known.read, known.taken, known.begin
    return found


def seen_by(known):
    """Return the parameters of a look that begins where this one did, if any."""
    if not known:
        names = ("priority", "created", "id", "since", "running", "eta")
        return dict.fromkeys(names)
    first = known.jobs[0][0] if known.jobs else (None, None, None)
    priority, created, job_id = known.begin or first
    return {
        "priority": priority,
        "created": created,
        "id": job_id,
        "since": known.now,
        "running": list(known.running),
        "eta": known.first_eta,
    }


def heads(cr):
    """Return the (:class:`Head`, channel) of each channel's first job, in order, and
    how many entries of the index were read for that."""
    cr.execute(CALL_HEADS, log_exceptions=False)
    *rows, (_kind, _channel, read, *_nones) = cr.fetchall()
    jobs = sorted((Head(*place), channel) for _kind, channel, *place, _none in rows)
    return jobs, read


def holds(cr, channels, jobs, after="-infinity"):
    """Return what holds the sequential channels on the ways of these jobs.

    :param after: jobs with an eta up to then hold nothing; a naive datetime in UTC
    :return: ``failed`` and ``earliest``, as :class:`Decision` takes them
    """
    failed, earliest, etas = {}, {}, {}
    names = channels.sequential({channel for _head, channel in jobs})
    pairs = [(name, short) for name in names for short in short_names(name)]
    if not pairs:
        return failed, earliest
    long, short = map(list, zip(*pairs, strict=True))
    values = {"long": long, "short": short, "after": after}
    cr.execute(HOLDS, values, log_exceptions=False)
    for name, failed_id, eta, *place in cr.fetchall():
        if failed_id:
            failed[name] = failed_id
        place = Head(*place)
        if eta and (name not in etas or (eta, place) < etas[name]):
            etas[name] = eta, place
            earliest[name] = place
    return failed, earliest
