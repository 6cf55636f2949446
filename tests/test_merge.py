# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Replacing: by a later queue_job with limits of its own."""

from contextlib import closing

from .common.oca_case import OURS
from .common.odoo_command import OdooCommand
from .common.run_case import RunCase

THEIRS = "queue_job_channel_limits"
LIMITS = """
    SELECT capacity, sequential, throttle, paused, capacity_default, sequential_default
      FROM queue_job_channel
     WHERE complete_name IN ('root', 'root.a', 'root.b')
  ORDER BY complete_name
"""


class TestMerge(OdooCommand, RunCase):
    """A later queue_job that has the limits itself takes them over as they are.

    Another addon stands for it, whose class is between queue_job's and ours.
    """

    def set_limits(self):
        """Give channels limits of all kinds; return the rows."""
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            root.write({"capacity": 3, "capacity_default": 2})
            root.create(
                [
                    {"name": "a", "parent_id": root.id, "paused": True, "throttle": 5},
                    {
                        "name": "b",
                        "parent_id": root.id,
                        "capacity": 1,
                        "sequential": True,
                        "capacity_default": 1,
                        "sequential_default": True,
                    },
                ]
            )
        return self.query(LIMITS)

    def assertClaimsHonourThem(self):
        names = ("root.a", "root.b", "root.b", "root.c", "root.c", "root.c", "root.d")
        jobs = [self.enqueue("record", name, channel=name) for name in names]
        with closing(self.registry.cursor()) as cr:
            claimed = list(iter(lambda: self.claim(cr).id, False))
        self.assertEqual(claimed, [jobs[1], jobs[3], jobs[4]])

    def assertEffective(self, root, child):
        """Compare the effective capacities of the root and of channel b."""
        with self.transaction() as env:
            channels = env["queue.job.channel"].search([])
            capacities = {each.name: each.effective_capacity for each in channels}
        self.assertEqual((capacities["root"], capacities["b"]), (root, child))

    def assertTheirClassIsBetweenTheOthers(self):
        model = self.registry["queue.job.channel"]
        modules = dict.fromkeys(getattr(base, "_module", None) for base in model.mro())
        order = [name for name in modules if name in (OURS, THEIRS, "queue_job")]
        self.assertEqual(order, [OURS, THEIRS, "queue_job"])

    def test_limits_stay_when_this_addon_is_updated(self):
        limits = self.set_limits()
        self.update(OURS)
        self.assertEqual(self.query(LIMITS), limits)

    def test_limits_stay_when_the_fields_come_from_elsewhere_too(self):
        limits = self.set_limits()
        self.install(THEIRS)
        self.assertTheirClassIsBetweenTheOthers()
        self.assertEqual(self.query(LIMITS), limits)
        self.assertEffective(3, 1)
        self.assertClaimsHonourThem()
        self.uninstall(OURS)
        self.assertNotIn("runner_id", self.registry["queue.job"]._fields)
        self.assertEqual(self.query(LIMITS), limits)
        self.assertEffective(3, 1)
        with self.transaction() as env:
            channel = env["queue.job.channel"].search([("name", "=", "a")])
            self.assertTrue(channel.effective_paused)
            channel.action_resume()

    def test_limits_stay_when_this_addon_comes_later(self):
        self.uninstall(OURS)
        self.assertNotIn("capacity", self.registry["queue.job.channel"]._fields)
        self.install(THEIRS)
        limits = self.set_limits()
        self.install(OURS, f"{OURS}_demo")
        self.assertTheirClassIsBetweenTheOthers()
        self.assertEqual(self.query(LIMITS), limits)
        self.assertEffective(3, 1)
        self.assertClaimsHonourThem()
        self.uninstall(THEIRS)
        self.assertEqual(self.query(LIMITS), limits)
        self.assertEffective(3, 1)
