# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Installing, as the README tells."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from unittest.mock import patch

from odoo.modules.module import get_module_path
from odoo.tests.common import BaseCase, TransactionCase, tagged

from ..runner.table import INDEXES, prepare_table

ADDON = "queue_job_cron_jobrunner"
# As far as pip is concerned, an Odoo that was installed with it.
METADATA = "Metadata-Version: 2.1\nName: odoo\nVersion: 19.0\n"
ON_ODOO_SH = re.compile(r"## On Odoo\.sh\n.*?```\n(.*?)```", re.DOTALL)
PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
WHERE = f"""
from odoo.modules.module import get_module_path
for name in ("queue_job", "{ADDON}"):
    assert env["ir.module.module"].search([("name", "=", name)]).state == "installed"
    print("FOUND", get_module_path(name))
"""
GIT = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "protocol.file.allow",  # submodules of this machine
    "GIT_CONFIG_VALUE_0": "always",
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Test"),
    **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.com"),
}


@tagged("-standard", "-at_install", "post_install", "queue_job_server")
class TestInstallation(BaseCase):
    """The ways to install the addon work as the README tells them."""

    def setUp(self):
        super().setUp()
        # of ./dev, and so not there where this addon is but one of many
        from harness.environment import environment
        from harness.templates import Templates

        self.dev = self.enterContext(environment())
        self.database = self.enterContext(self.dev.databases.name("installation"))
        self.dev.databases.copy(Templates(self.dev).base(), self.database)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.folder = Path(folder).resolve()

    def call(self, *command, **options):
        """Return what the command prints; if it fails, the failure tells it."""
        done = subprocess.run(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.assertFalse(done.returncode, f"{command} has failed:\n{done.stdout}")
        return done.stdout

    def install(self, python, variables, addons_paths):
        """Install the addon in the database; return where it and queue_job are."""
        paths = ",".join(map(str, [*self.dev.odoo.addons, *addons_paths]))
        connection = {**self.dev.variables, "ODOO_RC": os.devnull}
        variables = {**connection, **variables, "PGDATABASE": self.database}
        odoo = [python, self.dev.odoo.script]
        options = ["--no-http", f"--data-dir={self.folder / 'data'}"]
        if paths:
            options.append(f"--addons-path={paths}")
        quick = ["--max-cron-threads=0", "--stop-after-init", f"--init={ADDON}"]
        log = self.call(*odoo, *options, *quick, env=variables)
        self.assertNotRegex(log, r" \d+ (ERROR|CRITICAL) ")
        told = self.call(*odoo, "shell", *options, input=WHERE, env=variables)
        return [Path(path) for path in re.findall(r"FOUND (.*)", told)]

    def test_wheel_beside_queue_job_in_a_fresh_virtual_environment(self):
        wheels, fresh = self.folder / "wheels", self.folder / "venv"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        setup = self.dev.checkout / "setup" / ADDON
        self.call(*pip, "wheel", "--no-deps", f"--wheel-dir={wheels}", setup)
        [wheel] = wheels.iterdir()
        venv.create(fresh)
        python = fresh / "bin" / "python"
        site = Path(self.call(python, "-c", PURELIB).strip())
        # Odoo and what it needs
        on_the_path = [self.dev.odoo.root, sysconfig.get_path("purelib")]
        (site / "odoo.pth").write_text("\n".join(map(str, on_the_path)))
        (site / "odoo-19.0.dist-info").mkdir()
        (site / "odoo-19.0.dist-info" / "METADATA").write_text(METADATA)
        self.call(*pip, "--python", python, "install", wheel)
        addons = site / "odoo" / "addons"
        self.assertEqual(
            self.install(python, {"PYTHONPATH": ""}, []),
            [addons / "queue_job", addons / ADDON],
        )
        self.assertFalse((addons / ADDON / "dev").exists())

    def test_submodules_on_odoo_sh(self):
        readme = (self.dev.checkout / "readme" / "INSTALL.md").read_text()
        [commands] = ON_ODOO_SH.findall(readme)
        for url, repository in (
            ("https://github.com/OCA/queue.git", self.of_queue()),
            ("URL-OF-THIS-REPOSITORY", self.of_this_checkout()),
        ):
            self.assertIn(url, commands)
            commands = commands.replace(url, str(repository))
        project, clone = self.folder / "project", self.folder / "clone"
        project.mkdir()
        commands = f"git init --quiet\n{commands}"
        self.call("bash", "-ec", commands, cwd=project, env={**os.environ, **GIT})
        self.git("clone", "--recurse-submodules", project, clone)
        shutil.rmtree(project)
        python_path = {"PYTHONPATH": str(self.dev.odoo.root)}
        self.assertEqual(
            self.install(sys.executable, python_path, self.addons_paths(clone)),
            [clone / "queue_job", clone / ADDON],
        )
        self.assertIn("openupgradelib\n", (clone / "requirements.txt").read_text())

    def addons_paths(self, project):
        """As Odoo.sh does: wherever an addon is, except in hidden folders."""
        found = set()
        for folder, children, files in os.walk(project, followlinks=True):
            children[:] = [child for child in children if not child.startswith(".")]
            if "__manifest__.py" in files:
                found.add(Path(folder).parent)
        return sorted(found)

    def of_queue(self):
        """A repository with what matters of OCA's, which has an addon of our name."""
        folder = self.folder / "queue"
        shutil.copytree(get_module_path("queue_job"), folder / "queue_job")
        (folder / ADDON).mkdir()
        (folder / ADDON / "__manifest__.py").write_text("{'name': 'The other one'}")
        return self.commit(folder)

    def of_this_checkout(self):
        """A repository with the files as they are now."""
        ignored = shutil.ignore_patterns(".git", "__pycache__")
        folder = self.folder / "ours"
        shutil.copytree(self.dev.checkout, folder, symlinks=True, ignore=ignored)
        return self.commit(folder)

    def commit(self, folder):
        self.git("init", "--quiet", "--initial-branch=19.0", folder)
        self.git("-C", folder, "add", "--all")
        self.git("-C", folder, "commit", "--quiet", "--message=Test")
        return folder

    def git(self, *arguments):
        self.call("git", *arguments, env={**os.environ, **GIT})


class TestIndexes(TransactionCase):
    """What is made before Odoo makes anything is what Odoo would make."""

    def test_odoo_knows_the_indexes_by_their_comments(self):
        names = INDEXES.keys() - {"queue_job__date_rescued_index"}
        self.env.cr.execute(f"DROP INDEX {', '.join(names)}")
        with patch.object(self.env.cr, "commit"):
            prepare_table(self.env.cr)
        for name in names:
            self.env.cr.execute("SELECT obj_description(%s::regclass)", [name])
            [comment] = self.env.cr.fetchone()
            index = self.env["queue.job"]._table_objects[name]
            self.assertEqual(comment, index.get_definition(self.registry))
