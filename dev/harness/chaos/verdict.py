"""What the jobs went through, as the database notes it, and what was not meant."""

from collections import Counter
from statistics import median

from harness import results

from .blows import TITLES
from .plans import BEHIND, HELD

# A change of state that is rolled back leaves no row. A retry has an eta; a job that
# was found dead and is given another try has not, nor has one that a server which stops
# puts back, and that is no try.
JOURNAL = """
    CREATE TABLE chaos_journal (
        id bigserial PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        token varchar NOT NULL,
        state varchar NOT NULL,
        pid integer,
        rescued boolean NOT NULL,
        put_back boolean NOT NULL
    );
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_journal (token, state, pid, rescued, put_back)
             SELECT NEW.name, NEW.state, NEW.worker_pid,
                    is_again AND NEW.retry > OLD.retry,
                    is_again AND NEW.retry = OLD.retry
               FROM (SELECT OLD.state = 'started' AND NEW.state = 'pending'
                            AND NEW.eta IS NOT DISTINCT FROM OLD.eta AS is_again
                    ) AS change;
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note
        AFTER UPDATE OF state ON queue_job
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
        EXECUTE FUNCTION chaos_note();
"""
# Each start of a job: by which process, what came of it (NULL: it has stayed started),
# and the job's next start.
CLAIMS = """
    SELECT token, pid, start, ended, rescued, put_back, next_start
      FROM (
        SELECT token, pid, at AS start, state, lead(state) OVER job AS ended,
               COALESCE(lead(rescued) OVER job, FALSE) AS rescued,
               COALESCE(lead(put_back) OVER job, FALSE) AS put_back,
               min(at) FILTER (WHERE state = 'started') OVER (
                   job ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
               ) AS next_start
          FROM chaos_journal
        WINDOW job AS (PARTITION BY token ORDER BY id)
      ) AS change
     WHERE state = 'started'
     ORDER BY start
"""
# Seconds from the end of what held a job to its start.
HELD_STARTS = f"""
    SELECT behind.token, EXTRACT(epoch FROM min(behind.at) - max(held.at))::float
      FROM chaos_journal AS behind
      JOIN chaos_journal AS held
        ON behind.token = replace(held.token, '{HELD}', '{BEHIND}')
     WHERE held.state = 'cancelled' AND behind.state = 'started'
       AND starts_with(held.token, '{HELD}')
     GROUP BY behind.token
"""
MEANT = "odoo.exceptions.UserError"  # what jobs fail with
LATE = 30  # seconds; the runners' interval is 300
CRONS = """
    SELECT cron_name, active, failure_count FROM ir_cron
     WHERE queue_job_runner AND (NOT active OR failure_count > 0)
"""


def judge(query, plan, blows):
    """Return figures, a (title, text) for each, and violations, a sentence for each.

    :param query: Databases.query(), of that database
    """
    jobs, effects, claims = map(query, (results.JOBS, results.EFFECTS, CLAIMS))
    starts = Counter(claim.token for claim in claims if not claim.put_back)
    for job in plan.jobs:
        job.tries = max(job.tries, starts[job.token])
    hits, unexplained = _attribute(claims, blows.dealt)
    left = {job.token for job in plan.jobs} - {*blows.deleted}
    strangers = {job.token for job in jobs} - left
    rows_left = Counter(effect.token for effect in effects)
    return _figures(jobs, claims, hits), [
        *blows.violations,
        *results.mistakes(plan, jobs, effects, blows.deleted),
        *(f"{token}: is there" for token in strangers),
        *(f"{token}: twice" for token in blows.deleted if rows_left[token] > 1),
        *(
            f"{job.token}: failed with {job.exc_name}"
            for job in jobs
            if job.state == "failed" and job.exc_name != MEANT
        ),
        *(f"{claim.token}: interrupted, but not hit" for claim in unexplained),
        *(
            f"{token}: started {seconds:.1f} s after it could"
            for token, seconds in query(HELD_STARTS)
            if not 0 < seconds < LATE
        ),
        *(
            f"{name}: active {active}, failures {failures}"
            for name, active, failures in query(CRONS)
        ),
    ]


def _attribute(claims, blows):
    """Return a (blow, claims that it has interrupted) per blow, and the claims whose
    job was rescued or put back, though no blow has hit them."""
    hits = []
    interrupted = [claim for claim in claims if claim.rescued or claim.put_back]
    for blow in sorted(blows, key=lambda blow: blow.begin):
        hits.append((blow, [claim for claim in interrupted if blow.hit(claim)]))
        interrupted = [claim for claim in interrupted if not blow.hit(claim)]
    return hits, interrupted


def _figures(jobs, claims, hits):
    retries = sum(
        claim.ended == "pending" and not (claim.rescued or claim.put_back)
        for claim in claims
    )
    states = Counter(job.state for job in jobs)
    yield "Jobs", ", ".join(f"{count} {state}" for state, count in states.items())
    yield "Tries", f"{len(claims)} ({retries} retries that jobs asked for)"
    for kind, title in TITLES.items():
        found = [claims for blow, claims in hits if blow.kind == kind]
        if found:
            yield title, f"{len(found)} (jobs interrupted: {sum(map(len, found))})"
    delays = [
        (claim.next_start - blow.begin).total_seconds()
        for blow, claims in hits
        for claim in claims
        if claim.next_start
    ]
    if delays:
        spread = f"median {median(delays):.1f} s, worst {max(delays):.1f} s"
        yield "From blow to next start", spread
