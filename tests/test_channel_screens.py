# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: the form and the list of channels."""

from odoo.tests import Form
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from .common.channel_case import LOGGER, ChannelCase

OURS = ["capacity", "sequential", "throttle", "capacity_default", "sequential_default"]
PAUSE = "//button[@name='action_pause']"
RESUME = "//button[@name='action_resume']"
RIBBON = "//widget[@name='web_ribbon']"
PAUSED = "//div[hasclass('alert-warning')]"
ERROR = "//div[hasclass('alert-danger')]"


class TestChannelForm(ChannelCase):
    """The form shows the limits that hold, and says so if they are not the record's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        manager = cls.new_manager()
        cls.root = cls.root.with_user(manager)

    def form(self, channel):
        return Form(channel, view="queue_job.view_queue_job_channel_form")

    def assertShown(self, channel, *shown):
        form = self.form(channel)
        context = form._get_eval_context()

        def is_shown(node):
            conditions = node.xpath("ancestor-or-self::*/@invisible")
            return not any(safe_eval(condition, context) for condition in conditions)

        parts = (PAUSE, RESUME, RIBBON, PAUSED, ERROR)
        tree = form._view["tree"]
        visible = [part for part in parts if is_shown(tree.xpath(part)[0])]
        self.assertEqual(visible, list(shown))

    def assertFields(self, channel, *shown):
        form = self.form(channel)
        names = [*OURS, "effective_capacity", "limits_source", "limits_in_force"]
        names.append("limits_error")
        visible = [name for name in names if not form._get_modifier(name, "invisible")]
        self.assertEqual(visible, list(shown))

    def test_buttons_and_messages(self):
        parent = self.channel("a")
        child = self.channel("b", parent)
        self.assertShown(parent, PAUSE)
        parent.action_pause()
        self.assertShown(parent, RESUME, RIBBON)
        self.assertShown(child, PAUSE, PAUSED)
        child.action_pause()
        self.assertShown(child, RESUME, RIBBON)

    def test_new_channel_has_no_button(self):
        self.assertShown(self.root.browse())

    def test_limits_of_the_record(self):
        self.root.capacity = 2
        self.assertFields(self.root, *OURS, "effective_capacity")

    def test_limits_of_the_server(self):
        channel = self.channel("a")
        channel.action_pause()
        self.configure("root:4")
        self.assertShown(channel)
        shown = ("effective_capacity", "limits_source", "limits_in_force")
        self.assertFields(channel, *shown)
        self.configure("root:4:paused")
        self.assertShown(channel, PAUSED)
        with self.assertRaises(AssertionError), self.form(channel) as form:
            form.capacity = 3

    @mute_logger(LOGGER)
    def test_broken_configuration(self):
        self.configure("a:b")
        self.assertShown(self.root, ERROR)
        self.assertFields(self.root, "limits_source", "limits_error")

    @mute_logger(LOGGER)
    def test_rest_can_be_edited_whatever_the_server_says(self):
        for text in ("root:4", "a:b"):
            self.configure(text)
            with self.form(self.root) as form:
                form.removal_interval += 1
        self.assertEqual(self.root.removal_interval, 32)

    def test_every_group_of_queue_job_is_in_the_sheet(self):
        tree = self.form(self.root)._view["tree"]
        self.assertFalse(tree.xpath("./group"))
        for name in ("removal_interval", "job_function_ids"):
            self.assertTrue(tree.xpath(f"./sheet//field[@name='{name}']"), name)


class TestChannelList(ChannelCase):
    """The list shows the same, and pauses."""

    def list_view(self):
        view = self.env.ref("queue_job.view_queue_job_channel_tree")
        return self.env["queue.job.channel"]._get_view(view.id, "list")[0]

    def cells(self, channel):
        """The columns whose cell is shown for that channel, if all are chosen."""
        values = channel.read()[0]
        fields = self.list_view().xpath("//field[not(@column_invisible)]")
        return [
            field.get("name")
            for field in fields
            if not safe_eval(field.get("invisible", "0"), values)
        ]

    def decoration(self, channel):
        values = channel.read()[0]
        return [
            name
            for name, expression in self.list_view().attrib.items()
            if name.startswith("decoration-") and safe_eval(expression, values)
        ]

    def test_limits_of_the_record(self):
        limits = {"capacity", "effective_capacity", "sequential", "throttle", "paused"}
        self.assertLessEqual(limits, set(self.cells(self.root)))
        self.assertFalse(self.decoration(self.root))

    def test_limits_can_be_edited(self):
        arch = self.list_view()
        self.assertEqual(arch.get("editable"), "bottom")
        for name in ("capacity", "sequential", "throttle", "paused"):
            [field] = arch.xpath(f"//field[@name='{name}']")
            self.assertFalse(field.get("readonly"), name)

    def test_paused_channels_are_muted(self):
        child = self.channel("b", self.channel("a", paused=True))
        self.assertEqual(self.decoration(child), ["decoration-muted"])

    def test_limits_of_the_server(self):
        self.configure("root:4:throttle=3")
        cells = self.cells(self.root)
        self.assertLessEqual({"effective_capacity", "limits_in_force"}, set(cells))
        self.assertFalse({"capacity", "sequential", "throttle", "paused"} & set(cells))
        self.assertFalse(self.decoration(self.root))

    @mute_logger(LOGGER)
    def test_broken_configuration(self):
        self.configure("root:4:paused:x=y=z")
        self.assertEqual(self.decoration(self.root), ["decoration-danger"])
        cells = self.cells(self.root)
        self.assertIn("limits_in_force", cells)
        self.assertNotIn("effective_capacity", cells)

    def test_paused_channels_can_be_searched(self):
        paused = self.channel("a", paused=True)
        self.channel("b", paused)
        view = self.env.ref("queue_job.view_queue_job_channel_search")
        arch = self.env["queue.job.channel"]._get_view(view.id, "search")[0]
        [domain] = arch.xpath("//filter[@name='paused']/@domain")
        self.assertEqual(self.root.search(safe_eval(domain)), paused)
