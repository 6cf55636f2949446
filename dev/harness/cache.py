"""The folder for everything that is downloaded or made: safe to delete, and shared by
all checkouts and by commands that run at the same time."""

import fcntl
import os
import shutil
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .report import Failure

NAME = "queue_job_cron_jobrunner"


def folder():
    """The cache folder, created if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(os.environ.get("QUEUE_JOB_CRON_JOBRUNNER_CACHE") or Path(base, NAME))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"The cache folder {path} cannot be created ({error.strerror}): name "
            "another one with QUEUE_JOB_CRON_JOBRUNNER_CACHE."
        ) from error
    return path.resolve()


def new_log(name):
    """The path of an empty log file."""
    path = folder() / "logs" / f"{name}.log"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    return path


def built(path, build):
    """The folder path, which build() has filled: now, or in an earlier command.

    A folder that an earlier command left unfinished is emptied first.
    """
    done = path / ".done"
    if not done.exists():
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
        build()
        done.touch()
    return path


def write(path, text, mode=0o644):
    """Write a file that commands running at this moment may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)


@contextmanager
def alone(name, whom):
    """Only one command at a time is in a block of that name; the others say whom they
    wait for."""
    with (folder() / f"{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for {whom}.", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# for what changes what the cache holds
setup_lock = partial(alone, "setup", "the set-up of another command")
