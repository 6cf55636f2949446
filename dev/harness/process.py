"""Programs that the commands start."""

import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from tempfile import TemporaryFile

from .report import Failure

FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_us():
    """In a child before it executes: if we are killed, it is asked to stop."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(command, log, error, **options):
    """Run command with its output appended to log; error is the Failure's sentence."""
    command = [str(part) for part in command]
    with log.open("ab") as output:
        output.write(f"$ {shlex.join(command)}\n".encode())
        output.flush()
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        try:
            code = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_us,
                **options,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as problem:
            output.write(f"{problem}\n".encode())
            code = 1
    if code:
        raise Failure(f"{error} Log: {log}")


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

    From a terminal, Ctrl-C reaches it directly. Elsewhere it has a process group of its
    own, so that a signal to the whole group (timeout does that) reaches it once.
    """
    interactive = sys.stdin.isatty()
    waited = FORWARDED | {signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)

    def prepare():
        die_with_us()
        if not interactive:
            os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    try:
        child = subprocess.Popen(command, env=variables, preexec_fn=prepare)
        while child.poll() is None:
            received = signal.sigwaitinfo(waited)
            from_terminal = received.si_code > 0
            if received.si_signo != signal.SIGCHLD and not from_terminal:
                child.send_signal(received.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


@contextmanager
def odoo_shell(database, code, log, **options):
    """The process of an `odoo shell` that executes the code, gone at the end.

    options: those of Popen.
    """
    with TemporaryFile() as script, log.open("ab") as output:
        script.write(code.encode())
        script.seek(0)
        process = subprocess.Popen(
            ["odoo", "shell", "--database", database, "--no-http"],
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


def free_port(preferred):
    """Return the preferred port if nobody listens there, or any that is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise AssertionError("the system has no free port")
