"""The options of the commands."""

import argparse
import random


class Options(argparse.ArgumentParser):
    """name: the command's; description: its module's docstring."""

    def __init__(self, name, description):
        super().__init__(
            prog=f"./dev/{name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_number(self, name, what, default):
        self.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )

    def add_seed(self, what):
        self.add_argument(
            "--seed",
            type=int,
            default=random.randrange(10**6),
            metavar="N",
            help=f"{what} (default: any)",
        )
