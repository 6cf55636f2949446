"""Odoo servers, through the class that the tests use."""

import importlib.util


def load_odoo_server(checkout):
    """The class OdooServer of tests/server.py."""
    path = checkout / "tests" / "server.py"
    spec = importlib.util.spec_from_file_location("server", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.OdooServer
