# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 2: whatever is hit, each job takes effect once."""

from .common.command_case import CommandCase


class TestChaos(CommandCase):
    def test_every_job_once_whatever_is_hit(self):
        # not yet: limit, delete, cancel and upgrade
        blows = "kill,server,restart,clock,freeze,crash,control,session,edit,stop"
        sizes = "--jobs=200", "--kills=8", "--servers=2"
        self.assertSucceeds("chaos", *sizes, f"--blows={blows}", "--seed=1")
