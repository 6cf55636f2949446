"""The processes of the demo: Odoo's server, and the shell that enqueues."""

import subprocess
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.cache import new_log
from harness.process import odoo_shell
from harness.report import Failure
from harness.server import load_odoo_server

START_LIMIT = 60  # seconds
SCRIPT = Path(__file__).with_name("enqueue.py")


@dataclass
class Shell:
    process: subprocess.Popen
    log: Path


@contextmanager
def odoo_server(env, database, runners, log):
    """Run a prefork server with one cron worker per runner.

    After an error or Ctrl-C it is killed: its runners might go on for long.
    """
    options = ["--workers=2", f"--max-cron-threads={runners}"]
    server = load_odoo_server(env.checkout)(database, *options, log=log)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()


def wait_for_workers(server, count):
    """Return when the server has so many cron workers.

    :raises Failure: it has died, or takes too long
    """
    deadline = time.monotonic() + START_LIMIT
    while len(server.cron_workers()) < count:
        if not server.running or time.monotonic() > deadline:
            raise Failure(f"Odoo has no cron workers. Log: {server.log}")
        time.sleep(0.1)


@contextmanager
def enqueueing(database, runners, plan):
    """Enqueue the plan from an `odoo shell`, which is gone at the end.

    It is in a session of its own: Ctrl-C is for the command alone.
    """
    log = new_log(f"{database}-enqueue")
    code = f"{SCRIPT.read_text()}\nmain(env, {runners}, {asdict(plan)!r})\n"
    with odoo_shell(database, code, log, start_new_session=True) as process:
        yield Shell(process, log)
