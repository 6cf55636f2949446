# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 6: on fail, on real servers."""

from .common.server_case import PREFORK, ServerCase


class TestOnFailServers(ServerCase):
    """A method *on fail* that hangs or dies is called once, and costs its own time."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(1)
        self.odoo = self.server(*PREFORK, "--max-cron-threads=2")

    def assertCostsItsOwnTime(self, method, on_fail):
        """The job's method fails, and its *on fail* misbehaves; 10 jobs wait behind."""
        with self.transaction() as env:
            function = env.ref(f"queue_job_cron_jobrunner_demo.job_function_{method}")
            function.on_fail_method = on_fail
        self.enqueue(["job"], method, priority=1, max_retries=1)
        others = self.enqueue([f"other {number}" for number in range(10)], "sleep", 0.3)
        self.wait(self.odoo, self.job_is("job", "failed"), "it has failed")
        told = [*others, "on fail"]
        is_told = lambda: len(self.ledger()) == len(told)  # noqa: E731
        self.wait(self.odoo, is_told, "all are done, and on fail was called")
        self.assertOnceEach(told)
        # it is not called again
        others += self.enqueue([f"later {number}" for number in range(3)])
        self.wait(self.odoo, self.all_in("done", "failed"), "the later ones are done")
        self.assertOnceEach([*others, "on fail"])
        self.assertCronsFine()

    def test_it_hangs(self):
        self.assertCostsItsOwnTime("fail", "hang_on_failure")

    def test_it_kills_its_process(self):
        self.assertCostsItsOwnTime("fail", "die_on_failure")

    def test_it_hangs_for_a_dead_job(self):
        self.assertCostsItsOwnTime("die", "hang_on_failure")

    def test_it_kills_the_process_of_the_rescue(self):
        self.assertCostsItsOwnTime("die", "die_on_failure")
