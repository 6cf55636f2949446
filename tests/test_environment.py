# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A job runs as it was enqueued."""

import json
import time

from odoo import Command

from .common.runner_case import RunnerCase


class TestEnvironment(RunnerCase):
    """A job runs with what it was enqueued with, and with nothing of the cron."""

    # what Odoo and mail put into the context of a scheduled action
    cron_context = {
        "lastcall": False,
        "cron_id": 1,
        "cron_end_time": time.monotonic() + 10,
        "ir_cron_progress_id": 1,
        "mail_notify_force_send": False,
        "lang": "xx_XX",
        "allowed_company_ids": [],
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")

    def reported(self, model):
        model.with_delay().report()
        runner = self.env["queue.job"].with_context(**self.cron_context)
        runner._job_runner(commit=False)
        return json.loads(self.traces()[-1])

    def test_user_and_superuser_mode(self):
        user = self.new_user("clerk", "base.group_system")
        report = self.reported(self.model.with_user(user).sudo(False))
        self.assertEqual((report["user"], report["su"]), (user.id, False))
        report = self.reported(self.model.with_user(user).sudo())
        self.assertEqual((report["user"], report["su"]), (user.id, True))

    def test_company(self):
        company = self.env["res.company"].create({"name": "Second company"})
        user = self.new_user("clerk", "base.group_system")
        user.company_ids = [Command.link(company.id)]
        model = self.model.with_user(user)
        self.assertEqual(self.reported(model)["company"], user.company_id.id)
        report = self.reported(model.with_company(company))
        self.assertEqual(report["company"], company.id)

    def test_language(self):
        report = self.reported(self.model.with_context(lang="fr_FR"))
        self.assertEqual(report["lang"], "fr_FR")
        self.assertIsNone(self.reported(self.model.with_context(lang=None))["lang"])

    def test_context_is_that_of_the_enqueuer(self):
        report = self.reported(self.model.with_context(tz="Europe/Paris", other=1))
        self.assertEqual(report["context"], ["job_uuid", "tz"])

    def test_job_does_not_change_the_environment_of_the_next(self):
        self.model.with_context(lang="fr_FR").with_delay().report()
        report = self.reported(self.model)
        self.assertEqual(report["context"], ["job_uuid"])
