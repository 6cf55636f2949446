# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .tour_case import TourCase


class TestChannelTour(TourCase):
    def test_manager_pauses_a_channel_reads_why_a_job_waits_and_resumes(self):
        self.only_runners()
        self.new_manager("operator")
        # it has failed, for a reason that is gone
        self.enqueue(["Export the orders"], eta=600)
        with self.transaction() as env:
            job = env["queue.job"].search([])
            job.write({"state": "failed", "eta": False})
        server = self.serve("--max-cron-threads=2")
        self.tour("queue_job_channel", "operator")
        self.assertEqual(self.states(), {"done": 1})
        self.assertOnceEach(["Export the orders"])
        with self.transaction() as env:
            channels = env["queue.job.channel"]
            [channel] = channels.search([("complete_name", "=", "root.demo.quick")])
            self.assertEqual((channel.capacity, channel.paused), (2, False))
        self.assertNoErrorIn(server)
