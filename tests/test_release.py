# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: jobs whose parents are done start."""

import json
import time
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.service.model import retrying

from odoo.addons.queue_job.delay import chain, group

from ..models import queue_job_rescue
from ..runner import wake
from ..runner.rescue import SWEEP_KEY, stranded
from .common.run_case import ADDON, PATIENCE, RunCase
from .common.runner_case import mute_sql_errors
from .common.server_case import PREFORK, ServerCase

NEVER_SWEPT = f"""
    UPDATE ir_config_parameter SET value = '0 0' WHERE key = '{SWEEP_KEY}'
"""
FINISHED_BEFORE = "UPDATE queue_job SET date_done = date_done - INTERVAL '1 min'"
CHAIN = 5_000
GROUP = 150
FAMILIES = 60
RUN = "runner", "child"


class TestRelease(RunCase):
    """A job that waits for others is released when they are done, and once."""

    def enqueue_family(self):
        """Enqueue two parents and their child; return the child's id."""
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            child = ledger.delayable().record("child")
            parents = group(*(ledger.delayable().record(name) for name in "ab"))
            chain(parents, child).delay()
            child_id = child._generated_job.db_record().id
        self.assertEqual(self.state(child_id), "wait_dependencies")
        return child_id

    def finish_parent(self):
        """Perform a parent and commit, but do not release its dependents.

        :return: what releases them
        """
        record = self.claim()
        wake.keep_quiet(record.env.cr)
        self.lock(record)
        record._perform(True)
        self.assertEqual(self.state(record.id), "done")
        return record._release_dependents

    def assertReleasedOnce(self, child):
        self.assertEqual(self.state(child), "pending")
        self.run_jobs()
        self.assertEqual(sorted(self.tokens()), ["a", "b", "child"])

    def test_both_parents_are_done_before_either_releases(self):
        child = self.enqueue_family()
        releases = [self.finish_parent(), self.finish_parent()]
        self.triggers()
        for release in releases:
            release()
        self.assertReleasedOnce(child)

    def test_first_parent_releases_before_the_second_is_done(self):
        child = self.enqueue_family()
        self.finish_parent()()
        self.assertEqual(self.state(child), "wait_dependencies")
        release = self.finish_parent()
        self.triggers()
        release()
        self.assertReleasedOnce(child)

    def test_first_parent_releases_last(self):
        child = self.enqueue_family()
        first = self.finish_parent()
        self.triggers()
        self.finish_parent()()
        first()
        self.assertReleasedOnce(child)

    def test_both_parents_release_while_a_user_changes_the_child(self):
        child = self.enqueue_family()
        releases = [self.finish_parent(), self.finish_parent()]
        self.triggers()
        user = self.cursor()
        user.execute("UPDATE queue_job SET priority = 1 WHERE id = %s", [child])
        futures = [self.start(release) for release in releases]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        self.wait_until(lambda: self.query(waiting) == [(2,)], "both wait")
        with mute_sql_errors:
            user.commit()
            for future in futures:
                future.result(PATIENCE)
        self.assertReleasedOnce(child)

    def test_user_who_holds_a_child_for_long_does_not_hold_up_its_siblings(self):
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            children = [ledger.delayable().record(name) for name in "bc"]
            chain(ledger.delayable().record("a"), group(*children)).delay()
            held, free = (each._generated_job.db_record().id for each in children)
        user = self.cursor()
        user.execute("UPDATE queue_job SET priority = 1 WHERE id = %s", [held])
        release = self.finish_parent()
        with mute_sql_errors:
            self.start(release).result(PATIENCE)
        self.assertEqual(self.state(free), "pending")
        user.commit()
        self.assertEqual(self.state(held), "wait_dependencies")
        self.execute(FINISHED_BEFORE)
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertEqual(self.state(held), "pending")

    def test_child_is_released_if_the_process_died_before_it_could(self):
        child = self.enqueue_family()
        self.finish_parent()
        self.execute(NEVER_SWEPT)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies")
        self.finish_parent()
        self.execute(NEVER_SWEPT)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies", "too early to tell")
        self.execute(FINISHED_BEFORE)
        self.triggers()
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.rescue()
        self.assertIn("was left waiting", logs.output[0])
        self.assertReleasedOnce(child)

    def test_stranded_jobs_are_looked_for_once_a_minute(self):
        self.execute(NEVER_SWEPT)
        self.rescue()
        child = self.enqueue_family()
        self.finish_parent()
        self.finish_parent()
        self.execute(FINISHED_BEFORE)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies")
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertEqual(self.state(child), "pending")

    def test_stranded_jobs_are_found_though_the_parameter_was_deleted(self):
        child = self.enqueue_family()
        self.finish_parent()
        self.finish_parent()
        self.execute(FINISHED_BEFORE)
        self.execute(f"DELETE FROM ir_config_parameter WHERE key = '{SWEEP_KEY}'")
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertEqual(self.state(child), "pending")

    def strand(self):
        """Return the id of a child whose parents are done, and not released."""
        child = self.enqueue_family()
        self.finish_parent()
        self.finish_parent()
        self.execute(FINISHED_BEFORE)
        self.triggers()
        self.execute(NEVER_SWEPT)
        return child

    def assertRescuedLater(self, child):
        self.assertEqual(self.state(child), "wait_dependencies")
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertReleasedOnce(child)

    def test_user_who_changes_a_stranded_job_holds_up_no_run(self):
        child = self.strand()
        run, user = self.cursor(), self.cursor()
        user.execute("UPDATE queue_job SET priority = 1 WHERE id = %s", [child])
        self.start(self.rescue, run).result(PATIENCE)
        user.rollback()
        self.assertRescuedLater(child)

    def test_stranded_job_that_a_user_has_just_changed_is_no_error(self):
        child = self.strand()

        def stranded_in_old_snapshot(cr):
            cr.execute("SELECT 1 FROM queue_job")
            self.execute("UPDATE queue_job SET priority = 1 WHERE id = %s", child)
            return stranded(cr)

        with (
            patch.object(queue_job_rescue, "stranded", stranded_in_old_snapshot),
            self.assertNoLogs(ADDON, "WARNING"),
        ):
            self.rescue()
        self.assertRescuedLater(child)

    def milliseconds_per_job(self):
        [(pending,)] = self.query(
            "SELECT count(*) FROM queue_job WHERE state <> 'done'"
        )
        start = time.monotonic()
        self.run_jobs()
        self.assertEqual(set(self.states()), {"done"})
        return 1000 * (time.monotonic() - start) / pending

    def test_group_on_a_group_costs_little_more_than_unrelated_jobs(self):
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            for number in range(2 * GROUP):
                ledger.with_delay().record(f"single {number}")
        alone = self.milliseconds_per_job()
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            first, then = (
                group(*(ledger.delayable().record(f"{n}") for n in range(GROUP)))
                for _number in range(2)
            )
            first.on_done(then).delay()
        related = self.milliseconds_per_job()
        cost = f"{alone:.1f} ms a job alone, {related:.1f} in a group on a group"
        print(f"\n{cost}")  # pylint: disable=print-used
        self.assertLess(related, 3 * alone, cost)

    def test_long_chain_costs_a_rescue_little(self):
        with self.registry.cursor() as cr:
            for number in range(CHAIN):
                depends = {"depends_on": [f"chain-{number - 1}"] if number else []}
                cr.execute(
                    "INSERT INTO queue_job (uuid, state, dependencies, eta)"
                    " VALUES (%s, %s, %s, '2222-02-22')",
                    (
                        f"chain-{number}",
                        "wait_dependencies" if number else "pending",
                        json.dumps(depends),
                    ),
                )
        self.execute("ANALYZE queue_job")
        self.execute(NEVER_SWEPT)
        for what in ("with a sweep", "without"):
            cr = self.cursor()
            start = time.monotonic()
            self.rescue(cr)
            cost = 1000 * (time.monotonic() - start)
            print(f"\nA rescue {what}, {CHAIN} waiting jobs: {cost:.1f} ms")  # pylint: disable=print-used
        self.assertEqual(self.states(), {"pending": 1, "wait_dependencies": CHAIN - 1})


class TestReleaseServers(ServerCase):
    """One parent is set to done by hand while a runner ends the other one."""

    def test_nobody_is_stranded(self):
        self.only_runners()
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            by_hand = []
            for number in range(FAMILIES):
                names = [f"{number} {which}" for which in ("runner", "hand", "child")]
                parent, other, child = (
                    ledger.delayable(eta=3600 * name.endswith("hand")).sleep(name, 0.05)
                    for name in names
                )
                chain(group(parent, other), child).delay()
                by_hand.append(other._generated_job.uuid)
        for uuid in by_hand:
            with self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                job = env["queue.job"].search([("uuid", "=", uuid)])
                retrying(job.button_done, env)
        self.wait(server, self.all_in("done"), "all are done")
        names = [f"{number} {w}" for number in range(FAMILIES) for w in RUN]
        self.assertOnceEach(names)
        self.assertNotIn("left waiting", server.log_text())
        self.assertCronsFine()
