# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: every text is translated."""

import re
from pathlib import Path

import polib

from odoo.modules.module import get_module_path
from odoo.tests.common import BaseCase

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|</?\w+|invisible=\"[^\"]*\"")


class TestTranslations(BaseCase):
    """Each translation has every term, and what code and markup need in it."""

    def test_translations_are_complete(self):
        folder = Path(get_module_path("queue_job_cron_jobrunner"), "i18n")
        [template] = folder.glob("*.pot")
        terms = {entry.msgid for entry in polib.pofile(template)}
        self.assertEqual({path.stem for path in folder.glob("*.po")}, {"es", "fr"})
        for path in folder.glob("*.po"):
            entries = polib.pofile(path)
            done = [entry for entry in entries if entry.translated()]
            self.assertEqual({entry.msgid for entry in done}, terms, path.name)
            for entry in done:
                self.assertCountEqual(
                    PLACEHOLDER.findall(entry.msgstr),
                    PLACEHOLDER.findall(entry.msgid),
                    entry.msgid,
                )
