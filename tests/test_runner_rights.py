# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Runners: rights of managers of jobs."""

from odoo.exceptions import AccessError, MissingError

from .common.runner_case import RunnerCase

MANAGER = "queue_job.group_queue_job_manager"
ACTIONS = ("switch_on", "switch_off", "remove", "run_now", "add", "open_jobs")


class TestRunnerRights(RunnerCase):
    """Managers of jobs manage runners, and that is all they can do to crons."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "portal": cls.new_user("portal user", "base.group_portal"),
            "internal": cls.new_user("internal user"),
            "manager": cls.new_manager(),
            "admin": cls.new_user("administrator", f"base.group_system,{MANAGER}"),
        }

    def runner_as(self, who, cron=None):
        runners = self.env["queue.job.runner"].with_user(self.users[who])
        return runners.browse((cron or self.runner).id)

    def test_others_see_and_do_nothing(self):
        for who in ("portal", "internal"):
            runner = self.runner_as(who)
            for action in ACTIONS:
                with self.subTest(who=who, action=action):
                    with self.assertRaises(AccessError):
                        getattr(runner, f"action_{action}")()
            for vals in ({"active": False}, {"name": "x"}, {}):
                with self.assertRaises(AccessError):
                    runner.write(vals)
            with self.assertRaises(AccessError):
                runner.read(["name"])
            with self.assertRaises(AccessError):
                runner.search([])
        self.assertTrue(self.runner.active)

    def test_managers_and_administrators_do_all(self):
        for who in ("manager", "admin"):
            runner = self.runner_as(who)
            for action in ACTIONS:
                if action != "remove":
                    getattr(runner, f"action_{action}")()
                    runner.action_switch_on()
            runner.write({"name": who})
            self.assertEqual(self.runner.name, who)
            runner.action_remove()
            self.assertFalse(self.runner.queue_job_runner)
            self.runner.queue_job_runner = True

    def test_other_crons_are_out_of_reach(self):
        other = self.env.ref("base.autovacuum_job")
        for who in ("manager", "admin"):
            runner = self.runner_as(who, other)
            for action in set(ACTIONS) - {"add"}:
                with self.assertRaises(MissingError):
                    getattr(runner, f"action_{action}")()
            with self.assertRaises(MissingError):
                runner.write({"active": False})
        self.assertTrue(other.active)

    def test_no_other_field_can_be_written(self):
        runner = self.runner_as("manager")
        for vals in ({"pid": 1}, {"name": "x", "code": "y"}, {"job_id": 1}):
            with self.assertRaises(AccessError):
                runner.write(vals)
        with self.assertRaises(AccessError):
            runner.create({"name": "x"})
        with self.assertRaises(AccessError):
            runner.copy()
        with self.assertRaises(AccessError):
            runner.unlink()

    def test_managers_have_no_right_on_crons(self):
        manager = self.users["manager"]
        models = ("ir.cron", "ir.cron.trigger", "ir.cron.progress")
        for name in (*models, "ir.actions.server", "queue.job.runner.switch"):
            for operation in ("read", "write", "create", "unlink"):
                has_access = self.env[name].with_user(manager).has_access(operation)
                self.assertFalse(has_access, f"{operation} {name}")
        cron = self.runner.with_user(manager)
        with self.assertRaises(AccessError):
            cron.method_direct_trigger()
        with self.assertRaises(AccessError):
            cron.write({"code": "1"})

    def test_no_way_to_a_cron_through_a_job(self):
        job = self.enqueue("leave", "a")
        self.start(job)
        jobs = self.env["queue.job"].with_user(self.users["manager"])
        with self.assertRaises(AccessError):
            jobs.browse(job.id).web_read({"runner_id": {"fields": {"code": {}}}})
        with self.assertRaises(AccessError):
            jobs.search([("runner_id.code", "ilike", "model")])
