# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Limits of channels: those of the server's configuration."""

from configparser import ConfigParser

from ..runner.server_channels import OPTION, VARIABLE
from .common.channel_case import ChannelCase


class TestServerChannels(ChannelCase):
    """The server's own configuration of channels, where there is one, holds alone."""

    def shown(self, channel=None):
        """What the channel's form and the list show: source, limits, error."""
        channel = channel or self.root
        return channel.limits_source, channel.limits_in_force, channel.limits_error

    def assertStarts(self, configuration, channels, starting):
        """Of jobs in these channels, those start."""
        self.env.cr.execute("DELETE FROM queue_job")
        self.env.invalidate_all()
        self.env["queue.job.channel.start"].search([]).unlink()
        self.configure(configuration)
        self.enqueue_in(*channels.split())
        self.assertEqual(self.start_all().mapped("channel"), starting.split())

    def test_none(self):
        self.assertEqual(self.shown(), (False, False, False))
        for text in ("", " ", "\n"):
            with self.subTest(text=text):
                self.configure(text, text)
                self.assertEqual(self.shown(), (False, False, False))

    def test_variable(self):
        self.configure("root:4")
        self.assertEqual(self.shown(), (VARIABLE, "4", False))
        self.assertEqual(self.root.effective_capacity, 4)

    def test_option(self):
        self.configure(option="root:3")
        self.assertEqual(self.shown(), (OPTION, "3", False))

    def test_variable_comes_before_the_option(self):
        self.configure("root:4", "root:3")
        self.assertEqual(self.shown(), (VARIABLE, "4", False))
        self.configure("", "root:3")
        self.assertEqual(self.shown(), (OPTION, "3", False))
        self.configure(" ", "root:3")
        self.assertEqual(self.shown(), (OPTION, "3", False))
        self.configure("root:4", "x:y:z")
        self.assertEqual(self.shown(), (VARIABLE, "4", False))

    def test_option_in_a_section_as_server_environment_gives_it(self):
        parser = ConfigParser()
        parser.read_string("[queue_job]\nchannels = root:2,\n  a:1:sequential\n")
        self.configure(option=parser["queue_job"])
        self.assertEqual(self.shown(), (OPTION, "2", False))
        self.assertEqual(self.shown(self.channel("a")), (OPTION, "1:sequential", False))
        parser.read_string("[queue_job]\nport = 8069\n")
        parser.remove_option("queue_job", "channels")
        self.assertEqual(parser["queue_job"]["port"], "8069")
        self.configure(option=parser["queue_job"])
        self.assertEqual(self.shown(), (False, False, False))

    def test_limits_of_records_do_not_hold_beside_it(self):
        self.channel("a", capacity=1)
        self.channel("b", paused=True)
        self.root.write({"capacity": 1, "throttle": 60, "capacity_default": 1})
        self.assertStarts(
            "root:5,c:1",
            "root.a root.a root.b root.c root.c root.d root.d",
            "root.a root.a root.b root.c root.d",
        )

    def test_records_keep_their_limits_and_show_those_that_hold(self):
        channel = self.channel("a", capacity=3, paused=True)
        self.configure("root:5,a:2:throttle=7:paused")
        self.assertEqual((channel.capacity, channel.throttle), (3, 0))
        self.assertEqual(self.shown(channel)[1], "2:throttle=7:paused")
        self.assertEqual(channel.effective_capacity, 2)
        self.configure("root:5")
        self.assertEqual(self.shown(channel)[1], "No limit of its own")
        self.assertEqual(channel.effective_capacity, 5)
        self.assertFalse(channel.effective_paused)
        self.assertFalse(self.root.new({}).limits_in_force)
        self.configure("root:5:paused")
        self.assertTrue(channel.effective_paused)
        self.configure()
        self.assertEqual(self.shown(channel), (False, False, False))
        self.assertEqual(channel.effective_capacity, 3)

    def test_root_0_switches_the_regular_runner_off_and_nothing_else(self):
        self.root.capacity = 2
        for configuration in (("root:0",), (" root:0\n",), (None, "root:0")):
            with self.subTest(configuration=configuration):
                self.configure(*configuration)
                self.assertEqual(self.shown(), (False, False, False))
                self.assertEqual(self.root.effective_capacity, 2)

    def test_variable_of_root_0_is_no_reason_to_look_at_the_option(self):
        self.configure("root:0", "root:3")
        self.assertEqual(self.shown(), (False, False, False))

    def test_root_0_with_more_is_a_configuration(self):
        self.root.capacity = 1
        self.assertStarts("root:0,sub:1", "root root sub sub", "root root sub")
        self.assertEqual(self.shown(), (VARIABLE, "No limit of its own", False))
        self.assertStarts("root:0:paused", "root sub", "")

    def test_root_that_is_not_configured_has_no_limit(self):
        self.assertStarts("a:1", "root root b b a a", "root root b b a")

    def test_0_is_no_limit(self):
        self.assertStarts("root:3,a:0", "a a a a", "a a a")

    def test_capacity_is_1_if_there_is_none(self):
        self.assertStarts("a", "a a root.a", "a")

    def test_several_lines(self):
        self.assertStarts("a:1\n b : 1,\n\n", "a a b b c c", "a b c c")

    def test_the_last_of_several_for_a_channel_holds(self):
        self.assertStarts("a:1,root.a:2,a:3", "a a a a", "a a a")

    def test_paused(self):
        self.assertStarts("a:2:paused", "a a.b b", "b")
        self.assertStarts("root:2:paused", "a root", "")

    def test_throttle(self):
        self.assertStarts("a:2:throttle=60", "a a b b", "a b b")

    def test_sequential(self):
        self.assertStarts("a:1:sequential", "a a b b", "a b b")
        self.start_all()
        jobs = self.env["queue.job"].search([("channel", "=", "a")], order="id")
        self.end(jobs[0], "failed")
        self.assertFalse(self.start_all())

    def test_defaults_of_sub_channels(self):
        self.assertStarts("a:4:capacity_default=1", "a a a.b a.b a.c", "a a a.b a.c")
        self.assertStarts(
            "a:4:capacity_default=1:sequential_default", "a.b a.b a.c", "a.b a.c"
        )
        self.assertEqual(
            self.shown(self.channel("b", self.channel("a")))[1], "1:sequential"
        )

    def test_options_of_newer_versions_are_ignored_with_one_warning(self):
        with self.assertLogs(level="WARNING") as logs:
            self.assertStarts("root:4:colour=red,a:1:weight=3:loud", "a a b", "a b")
            self.root.invalidate_recordset()
            self.assertEqual(self.shown()[1], "4")
        [line] = logs.output
        self.assertTrue(line.startswith("WARNING"), line)
        self.assertIn("colour, loud, weight", line)
        self.assertIn(VARIABLE, line)
