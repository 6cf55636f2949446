"""A process of users, driven by the benchmark."""

import json
import socket
from contextlib import contextmanager
from pathlib import Path

from harness.cache import new_log
from harness.process import die_with_us, odoo_shell
from harness.report import Failure

FOLDER = Path(__file__).with_name("shell")


class Client:
    """An `odoo shell` with the functions of scripts of the folder `shell`.

    Calls on several clients work at the same time if each is begun by `ask` before
    the first of them is ended by `answer`.
    """

    def __init__(self, process, stream, log):
        self.process = process
        self.stream = stream
        self.log = log

    def call(self, function, **arguments):
        """Return what the function returns there."""
        self.ask(function, **arguments)
        return self.answer()

    def ask(self, function, **arguments):
        """Let it begin to call a function, whose first argument is its environment."""
        self.stream.write(json.dumps([function, arguments]) + "\n")
        self.stream.flush()

    def answer(self):
        """Return what the function returned that was asked for.

        :raises Failure: it has failed
        """
        if line := self.stream.readline():
            return json.loads(line)
        self.process.wait()  # it is still writing why
        raise Failure(f"A client of the benchmark has failed. Log: {self.log}")


@contextmanager
def client(system, database, *scripts):
    """A Client; the process is gone at the end.

    :param scripts: names of files of the folder `shell`
    """
    log = new_log(f"{database}-client")
    texts = [(FOLDER / name).read_text() for name in ("serve.py", *scripts)]
    ours, theirs = socket.socketpair()
    texts.append(f"serve(env, {theirs.fileno()})\n")
    with (
        ours,
        theirs,
        odoo_shell(
            database,
            "\n".join(texts),
            log,
            env=system.variables(),
            pass_fds=[theirs.fileno()],
            preexec_fn=die_with_us,
        ) as process,
    ):
        theirs.close()
        with ours.makefile("rw") as stream:
            yield Client(process, stream, log)
