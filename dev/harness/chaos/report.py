"""What the chaos came to: figures, and what was not meant."""

from collections import Counter
from dataclasses import dataclass
from statistics import median

from rich.markup import escape
from rich.table import Table

from harness.demo import results
from harness.demo.results import print_mistakes

from . import journal
from .blows import GONE, POSTGRESQL, SERVER, WORKER, Blow

CRONS = """
    SELECT cron_name, active, failure_count FROM ir_cron
     WHERE queue_job_runner AND (NOT active OR failure_count > 0)
"""


@dataclass
class Outcome:
    """`hits`: for each blow the claims that it has interrupted."""

    jobs: list[results.Ended]
    claims: list[journal.Claim]
    hits: list[tuple[Blow, list[journal.Claim]]]
    violations: list[str]

    def interrupted(self, target):
        """What blows at such targets did, in words."""
        hits = [claims for blow, claims in self.hits if blow.target == target]
        return f"{len(hits)} (jobs interrupted: {sum(map(len, hits))})"

    @property
    def delays(self):
        """Seconds from each blow to the next start of a job that it interrupted."""
        return [
            (claim.next_start - blow.at).total_seconds()
            for blow, claims in self.hits
            for claim in claims
            if claim.next_start
        ]


def examine(connection, plan, blows):
    """Return the Outcome, read from the database.

    :param blows: in the order in which they fell.
    """
    jobs, effects = results.read(connection)
    claims = journal.read(connection)
    for job in plan.jobs:
        job.tries = max(job.tries, len(claims[job.token]))
    flat = [claim for job in claims.values() for claim in job]
    hits, unexplained = _attribute(flat, blows)
    violations = [
        *results.mistakes(plan.jobs, jobs, effects),
        *_strangers(plan, jobs),
        *_taken_for_dead(unexplained),
        *_cron_troubles(connection),
    ]
    return Outcome(jobs, flat, hits, violations)


def _attribute(claims, blows):
    """Return a (blow, claims that it has interrupted) per blow, and the claims whose
    job was rescued, though no blow has hit them."""
    rescued = [claim for claim in claims if claim.rescued]
    hits = []
    for blow in blows:
        hit = [claim for claim in rescued if blow.hit(claim)]
        rescued = [claim for claim in rescued if claim not in hit]
        hits.append((blow, hit))
    return hits, rescued


def _taken_for_dead(claims):
    for claim in claims:
        yield f"{claim.token}: taken for dead, process {claim.pid} was not killed"


def _strangers(plan, jobs):
    planned = {job.token for job in plan.jobs}
    for job in jobs:
        if job.token not in planned:
            yield f"{job.token}: nobody has enqueued it"


def _cron_troubles(connection):
    with connection.cursor() as cursor:
        cursor.execute(CRONS)
        for name, active, failures in cursor.fetchall():
            state = "active" if active else "inactive"
            yield f"{name}: {state}, failure_count {failures}"


def print_report(console, outcome, seed, seconds):
    """Print the figures, `seconds` is the duration, and the violations."""
    states = Counter(job.state for job in outcome.jobs)
    retries = sum(
        claim.end == "pending" and not claim.rescued for claim in outcome.claims
    )
    table = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for title, text in [
        ("Seed", seed),
        ("Duration", f"{seconds:.0f} s"),
        ("Jobs", ", ".join(f"{count} {state}" for state, count in states.items())),
        ("Tries", f"{len(outcome.claims)} ({retries} retries that jobs asked for)"),
        ("Cron workers killed", outcome.interrupted(WORKER)),
        ("Servers killed", outcome.interrupted(SERVER)),
        ("Servers that went by themselves", outcome.interrupted(GONE)),
        ("PostgreSQL crashed", outcome.interrupted(POSTGRESQL)),
        ("Rescued jobs", sum(claim.rescued for claim in outcome.claims)),
        ("From blow to next start", _spread(outcome.delays)),
        ("Violations", len(outcome.violations)),
    ]:
        table.add_row(f"[bold]{title}", escape(str(text)))
    console.print(table)
    print_mistakes(console, outcome.violations)


def _spread(seconds):
    if not seconds:
        return "no job was interrupted"
    return f"median {median(seconds):.1f} s, worst {max(seconds):.1f} s"
