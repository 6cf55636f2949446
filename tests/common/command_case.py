# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import subprocess
from pathlib import Path

from odoo.modules.module import get_module_path
from odoo.tests.common import BaseCase, tagged

DEMO = "queue_job_cron_jobrunner_demo"
PATIENCE = 900  # seconds; it takes about one minute, but another one may be at it


@tagged("-standard", "-at_install", "post_install", "queue_job_server")
class CommandCase(BaseCase):
    """Commands in dev/, as a developer calls them."""

    def assertSucceeds(self, name, *options):
        """The command ends with the exit status 0; its output tells why not."""
        # the demo addon is part of the checkout, in dev/.addons
        dev = Path(get_module_path(DEMO)).resolve().parents[1]
        with subprocess.Popen(
            [dev / name, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired as error:
                self.fail(f"{error}\n{error.output.decode()}")
            finally:
                # it takes its servers with it when it is asked to stop
                process.terminate()
        self.assertEqual(process.returncode, 0, output)
