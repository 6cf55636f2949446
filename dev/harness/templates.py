"""The databases that all others are copied from."""

import re
from hashlib import sha256

from . import cache
from .process import run, run_shell
from .report import step

BASE = "base,web,mail,rpc,queue_job"
DEMO = f"{cache.NAME}_demo"
NOT_INSTALLED = {"tests", "readme", "i18n", "README.rst", "LICENSE"}
KEPT = 3

# A copy of a database has no file store: attachments live in the database.
ATTACHMENTS = """
env["ir.config_parameter"].set_param("ir_attachment.location", "db")
env["ir.attachment"].force_storage()
env.cr.commit()
"""
COMPLAINT = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) .*", re.MULTILINE)


class Templates:
    """env: the Environment whose Odoo, queue_job and checkout they are made from."""

    def __init__(self, env):
        self.env = env
        self.databases = env.databases

    def addon(self):
        """The name of the template with the addon and the demo addon installed."""
        with cache.setup_lock():
            base = self.base()
            home = _digest(bytes(self.env.home))[:6]
            family = f"qjcj_addon_{home}_"
            name = family + _digest(base.encode(), *self._addon_contents())[:10]
            if not self.databases.exists(name) or complaints(name):
                self.databases.drop([name])
                addons = [cache.NAME, *([DEMO] if self.env.demo else [])]
                with step("Installing the addon"):
                    self._make(name, ",".join(addons), base)
                self.databases.keep_newest(KEPT, family, besides=name)
            return name

    def base(self):
        """The name of the template with queue_job alone."""
        made_from = (*self.env.versions, BASE, ATTACHMENTS)
        name = "qjcj_base_" + _digest(*map(str.encode, made_from))[:10]
        if not self.databases.exists(name):
            with step(f"Installing {BASE}"):
                self._make(name, BASE)
        return name

    def _make(self, name, addons, template=None):
        """Make a database under another name first: there is never half a template."""
        with self.databases.name("template") as work:
            if template:
                self.databases.copy(template, work)
            log, error = cache.new_log(name), f"{addons} could not be installed."
            command = ["odoo", "-d", work, "-i", addons, "--stop-after-init"]
            run(command, log, error, env=self.env.variables)
            if not template:
                run_shell(self.env, work, ATTACHMENTS, log, error)
            self.databases.rename(work, name)

    def _addon_contents(self):
        """Names and contents of the files that an installation depends on."""
        parts = [
            part for part in self.env.addon.iterdir() if part.name not in NOT_INSTALLED
        ]
        for part in sorted([*parts, *filter(None, [self.env.demo])]):
            for path in sorted([part, *part.rglob("*")]):
                if path.is_file() and path.parent.name != "__pycache__":
                    yield bytes(path.relative_to(part.parent))
                    yield path.read_bytes()


def installation_log(name):
    return cache.folder() / "logs" / f"{name}.log"


def complaints(name):
    """The warnings and errors that Odoo logged when it installed template name."""
    log = installation_log(name)
    return COMPLAINT.findall(log.read_text()) if log.exists() else ["No log is left."]


def _digest(*parts):
    """One hexadecimal text for all the parts, which are bytes."""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()
