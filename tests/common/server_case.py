# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import math
import re
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests.common import BaseCase, new_test_user, tagged
from odoo.tools import config

from ...runner import wake
from .own_database import OwnDatabase
from .server import OdooServer, wait_until

PATIENCE = 120  # seconds until a test gives up waiting
NUDGE = 0.5  # seconds; more often, it takes the time from what is tested
PREFORK = ("--workers=1", "--limit-time-real-cron=0")
LOGGED_ERROR = re.compile(r"\S+ \S+ \d+ (?:ERROR|CRITICAL) ")
JOB_FIELDS = (
    "state",
    "retry",
    "date_started",
    "worker_pid",
    "runner_id",
    "exc_name",
    "exc_message",
    "result",
)


@tagged("-standard", "-at_install", "post_install", "queue_job_server")
class ServerCase(OwnDatabase, BaseCase):
    """A database of its own, worked on by real Odoo servers and by the test.

    It has the addon and the demo addon, whose ledger tells what jobs did.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def setUp(self):
        super().setUp()
        self.load_registry()
        self.addCleanup(self.cancel_timer)

    def load_registry(self):
        # it shall not take itself for one that is under test
        with patch.dict(config.options, test_enable=False):
            self.registry = Registry(self.database)

    def cancel_timer(self):
        """Do what the end of the process would do."""
        wake._loaded.discard(self.database)
        for key in [key for key in wake._timers if key[0] == self.database]:
            _moment, timer = wake._timers.pop(key)
            timer.cancel()

    @contextmanager
    def transaction(self):
        """A superuser's environment in a transaction that is committed at the end."""
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def query(self, statement, *parameters):
        """Return the rows of a query, in a transaction of its own."""
        with self.registry.cursor() as cr:
            cr.execute(statement, parameters)
            return cr.fetchall()

    def server(self, *options):
        """Start a server on the test's database and wait for its first cron.

        A cron worker that starts sleeps a minute unless it is notified. It is
        killed at the test's end.
        """
        server = OdooServer(
            self.database, *options, log=self.folder / f"{self._testMethodName}.log"
        )
        self.addCleanup(server.kill)
        server.start()
        ran = "SELECT 1 FROM ir_cron WHERE lastcall IS NOT NULL"
        self.wait(server, lambda: self.query(ran), "a first cron has run", nudge=True)
        return server

    def with_code(self, name, *lines):
        """Return the options of a server that executes the code first, as its own.

        :param name: of the addon that is made of the code, and loaded server-wide
        """
        addon = self.folder / self._testMethodName / name
        addon.mkdir(parents=True)
        (addon / "__manifest__.py").write_text("{'name': 'Of a test'}")
        (addon / "__init__.py").write_text("\n".join(lines))
        path = ",".join([*config["addons_path"], str(addon.parent)])
        return f"--addons-path={path}", f"--load=base,web,{name}"

    def wait(self, server, condition, what, nudge=False):
        """Wait for a condition; the server's log is part of what a failure says.

        :param nudge: let the cron workers look for what is due twice a second, as on
            a busy cluster, instead of once a minute.
        """
        last = -math.inf

        def nudged():
            nonlocal last
            if time.monotonic() - last > NUDGE:
                with self.transaction() as env:
                    env["ir.cron"]._notifydb()
                last = time.monotonic()
            return condition()

        try:
            return wait_until(nudged if nudge else condition, PATIENCE, what)
        except AssertionError as error:
            tail = "\n".join(server.log_text().splitlines()[-80:])
            raise AssertionError(f"{error}; states {self.states()}\n{tail}") from None

    def new_manager(self, login):
        """Return the id of a new manager of jobs who is no administrator.

        The password is the login.
        """
        groups = "base.group_user,queue_job.group_queue_job_manager"
        with self.transaction() as env:
            return new_test_user(env, login, groups, password=login).id

    def add_runners(self, count):
        with self.transaction() as env:
            for _number in range(count):
                env.ref("queue_job_cron_jobrunner.queue_job_cron").copy()

    def only_runners(self):
        """Deactivate Odoo's own crons: they would take from the limits' time."""
        with self.transaction() as env:
            crons = env["ir.cron"].search([("queue_job_runner", "=", False)])
            crons.active = False

    def enqueue(self, tokens, method="record", *args, **options):
        """Enqueue a job for each token, whose name it is; return the tokens.

        :param method: a method of the demo addon's ledger, called with the token
            and ``args``
        :param options: what ``with_delay()`` takes
        """
        with self.transaction() as env:
            for token in tokens:
                delayed = env["queue.job.demo.ledger"].with_delay(
                    description=token, **options
                )
                getattr(delayed, method)(token, *args)
        return tokens

    def job(self, token):
        """Return the values of the job of that name."""
        with self.transaction() as env:
            [job] = env["queue.job"].search([("name", "=", token)])
            return job.read(JOB_FIELDS, load=None)[0]

    def job_is(self, token, state):
        """A condition: the job of that name is in that state."""
        return lambda: self.job(token)["state"] == state

    def states(self):
        """Return how many jobs there are in each state."""
        return dict(self.query("SELECT state, count(*) FROM queue_job GROUP BY state"))

    def all_in(self, *states):
        """A condition: every job is in one of these states."""
        return lambda: set(self.states()) <= set(states)

    def ledger(self):
        """Return a (token, pid) for each row that jobs left, in order."""
        return self.query("SELECT token, pid FROM queue_job_demo_ledger ORDER BY id")

    def assertOnceEach(self, tokens):
        self.assertCountEqual([token for token, _pid in self.ledger()], tokens)

    def assertDoneByWorkersOf(self, server, tokens):
        """Every job took effect once, and each of the cron workers has done some."""
        self.assertOnceEach(tokens)
        pids = {pid for _token, pid in self.ledger()}
        self.assertEqual(pids, set(server.cron_workers()))

    def assertCronsFine(self):
        """No run of a runner has failed."""
        failures = self.query(
            "SELECT cron_name, failure_count FROM ir_cron"
            " WHERE queue_job_runner AND (failure_count > 0 OR NOT active)"
        )
        self.assertFalse(failures)

    def assertNoErrorIn(self, server, *expected):
        """The log has no ERROR but those whose text contains an expected one."""
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", server.log_text(), flags=re.M)
        errors = [entry for entry in entries if LOGGED_ERROR.match(entry)]
        unexpected = [
            error for error in errors if not any(text in error for text in expected)
        ]
        self.assertFalse(unexpected, "\n".join(unexpected))
