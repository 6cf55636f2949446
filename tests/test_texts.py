# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 6: texts that a database can't store."""

from .common.server_case import PREFORK, ServerCase

HOWS = "error", "cause", "retry", "result"
TOLD = "SELECT state, retry, exc_name, exc_message, exc_info, result FROM queue_job"


class TestTexts(ServerCase):
    """What a job says is stored, whatever it is: with NUL and half a character."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        with self.transaction() as env:
            env["queue.job.function"].create(
                {
                    "model_id": env["ir.model"]._get_id("queue.job.demo.ledger"),
                    "method": "say",
                    "on_fail_method": "tell_on_failure",
                }
            )

    def told(self, token):
        [told] = self.query(f"{TOLD} WHERE name = %s", token)
        return told

    def is_postponed(self, token):
        def postponed():
            state, retry, *_others = self.told(token)
            return state == "pending" and retry > 2

        return postponed

    def test_texts_that_postgresql_does_not_take(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        for max_retries in (0, 3):
            for how in HOWS:
                token = f"{how} {max_retries}"
                self.enqueue([token], "say", how, max_retries=max_retries)
        # of those that are tried for ever, a try or two are enough
        self.wait(server, self.is_postponed("retry 0"), "it is tried again")
        with self.transaction() as env:
            env["queue.job"].search([("name", "=", "retry 0")]).button_cancelled()
        self.wait(server, self.all_in("done", "failed", "cancelled"), "all have ended")
        stored = "a\ufffdb\ufffd"
        for max_retries in (0, 3):
            for how in ("error", "cause"):
                told = self.told(f"{how} {max_retries}")
                self.assertEqual(told[:2], ("failed", 1), how)
                self.assertEqual(told[2], "odoo.exceptions.UserError")
                self.assertEqual(told[3], stored if how == "error" else how)
                self.assertIn(stored, told[4])
            told = self.told(f"result {max_retries}")
            self.assertEqual((told[0], told[1], told[5]), ("done", 1, stored))
        told = self.told("retry 3")
        self.assertEqual(told[:2], ("failed", 3))
        self.assertIn(stored, told[3])
        tokens = [token for token, _pid in self.ledger()]
        self.assertEqual(tokens.count(f"exc_message: {stored}"), 2)
        self.assertNotIn("was killed", server.log_text())
        with self.transaction() as env:
            jobs = env["queue.job"].search([("state", "=", "failed")])
            bodies = jobs.message_ids.mapped("body")
        self.assertEqual(sum("Something bad happened" in body for body in bodies), 5)
        self.assertCronsFine()
