# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: the button, and who may press it."""

from tempfile import NamedTemporaryFile

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import get_public_method
from odoo.tools.convert import convert_xml_import

from .common.runner_case import RunnerCase

LIMITED = b"""<odoo>
    <record id="limited" model="queue.job.function">
        <field name="model_id" ref="queue_job.model_queue_job" />
        <field name="method">unlink</field>
        <field name="time_limit">600</field>
    </record>
</odoo>
"""


class TestStopButton(RunnerCase):
    """Who may ask for the end of a running job, and what is seen of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()
        cls.job = cls.enqueue(cls, "leave", "a")
        cls.start(cls, cls.job)

    def as_user(self, user, job=None):
        return (job or self.job).with_user(user)

    def stops(self):
        self.env.cr.execute("SELECT job_number, user_id FROM queue_job_stop")
        return self.env.cr.fetchall()

    def test_others_stop_nothing(self):
        for login, group in (("p", "base.group_portal"), ("i", "base.group_user")):
            with self.subTest(group), self.assertRaises(AccessError):
                self.as_user(self.new_user(login, group)).button_stop()
        self.assertFalse(self.stops())

    def test_manager_stops(self):
        self.assertFalse(self.job.stopping)
        self.as_user(self.manager).button_stop()
        self.assertEqual(self.stops(), [(self.job.id, self.manager.id)])
        self.assertIn(f"{self.manager.name} asked", self.job.stopping)
        self.assertEqual(self.job.state, "started")

    def test_first_one_counts(self):
        other = self.new_user("other", "queue_job.group_queue_job_manager")
        for user in (self.manager, self.manager, other):
            self.as_user(user).button_stop()
        self.assertEqual(self.stops(), [(self.job.id, self.manager.id)])

    def test_job_of_another_company(self):
        self.job.company_id = self.env["res.company"].create({"name": "Another"})
        with self.assertRaises(AccessError):
            self.as_user(self.manager).button_stop()

    def test_several_of_which_some_run(self):
        jobs = self.job + self.enqueue("leave", "b")
        self.as_user(self.manager, jobs).button_stop()
        self.assertEqual(self.stops(), [(self.job.id, self.manager.id)])

    def test_job_that_has_ended(self):
        self.job.with_context(_job_edit_sentinel=self.job.EDIT_SENTINEL).state = "done"
        with self.assertRaisesRegex(UserError, "not running"):
            self.as_user(self.manager).button_stop()

    def test_job_of_the_regular_runner(self):
        self.env.cr.execute("UPDATE queue_job SET runner_id = NULL")
        self.job.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "regular runner"):
            self.as_user(self.manager).button_stop()

    def test_started_again_it_is_not_stopped(self):
        self.as_user(self.manager).button_stop()
        self.env.cr.execute(
            "UPDATE queue_job SET date_started = now() at time zone 'utc'"
        )
        self.job.invalidate_recordset()
        self.assertFalse(self.job.stopping)
        self.assertFalse(self.job._asked_to_stop())
        self.as_user(self.manager).button_stop()
        self.assertTrue(self.job._asked_to_stop())

    def test_nothing_else_can_be_called(self):
        self.assertTrue(get_public_method(self.job, "button_stop"))
        for name in ("_after_stop", "_asked_to_stop", "_interrupted", "_write_outcome"):
            with self.assertRaises(AccessError):
                get_public_method(self.job, name)
        stops = self.env["queue.job.stop"].with_user(self.manager)
        for operation in ("read", "write", "create", "unlink"):
            self.assertFalse(stops.has_access(operation))

    def test_limit_of_a_job_function_in_xml(self):
        with NamedTemporaryFile() as file:
            file.write(LIMITED)
            file.seek(0)
            convert_xml_import(self.env, "queue_job", file)
        function = self.env["queue.job.function"]
        name = "<queue.job>.unlink"
        self.assertEqual(function.job_config(name).time_limit, 600)
        with self.assertRaisesRegex(ValidationError, "can't be negative"):
            self.env.ref("queue_job.limited").time_limit = -1
        self.env.ref("queue_job.limited").time_limit = 0
        self.assertEqual(function.job_config(name).time_limit, 0)
