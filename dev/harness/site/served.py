"""The server of the site."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.cache import new_log
from harness.demo.processes import wait_for_workers
from harness.process import free_port, run
from harness.report import step
from harness.server import load_odoo_server

DEV = Path(__file__).resolve().parents[2]
FILL = """
import sys
sys.path.append({dev!r})
from harness.site.fill import fill
fill(env, {jobs}, {runners})
"""


@dataclass
class Site:
    """url: where it is served; server: the OdooServer."""

    url: str
    server: object


@contextmanager
def site(env, database, jobs, runners):
    """Serve a database, filled; the server is killed at the end.

    One cron worker is left beside the runners. Some jobs take longer than a worker may
    take by default.
    """
    port = free_port(8069)
    options = [
        "--workers=2",
        f"--http-port={port}",
        f"--gevent-port={free_port(8072)}",
        f"--max-cron-threads={runners + 1}",
        "--limit-time-real-cron=0",
    ]
    log = new_log(database)
    server = load_odoo_server(env.checkout)(database, *options, log=log)
    try:
        with step("Starting Odoo"):
            server.start()
            wait_for_workers(server, runners + 1)
        with step(f"Letting its runners do {jobs} jobs, and start others"):
            script = FILL.format(dev=str(DEV), jobs=jobs, runners=runners)
            shell = ["odoo", "shell", "--database", database, "--no-http"]
            log, error = new_log(f"{database}-fill"), "The jobs could not be enqueued."
            run(shell, log, error, env=env.variables, input=script.encode())
        yield Site(f"http://127.0.0.1:{port}", server)
    finally:
        server.kill()
