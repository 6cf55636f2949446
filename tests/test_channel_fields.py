# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Limits of channels: the fields, and who may write them."""

from odoo.exceptions import AccessError
from odoo.service.model import call_kw
from odoo.tests import Form

from .common.channel_case import ChannelCase


class TestEffectiveLimits(ChannelCase):
    """What holds for a channel, its ancestors considered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        values = {"name": "a", "parent_id": cls.root.id}
        cls.parent = cls.root.create(values)
        cls.child = cls.root.create({"name": "b", "parent_id": cls.parent.id})

    def assertEffective(self, root, parent, child):
        channels = self.root + self.parent + self.child
        self.assertEqual(channels.mapped("effective_capacity"), [root, parent, child])

    def test_capacity_is_the_smallest_on_the_way_to_the_root(self):
        self.assertEffective(0, 0, 0)
        self.child.capacity = 5
        self.assertEffective(0, 0, 5)
        self.parent.capacity = 3
        self.assertEffective(0, 3, 3)
        self.root.capacity = 4
        self.assertEffective(4, 3, 3)
        self.parent.capacity = 0
        self.assertEffective(4, 4, 4)
        self.child.write({"capacity": 1, "sequential": True})
        self.assertEffective(4, 4, 1)

    def test_capacity_follows_the_parent(self):
        other = self.channel("other", capacity=2)
        self.child.parent_id = other
        self.assertEqual(self.child.effective_capacity, 2)

    def test_paused(self):
        channels = self.root + self.parent + self.child
        self.assertFalse(any(channels.mapped("effective_paused")))
        self.parent.action_pause()
        self.assertEqual(channels.mapped("effective_paused"), [False, True, True])
        self.parent.action_resume()
        self.assertFalse(any(channels.mapped("effective_paused")))
        channels.action_pause()
        self.assertTrue(all(channels.mapped("effective_paused")))

    def test_form_shows_what_is_being_edited(self):
        self.root.capacity = 4
        with Form(self.child) as form:
            self.assertEqual(form.effective_capacity, 4)
            form.capacity = 2
            self.assertEqual(form.effective_capacity, 2)
        new = Form(self.root.browse())
        self.assertEqual(new.effective_capacity, 4)
        new.name = "new"
        new.parent_id = self.parent
        self.assertEqual(new.effective_capacity, 4)
        new.capacity = 3
        self.assertEqual(new.effective_capacity, 3)


class TestChannelWakeUps(ChannelCase):
    """Jobs that waited for a limit start when it changes."""

    def assertWakes(self, function, times=1):
        self.forget_triggers()
        result = function()
        self.assertEqual(len(self.triggers()), times)
        return result

    def test_every_change_of_a_limit_wakes_a_runner(self):
        for values in (
            {"capacity": 1},
            {"sequential": True},
            {"sequential": False},
            {"throttle": 5},
            {"paused": True},
            {"paused": False},
            {"capacity_default": 1},
            {"sequential_default": True},
        ):
            with self.subTest(values=values):
                self.assertWakes(lambda values=values: self.root.write(values))

    def test_pausing_and_resuming_wake_a_runner(self):
        self.assertWakes(self.root.action_pause)
        self.assertWakes(self.root.action_resume)

    def test_coming_and_going_channels_wake_a_runner(self):
        channel = self.assertWakes(lambda: self.channel("a"))
        other = self.channel("b")
        self.assertWakes(lambda: channel.write({"name": "c"}))
        self.assertWakes(lambda: channel.write({"parent_id": other.id}))
        self.assertWakes(channel.unlink)

    def test_one_runner_once_in_a_transaction(self):
        self.runner.copy()
        self.root.action_pause()
        self.root.action_resume()
        self.channel("a", capacity=1).unlink()
        self.assertEqual(len(self.env["ir.cron.trigger"].search([])), 1)

    def test_other_changes_wake_nobody(self):
        self.assertWakes(lambda: self.root.write({"removal_interval": 3}), times=0)
        with Form(self.root) as form:
            form.removal_interval = 4
        self.assertFalse(self.triggers())


class TestChannelRights(ChannelCase):
    """Channels are the business of Job Queue Managers, and of nobody else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()
        cls.clerk = cls.new_user("clerk")

    def test_manager_edits_pauses_and_resumes(self):
        root = self.root.with_user(self.manager)
        root.capacity = 3
        root.action_pause()
        self.assertTrue(root.effective_paused)
        root.action_resume()
        channel = root.create({"name": "a", "parent_id": root.id, "capacity": 2})
        self.assertEqual(channel.effective_capacity, 2)
        channel.unlink()
        self.assertTrue(self.triggers())

    def test_manager_does_all_that_from_outside(self):
        root = self.root.with_user(self.manager)
        model, ids = root.browse(), root.ids
        specification = {"paused": {}, "effective_paused": {}, "limits_error": {}}
        call_kw(model, "action_pause", [ids], {})
        self.assertTrue(self.root.paused)
        call_kw(model, "action_resume", [ids], {})
        self.assertFalse(self.root.paused)
        [read] = call_kw(model, "web_save", [ids, {"paused": True}, specification], {})
        expected = {"paused": True, "effective_paused": True, "limits_error": False}
        self.assertEqual(read, {"id": self.root.id, **expected})
        call_kw(model, "write", [ids, {"capacity": 7}], {})
        self.assertEqual(self.root.capacity, 7)

    def test_manager_uses_the_form(self):
        with Form(self.root.with_user(self.manager)) as form:
            form.capacity = 1
            form.sequential = True
        self.assertTrue(self.root.sequential)

    def test_others_may_not(self):
        root = self.root.with_user(self.clerk)
        for method, arguments in (
            ("action_pause", []),
            ("action_resume", []),
            ("write", [{"capacity": 1}]),
            ("read", [["capacity"]]),
            ("unlink", []),
        ):
            with self.subTest(method=method), self.assertRaises(AccessError):
                call_kw(root.browse(), method, [root.ids, *arguments], {})
        with self.assertRaises(AccessError):
            root.create({"name": "a", "parent_id": root.id})
