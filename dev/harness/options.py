"""The options of the commands."""

import argparse
import random


class Options(argparse.ArgumentParser):
    """name: the command's; description: its module's docstring."""

    def __init__(self, name, description):
        style = argparse.RawDescriptionHelpFormatter
        super().__init__(
            f"./dev/{name}", description=description, formatter_class=style
        )

    def add_number(self, name, what, default, shown="%(default)s"):
        self.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{what} (default: {shown})",
        )

    def add_seed(self, what):
        self.add_number("seed", what, random.randrange(10**6), shown="any")
