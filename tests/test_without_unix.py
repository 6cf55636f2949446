# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Installing: where Python has no limits of processes."""

from .common.server_case import ServerCase

AS_ON_WINDOWS = """
import os, sys

sys.modules["resource"] = None  # whoever imports it gets an ImportError
del os.register_at_fork
"""


class TestWithoutUnix(ServerCase):
    """Windows has no ``resource``, no ``fork``, and threaded servers alone."""

    def test_threaded_server(self):
        self.only_runners()
        options = self.with_code("windows", AS_ON_WINDOWS)
        server = self.server("--workers=0", "--max-cron-threads=1", *options)
        tokens = self.enqueue(["a", "b"], "sleep", 0.5)
        tokens += self.enqueue(["eta"], eta=3)
        self.enqueue(["fail"], "fail")
        self.wait(server, self.all_in("done", "failed"), "all have ended")
        self.assertOnceEach(tokens)
        self.assertEqual(self.job("fail")["state"], "failed")
        self.assertCronsFine()
        self.assertNoErrorIn(server, "This job fails, as intended")
