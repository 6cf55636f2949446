# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: whatever lets a job start, on idle servers."""

from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from odoo.service.model import call_kw, retrying

from odoo.addons.queue_job.delay import chain

from ..runner.look import NOW
from ..runner.wake import PRESENCE
from .common.run_case import RUNNER
from .common.server_case import PREFORK, ServerCase

# Odoo's workers look at triggers once a minute, runners for jobs once in five.
SOON = timedelta(seconds=15)

# The runners that are in a run are those with a job: nobody lingers.
IS_IDLE = f"""
    SELECT (SELECT count(*)
              FROM pg_locks
             WHERE locktype = 'advisory'
               AND classid = {PRESENCE}
               AND database = (SELECT oid FROM pg_database
                                WHERE datname = current_database()))
           = (SELECT count(*) FROM queue_job WHERE state = 'started')
"""

SEQUENTIAL = {"sequential": True, "capacity": 1}
SEQUENTIAL_BELOW = {"sequential_default": True, "capacity_default": 1}
PAUSED = {"paused": True}
FULL = {"capacity": 1}
THROTTLED = {"throttle": 3600}
FAILED = {"state": "failed"}
LATER = {"eta": timedelta(hours=1)}
LONG = {"seconds": 5}
QUICK = {"seconds": 0}


class Case(NamedTuple):
    """A channel, the job that holds it, and the other one behind, as managers see them;
    or their ids."""

    channel: Any
    holder: Any
    other: Any


def requeue(case):
    selection = {"active_model": "queue.job", "active_ids": case.holder.ids}
    case.holder.env["queue.requeue.job"].with_context(**selection).create({}).requeue()


def load(job, field, value):
    assert job.load([".id", field], [[str(job.id), value]])["ids"]


def write_by_rpc(job, values):
    call_kw(job.browse(), "write", [job.ids, values], {})


class TestStartable(ServerCase):
    """Whatever lets another job start lets it start soon, though all are idle."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(1)
        self.manager = self.new_manager("manager")
        self.odoo = self.server(*PREFORK, "--max-cron-threads=2")
        self.settle("after the look of the start")

    def put(self, token, channel="root", state=None, seconds=0, **options):
        """Enqueue a job and return its id."""
        with self.transaction() as env:
            delayed = env["queue.job.demo.ledger"].with_delay(
                description=token, channel=channel, **options
            )
            job = delayed.sleep(token, seconds).db_record()
            if state:
                job.state = state
            return job.id

    def prepare(self, token, limits, holder):
        """Let a job wait in a channel for one that holds it; return the :class:`Case`.

        :param holder: its options, None if the limits alone hold the channel
        """
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            values = {"name": token, "parent_id": root.id, **limits}
            channel = env["queue.job.channel"].create(values)
            channel_id, name = channel.id, channel.complete_name
        if limits == SEQUENTIAL_BELOW:
            name += ".sub"
        holder_id = holder and self.put(f"holder: {token}", name, **holder)
        if holder in (LONG, QUICK):
            is_pending = self.job_is(f"holder: {token}", "pending")
            self.wait(self.odoo, lambda: not is_pending(), "it holds the channel")
        return Case(channel_id, holder_id, self.put(token, name))

    def idle(self):
        self.wait(self.odoo, lambda: self.query(IS_IDLE)[0][0], "nobody looks")

    def settle(self, token):
        """Let the runs end that were woken until now: one lingers for that long."""
        self.put(token, priority=99)
        self.wait(self.odoo, self.job_is(token, "done"), "it is done")
        self.idle()

    @contextmanager
    def starts(self, token):
        """What a manager does in the block lets the job of that name start soon."""
        self.idle()
        with self.subTest(token):
            self.assertNotIn(self.job(token)["state"], ("started", "done"))
            with self.transaction() as env:
                yield env(user=self.manager)
            [(changed,)] = self.query(f"SELECT {NOW}")
            self.wait(self.odoo, self.job_is(token, "done"), f"{token} is done")
            self.assertLess(self.job(token)["date_started"] - changed, SOON)

    def check(self, *cases):
        """Check a (name, limits, holder, change) after the other."""
        prepared = [self.prepare(*each) for *each, _change in cases]
        self.settle(f"before {cases[0][0]}")
        for ids, (token, _limits, _holder, change) in zip(prepared, cases, strict=True):
            with self.starts(token) as env:
                jobs, channels = env["queue.job"], env["queue.job.channel"]
                channel, holder, other = ids
                case = channels.browse(channel), jobs.browse(holder), jobs.browse(other)
                change(Case(*case))

    def test_changes_of_the_job_that_holds_a_sequential_channel(self):
        self.check(
            ("cancelled", SEQUENTIAL, FAILED, lambda c: c.holder.button_cancelled()),
            ("set to done", SEQUENTIAL, FAILED, lambda c: c.holder.button_done()),
            ("deleted", SEQUENTIAL, FAILED, lambda c: c.holder.sudo().unlink()),
            ("requeued", SEQUENTIAL, FAILED, requeue),
            (
                "state imported",
                SEQUENTIAL,
                FAILED,
                lambda c: load(c.holder, "state", "cancelled"),
            ),
            ("eta", SEQUENTIAL, LATER, lambda c: c.holder.button_cancelled()),
            ("no eta", SEQUENTIAL, LATER, lambda c: c.holder.write({"eta": False})),
        )
        case = self.prepare("moved", SEQUENTIAL, LATER)
        self.put("behind", "root.moved", priority=20, eta=2 * LATER["eta"])
        self.settle("before it is moved behind that one")
        with self.starts("moved") as env:
            env["queue.job"].browse(case.holder).eta += 2 * LATER["eta"]

    def test_changes_of_the_other_job(self):
        free = {"channel": "root.free"}
        self.check(
            ("overtakes", SEQUENTIAL, LATER, lambda c: c.other.write({"priority": 1})),
            (
                "priority imported",
                SEQUENTIAL,
                LATER,
                lambda c: load(c.other, "priority", "1"),
            ),
            ("leaves a paused channel", PAUSED, None, lambda c: c.other.write(free)),
            ("written by RPC", PAUSED, None, lambda c: write_by_rpc(c.other, free)),
        )
        token = "leaves a full channel"
        self.check((token, FULL, LONG, lambda c: c.other.write(free)))
        self.assertEqual(self.job(f"holder: {token}")["state"], "started")

    def test_changes_of_channels(self):
        default = {"sequential_default": False}

        def create_sub(case):
            case.channel.create({"name": "sub", "parent_id": case.channel.id})

        self.check(
            ("resumed", PAUSED, None, lambda c: c.channel.action_resume()),
            ("throttle", THROTTLED, QUICK, lambda c: c.channel.write({"throttle": 0})),
            (
                "sequential",
                SEQUENTIAL,
                FAILED,
                lambda c: c.channel.write({"sequential": False}),
            ),
            ("deleted", PAUSED, None, lambda c: c.channel.unlink()),
            ("renamed", PAUSED, None, lambda c: c.channel.write({"name": "another"})),
            ("default", SEQUENTIAL_BELOW, FAILED, lambda c: c.channel.write(default)),
            ("created", SEQUENTIAL_BELOW, FAILED, create_sub),
        )
        self.check(("full", FULL, LONG, lambda c: c.channel.write({"capacity": 2})))
        self.assertEqual(self.job("holder: full")["state"], "started")

    def test_last_parent_set_to_done(self):
        with self.transaction() as env:
            model = env["queue.job.demo.ledger"]
            parents = [model.delayable().record(f"parent {n}") for n in range(2)]
            child = model.delayable(description="child").record("child")
            chain(*parents, child).delay()
            first, last = (each._generated_job.db_record() for each in parents)
            first.state, last.state = "done", "failed"
            parent = last.id
        self.settle("before the parent is done")
        with self.starts("child") as env:
            env["queue.job"].browse(parent).button_done()

    def test_changes_of_runners(self):
        def switch_on(env):
            runners = env["queue.job.runner"].search([("active", "=", False)])
            runners[0].action_switch_on()

        def add(env):
            env["queue.job.runner"].action_add()

        def activate(env):
            env(su=True).ref(RUNNER).active = True

        for change in (switch_on, add, activate):
            self.settle(f"before {change.__name__}")
            with self.transaction() as env:
                env = env(user=self.manager)
                runners = env["queue.job.runner"].search([])
                retrying(runners.action_switch_off, env)
            self.put(change.__name__)
            with self.starts(change.__name__) as env:
                change(env)
