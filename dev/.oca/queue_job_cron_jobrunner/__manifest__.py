# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

{
    "name": "Queue Job Cron Jobrunner",
    "summary": "Stands for OCA's addon of this name: what it leaves in a database",
    "version": "19.0.1.0.1",
    "author": "Camptocamp, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/queue",
    "license": "AGPL-3",
    "category": "Hidden",
    "depends": ["queue_job"],
    "data": ["data.xml"],
}
