"""python -m harness NAME [ARGUMENTS]: run a module of harness.commands."""

import importlib
import signal
import sys

from .report import Failure


def main(name, *arguments):
    # a closed terminal must not leave servers behind, either
    for end in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(end) != signal.SIG_IGN:  # as nohup has it
            signal.signal(end, lambda number, _frame: sys.exit(128 + number))
    try:
        return importlib.import_module(f"harness.commands.{name}").main([*arguments])
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
