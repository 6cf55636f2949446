# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: what goes on in a channel."""

from datetime import timedelta

from odoo.fields import Datetime

from .common.channel_case import ChannelCase

HOUR = timedelta(hours=1)


class TestChannelCounts(ChannelCase):
    """What goes on in a channel counts there and in all channels above it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        manager = cls.new_manager()
        cls.root = cls.root.with_user(manager)
        values = {"name": "a", "parent_id": cls.root.id}
        cls.parent = cls.root.create(values)
        cls.child = cls.root.create({"name": "b", "parent_id": cls.parent.id})
        cls.channels = cls.root + cls.parent + cls.child

    def assertCounts(self, field, *counts):
        self.channels.invalidate_recordset()
        self.assertEqual(self.channels.mapped(field), list(counts))

    def test_empty(self):
        for field in ("pending_count", "running_count", "failed_count", "oldest_age"):
            self.assertCounts(field, 0, 0, 0)

    def test_counts(self):
        jobs = self.enqueue_in("root", "a", "root.a", "a.b", "a.b.unknown", "", "c")
        self.assertCounts("pending_count", 7, 4, 2)
        self.end(jobs[:2], "started")
        self.end(jobs[3], "enqueued")
        self.end(jobs[4], "failed")
        self.assertCounts("pending_count", 3, 1, 0)
        self.assertCounts("running_count", 3, 2, 1)
        self.assertCounts("failed_count", 1, 1, 1)
        for state in ("done", "cancelled", "wait_dependencies"):
            self.end(jobs, state)
            self.assertCounts("pending_count", 0, 0, 0)
            self.assertCounts("running_count", 0, 0, 0)
            self.assertCounts("failed_count", 0, 0, 0)

    def test_occupancy(self):
        self.parent.capacity = 2
        self.assertCounts("occupancy", "0", "0 / 2", "0 / 2")
        self.end(self.enqueue_in("a", "a.b"), "started")
        self.assertCounts("occupancy", "2", "2 / 2", "1 / 2")

    def test_age_of_the_oldest_waiting_job(self):
        old, new, later, other = self.enqueue_in("a.b", "a.b", "a.b", "a")
        now = Datetime.now()
        self.set_created(old, now - 3 * HOUR)
        self.set_created(new, now - HOUR)
        later.eta = now + HOUR
        self.set_created(later, now - 5 * HOUR)
        self.set_created(other, now - 9 * HOUR)
        other.eta = now - 4 * HOUR
        self.assertAges(4, 4, 3)
        self.end(old)
        self.assertAges(4, 4, 1)
        self.end(new)
        self.assertAges(4, 4, 0)
        self.end(other)
        self.assertAges(0, 0, 0)

    def assertAges(self, *hours):
        self.channels.invalidate_recordset()
        ages = self.channels.mapped("oldest_age")
        self.assertEqual([round(age, 1) for age in ages], list(hours))
