# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 4: random queues, beside queue_job's ChannelManager."""

import os
from datetime import datetime
from functools import partial
from unittest.mock import patch

from odoo.tests.common import TransactionCase

from ..runner.claim import Choice, channels_in_force, lock_pending, start_job
from ..runner.decision import Limits
from ..runner.look import look
from ..runner.server_channels import REGULAR_RUNNER_OFF, VARIABLE
from .common.channel_cases import NOW, THROTTLES, Case, Job, make_case, seeds
from .common.channel_database import at, clear, configure, few_rows, insert
from .common.channel_reference import jobs_to_start

# When something may start that can't start now, if no job ends.
MOMENTS = """
    SELECT eta FROM queue_job WHERE eta > %(now)s
     UNION
    SELECT date_started + throttle * INTERVAL '1 s' AS moment
      FROM queue_job_channel_start, unnest(%(throttles)s) AS throttle
     WHERE date_started + throttle * INTERVAL '1 s' > %(now)s
     ORDER BY 1
"""


class TestChannelsReference(TransactionCase):
    """Claims are, in order, the jobs that queue_job's ChannelManager yields."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clear(cls.env.cr)

    def test_claims_are_those_of_the_reference(self):
        for seed in seeds():
            with self.env.cr.savepoint() as savepoint:
                with few_rows(self.env.cr, 1 + seed % 5):
                    self.check(make_case(seed))
                savepoint.rollback()

    def test_last_configuration_of_a_channel_holds(self):
        limits = [("root.a", Limits()), ("a", Limits(1)), ("root.a", Limits(2))]
        jobs = [Job("a", "pending", 10, NOW, None)] * 3
        self.check(Case(0, True, limits, jobs))

    def check(self, case):
        """Claim all that may start, then at the next moment, until there is none."""
        insert(self.env.cr, case.jobs)
        text = case.text if case.server else REGULAR_RUNNER_OFF
        with patch.dict(os.environ, {VARIABLE: text}):
            if not case.server:
                configure(self.env, case.limits)
            elif text not in ("", REGULAR_RUNNER_OFF):
                # what stands there is not in force
                self.env.ref("queue_job.channel_root").paused = True
            moment = NOW
            while moment:
                moment = self.check_at(moment, case)

    def check_at(self, moment, case):
        """Return the next moment that something may start at, according to us."""
        cr = self.env.cr
        expected = jobs_to_start(cr, case, moment)
        with at(moment):
            started, last = self.claim_all(moment, with_memory=case.seed % 2)
        self.assertEqual(started, expected, f"At {moment}. {case}")
        following = last.next_moment()
        cr.execute(MOMENTS, {"now": moment, "throttles": THROTTLES})
        for (later,) in cr.fetchall():
            if jobs_to_start(cr, case, later):
                self.assertLessEqual(following or datetime.max, later, case)
                break
        return following

    def claim_all(self, moment, with_memory):
        """Return the uuids of what starts, and the choice that found no more."""
        cr, jobs = self.env.cr, self.env["queue.job"]
        self.env.flush_all()
        channels = channels_in_force(cr)
        started, known, foreseen = jobs.browse(), None, None
        while True:
            seen = look(cr, moment, known)
            choice = Choice(cr, channels, moment, partial(lock_pending, cr), seen)
            job = jobs.browse(choice.job and choice.job.id)
            if started:
                self.assertEqual(bool(job), foreseen)
            self.assertEqual(jobs._acquire_one_job(), job)
            if not job:
                return started.mapped("uuid"), choice
            throttled = channels.throttled(choice.job.channel)
            start_job(cr, job.id, throttled=throttled)
            started += job
            foreseen = choice.has_more()
            if with_memory:
                known = choice.look
