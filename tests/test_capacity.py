# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 4: limits under load, while they are edited and workers killed."""

from .common.command_case import CommandCase


class TestCapacity(CommandCase):
    def test_no_start_above_a_limit_and_every_limit_reached(self):
        # how much of its capacity a channel uses depends on the machine: --least=0
        self.assertSucceeds(
            "capacity", "--jobs=300", "--kills=3", "--seed=1", "--least=0"
        )

    def test_bulk_of_jobs_wakes_few_runners(self):
        self.assertSucceeds("capacity", "--storm", "--jobs=500", "--seed=1")
