# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Replacing: from the regular runner to this addon."""

import os
from unittest.mock import patch

from .common.channel_watch import CREATE
from .common.oca_case import OURS
from .common.odoo_command import OdooCommand
from .common.own_database import BASE
from .common.regular_server import RegularServer
from .common.server_case import PREFORK, ServerCase

SECONDS = 2
JOBS = 8
LEFT = "SELECT id, state FROM queue_job WHERE state IN ('enqueued', 'started')"
TRIES = "SELECT id, retry FROM queue_job WHERE state = 'done'"
MOST_RUNNING = "SELECT max(running) FROM channel_watch"


class TestFromRegularRunner(OdooCommand, RegularServer, ServerCase):
    """A database with queue_job alone, and then with our addon, too."""

    template = BASE

    def test_jobs_enqueued_or_started_there_are_done_within_the_configured_limits(self):
        with self.transaction() as env:
            for _number in range(JOBS):
                env["queue.job"].with_delay()._test_job(job_duration=SECONDS)
        # four jobs are enqueued, and the server takes two requests at a time
        regular = self.regular_server(
            ODOO_QUEUE_JOB_CHANNELS="root:4", ODOO_MAX_HTTP_THREADS="2"
        )
        both = {"enqueued", "started"}
        self.wait(regular, lambda: both <= set(self.states()), "jobs in both states")
        regular.kill()
        left = dict(self.query(LEFT))
        self.assertEqual(set(left.values()), both)
        self.install(OURS)
        self.add_runners(2)
        with self.registry.cursor() as cr:
            cr.execute(CREATE)
        with patch.dict(os.environ, ODOO_QUEUE_JOB_CHANNELS="root:2"):
            ours = self.server(*PREFORK, "--max-cron-threads=3")
        self.wait(ours, self.all_in("done"), "our runners do the jobs")
        tries = dict(self.query(TRIES))
        self.assertEqual(len(tries), JOBS)
        for job_id, state in left.items():
            self.assertEqual(tries[job_id], 2 if state == "started" else 1)
        [[most]] = self.query(MOST_RUNNING)
        self.assertLessEqual(most, 2)
        self.assertCronsFine()
