"""CPU time of whole trees of processes."""

from contextlib import suppress
from pathlib import Path

import psutil


def used(*pids):
    """Return the CPU seconds that these processes and all below them have used.

    Those that have ended are counted: their parents have waited for them.
    """
    total = 0
    for process in _trees(pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += times.children_user + times.children_system
    return total


def used_exactly(*pids):
    """Return the CPU seconds of the threads that these trees have now.

    In nanoseconds, where :func:`used` has hundredths of a second for each process:
    what matters when they do next to nothing.
    """
    total = 0
    for process in _trees(pids):
        for path in Path("/proc", str(process.pid), "task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(path.read_text().split()[0])
    return total / 1e9


def _trees(pids):
    for pid in pids:
        process = psutil.Process(pid)
        yield from [process, *process.children(recursive=True)]
