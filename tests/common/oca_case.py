# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from pathlib import Path

from odoo.modules.module import get_module_path
from odoo.tools import config

from .command_case import DEMO
from .odoo_command import ALONE, OdooCommand
from .server_case import ServerCase

OURS = "queue_job_cron_jobrunner"


class OcaCase(OdooCommand, ServerCase):
    """Odoo with OCA's addon in the place of ours, or what stands for it."""

    def original(self):
        """An addons path: in the checkout, and on no addons path but that of oca()."""
        return Path(get_module_path(DEMO)).resolve().parents[1] / ".oca"

    def oca(self, *arguments, script=""):
        """Call Odoo's command line as ``odoo()`` does, with OCA's addon."""
        original = self.original()
        paths = (
            original if Path(path, OURS).exists() else path
            for path in config["addons_path"]
        )
        path = f"--addons-path={','.join(map(str, paths))}"
        # the first one is where Odoo looks for its command
        self.odoo(path, *arguments, path, "--no-http", script=script)

    def load_oca(self, option, *modules):
        """Install or update modules with OCA's addon, by ``--init`` or ``--update``."""
        self.oca(*ALONE, option, ",".join(modules))
