"""`./dev/fuzz-channels`: random queues, our claims against queue_job's ChannelManager.

They are the tests of the suite with other cases. A failure tells the seed of its
case: `--cases 1 --seed N` repeats it.
"""

import argparse
import os
import random

from harness.commands import test

TESTS = ["tests/test_channels_reference.py", "tests/test_channels_memory.py"]


def main(argv):
    """Return 0 if all cases agree."""
    parser = argparse.ArgumentParser(
        prog="./dev/fuzz-channels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cases",
        type=int,
        default=1000,
        metavar="N",
        help="how many (default: %(default)s); for the tests of the memory, a tenth",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.randrange(10**6),
        metavar="N",
        help="the one of the first case (default: any)",
    )
    options = parser.parse_args(argv)
    if options.cases < 1:
        parser.error("at least 1 case")
    print(f"Seeds from {options.seed} on", flush=True)
    for name in ("cases", "seed"):
        variable = f"QUEUE_JOB_CRON_JOBRUNNER_FUZZ_{name.upper()}"
        os.environ[variable] = str(getattr(options, name))
    return test.main([*TESTS, "-q"])
