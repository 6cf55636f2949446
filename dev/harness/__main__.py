"""python -m harness NAME [ARGUMENTS]: run a module of harness.commands."""

import importlib
import signal
import sys

from .report import Failure


def main(name, *arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return importlib.import_module(f"harness.commands.{name}").main([*arguments])
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
