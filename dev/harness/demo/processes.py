"""The processes of the demo: Odoo's server, and the shell that enqueues."""

import subprocess
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile

from harness.cache import new_log
from harness.server import load_odoo_server

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


@contextmanager
def enqueueing(database, runners, plan):
    """Enqueue the plan from an `odoo shell`, which is gone at the end.

    It is in a session of its own: Ctrl-C is for the command alone.
    """
    log = new_log(f"{database}-enqueue")
    call = f"\nmain(env, {runners}, {asdict(plan)!r})\n"
    with TemporaryFile() as script, log.open("wb") as output:
        script.write((SCRIPT.read_text() + call).encode())
        script.seek(0)
        process = subprocess.Popen(
            ["odoo", "shell", "--database", database, "--no-http"],
            stdin=script,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Shell(process, log)
    finally:
        process.kill()
        process.wait()
