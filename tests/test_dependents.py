# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Jobs that wait for others."""

from odoo.addons.queue_job.delay import chain, group

from .common.runner_case import RunnerCase


class TestDependents(RunnerCase):
    """Jobs that wait for others run after them, and only if they are done."""

    def leave(self, name, **options):
        return self.model.delayable(**options).leave(name)

    def states(self):
        return dict(self.env["queue.job"]._read_group([], ["state"], ["__count"]))

    def test_chain(self):
        chain(*(self.leave(name) for name in "abc")).delay()
        self.assertEqual(self.states(), {"pending": 1, "wait_dependencies": 2})
        self.run_jobs()
        self.assertEqual(self.traces(), ["a", "b", "c"])
        self.assertEqual(self.states(), {"done": 3})

    def test_group(self):
        parents = group(*(self.leave(name) for name in "ab"))
        parents.on_done(self.leave("after both", priority=1))
        parents.delay()
        self.run_jobs()
        *parents, last = self.traces()
        self.assertCountEqual(parents, "ab")
        self.assertEqual(last, "after both")

    def test_diamond(self):
        top, left, right = (self.leave(n) for n in ("top", "left", "right"))
        bottom = self.leave("bottom", priority=1)
        top.on_done(left, right)
        left.on_done(bottom)
        right.on_done(bottom)
        top.delay()
        self.run_jobs()
        first, *middle, last = self.traces()
        self.assertEqual((first, last), ("top", "bottom"))
        self.assertCountEqual(middle, ["left", "right"])
        self.assertEqual(self.states(), {"done": 4})

    def test_dependents_of_a_failed_job_wait_until_it_is_done(self):
        first = self.model.delayable().fail("no such luck")
        chain(first, self.leave("after")).delay()
        self.run_failing_jobs()
        self.assertEqual(self.states(), {"failed": 1, "wait_dependencies": 1})
        first._generated_job.db_record().button_done()
        self.run_jobs()
        self.assertEqual(self.traces(), ["after"])

    def test_dependents_of_a_postponed_job_wait(self):
        chain(self.model.delayable().retry(60), self.leave("after")).delay()
        self.run_jobs()
        self.assertEqual(self.states(), {"pending": 1, "wait_dependencies": 1})

    def test_released_job_waits_for_its_eta(self):
        chain(self.leave("first"), self.leave("later", eta=60)).delay()
        self.run_jobs()
        self.assertEqual(self.states(), {"done": 1, "pending": 1})

    def test_job_whose_parent_can_no_longer_be_loaded_is_done(self):
        parent, child = self.leave("parent"), self.leave("child")
        chain(parent, child).delay()
        record = parent._generated_job.db_record()
        self.run_jobs()
        child_record = child._generated_job.db_record()
        child_record.requeue()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE queue_job SET method_name = 'gone' WHERE id = %s", [record.id]
        )
        self.env.invalidate_all()
        self.run_jobs()
        self.assertEqual(child_record.state, "done")
