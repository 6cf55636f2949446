# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from odoo.service.model import call_kw

from odoo.addons.queue_job.delay import chain

from ..runner.look import NOW
from ..runner.wake import PRESENCE
from .run_case import RUNNER
from .server_case import PREFORK, ServerCase

# Odoo's workers look at triggers once a minute, runners for jobs once in five.
SOON = timedelta(seconds=5)

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
SUB_SEQUENTIAL = {"sequential_default": True, "capacity_default": 1}
FULL = {"capacity": 1}
FAILED = {"state": "failed"}
LATER = {"eta": timedelta(hours=1)}
LONG = {"seconds": 4}
QUICK = {"seconds": 0}


class Case(NamedTuple):
    """What a manager sees: a channel, the job that holds it, and the one behind."""

    env: Any
    channel: Any
    holder: Any
    other: Any


class TestStartable(ServerCase):
    """Whatever lets another job start lets it start soon, though all are idle."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(1)
        self.manager = self.new_manager("manager")
        self.odoo = self.server(*PREFORK, "--max-cron-threads=2")

    def idle(self):
        self.wait(self.odoo, lambda: self.query(IS_IDLE)[0][0], "nobody looks")

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

    @contextmanager
    def starts(self, token):
        """What a manager does in the block lets the job of that name start soon."""
        self.idle()
        self.assertEqual(self.job(token)["state"], "pending", token)
        with self.subTest(token):
            with self.transaction() as env:
                yield env(user=self.manager)
            [(changed,)] = self.query(f"SELECT {NOW}")
            self.wait(self.odoo, self.job_is(token, "done"), f"{token} is done")
            self.assertLess(self.job(token)["date_started"] - changed, SOON)

    @contextmanager
    def case(self, token, holder=None, sub="", **limits):
        """What is done with the :class:`Case` lets its other job start soon.

        :param holder: the options of the job that holds the channel of these limits
        :param sub: both jobs are in this sub-channel of it
        """
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            values = {"name": token, "parent_id": root.id, **limits}
            channel = env["queue.job.channel"].create(values)
            channel_id, name = channel.id, channel.complete_name + sub
        holder_id = holder and self.put(f"holder: {token}", name, **holder)
        if holder in (LONG, QUICK):
            begun = self.job_is(f"holder: {token}", "pending")
            self.wait(self.odoo, lambda: not begun(), "the holder has started")
        other_id = self.put(token, name)
        with self.starts(token) as env:
            jobs = env["queue.job"]
            channel = env["queue.job.channel"].browse(channel_id)
            yield Case(env, channel, jobs.browse(holder_id), jobs.browse(other_id))
        if holder == LONG:
            self.assertEqual(self.job(f"holder: {token}")["state"], "started")

    def test_changes_of_the_job_that_holds_a_sequential_channel(self):
        with self.case("cancelled", FAILED, **SEQUENTIAL) as case:
            case.holder.button_cancelled()
        with self.case("set to done", FAILED, **SEQUENTIAL) as case:
            case.holder.button_done()
        with self.case("deleted", FAILED, **SEQUENTIAL) as case:
            case.holder.sudo().unlink()
        with self.case("requeued", FAILED, **SEQUENTIAL) as case:
            selection = {"active_model": "queue.job", "active_ids": case.holder.ids}
            wizards = case.env["queue.requeue.job"].with_context(**selection)
            wizards.create({}).requeue()
        with self.case("state imported", FAILED, **SEQUENTIAL) as case:
            row = [str(case.holder.id), "cancelled"]
            self.assertTrue(case.holder.load([".id", "state"], [row])["ids"])
        with self.case("with an eta, cancelled", LATER, **SEQUENTIAL) as case:
            case.holder.button_cancelled()
        with self.case("eta removed", LATER, **SEQUENTIAL) as case:
            case.holder.eta = False
        with self.case("eta behind another one's", LATER, **SEQUENTIAL) as case:
            self.put("behind", case.other.channel, priority=20, eta=2 * LATER["eta"])
            self.idle()
            case.holder.eta += 2 * LATER["eta"]

    def test_changes_of_the_other_job(self):
        with self.case("overtakes", LATER, **SEQUENTIAL) as case:
            case.other.priority = 1
        with self.case("priority imported", LATER, **SEQUENTIAL) as case:
            row = [str(case.other.id), "1"]
            self.assertTrue(case.other.load([".id", "priority"], [row])["ids"])
        with self.case("leaves a paused channel", paused=True) as case:
            case.other.channel = "root.free"
        with self.case("leaves a full channel", LONG, **FULL) as case:
            case.other.channel = "root.free"
        with self.case("called by RPC", paused=True) as case:
            args = [case.other.ids, {"channel": "root.free"}]
            call_kw(case.env["queue.job"], "write", args, {})

    def test_changes_of_channels(self):
        with self.case("resumed", paused=True) as case:
            case.channel.action_resume()
        with self.case("capacity", LONG, **FULL) as case:
            case.channel.capacity = 2
        with self.case("throttle", QUICK, throttle=3600) as case:
            case.channel.throttle = 0
        with self.case("no longer sequential", FAILED, **SEQUENTIAL) as case:
            case.channel.sequential = False
        with self.case("deleted", paused=True) as case:
            case.channel.unlink()
        with self.case("renamed", paused=True) as case:
            case.channel.name = "another"
        with self.case("parent's default", FAILED, ".sub", **SUB_SEQUENTIAL) as case:
            case.channel.sequential_default = False
        with self.case("created", FAILED, ".sub", **SUB_SEQUENTIAL) as case:
            case.channel.create({"name": "sub", "parent_id": case.channel.id})

    def test_last_parent_set_to_done(self):
        with self.transaction() as env:
            model = env["queue.job.demo.ledger"]
            parents = [model.delayable().record(f"parent {n}") for n in range(2)]
            child = model.delayable(description="child").record("child")
            chain(*parents, child).delay()
            first, last = (each._generated_job.db_record() for each in parents)
            first.state, last.state = "done", "failed"
            parent = last.id
            self.assertEqual(last.dependent_ids.state, "wait_dependencies")
        self.idle()
        with self.transaction() as env:
            env(user=self.manager)["queue.job"].browse(parent).button_done()
        [(changed,)] = self.query(f"SELECT {NOW}")
        self.wait(self.odoo, self.job_is("child", "done"), "the child is done")
        self.assertLess(self.job("child")["date_started"] - changed, SOON)

    def test_changes_of_runners(self):
        def switch_on(env):
            runners = env["queue.job.runner"].search([("active", "=", False)])
            runners[0].action_switch_on()

        def add(env):
            env["queue.job.runner"].action_add()

        def activate(env):
            env(su=True).ref(RUNNER).active = True

        for change in (switch_on, add, activate):
            self.idle()
            with self.transaction() as env:
                runners = env(user=self.manager)["queue.job.runner"].search([])
                runners.action_switch_off()
            self.put(change.__name__)
            with self.starts(change.__name__) as env:
                change(env)
