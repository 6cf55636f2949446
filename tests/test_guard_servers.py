# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .server_case import PREFORK, ServerCase


class TestGuardServers(ServerCase):
    pass
