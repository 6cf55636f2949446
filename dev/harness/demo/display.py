"""Showing how far the jobs are, while they run."""

import time
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.text import Text

COLORS = {
    "to come": "dim",
    "waiting": "magenta",
    "pending": "yellow",
    "started": "cyan",
    "done": "green",
    "failed": "red",
    "retried": "blue",
}
INTERVAL = 3  # seconds between two plain lines


@contextmanager
def display(console, total):
    """Yield a function to call again and again with the count per state.

    It draws a bar on a terminal, and prints a plain line now and then elsewhere.
    """
    if console.is_terminal:
        with _bar(console, total) as show:
            yield show
    else:
        yield _lines(console, total)


def ended(counts):
    """Return how many of the counted jobs will not run any more."""
    return sum(counts.get(state, 0) for state in ("done", "failed", "cancelled"))


@contextmanager
def _bar(console, total):
    bar = Progress(
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        expand=True,
    )
    task = bar.add_task("jobs", total=total)
    with Live(bar, console=console, refresh_per_second=8) as live:

        def show(counts):
            bar.update(task, completed=ended(counts))
            states = [
                Text(f"{state} {counts.get(state, 0)}", style=color)
                for state, color in COLORS.items()
            ]
            live.update(Group(bar, Text("  ").join(states)))

        yield show


def _lines(console, total):
    start = shown = time.monotonic()

    def show(counts):
        nonlocal shown
        now = time.monotonic()
        if now - shown < INTERVAL and ended(counts) < total:
            return
        shown = now
        states = ", ".join(
            f"{state} {counts[state]}" for state in COLORS if counts.get(state)
        )
        line = f"{now - start:4.0f} s: {ended(counts)} of {total} ended ({states})"
        console.print(line, soft_wrap=True)

    return show
