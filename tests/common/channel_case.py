# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
from contextlib import contextmanager
from unittest.mock import patch

from ...runner import server_channels
from ...runner.claim import channels_in_force
from .runner_case import RunnerCase

VARIABLE = server_channels.VARIABLE
LOGGER = server_channels.__name__
CREATED = "UPDATE queue_job SET date_created = %s WHERE id IN %s"


@contextmanager
def server_configuration(variable=None, option=None):
    """Let the server's configuration of channels be this one, as after its start.

    :param variable: the text of the environment's variable
    :param option: that of the configuration file's option, or the whole section
    """
    environ = {name: text for name, text in os.environ.items() if name != VARIABLE}
    if variable is not None:
        environ[VARIABLE] = variable
    section = {"channels": option} if isinstance(option, str) else option or {}
    with (
        patch.dict(os.environ, environ, clear=True),
        patch.object(server_channels, "queue_job_config", section),
    ):
        server_channels._parse.cache_clear()
        yield
    server_channels._parse.cache_clear()


class ChannelCase(RunnerCase):
    """Channels and their limits; the server has no configuration of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.env.ref("queue_job.channel_root")
        cls.env["queue.job.channel"].search([]).write(
            {"capacity": 0, "sequential": False, "throttle": 0, "paused": False}
        )

    def setUp(self):
        super().setUp()
        self.configure()

    def configure(self, variable=None, option=None):
        """Let the server's configuration of channels be this one."""
        self.enterContext(server_configuration(variable, option))
        self.env["queue.job.channel"].invalidate_model()

    def channel(self, name, parent=None, **limits):
        parent = parent or self.root
        values = {"name": name, "parent_id": parent.id, **limits}
        return self.env["queue.job.channel"].create(values)

    def enqueue_in(self, *channels):
        """Enqueue a job in each of these channels, in order; return the records."""
        jobs = (self.enqueue("leave", name, channel=name) for name in channels)
        return self.env["queue.job"].concat(*jobs)

    def set_created(self, jobs, moment):
        """Let the jobs have been created at that time."""
        jobs.flush_recordset()
        self.env.cr.execute(CREATED, [moment, jobs._ids])
        jobs.invalidate_recordset()

    def start_next(self):
        """Start the next job as a claim does; return its record."""
        job = self.env["queue.job"]._acquire_one_job()
        if job:
            self.env.flush_all()
            throttled = channels_in_force(self.env.cr).throttled(job.channel)
            self.start(job, throttled=throttled)
        return job

    def start_all(self):
        """Start jobs until none may, and return them."""
        nothing = self.env["queue.job"]
        return nothing.concat(*iter(self.start_next, nothing))

    def end(self, jobs, state="done"):
        self.force(jobs, state=state)
