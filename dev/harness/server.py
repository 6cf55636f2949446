"""What the tests and the commands share: modules in tests/ that need no Odoo."""

import importlib.util


def load_from_tests(checkout, name):
    """The module of that name in tests/, without the package, which needs Odoo."""
    path = checkout / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_odoo_server(checkout):
    """The class OdooServer of tests/server.py."""
    return load_from_tests(checkout, "server").OdooServer
