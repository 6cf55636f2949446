# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Replacing: back to OCA's addon."""

from .common.oca_case import OURS, OcaCase

# As a manager: each field of each view is one of its model, and can be read.
SCREENS = """
from lxml import etree

def fields_of(view):
    fields = etree.fromstring(view["arch"]).iter("field")
    return {each.get("name") for each in fields if not each.xpath("ancestor::field")}

manager = env.ref("base.user_admin")
manager.group_ids += env.ref("queue_job.group_queue_job_manager")
env = env(user=manager.id)
for name in ("queue.job", "queue.job.channel", "ir.cron"):
    model = env[name]
    views = model.get_views([(False, "form"), (False, "list"), (False, "search")])
    for view in views["views"].values():
        fields = fields_of(view)
        assert fields <= set(views["models"][name]["fields"]), (name, fields)
        found = model.web_search_read([], dict.fromkeys(fields, {}))
        assert found["records"], name

parent = env.ref("queue_job.channel_root")
env["queue.job.channel"].create({"name": "new", "parent_id": parent.id})
ledger = env["queue.job.demo.ledger"]
assert ledger.with_delay().record("new").db_record().state == "pending"
assert env["queue.job"].search([("name", "=", "old")]).button_cancelled() is True
env.cr.commit()
"""


INTERVALS = "SELECT interval_number, interval_type FROM ir_cron WHERE queue_job_runner"
AS_THEIRS = """
runner = env.ref("queue_job_cron_jobrunner.queue_job_cron")
runner.write({"interval_number": 1, "interval_type": "days"})
env.cr.commit()
"""


class TestToOca(OcaCase):
    """Back to OCA's addon: its code in the place of ours, and an update."""

    def test_screens_of_jobs_and_channels_work_and_we_may_return(self):
        self.add_runners(1)
        with self.transaction() as env:
            env.ref("queue_job.channel_root").write({"capacity": 2, "throttle": 1})
        self.enqueue(["old", "older"])
        self.load_oca("--update", OURS)
        self.oca("shell", script=SCREENS + AS_THEIRS)
        self.update(OURS)
        self.assertEqual(self.states(), {"cancelled": 1, "pending": 2})
        self.assertEqual(set(self.query(INTERVALS)), {(5, "minutes")})
