"""`./dev/fuzz-channels`: random queues, our claims against queue_job's ChannelManager.

They are the tests of the suite with other cases. A failure tells the seed of its
case: `--cases 1 --seed N` repeats it.
"""

import os

from harness.commands import test
from harness.report import Options

TESTS = ["tests/test_channels_reference.py"]


def main(argv):
    """Return 0 if all cases agree."""
    parser = Options("fuzz-channels", __doc__)
    parser.add_number("cases", "how many", 1000, least=1)
    parser.add_seed("the one of the first case")
    options = parser.parse_args(argv)
    print(f"Seeds from {options.seed} on", flush=True)
    for name in ("cases", "seed"):
        variable = f"QUEUE_JOB_CRON_JOBRUNNER_FUZZ_{name.upper()}"
        os.environ[variable] = str(getattr(options, name))
    return test.main([*TESTS, "-q"])
