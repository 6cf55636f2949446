# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

{
    "name": "Queue Job Channel Limits",
    "summary": "Stands for a later queue_job, which has the limits of channels itself",
    "version": "19.0.1.0.0",
    "author": "Camptocamp, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/queue",
    "license": "AGPL-3",
    "category": "Hidden",
    "depends": ["queue_job"],
}
