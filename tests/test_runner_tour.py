# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .run_case import RUNNER
from .tour_case import TourCase


class TestRunnerTour(TourCase):
    def test_manager_adds_watches_wakes_and_switches_off_a_runner(self):
        self.only_runners()
        self.new_manager("operator")
        server = self.serve("--max-cron-threads=2")
        with self.transaction() as env:
            env.ref(RUNNER).active = False
        self.enqueue(["A job that takes a while"], "sleep", 10, priority=1)
        self.enqueue(["Another job"], eta=600)
        self.tour("queue_job_runner", "operator")
        with self.transaction() as env:
            first, second = (
                env["queue.job.runner"].with_context(active_test=False).search([])
            )
            self.assertEqual((first.name, first.state), ("Queue Job Runner", "off"))
            self.assertEqual((second.name, second.state), ("Nightly", "off"))
            self.assertEqual(second.done_last_hour, 1)
            self.assertEqual(env["ir.cron"].browse(second.id).cron_name, "Nightly")
        self.assertNoErrorIn(server)
