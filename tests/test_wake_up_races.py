# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: wake-ups and runs in every order."""

import os
import signal
import subprocess
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from threading import Event
from unittest.mock import DEFAULT, Mock, patch

import psycopg2
from psycopg2.pool import PoolError

from odoo import SUPERUSER_ID, api
from odoo.sql_db import db_connect

from ..runner import claim, run, wake
from ..runner.budget import Budget
from ..runner.claim import Claims
from ..runner.look import NOW
from .common.run_case import RUNNER, RunCase
from .common.server import OdooServer, wait_until
from .common.server_case import PATIENCE, PREFORK, ServerCase

SLICE = 60  # seconds of a run, unless it is to end for that
SOON = timedelta(seconds=15)
ON_TIME = timedelta(seconds=12)

DUE = f"""
    SELECT cron_id FROM ir_cron_trigger WHERE call_at <= {NOW} AND xmax = 0
"""
PRESENT = f"""
    SELECT pid, mode
      FROM pg_locks
     WHERE locktype = 'advisory'
       AND classid = {wake.PRESENCE}
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LINGERING = f"{PRESENT} AND mode = 'ExclusiveLock'"
END_PRESENT = f"SELECT pg_terminate_backend(pid) FROM ({PRESENT}) AS present"


@contextmanager
def held_up(owner, name, before=False):
    """Hold up the first call of a method, after what it does unless ``before``.

    :return: two events: it is there, it may go on
    """
    original, there, go = getattr(owner, name), Event(), Event()

    def wait():
        if not there.is_set():
            there.set()
            go.wait(PATIENCE)

    def replacement(*args, **kwargs):
        if before:
            wait()
        result = original(*args, **kwargs)
        if not before:
            wait()
        return result

    with patch.object(owner, name, replacement):
        try:
            yield there, go
        finally:
            go.set()


class TestWakeUpRaces(RunCase):
    """Runs in threads of the test. Either one that is relied upon does the job, or
    cron workers are notified and find a runner triggered."""

    linger = 1

    def setUp(self):
        super().setUp()
        self.listener = self.enterContext(closing(db_connect("postgres").cursor()))
        self.listener.execute("LISTEN cron_trigger")
        self.listener.commit()
        self.runner = self.runner_id()

    def add_second(self):
        """Add a runner and return its id."""
        self.add_runners(1)
        with self.transaction() as env:
            [second] = env["ir.cron"]._queue_job_runners().ids[1:]
            return second

    def notified(self):
        """Return whether the workers were notified since this was asked last."""
        self.listener._cnx.poll()
        payloads = {each.payload for each in self.listener._cnx.notifies}
        self.listener._cnx.notifies.clear()
        return self.database in payloads

    def forget(self):
        """What has woken until now does not count."""
        self.triggers()
        self.notified()

    def assertWoken(self, runner):
        self.wait_until(self.notified, "cron workers are notified")
        self.assertIn(runner, [cron for (cron,) in self.query(DUE)])

    def run_in_background(self, seconds=SLICE):
        return self.start(self.run_jobs, seconds)

    def wait_for(self, event):
        self.assertTrue(event.wait(PATIENCE))

    def lingering(self):
        self.wait_until(lambda: self.query(LINGERING), "the run lingers")

    def busy(self, seconds, slice_=SLICE):
        """Let a run have a job and another one behind it; return the run's future.

        All are at work: nobody is woken for the other one.
        """
        job = self.enqueue("sleep", "busy", seconds)
        future = self.run_in_background(slice_)
        self.wait_until(lambda: self.state(job) == "started", "it is started")
        self.forget()
        self.enqueue("record", "other")
        self.assertFalse(self.notified())
        return future

    # a commit between the snapshot of a look that finds nothing and its end

    def enqueue_in_the_middle_of_a_look(self, go_on):
        self.forget()
        with held_up(Claims, "claim") as (there, go):
            future = self.run_in_background()
            self.wait_for(there)
            with patch.object(wake, "wake", partial(go_on, go, wake.wake)):
                self.enqueue("record", "job")
            go.set()
            future.result(PATIENCE)

    def go_on_first(self, go, original, *args, **kwargs):
        go.set()
        original(*args, **kwargs)

    def go_on_late(self, go, original, *args, **kwargs):
        original(*args, **kwargs)
        go.set()

    def test_commit_during_the_look_of_a_run_that_lingers_then(self):
        with held_up(Claims, "claim") as (there, go):
            with patch.object(run, "LINGER", PATIENCE):
                future = self.run_in_background()
                self.wait_for(there)
                go_on = partial(self.go_on_first, go, wake.wake)
                with patch.object(wake, "wake", go_on):
                    job = self.enqueue("record", "job")
                done = lambda: self.state(job) == "done"  # noqa: E731
                wait_until(done, SOON.seconds, "the run was told")
            self.enqueue("record", "last")
            future.result(PATIENCE)
        self.assertEqual(self.tokens(), ["job", "last"])

    def test_commit_during_a_long_look_of_a_run_that_lingers_then(self):
        self.enqueue_in_the_middle_of_a_look(self.go_on_late)
        self.assertEqual(self.tokens(), ["job"])

    def test_commit_during_the_last_look_of_a_run(self):
        for go_on in (self.go_on_first, self.go_on_late):
            with self.subTest(go_on.__name__), patch.object(run, "LINGER", 0):
                self.query("DELETE FROM queue_job RETURNING id")
                self.enqueue_in_the_middle_of_a_look(go_on)
                self.assertWoken(self.runner)

    # a run that leaves though somebody relied on it

    def test_end_of_the_slice(self):
        self.busy(1, 0.5).result(PATIENCE)
        self.assertWoken(self.runner)

    def test_others_in_the_way_of_every_claim(self):
        begin = claim.BEGIN_CLAIM.replace("lock_timeout = '5s'", "lock_timeout = 50")
        self.assertNotEqual(begin, claim.BEGIN_CLAIM)
        with patch.object(claim, "BEGIN_CLAIM", begin):
            future = self.busy(1)
            cr = self.cursor()
            cr.execute(wake.LOCK_CLAIMS)
            future.result(PATIENCE)
        self.assertWoken(self.runner)

    def test_switched_off_while_it_lingers(self):
        second = self.add_second()
        with held_up(Budget, "wait", before=True) as (there, go):
            future = self.run_in_background()
            self.wait_for(there)
            self.forget()
            self.enqueue("record", "job")
            self.assertFalse(self.notified())
            self.switch_off(self.runner)
            go.set()
            future.result(PATIENCE)
        self.assertWoken(second)

    def lose_connection(self, future):
        with suppress(psycopg2.Error):
            future.result(PATIENCE)
        self.assertWoken(self.runner)
        self.assertFalse(self.query(PRESENT))

    def test_connection_lost_while_it_lingers(self):
        with held_up(Budget, "wait", before=True) as (there, go):
            future = self.run_in_background()
            self.wait_for(there)
            self.forget()
            self.enqueue("record", "job")
            self.assertFalse(self.notified())
            self.query(END_PRESENT)
            go.set()
            self.lose_connection(future)

    def test_connection_lost_during_a_job(self):
        future = self.busy(1)
        self.query(END_PRESENT)
        self.lose_connection(future)
        self.assertEqual(self.tokens(), ["busy"])

    @contextmanager
    def no_connection_at_first(self):
        pools = Mock(wraps=db_connect, side_effect=[PoolError("full"), DEFAULT])
        with patch.object(wake, "db_connect", pools):
            yield
        self.assertEqual(pools.call_count, 2)

    def test_no_connection_to_wake_another_one_with(self):
        future = self.busy(1, 0.5)
        with self.no_connection_at_first():
            future.result(PATIENCE)
            self.assertWoken(self.runner)

    def test_no_connection_for_the_timer(self):
        with self.no_connection_at_first():
            wake.arm(self.database, 0)
            self.assertWoken(self.runner)

    def test_connection_lost_between_commit_and_hook(self):
        with self.transaction() as env:
            end = f"SELECT pg_terminate_backend({env.cr._cnx.get_backend_pid()})"
            env.cr.postcommit.add(partial(self.query, end))
            env["queue.job.demo.ledger"].with_delay().record("job")
        self.assertWoken(self.runner)

    def test_hooks_beside_that_of_a_wake_up(self):
        """One leaves a write to the next commit, and one enqueues."""
        with self.transaction() as env:
            enqueue = env["queue.job.demo.ledger"].with_delay().record
            write = "UPDATE res_partner SET ref = 'written' WHERE id = 1"
            env.cr.postcommit.add(partial(env.cr.execute, write))
            enqueue("job")
            env.cr.postcommit.add(self.forget)
            env.cr.postcommit.add(partial(enqueue, "late"))
            env.cr.commit()
        self.assertWoken(self.runner)
        written = self.query("SELECT ref FROM res_partner WHERE id = 1")
        self.assertEqual(written, [("written",)])

    def test_claim_notifies_of_triggers_of_its_own_only(self):
        """With more runners than cron workers, one stands until a worker is free."""
        second = self.add_second()
        for _number in range(3):
            self.enqueue("record", "job")
        self.forget()
        self.claim()
        self.assertWoken(second)
        self.claim()
        self.assertFalse(self.notified())

    def test_job_that_is_held_while_another_one_is_claimed(self):
        """It may be let go without a word: the next run waits for it."""
        second = self.add_second()
        held = self.enqueue("record", "held", priority=1)
        other = self.enqueue("sleep", "other", 1)
        user = self.cursor()
        user.execute("SELECT 1 FROM queue_job WHERE id = %s FOR UPDATE", [held])
        self.forget()
        future = self.run_in_background()
        self.wait_until(lambda: self.state(other) == "started", "it is started")
        self.assertWoken(second)
        user.rollback()
        future.result(PATIENCE)

    # Run Manually

    def test_runner_whose_row_is_held_is_passed_over(self):
        second = self.add_second()
        self.forget()
        cr = self.cursor()
        cr.execute("SELECT FROM ir_cron WHERE id = %s FOR NO KEY UPDATE", [self.runner])
        self.enqueue("record", "job")
        self.assertWoken(second)

    def run_manually(self):
        with self.transaction() as env:
            env.ref(RUNNER).method_direct_trigger()

    def test_run_manually(self):
        second = self.add_second()
        job = self.enqueue("sleep", "job", 1)
        self.forget()
        future = self.start(self.run_manually)
        self.wait_until(lambda: self.state(job) == "started", "it is started")
        self.enqueue("record", "beside")
        self.assertWoken(second)
        self.lingering()
        self.enqueue("record", "told")
        future.result(PATIENCE)
        self.assertEqual(self.tokens(), ["job", "beside", "told"])

    # the hook

    def test_hook_behind_an_upgrade_or_a_vacuum(self):
        for mode in ("ACCESS EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"):
            with self.subTest(mode), closing(self.registry.cursor()) as enqueuer:
                self.forget()
                self.record(enqueuer)
                with closing(self.registry.cursor()) as cr:
                    cr.execute(f"LOCK TABLE queue_job_channel IN {mode} MODE")
                    self.start(enqueuer.commit).result(PATIENCE)
                    self.assertWoken(self.runner)

    def record(self, cr, **options):
        ledger = api.Environment(cr, SUPERUSER_ID, {})["queue.job.demo.ledger"]
        ledger.with_delay(channel="root", **options).record("job")

    def triggers_without_hook(self, *etas, savepoint):
        """Enqueue jobs, the first one in a savepoint that is rolled back, and die after
        the commit; return when a runner is triggered."""
        self.triggers()
        with patch.object(wake, "wake"), closing(self.registry.cursor()) as cr:
            first, *others = etas
            with savepoint(cr):
                self.record(cr, eta=first)
            for eta in others:
                self.record(cr, eta=eta)
            cr.commit()  # pylint: disable=invalid-commit
        return self.query("SELECT call_at FROM ir_cron_trigger")

    @contextmanager
    def rolled_back(self, cr):
        with suppress(ZeroDivisionError), cr.savepoint():
            yield
            raise ZeroDivisionError

    def test_savepoint_is_rolled_back_together_with_the_trigger(self):
        for etas in ((None, None), (3600, 3600), (3600, 7200), (None, 3600)):
            with self.subTest(etas=etas):
                found = self.triggers_without_hook(*etas, savepoint=self.rolled_back)
                eta = "SELECT eta FROM queue_job ORDER BY id DESC LIMIT 1"
                [(eta,)] = self.query(eta)
                [(moment,)] = found
                if eta:
                    self.assertEqual(moment, eta.replace(microsecond=0))

    def test_savepoint_that_odoo_does_not_know(self):
        for eta in (None, 3600):
            with self.subTest(eta=eta), closing(self.registry.cursor()) as cr:
                self.forget()
                cr.execute("SAVEPOINT unknown")
                self.record(cr, eta=eta)
                cr.execute("ROLLBACK TO SAVEPOINT unknown")
                self.record(cr, eta=eta)
                cr.commit()  # pylint: disable=invalid-commit
                self.assertWoken(self.runner)

    def test_process_is_killed_between_commit_and_hook(self):
        for eta, due in ((None, True), (3600, False)):
            with self.subTest(eta=eta):
                self.triggers()
                status = shell(
                    self.database,
                    "import os, signal",
                    "from odoo.addons.queue_job_cron_jobrunner.runner import wake",
                    "wake.wake = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)",
                    f"env['queue.job.demo.ledger'].with_delay(eta={eta}).record('job')",
                    "env.cr.commit()",
                )
                self.assertEqual(status, -signal.SIGKILL)
                found = self.query(f"SELECT call_at <= {NOW} FROM ir_cron_trigger")
                self.assertEqual(found, [(due,)])
        self.assertEqual(self.states(), {"pending": 2})


def shell(database, *lines):
    """Execute the lines in a shell of Odoo's; return the exit status."""
    return subprocess.run(
        ["odoo", "shell", "--no-http", "--database", database],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        check=False,
    ).returncode


class TestWakeUpOfServers(ServerCase):
    """Jobs start soon, and on time, though whoever was to see to it is gone."""

    def setUp(self):
        super().setUp()
        self.only_runners()

    def now(self):
        return self.query(f"SELECT {NOW}")[0][0]

    def start_server(self, name, *options):
        """Start a server, and do not notify its workers."""
        server = OdooServer(self.database, *options, log=self.folder / name)
        self.addCleanup(server.kill)
        server.start()
        return server

    def is_ready(self, server):
        return "Registry loaded" in server.log_text()

    def assertStartsSoon(self, server, token, since):
        is_pending = self.job_is(token, "pending")
        self.wait(server, lambda: not is_pending(), f"{token} starts")
        self.assertLess(self.job(token)["date_started"] - since, SOON)

    def assertOnTime(self, server):
        self.wait(server, self.all_in("done"), "the job is done")
        [(late,)] = self.query("SELECT date_started - eta FROM queue_job")
        self.assertGreaterEqual(late, timedelta())
        self.assertLess(late, ON_TIME)

    def idle(self, server):
        self.wait(server, lambda: not self.query(PRESENT), "nobody looks")

    def test_start_of_a_server(self):
        for options in (PREFORK, ("--workers=0",)):
            with self.subTest(options):
                [token] = self.enqueue([options[0]])
                server = self.start_server(token, *options, "--max-cron-threads=1")
                self.wait(server, partial(self.is_ready, server), "it is ready")
                self.assertStartsSoon(server, token, self.now())
                self.wait(server, self.all_in("done"), "it is done")
                server.kill()

    def busy_server(self):
        """Start a server whose runner has a job, with another one behind it."""
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["busy"], "sleep", 60)
        self.wait(server, self.job_is("busy", "started"), "it is started")
        self.enqueue(["other"])
        return server

    def test_start_after_a_crash(self):
        server = self.busy_server()
        server.kill()
        server.log.unlink()
        server.start()
        self.wait(server, partial(self.is_ready, server), "it is ready")
        self.assertStartsSoon(server, "other", self.now())

    def test_worker_that_is_replaced_in_a_job(self):
        server = self.busy_server()
        os.kill(self.job("busy")["worker_pid"], signal.SIGKILL)
        self.assertStartsSoon(server, "other", self.now())

    def test_job_that_nobody_heard_of_while_the_worker_was_replaced(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["first"])
        self.wait(server, self.all_in("done"), "it is done")
        self.idle(server)
        server.process.send_signal(signal.SIGSTOP)
        [worker] = server.cron_workers()
        os.kill(worker, signal.SIGKILL)
        self.enqueue(["second"])
        server.process.send_signal(signal.SIGCONT)
        self.assertStartsSoon(server, "second", self.now())

    def test_frozen_run_that_lingers(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        self.enqueue(["first"])
        self.wait(server, lambda: self.query(LINGERING), "a run lingers")
        self.wait(server, self.all_in("done"), "it is done")
        worker = self.job("first")["worker_pid"]
        os.kill(worker, signal.SIGSTOP)
        self.addCleanup(os.kill, worker, signal.SIGCONT)
        # PostgreSQL ends its session: until then it is taken for one that will look
        self.wait(server, lambda: not self.query(LINGERING), "nobody relies on it")
        self.enqueue(["second"])
        self.assertStartsSoon(server, "second", self.now())

    def test_connection_lost_during_a_job(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["busy"], "sleep", 2)
        self.wait(server, self.job_is("busy", "started"), "it is started")
        self.enqueue(["other"])
        self.query(END_PRESENT)
        self.wait(server, self.job_is("busy", "done"), "it is done")
        self.assertStartsSoon(server, "other", self.now())
        self.wait(server, self.all_in("done"), "the other one is done")
        self.idle(server)
        self.assertCronsFine()

    def test_process_that_enqueues_with_an_eta_and_ends(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.idle(server)
        status = shell(
            self.database,
            "env['queue.job.demo.ledger'].with_delay(eta=8).record('job')",
            "env.cr.commit()",
        )
        self.assertEqual(status, 0)
        self.assertOnTime(server)

    def test_jobs_made_pending_by_sql(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["first"])
        self.wait(server, self.all_in("done"), "it is done")
        rested = (
            "SELECT 1 FROM ir_cron WHERE queue_job_runner"
            f" AND lastcall < {NOW} - INTERVAL '5 s'"
        )
        self.wait(server, lambda: self.query(rested), "no run is about to begin")
        with self.registry.cursor() as cr:
            cr.execute("UPDATE queue_job SET state = 'pending'")
        since = self.now()
        self.wait(server, self.all_in("done"), "it is done again")
        late = self.job("first")["date_started"] - since
        print(f"\nStarted after {late}")  # pylint: disable=print-used
        self.assertLess(late, timedelta(minutes=1))

    def test_worker_with_the_timer_is_killed(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["first"], eta=8)
        self.cancel_timer()
        self.wait(server, lambda: self.query(LINGERING), "a run has looked")
        self.idle(server)
        [worker] = server.cron_workers()
        os.kill(worker, signal.SIGKILL)
        self.assertOnTime(server)
