# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .command_case import CommandCase


class TestChaos(CommandCase):
    def test_every_job_once_whatever_is_killed(self):
        self.assertSucceeds(
            "chaos", "--jobs=200", "--kills=8", "--servers=2", "--seed=1"
        )
