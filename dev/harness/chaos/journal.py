"""A journal of what the jobs went through, which the database itself keeps."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

# A change of state that is rolled back leaves no row. A retry has an eta; a job that
# was found dead and is given another try has not.
CREATE = """
    CREATE TABLE chaos_journal (
        id bigserial PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        token varchar NOT NULL,
        state varchar NOT NULL,
        pid integer,
        rescued boolean NOT NULL
    );
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_journal (token, state, pid, rescued)
             VALUES (NEW.name, NEW.state, NEW.worker_pid,
                     OLD.state = 'started' AND NEW.state = 'pending'
                         AND NEW.eta IS NOT DISTINCT FROM OLD.eta);
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note
        AFTER UPDATE OF state ON queue_job
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
        EXECUTE FUNCTION chaos_note();
"""
READ = "SELECT at, token, state, pid, rescued FROM chaos_journal ORDER BY id"


@dataclass
class Claim:
    """A start of a job: by which process, what came of it, and the job's next start.

    `end` is the state that followed; None if the job has stayed started.
    """

    token: str
    pid: int
    start: datetime
    end: str | None = None
    rescued: bool = False
    next_start: datetime | None = None


def create(connection):
    with connection.cursor() as cursor:
        cursor.execute(CREATE)


def read(connection):
    """Return all claims, a list per job's token."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        rows = cursor.fetchall()
    claims = defaultdict(list)
    for at, token, state, pid, rescued in rows:
        before = claims[token]
        if state == "started":
            if before:
                before[-1].next_start = at
            before.append(Claim(token, pid, at))
        elif before and before[-1].end is None:
            before[-1].end, before[-1].rescued = state, rescued
    return claims
