"""What the commands ask and tell their user: options, steps and their duration,
failures."""

import argparse
import random
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


class Options(argparse.ArgumentParser):
    """name: the command's; description: its module's docstring."""

    def __init__(self, name, description):
        style = argparse.RawDescriptionHelpFormatter
        super().__init__(
            f"./dev/{name}", description=description, formatter_class=style
        )

    def add_number(self, name, what, default, least=0, shown="%(default)s"):
        def number(text):
            if int(text) < least:
                raise argparse.ArgumentTypeError(f"{text} is less than {least}")
            return int(text)

        what = f"{what} (default: {shown}, at least {least})"
        options = {"type": number, "default": default, "metavar": "N", "help": what}
        self.add_argument(f"--{name}", **options)

    def add_seed(self, what):
        self.add_number("seed", what, random.randrange(10**6), shown="any")

    def add_check(self):
        what = "write nothing, fail if a file is stale"
        self.add_argument("--check", action="store_true", help=what)


def make(path, text, check, command):
    """Write a file that is made from others; with check compare it only.

    :raises Failure: the file is stale, and the command makes it
    """
    if not check:
        path.write_text(text, encoding="utf-8", newline="\n")
    elif not path.exists() or path.read_bytes() != text.encode():
        raise Failure(f"{path.name} is stale: run {command}.")
