# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: docs/testing.md tells which test holds which promise."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from odoo.tests.common import BaseCase

TESTS = Path(__file__).resolve().parent
TABLE = TESTS.parent / "docs" / "testing.md"
ROW = re.compile(r"^\| (?:(\d)\. )?[^|]+\| ((?:`test_\w+`(?:, )?)+) \|$", re.M)
PROMISES = re.compile(r"Promises? ([\d, and]+): ")


class TestDocs(BaseCase):
    """From a promise to its tests by the table, and back by the modules' docstrings."""

    def test_every_module_is_where_its_docstring_says(self):
        if not TABLE.exists():  # the wheel has no docs/
            return
        told = defaultdict(set)
        for promise, modules in ROW.findall(TABLE.read_text()):
            for module in re.findall(r"\w+", modules):
                told[module] |= {promise}
        there = {path.stem: path for path in TESTS.glob("test_*.py")}
        self.assertEqual(there.keys(), told.keys())
        for name, path in there.items():
            docstring = ast.get_docstring(ast.parse(path.read_text()))
            self.assertTrue(docstring, name)
            found = PROMISES.match(docstring)
            promises = set(re.findall(r"\d", found[1])) if found else {""}
            self.assertEqual(promises, told[name], name)
