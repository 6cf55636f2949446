# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
import logging
import socket
from http.cookies import SimpleCookie
from unittest import SkipTest
from urllib.request import Request, urlopen

from odoo.tests.common import ChromeBrowser, ChromeBrowserException

from .server_case import PATIENCE, ServerCase

HOST = "127.0.0.1"
JOBS = "/odoo/action-queue_job.action_queue_job"


def free_port():
    with socket.socket() as free:
        free.bind((HOST, 0))
        return free.getsockname()[1]


class TourCase(ServerCase):
    """Tours (``static/tests/tours``) in Chromium, on a real server with cron workers.

    Odoo's own test cases would serve the browser from a transaction that no cron
    worker sees. Without Chromium a tour fails.
    """

    # what ChromeBrowser asks of its test case
    _logger = logging.getLogger(__name__)
    browser_size = "1600,900"
    touch_enabled = False

    def fetch_proxy(self, url):
        raise AssertionError(f"The page wants something from outside: {url}")

    def serve(self, *options):
        """Start a threaded server that serves HTTP too; return it."""
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        return self.server("--workers=0", f"--http-port={port}", *options)

    def session(self, login):
        """Log in and return the session's id."""
        params = {"db": self.database, "login": login, "password": login}
        request = Request(
            f"{self.url}/web/session/authenticate",
            json.dumps({"jsonrpc": "2.0", "params": params}).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=PATIENCE) as answer:
            self.assertNotIn("error", json.load(answer))
            return SimpleCookie(answer.headers["Set-Cookie"])["session_id"].value

    def tour(self, name, login, path=JOBS):
        """Run this tour as this user on the server that is up, from this page on."""
        path = f"{path}?debug=tests"  # has the tours loaded
        session = self.session(login)
        try:
            browser = ChromeBrowser(self, success_signal="tour succeeded")
        except SkipTest as reason:
            self.fail(f"No tour without Chromium: {reason}")
        try:
            browser.set_cookie("session_id", session, "/", HOST)
            browser.navigate_to(f"{self.url}{path}")
            self.assertTrue(
                browser._wait_ready(f"odoo.isTourReady({name!r})", PATIENCE)
            )
            options = {"stepDelay": 0, "startUrl": path}
            code = f"odoo.startTour({name!r}, {json.dumps(options)})"
            browser._wait_code_ok(code, PATIENCE)
        except ChromeBrowserException as error:
            self.fail(f"Tour {name}: {error}")
        finally:
            browser.stop()
