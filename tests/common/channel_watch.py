# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A watch on the limits of channels that the database itself keeps.

It knows nothing of the addon's code: a trigger writes a row for each start of a job
and each channel that the job counts in, the channel's limit and how many jobs run.
Two questions are asked of the rows, and neither can take the place of the other:

- ``ABOVE_LIMIT``: did a start see that it was one too many? The trigger has the
  snapshot of the claim: the limit in force, and what earlier claims have committed.
- ``OVERLAPPING``: by the clock, did more run than the limit that the start has seen?
  This finds claims that have not seen each other. Both times of a job are taken
  before the commit that makes them known: whoever starts after having seen an end
  starts later than it, so that claims one after the other never overlap.

Importable alone, as ``server.py``; the SQL is for any DB-API cursor.
"""

# A paused channel is one with room for none. Of the channels that have a record:
# those without one have no limit of their own, unless their parent has defaults.
CREATE = """
    CREATE TABLE channel_watch (
        id bigserial PRIMARY KEY,
        job_id integer NOT NULL,
        job_channel varchar NOT NULL,
        channel varchar NOT NULL,
        capacity integer,
        running integer NOT NULL,
        started timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended timestamptz
    );
    CREATE INDEX ON channel_watch (job_id) WHERE ended IS NULL;

    CREATE FUNCTION channel_watch_counts_in(channel varchar, ancestor varchar)
        RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT starts_with(
            'root.' || regexp_replace(COALESCE(channel, ''), '^root(\\.|$)', '') || '.',
            ancestor || '.'
        )
    $$;

    CREATE FUNCTION channel_watch_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state = 'started' THEN
            UPDATE channel_watch SET ended = clock_timestamp()
             WHERE job_id = NEW.id AND ended IS NULL;
        END IF;
        IF NEW.state = 'started' THEN
            INSERT INTO channel_watch (job_id, job_channel, channel, capacity, running)
            SELECT NEW.id,
                   COALESCE(NEW.channel, ''),
                   complete_name,
                   CASE WHEN paused THEN 0
                        WHEN sequential THEN 1
                        ELSE NULLIF(capacity, 0) END,
                   (SELECT count(*) FROM queue_job AS job
                     WHERE state IN ('started', 'enqueued')
                       AND channel_watch_counts_in(job.channel, complete_name))
              FROM queue_job_channel
             WHERE channel_watch_counts_in(NEW.channel, complete_name);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER channel_watch_note
        AFTER UPDATE OF state ON queue_job
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
        EXECUTE FUNCTION channel_watch_note();
"""

# Per channel: how many starts there were, and how many of them have filled it.
FILLED = """
    SELECT channel_watch.channel,
           count(*) AS starts,
           count(*) FILTER (WHERE running = capacity) AS filling
      FROM channel_watch
      JOIN queue_job ON queue_job.id = job_id
     WHERE starts_with(name, %s)
     GROUP BY channel_watch.channel
"""

# These two return the job's id, the channel, its capacity and how many ran.
ABOVE_LIMIT = """
    SELECT job_id, channel, capacity, running
      FROM channel_watch
     WHERE running > capacity
     ORDER BY id
"""
OVERLAPPING = """
    WITH event AS (
        SELECT job_id, channel, capacity, started AS at, 1 AS step
          FROM channel_watch
        UNION ALL
        SELECT job_id, channel, NULL, ended, -1 FROM channel_watch
         WHERE ended IS NOT NULL
    ),
    counted AS (
        SELECT *, sum(step) OVER by_time::int AS running
          FROM event
        WINDOW by_time AS (PARTITION BY channel ORDER BY at, step)
    )
    SELECT job_id, channel, capacity, running
      FROM counted
     WHERE step = 1 AND running > capacity
     ORDER BY at
"""
