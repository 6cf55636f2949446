# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: examples in docstrings are true."""

import doctest
import pkgutil
from importlib import import_module

from odoo.tests.common import BaseCase

from .. import runner


class TestDoctests(BaseCase):
    def test_examples_in_the_docstrings_are_true(self):
        attempted = set()
        for each in pkgutil.iter_modules(runner.__path__, f"{runner.__name__}."):
            with self.subTest(module=each.name):
                result = doctest.testmod(import_module(each.name))
                self.assertFalse(result.failed)
            if result.attempted:
                attempted.add(each.name.rpartition(".")[2])
        self.assertLessEqual({"decision", "transaction"}, attempted)
