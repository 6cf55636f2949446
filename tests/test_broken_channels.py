# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 7: a configuration of channels that can't be understood."""

from unittest.mock import patch

from odoo.tools import mute_logger

from ..runner.server_channels import OPTION, VARIABLE
from .common.channel_case import LOGGER, ChannelCase, server_configuration
from .common.run_case import ADDON, RUNNER, RunCase
from .common.server_case import ServerCase

OTHER_CRON = "base.autovacuum_job"
BROKEN = {
    "x:paused": "invalid capacity paused",
    "a:b": "invalid capacity b",
    ":2": "missing channel name",
    "root:4,:2": "missing channel name",
    "a:1:k=v=w": "incorrect config item k=v=w",
    "a:1:throttle=1:throttle=2": "duplicate key throttle",
    "a:-1": "a limit of a is negative",
    "a:1:throttle=-1": "a limit of a is negative",
    "a:1:capacity_default=-1": "a limit of a is negative",
    "a:2:sequential": "A sequential channel must have a capacity of 1",
    "a:1:throttle=x": "invalid literal",
    "a:1:capacity_default=x": "invalid literal",
    "a:1:throttle=99999999999": "a limit of a is too large",
}


class TestBrokenChannels(ChannelCase):
    """A configuration of the server's that means nothing: no job starts."""

    def test_no_job_starts_and_the_log_says_why_once(self):
        job = self.enqueue_in("root")
        for text, message in BROKEN.items():
            with self.subTest(text=text), self.assertLogs(level="WARNING") as logs:
                self.configure(text)
                for _number in range(3):
                    self.assertFalse(self.env["queue.job"]._acquire_one_job())
                    self.run_jobs()
                    self.root.invalidate_recordset()
                    self.assertIn(message, self.root.limits_error)
                self.assertEqual(job.state, "pending")
                [line] = logs.output
                self.assertTrue(line.startswith(f"ERROR:{LOGGER}:"), line)
                self.assertIn(message, line)
                self.assertIn(f"{VARIABLE} = {text}", line)

    @mute_logger(LOGGER)
    def test_channels_show_it(self):
        channel = self.channel("a", capacity=2)
        self.configure(option="a:b")
        for each in self.root + channel:
            self.assertEqual(each.limits_source, OPTION)
            self.assertIn(f"{OPTION} = a:b: ", each.limits_error)
            self.assertEqual(each.limits_in_force, "Not understood: no job starts")
        self.assertEqual(channel.capacity, 2)

    @mute_logger(LOGGER)
    def test_jobs_start_with_a_good_one(self):
        job = self.enqueue_in("root")
        self.configure("a:b")
        self.run_jobs()
        self.assertEqual(job.state, "pending")
        self.configure("a:1")
        self.run_jobs()
        self.assertEqual(job.state, "done")

    @mute_logger(LOGGER)
    def test_channels_can_be_edited_and_jobs_enqueued_meanwhile(self):
        self.configure("a:b")
        channel = self.channel("a")
        channel.capacity = 3
        channel.action_pause()
        channel.action_resume()
        channel.unlink()
        self.assertEqual(self.enqueue_in("root").state, "pending")


class TestBrokenChannelsInRuns(RunCase):
    """A real run does nothing then, and does not fail."""

    def setUp(self):
        super().setUp()
        self.id = self.enqueue("record", "job")

    def test_runs_do_nothing_and_say_so_once(self):
        with server_configuration("x:paused"), self.assertLogs(level="WARNING") as logs:
            for seconds in (60, 60, None):
                self.run_jobs(seconds)
        self.assertEqual(self.state(self.id), "pending")
        [line] = logs.output
        self.assertIn("invalid capacity paused", line)

    @mute_logger(LOGGER)
    def test_runs_do_not_trigger_themselves(self):
        self.triggers()
        with server_configuration("x:paused"):
            self.run_jobs(seconds=60)
        self.assertEqual(self.triggers(), 0)

    @mute_logger(LOGGER)
    def test_dead_jobs_are_found_all_the_same(self):
        self.claim()
        self.age(self.id)
        with server_configuration("x:paused"), self.assertLogs(ADDON, "WARNING"):
            self.run_jobs(seconds=60)
        self.assertEqual(self.state(self.id), "pending")

    @mute_logger(LOGGER)
    def test_runs_go_on_with_a_good_one(self):
        with server_configuration("x:paused"):
            self.run_jobs(seconds=60)
        self.run_jobs(seconds=60)
        self.assertEqual(self.state(self.id), "done")


class TestBrokenChannelsOnAServer(ServerCase):
    """The server stays up and does everything else."""

    def start_server(self, channels):
        with patch.dict("os.environ", {VARIABLE: channels}):
            return self.server("--workers=1", "--max-cron-threads=1")

    def test_server_stays_up_and_jobs_run_after_a_restart_with_a_good_one(self):
        tokens = self.enqueue(["first", "second"])
        broken = self.start_server("x:paused")
        self.wait(broken, self.runs(OTHER_CRON), "another cron runs", nudge=True)
        tokens += self.enqueue(["third"])
        self.wait(broken, self.runs(RUNNER), "the runner has looked", nudge=True)
        self.assertEqual(self.states(), {"pending": 3})
        self.assertTrue(broken.running)
        self.assertCronsFine()
        broken.stop()
        self.assertNoErrorIn(broken, "No job starts")
        self.assertEqual(broken.log_text().count("No job starts"), 1)

        good = self.start_server("x:1")
        tokens += self.enqueue(["fourth"])
        self.wait(good, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        self.assertCronsFine()
        good.stop()
        self.assertEqual(good.log_text().count("No job starts"), 1)

    def runs(self, xmlid):
        """Trigger a cron; return a condition: a run has ended that used it up."""
        with self.transaction() as env:
            trigger_id = env.ref(xmlid)._trigger().id
        return lambda: (
            not self.query("SELECT 1 FROM ir_cron_trigger WHERE id = %s", trigger_id)
        )
