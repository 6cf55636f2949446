"""What the commands tell their user: steps, their duration, and failures."""

import sys
import time
from contextlib import contextmanager


class Failure(Exception):
    """One clear sentence that ends the command."""


@contextmanager
def step(text):
    """Say on stderr what is being done, and how many seconds it took."""
    start = time.monotonic()
    print(f"{text} ...", end="", file=sys.stderr, flush=True)
    outcome = "failed after "
    try:
        yield
        outcome = ""
    finally:
        seconds = time.monotonic() - start
        print(f" {outcome}{seconds:.1f} s", file=sys.stderr, flush=True)
