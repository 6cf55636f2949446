# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

{
    "name": "Queue Job Cron Jobrunner",
    "summary": "Run queue_job jobs in Odoo's own cron workers",
    "version": "19.0.2.2.0",
    "development_status": "Beta",
    "author": "Camptocamp, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/queue",
    "license": "AGPL-3",
    "category": "Generic Modules",
    "depends": ["queue_job"],
    "data": [
        "data/ir_cron.xml",
        "security/ir.model.access.csv",
        "views/ir_cron_views.xml",
        "views/queue_job_channel_list_views.xml",
        "views/queue_job_channel_views.xml",
        "views/queue_job_runner_views.xml",
        "views/queue_job_views.xml",
    ],
    "assets": {
        "web.assets_backend": ["queue_job_cron_jobrunner/static/src/*.js"],
        "web.assets_tests": ["queue_job_cron_jobrunner/static/tests/tours/*.js"],
    },
    "pre_init_hook": "pre_init_hook",
    "uninstall_hook": "uninstall_hook",
    "cloc_exclude": ["dev/**/*", "setup/**/*"],
}
