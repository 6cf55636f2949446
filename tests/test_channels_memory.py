# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import math
import os
from contextlib import closing
from dataclasses import asdict
from random import Random
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.tools import mute_logger

from ..runner import situation
from ..runner.acquisition import Acquisition
from ..runner.server_channels import REGULAR_RUNNER_OFF, VARIABLE
from .channel_cases import HOUR, NOW, job_channels, make_case, make_limits, seeds
from .channel_changes import Changes
from .channel_database import at, clear, configure, insert
from .channel_reference import jobs_to_start
from .run_case import ADDON, RunCase

STEPS = 60
PROCESSES = 2
FEW = 3  # changes


class TestChannelsMemory(RunCase):
    """What a process knows from its last claim changes nothing in the next one."""

    def setUp(self):
        super().setUp()
        self.enterContext(patch.dict(os.environ, {VARIABLE: REGULAR_RUNNER_OFF}))
        self.enterContext(patch.multiple(situation, MEMORY=math.inf, SLOW=0))
        self.enterContext(mute_logger(f"{ADDON}.models.queue_job_rescue"))

    def test_claims_with_and_without_memory_are_the_same(self):
        for seed in seeds(1 / 10):
            self.check(seed)

    def test_more_changes_than_are_looked_at(self):
        with patch.object(situation, "MOST_CHANGES", FEW):
            for seed in seeds(1 / 30):
                self.check(seed)

    def check(self, seed):
        """Claim, while other transactions change the queue."""
        self.begin(seed)
        steps = [self.claim] * 6 + [self.change] * 6 + [self.leave_open] * 2
        steps += [self.close_one] * 2 + [self.limit, self.let_time_pass]
        try:
            for _number in range(STEPS):
                self.rng.choice(steps)()
        finally:
            while self.open:
                self.close_one()

    def begin(self, seed):
        self.rng = Random(seed)
        self.case = make_case(seed, server=False)
        self.moment = NOW
        self.known = [None] * PROCESSES
        self.open = []  # transactions: the cursor, and the ids of the jobs they hold
        channels = job_channels(self.rng, [name for name, _limits in self.case.limits])
        self.changes = Changes(self.rng, channels, lambda: self.moment)
        with self.transaction() as env:
            clear(env.cr)
            configure(env, self.case.limits)
            insert(env.cr, self.case.jobs)

    def claim(self):
        """Claim with what one of the processes knows, and as if it knew nothing."""
        process = self.rng.randrange(PROCESSES)
        with closing(self.registry.cursor()) as cr:
            reference = jobs_to_start(cr, self.case, self.moment)
            with patch.object(situation, "MEMORY", 0):
                env = api.Environment(cr, SUPERUSER_ID, {})
                expected = Acquisition(env, env["queue.job"]._lock, self.moment)
        with self.transaction() as env, at(self.moment):
            known = self.known[process]
            claim = env["queue.job"]._claim_one_job(first=False, known=known)
            uuid = claim.head and env["queue.job"].browse(claim.head.id).uuid
        self.known[process] = claim.situation
        message = f"At {self.moment}. {self.case}"
        for what in ("head", "channel", "held", "closed"):
            self.assertEqual(getattr(claim, what), getattr(expected, what), message)
        self.assertEqual(seen(claim), seen(expected), message)
        if not self.held():
            self.assertEqual(uuid, next(iter(reference), None), message)

    def change(self):
        with self.transaction() as env:
            self.changes.make(env, self.held())

    def leave_open(self):
        """Another transaction makes changes, and takes its time."""
        cr = self.registry.cursor()
        env = api.Environment(cr, SUPERUSER_ID, {})
        self.open.append((cr, self.changes.make(env, self.held())))

    def close_one(self):
        if self.open:
            cr, _held = self.open.pop(self.rng.randrange(len(self.open)))
            if self.rng.random() < 0.7:
                cr.commit()  # pylint: disable=invalid-commit
            cr.close()

    def held(self):
        return [job_id for _cr, held in self.open for job_id in held]

    def limit(self):
        """Somebody edits the limits of a channel."""
        if self.case.limits:
            number = self.rng.randrange(len(self.case.limits))
            name, _limits = self.case.limits[number]
            self.case.limits[number] = name, make_limits(self.rng)
            with self.transaction() as env:
                configure(env, self.case.limits)

    def let_time_pass(self):
        self.moment += self.rng.choice([1, 3]) * HOUR


def seen(acquisition):
    """Return what was seen, without what is of the moment of the look."""
    values = asdict(acquisition.situation)
    of_the_look = ("snapshot", "seen", "slow")
    return {name: values[name] for name in values if name not in of_the_look}
