# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Timers: one for each process and database."""

import logging
import os
import select
import threading
from contextlib import closing
from unittest.mock import patch

from psycopg2 import InterfaceError

from odoo.sql_db import Cursor, db_connect

from ..runner.wake import HORIZON, MOMENT, _timers, arm
from .common.run_case import ADDON, RunCase


class TestTimer(RunCase):
    """One timer per process and database notifies the cron workers on time."""

    def setUp(self):
        super().setUp()
        self.listener = self.enterContext(closing(db_connect("postgres").cursor()))
        self.listener.execute("LISTEN cron_trigger")
        self.listener.commit()

    def assertNotified(self):
        connection = self.listener._cnx

        def notified():
            select.select([connection], [], [], 1)
            connection.poll()
            return any(each.payload == self.database for each in connection.notifies)

        self.wait_until(notified, "the cron workers are notified")
        connection.notifies.clear()

    def threads_of_timers(self):
        name = f"{MOMENT}.{self.database}"
        timers = [t for t in threading.enumerate() if t.name.endswith(name)]
        return [timer for timer in timers if not timer.finished.is_set()]

    def test_it_notifies_and_is_gone(self):
        arm(self.database, 0.2)
        self.assertNotified()
        self.wait_until(lambda: not self.threads_of_timers(), "the timer is gone")
        self.assertNotIn((self.database, MOMENT), _timers)

    def test_earliest_time_counts(self):
        arm(self.database, 200)
        arm(self.database, 100)
        arm(self.database, 200)
        [thread] = self.threads_of_timers()
        self.assertEqual(thread.interval, 100)
        arm(self.database, 0)
        self.assertNotified()

    def test_time_far_ahead_is_left_to_a_later_run(self):
        arm(self.database, HORIZON + 1)
        self.assertNotIn((self.database, MOMENT), _timers)

    def test_past_is_now(self):
        arm(self.database, -5)
        self.assertNotified()

    def test_stopping_process_does_not_wait_for_it(self):
        arm(self.database, 100)
        self.assertTrue(_timers[self.database, MOMENT][1].daemon)

    def test_forked_process_has_none_and_can_arm_its_own(self):
        arm(self.database, 100)
        child = os.fork()
        if not child:
            try:
                starts = {key for key in _timers if key[1] != MOMENT}
                inherited = set(_timers) != starts
                arm(self.database, 100)
                os._exit(inherited or (self.database, MOMENT) not in _timers)
            finally:
                os._exit(2)
        _pid, status = os.waitpid(child, 0)
        self.assertEqual(status, 0)
        self.assertIn((self.database, MOMENT), _timers)

    def test_host_that_looks_at_triggers_itself_gets_no_timer(self):
        with patch.dict(os.environ, ODOO_NOTIFY_CRON_CHANGES="1"):
            arm(self.database, 100)
        self.assertNotIn((self.database, MOMENT), _timers)

    def test_connection_that_odoo_has_closed_is_tried_again(self):
        execute, calls = Cursor.execute, []

        def fail_once(cursor, *args, **kwargs):
            calls.append(args)
            if len(calls) == 1:
                raise InterfaceError("connection already closed")
            return execute(cursor, *args, **kwargs)

        with patch.object(Cursor, "execute", fail_once):
            arm(self.database, 0)
            self.assertNotified()

    def test_database_that_is_gone_does_no_harm(self):
        with self.assertLogs(ADDON, logging.INFO) as logs:
            with patch("odoo.sql_db.Cursor.execute", side_effect=RuntimeError):
                arm(self.database, 0)
                self.wait_until(lambda: not self.threads_of_timers(), "it has rung")
        self.assertIn("not notified", logs.output[0])
