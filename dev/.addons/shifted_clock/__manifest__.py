# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

{
    "name": "Shifted Clock",
    "summary": "Stands for a host whose clock is wrong",
    "version": "19.0.1.0.0",
    "author": "Camptocamp, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/queue",
    "license": "AGPL-3",
    "category": "Hidden",
    "depends": ["base"],
}
