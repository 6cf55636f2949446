# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Why a job waits: what claims decide, in random queues."""

import os
from unittest.mock import patch

from odoo.tests.common import TransactionCase

from ..models.queue_job_why import ETA
from ..runner.claim import channels_in_force, start_job
from ..runner.outlook import BEHIND, NEXT
from ..runner.server_channels import REGULAR_RUNNER_OFF, VARIABLE
from .common.channel_cases import NOW, make_case, seeds
from .common.channel_database import at, clear, configure, insert

IN_ORDER = "priority NULLS LAST, date_created NULLS LAST, id"
CANCEL = "UPDATE queue_job SET state = 'cancelled' WHERE id = ANY(%s)"


class TestWaitReference(TransactionCase):
    """What a job is said to wait for is what a claim decides, in random queues."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clear(cls.env.cr)
        cls.jobs = cls.env["queue.job"]

    def test_waits_are_what_claims_decide(self):
        for seed in seeds(0.4):
            case = make_case(seed)
            text = case.text if case.server else REGULAR_RUNNER_OFF
            with (
                self.env.cr.savepoint() as savepoint,
                patch.dict(os.environ, {VARIABLE: text}),
                at(NOW),
            ):
                self.case = case
                insert(self.env.cr, case.jobs)
                if not case.server:
                    configure(self.env, case.limits)
                self.check_until_nothing_starts()
                savepoint.rollback()

    def check_until_nothing_starts(self):
        while True:
            waits = self.waits()
            self.check_closed(waits)
            job = self.jobs._acquire_one_job()
            self.check_order(waits, job)
            if not job:
                break
            throttled = channels_in_force(self.env.cr).throttled(job.channel)
            start_job(self.env.cr, job.id, throttled=throttled)
            job.invalidate_recordset()

    def waits(self):
        """Ask for each of the pending jobs, in order, without writing anything."""
        self.env.cr.execute(
            f"SELECT id FROM queue_job WHERE state = 'pending' ORDER BY {IN_ORDER}"
        )
        pending = self.jobs.browse(row[0] for row in self.env.cr.fetchall())
        with self.env.cr.savepoint() as savepoint:
            self.env.cr.execute("SET TRANSACTION READ ONLY")
            waits, _outlook = pending._waits()
            for job in pending[-2:]:
                # asked alone, as by its form
                self.assertEqual(job._waits()[0], {job.id: waits[job.id]}, self.case)
            savepoint.rollback()
        self.assertEqual(set(waits), set(pending.ids))
        return {job_id: waits[job_id] for job_id in pending.ids}

    def check_order(self, waits, job):
        """The next one is claimed, and so many come before the others."""
        queue = [i for i, wait in waits.items() if wait.reason in (NEXT, BEHIND)]
        self.assertEqual(queue[:1], job.ids, self.case)
        self.assertEqual([waits[i].reason for i in queue[:1]], [NEXT] * len(job))
        ahead = [waits[i].detail for i in queue[1:]]
        self.assertEqual(ahead, list(range(1, len(queue))), self.case)

    def check_closed(self, waits):
        """None of those that wait for something else can be claimed."""
        queue = [i for i, wait in waits.items() if wait.reason in (NEXT, BEHIND)]
        with self.env.cr.savepoint() as savepoint:
            self.env.cr.execute(CANCEL, [queue])
            self.assertFalse(self.jobs._acquire_one_job(), self.case)
            savepoint.rollback()
        for job in self.jobs.browse(waits):
            is_later = bool(job.eta) and job.eta > NOW
            self.assertEqual(waits[job.id].reason == ETA, is_later)
