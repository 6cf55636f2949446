# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

{
    "name": "Queue Job Cron Jobrunner Demo",
    "summary": "Jobs for the demo and for the tests that start server processes",
    "version": "19.0.1.0.0",
    "author": "Camptocamp, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/queue",
    "license": "AGPL-3",
    "category": "Hidden",
    "depends": ["queue_job_cron_jobrunner"],
    "data": [
        "security/ir.model.access.csv",
        "data/queue_job.xml",
    ],
}
