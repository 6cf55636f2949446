# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .runner.look import DROP_FUNCTIONS
from .runner.table import prepare_table


def pre_init_hook(env):
    """Change the table of jobs before anything else is installed."""
    prepare_table(env.cr)


def uninstall_hook(env):
    """Delete every cron that calls what is about to go, and the addon's settings and
    functions in the database.

    Odoo knows the first runner by its XML id; duplicates have none, and a cron's
    server action outlives it. Active or not, and flagged or not: without the method
    such a cron would fail each time it is called.
    """
    crons = env["ir.cron"].with_context(active_test=False)
    runners = crons.search(
        [("model_id.model", "=", "queue.job"), ("code", "like", "._job_runner(")]
    )
    actions = runners.ir_actions_server_id
    runners.unlink()
    actions.unlink()
    settings = [("key", "=like", "queue_job_cron_jobrunner.%")]
    env["ir.config_parameter"].search(settings).unlink()
    env.cr.execute(DROP_FUNCTIONS)
