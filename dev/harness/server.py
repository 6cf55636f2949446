"""What the tests and the commands share: modules in tests/common/ that need no Odoo."""

import importlib.util
from contextlib import contextmanager

from .cache import new_log
from .process import wait_until
from .report import Failure, step

PATIENCE = 60  # seconds


def load_from_tests(checkout, name):
    """The module of that name in tests/common/; its package would need Odoo."""
    path = checkout / "tests" / "common" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_odoo_server(checkout):
    """The class OdooServer of tests/common/server.py."""
    return load_from_tests(checkout, "server").OdooServer


@contextmanager
def odoo_server(checkout, database, cron_workers, *options):
    """A prefork OdooServer with so many cron workers, which have started.

    At the end it is killed: its runners might go on for long.
    """
    workers = ["--workers=2", f"--max-cron-threads={cron_workers}"]
    log = new_log(database)
    server = load_odoo_server(checkout)(database, *workers, *options, log=log)
    try:
        with step(f"Starting Odoo, cron workers: {cron_workers}"):
            server.start()
            wait_until(
                lambda: len(server.cron_workers()) == cron_workers or check(server),
                PATIENCE,
                f"Odoo has no cron workers. Log: {log}",
            )
        yield server
    finally:
        server.kill()


def check(server):
    """:raises Failure: the OdooServer has died."""
    if not server.running:
        raise Failure(f"The server has died. Log: {server.log}")
