# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 6: what one job leaves to the next."""

import logging
from unittest.mock import patch

from psycopg2.pool import PoolError

from odoo.modules.registry import Registry

from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors


class TestFreshEnvironment(RunCase):
    """A job finds nothing of the jobs before it, and others see what it changed."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            env["ir.config_parameter"].set_param("ledger", "as it was")

    def run_jobs(self, *args):
        with mute_sql_errors, self.assertLogs(ADDON, logging.INFO) as logs:
            super().run_jobs(*args)
        return "\n".join(logs.output)

    def test_failed_job_has_no_side_effects(self):
        job = self.enqueue("announce_then_fail", "job")
        self.run_jobs()
        self.assertEqual(self.state(job), "failed")
        self.assertEqual(self.tokens(), [])
        mails = "SELECT id FROM mail_message WHERE subject = 'job'"
        self.assertEqual(self.query(mails), [])
        messages = "SELECT id FROM bus_bus WHERE channel LIKE '%%ledger%%'"
        self.assertEqual(self.query(messages), [])

    def test_cache_of_a_failed_job_is_forgotten(self):
        self.enqueue("set_parameter", "job", "never", "throw", "builtins.ValueError")
        self.enqueue("read_parameter", "after")
        self.run_jobs()
        self.assertEqual(self.tokens(), ["after: as it was"])
        self.assertFalse(self.registry.cache_invalidated)

    def test_cache_of_a_job_whose_connection_broke_is_forgotten(self):
        self.enqueue("set_parameter", "job", "never", "break_connection")
        self.enqueue("read_parameter", "after")
        self.run_jobs()
        self.assertEqual(self.tokens(), ["after: as it was"])
        self.assertFalse(self.registry.cache_invalidated)

    def test_change_by_another_process_between_two_jobs_is_seen(self):
        """By one without ORM: as another process it only signals its change."""
        self.enqueue("read_parameter", "before")
        self.enqueue(
            "execute_apart",
            "change",
            "UPDATE ir_config_parameter SET value = 'new' WHERE key = 'ledger';"
            "INSERT INTO orm_signaling_stable DEFAULT VALUES",
        )
        self.enqueue("read_parameter", "after")
        self.run_jobs()
        self.assertEqual(self.tokens(), ["before: as it was", "change", "after: new"])

    def test_records_are_read_again_by_each_job(self):
        job = self.enqueue("read_company_name", "before")
        self.enqueue(
            "execute_apart", "change", "UPDATE res_company SET name = 'Changed'"
        )
        self.enqueue("read_company_name", "after")
        self.run_jobs()
        self.assertEqual(self.state(job), "done")
        self.assertEqual(self.tokens()[-1], "after: Changed")

    def test_change_of_a_job_is_signalled_to_other_processes(self):
        signals = "SELECT count(*) FROM orm_signaling_stable"
        before = self.query(signals)
        self.enqueue("set_parameter", "job", "new")
        self.run_jobs()
        self.assertGreater(self.query(signals), before)
        self.assertFalse(self.registry.cache_invalidated)

    def test_session_is_as_new_for_each_job(self):
        """As with the regular runner, whose jobs borrow a connection each."""
        self.enqueue("execute", "job", "SET SESSION work_mem = '7MB'")
        self.enqueue("read_setting", "after", "work_mem")
        self.run_jobs()
        self.assertNotIn("after: 7MB", self.tokens())

    def test_changed_registry_ends_the_run_which_is_triggered_again(self):
        registry = "INSERT INTO orm_signaling_registry DEFAULT VALUES"
        first = self.enqueue("execute_apart", "job", registry)
        second = self.enqueue("record", "after")
        self.triggers()
        self.run_jobs(60)
        self.assertEqual((self.state(first), self.state(second)), ("done", "pending"))
        self.assertEqual(self.triggers(), 1)
        self.registry = Registry(self.database)
        self.run_jobs()
        self.assertEqual(self.state(second), "done")

    def test_run_without_a_connection_to_look_for_changes_is_triggered_again(self):
        change = "INSERT INTO orm_signaling_stable DEFAULT VALUES"
        first = self.enqueue("execute_apart", "job", change)
        second = self.enqueue("record", "after")
        self.triggers()
        full = PoolError("The Connection Pool Is Full")
        with patch.object(Registry, "check_signaling", side_effect=full):
            self.run_jobs(60)
        self.assertEqual((self.state(first), self.state(second)), ("done", "pending"))
        self.assertEqual(self.triggers(), 1)
