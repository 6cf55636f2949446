"""Programs that the commands start."""

import ctypes
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from tempfile import TemporaryFile

from .report import Failure

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_us():
    """In a child before it executes: if we are killed, it is asked to stop."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(command, log, error, **options):
    """Run command with its output appended to log; error is the Failure's sentence."""
    command = [str(part) for part in command]
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    with log.open("ab") as output:
        output.write(f"$ {shlex.join(command)}\n".encode())
        output.flush()
        options |= {"stdout": output, "stderr": output, "preexec_fn": die_with_us}
        try:
            subprocess.run(command, check=True, **options)
        except (OSError, subprocess.SubprocessError) as problem:
            output.write(f"{problem}\n".encode())
            raise Failure(f"{error} Log: {log}") from problem


def wait_until(condition, seconds, error):
    """Return when condition() is true; error is the sentence of the Failure if it does
    not come true in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(error)
        time.sleep(0.1)


def attend(command, variables):
    """Run command in the foreground, hand it our signals, return its exit status.

    From a terminal, Ctrl-C reaches it directly. Elsewhere it has a session of its own,
    so that a signal to the whole group (timeout does that) reaches it once.
    """
    interactive = sys.stdin.isatty()
    child = subprocess.Popen(
        command,
        env=variables,
        preexec_fn=die_with_us,
        start_new_session=not interactive,
    )

    def forward(number, _frame):
        if not interactive or number in (signal.SIGTERM, signal.SIGHUP):
            child.send_signal(number)

    handlers = {number: signal.signal(number, forward) for number in FORWARDED}
    code = child.wait()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return code if code >= 0 else 128 - code


@contextmanager
def odoo_shell(env, database, code, log, **options):
    """The process of an `odoo shell` that executes the code, gone at the end.

    env: an Environment; options: those of Popen.
    """
    with TemporaryFile() as script, log.open("ab") as output:
        script.write(code.encode())
        script.seek(0)
        process = subprocess.Popen(
            _shell(database),
            env=env.variables,
            stdin=script,
            stdout=output,
            stderr=output,
            **options,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_shell(env, database, code, log, error, **options):
    """Run an `odoo shell` that executes the code, as :func:`run` does."""
    options |= {"env": env.variables, "input": code.encode()}
    run(_shell(database), log, error, **options)


def _shell(database):
    return ["odoo", "shell", "--database", database, "--no-http"]


def free_port(preferred):
    """Return the preferred port if nobody listens there, or any that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
