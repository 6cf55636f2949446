"""The summary at the end of the demo."""

from collections import Counter
from statistics import median

from rich.markup import escape
from rich.table import Table

SHOWN = 30  # mistakes


def print_summary(console, jobs, effects, mistakes):
    """Print what the jobs came to, in figures, and what was not meant."""
    table = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for title, text in [
        ("Done", _done(jobs, effects)),
        *(("Failed", text) for text in _failed(jobs)),
        ("Retried", _retried(jobs)),
        ("Jobs per second", _rate(jobs)),
        ("Waiting time", _spread(_waiting(jobs), "jobs without eta")),
        ("Eta delay", _spread(_late(jobs), "jobs with an eta or a retry")),
    ]:
        table.add_row(f"[bold]{title}", escape(text))
    console.print(table)
    console.print()
    print_mistakes(console, mistakes)
    if not mistakes:
        console.print(
            "[green]✔[/] Every job ended as it was meant to, with its effects once."
        )


def print_mistakes(console, mistakes):
    """Print the first of these sentences, and how many there are beside."""
    for mistake in mistakes[:SHOWN]:
        console.print(f"[red]✘[/] {escape(mistake)}", highlight=False)
    if len(mistakes) > SHOWN:
        console.print(f"[red]✘[/] and {len(mistakes) - SHOWN} more")


def _done(jobs, effects):
    done = sum(job.state == "done" for job in jobs)
    workers = Counter(effect.pid for effect in effects).values()
    shares = " + ".join(str(count) for count in workers)
    return f"{done} (per cron worker: {shares})"


def _failed(jobs):
    failed = Counter(
        (job.exc_name, job.exc_message) for job in jobs if job.state == "failed"
    )
    for (name, message), count in failed.items():
        yield f"{count} with {name}: {message}"


def _retried(jobs):
    retried = [job for job in jobs if job.tries > 1]
    return f"{len(retried)} ({sum(job.tries - 1 for job in retried)} retries)"


def _rate(jobs):
    """Jobs over the time from the first start to the last end, and the best second.

    A failed job has no end in the database: its start stands for it.
    """
    starts = [job.started for job in jobs if job.started]
    ends = [job.done or job.started for job in jobs if job.started]
    seconds = (max(ends) - min(starts)).total_seconds()
    [(_, best)] = Counter(end.replace(microsecond=0) for end in ends).most_common(1)
    return f"{len(ends) / seconds:.1f} over {seconds:.1f} s, {best} in the best second"


def _waiting(jobs):
    """Seconds from creation to start; jobs of a graph wait for each other."""
    return [
        (job.started - job.created).total_seconds()
        for job in jobs
        if job.started and not job.eta and not job.in_graph
    ]


def _late(jobs):
    """Seconds from the eta, the job's own or that of its last retry, to the start."""
    return [
        (job.started - job.eta).total_seconds()
        for job in jobs
        if job.started and job.eta
    ]


def _spread(seconds, what):
    if not seconds:
        return f"no {what}"
    return (
        f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s "
        f"({len(seconds)} {what})"
    )
