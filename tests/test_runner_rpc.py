# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Runners: what can be called from outside."""

import xmlrpc.client
from datetime import datetime, timedelta
from inspect import isfunction

from odoo.tests.common import HttpCase, get_db_name, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.queue_job.job import PENDING

MANAGER = "queue_job.group_queue_job_manager"
RUNNER = "queue_job_cron_jobrunner.queue_job_cron"
OURS = "odoo.addons.queue_job_cron_jobrunner"
ACTIONS = {"switch_on", "switch_off", "remove", "run_now", "add", "open_jobs"}


@tagged("-at_install", "post_install")
class TestRunnerRpc(HttpCase):
    """What can be called from outside, by real requests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runner = cls.env.ref(RUNNER)
        cls.users, cls.keys = {}, {}
        groups = {
            "portal": "base.group_portal",
            "internal": "base.group_user",
            "manager": f"base.group_user,{MANAGER}",
            "admin": f"base.group_system,{MANAGER}",
        }
        for who, group in groups.items():
            user = new_test_user(cls.env, f"rpc_{who}", groups=group)
            soon = datetime.now() + timedelta(hours=1)
            keys = cls.env["res.users.apikeys"].with_user(user)
            cls.users[who] = user
            cls.keys[who] = keys.sudo()._generate("rpc", "test", soon)

    def call(self, who, model, method, ids=(), **arguments):
        """Call by JSON-2; return the status of the answer."""
        headers = {"Authorization": f"bearer {self.keys[who]}"}
        url = f"{self.base_url()}/json/2/{model}/{method}"
        body = {"ids": list(ids), **arguments} if ids is not None else arguments
        with mute_logger("odoo.http", "odoo.addons.rpc.controllers.json2"):
            answer = self.opener.post(url, json=body, headers=headers)
        self.env.invalidate_all()
        return answer.status_code

    def execute_kw(self, who, *args):
        self.authenticate(None, None)
        user = self.users[who]
        url = f"{self.base_url()}/xmlrpc/2/object"
        with mute_logger("odoo.http", "odoo.addons.rpc.controllers.xmlrpc"):
            proxy = xmlrpc.client.ServerProxy(url, self.xmlrpc_transport())
            return proxy.execute_kw(get_db_name(), user.id, self.keys[who], *args)

    def xmlrpc_transport(self):
        return self.xmlrpc_object._ServerProxy__transport

    def call_runner(self, who, method, **arguments):
        return self.call(who, "queue.job.runner", method, [self.runner.id], **arguments)

    def test_managers_and_administrators(self):
        for who in ("manager", "admin"):
            self.assertEqual(self.call_runner(who, "action_switch_off"), 200)
            self.assertFalse(self.runner.active)
            self.assertEqual(self.call_runner(who, "write", vals={"active": True}), 200)
            self.assertTrue(self.runner.active)
            self.assertEqual(self.call_runner(who, "write", vals={"name": who}), 200)
            self.assertEqual(self.runner.name, who)
            self.assertEqual(self.call_runner(who, "action_run_now"), 200)
            self.assertEqual(self.call_runner(who, "write", vals={"pid": 1}), 403)

    def test_others(self):
        for who in ("portal", "internal"):
            for action in ACTIONS:
                with self.subTest(who=who, action=action):
                    self.assertEqual(self.call_runner(who, f"action_{action}"), 403)
            vals = {"active": False}
            self.assertEqual(self.call_runner(who, "write", vals=vals), 403)
            self.assertEqual(self.call_runner(who, "read", fields=["name"]), 403)
        self.assertTrue(self.runner.active)

    def test_no_private_method_can_be_called(self):
        called = 0
        names = ("queue.job.runner", "queue.job.runner.switch", "ir.cron", "queue.job")
        for name in names:
            for base in self.registry[name].mro():
                if not base.__module__.startswith(OURS):
                    continue
                for method, function in vars(base).items():
                    if method.startswith("_") and not method.startswith("__"):
                        if callable(function) or isfunction(function):
                            status = self.call("admin", name, method, None)
                            self.assertEqual(status, 403, f"{name}.{method}")
                            called += 1
        self.assertGreater(called, 40)

    def test_public_methods_of_ours(self):
        """A new one is a way in from outside: think of who may call it."""
        public = {f"action_{action}" for action in ACTIONS}
        allowed = {
            "queue.job.runner": public | {"write"},
            "queue.job.runner.switch": set(),
            "ir.cron": {"create", "write", "unlink"},
        }
        for name, methods in allowed.items():
            found = {
                method
                for base in self.registry[name].mro()
                if base.__module__.startswith(OURS)
                for method, function in vars(base).items()
                if isfunction(function) and not method.startswith("_")
            }
            self.assertEqual(found, methods)

    def test_manager_reaches_no_cron_and_no_server_action(self):
        job = self.env["queue.job"].with_delay()._test_job().db_record()
        cron, action = self.runner.id, self.runner.ir_actions_server_id.id
        for status in (
            self.call("manager", "ir.cron", "read", [cron], fields=["name"]),
            self.call("manager", "ir.cron", "write", [cron], vals={"active": False}),
            self.call("manager", "ir.cron", "method_direct_trigger", [cron]),
            self.call("manager", "ir.actions.server", "run", [action]),
            self.call(
                "manager",
                "ir.actions.server",
                "run",
                [action],
                context={"cron_id": cron, "ir_cron_progress_id": 1},
            ),
        ):
            self.assertEqual(status, 403)
        self.assertEqual(job.state, PENDING)

    def test_the_same_by_execute_kw(self):
        ids = [[self.runner.id]]
        model = "queue.job.runner"
        self.assertTrue(self.execute_kw("manager", model, "action_switch_off", ids))
        self.env.invalidate_all()
        self.assertFalse(self.runner.active)
        for who, name, method in (
            ("internal", model, "action_switch_on"),
            ("portal", model, "action_switch_on"),
            ("manager", model, "_crons"),
            ("manager", "queue.job.runner.switch", "create"),
            ("manager", "ir.cron", "_add_runner"),
            ("manager", "ir.cron", "method_direct_trigger"),
        ):
            with self.assertRaises(xmlrpc.client.Fault) as raised:
                self.execute_kw(who, name, method, ids)
            self.assertEqual(raised.exception.faultCode, 4, raised.exception)
