# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
import subprocess

from odoo.modules.registry import Registry

COMPLAINT = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) .*", re.MULTILINE)

ALONE = ("--no-http", "--max-cron-threads=0", "--stop-after-init")


class OdooCommand:
    """Odoo's command line, for a ``ServerCase``."""

    def odoo(self, *arguments, script=""):
        """Let Odoo's command line do something to the database, without complaints.

        :param arguments: ``--database`` follows them
        :param script: what it reads, such as the code for a shell
        """
        command = ["odoo", *arguments, "--database", self.database]
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(" INFO ", done.stderr)
        self.assertEqual(COMPLAINT.findall(done.stderr), [])
        self.assertNotIn("Traceback", done.stderr + done.stdout)
        Registry.delete(self.database)

    def install(self, *modules):
        self.odoo(*ALONE, "--init", ",".join(modules))
        self.load_registry()

    def update(self, *modules):
        self.odoo(*ALONE, "--update", ",".join(modules))
        self.load_registry()

    def uninstall(self, *modules):
        self.odoo("module", "uninstall", *modules)
        self.load_registry()
