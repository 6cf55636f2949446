# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import datetime

from freezegun import freeze_time

from odoo.fields import Datetime
from odoo.orm.model_classes import add_to_registry
from odoo.tests.common import TransactionCase, new_test_user
from odoo.tools import mute_logger

from ...runner.claim import start_job
from .models import QueueJobCronTest

MODELS_LOGGER = "odoo.addons.queue_job_cron_jobrunner.models"
# ahead of PostgreSQL's clock, or what is postponed from it is due at once
NOW = datetime(2222, 2, 22, 22, 22, 22)


class RunnerCase(TransactionCase):
    """A runner, a model whose methods are jobs, and no other job or trigger."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        name = QueueJobCronTest._name
        add_to_registry(cls.registry, QueueJobCronTest)
        cls.addClassCleanup(cls.registry.__delitem__, name)
        cls.registry._setup_models__(cls.env.cr, [name])
        cls.registry.init_models(cls.env.cr, [name], {"models_to_check": True})
        cls.env = cls.env(context={})
        cls.runner = cls.env.ref("queue_job_cron_jobrunner.queue_job_cron")
        cls.runner.lastcall = Datetime.now()  # as where cron workers are at work
        cls.model = cls.env[name]
        cls.env["ir.model.access"].create(
            {
                "name": name,
                "model_id": cls.env["ir.model"]._get_id(name),
                **dict.fromkeys(
                    ("perm_read", "perm_write", "perm_create", "perm_unlink"), True
                ),
            }
        )
        cls.env["queue.job"].search([]).unlink()
        cls.env["ir.cron.trigger"].search([]).unlink()
        cls.env.cr.precommit.clear()

    @classmethod
    def job_function(cls, method, **values):
        """Configure a method of the test model as a job function."""
        return cls.env["queue.job.function"].create(
            {
                "model_id": cls.env["ir.model"]._get_id(cls.model._name),
                "method": method,
                **values,
            }
        )

    @classmethod
    def new_user(cls, login, groups="base.group_user"):
        return new_test_user(cls.env, login, groups=groups)

    @classmethod
    def new_manager(cls):
        """Make a manager of jobs who is no administrator."""
        groups = "base.group_user,queue_job.group_queue_job_manager"
        return cls.new_user("job manager", groups)

    def enqueue_several(self, count):
        """Enqueue jobs that leave their number, and return their records."""
        jobs = (self.enqueue("leave", str(number)) for number in range(count))
        return self.env["queue.job"].concat(*jobs)

    def enqueue(self, method, *args, **options):
        """Enqueue a method of the test model and return the job's record."""
        delayable = self.model.with_delay(**options)
        return getattr(delayable, method)(*args).db_record()

    def start(self, job, runner=None, throttled=()):
        """Let a runner start the job, by default the first one."""
        job.flush_recordset()
        start_job(self.env.cr, job.id, (runner or self.runner).id, throttled)
        job.invalidate_recordset()

    def force(self, jobs, **values):
        """Write what only a run may write of a job that is started."""
        jobs.with_context(_job_edit_sentinel=jobs.EDIT_SENTINEL).write(values)

    def run_jobs(self):
        self.env["queue.job"]._job_runner(commit=False)

    def run_failing_jobs(self):
        """Run the jobs and return the lines of the ERROR level."""
        with self.assertLogs(MODELS_LOGGER, "ERROR") as logs:
            self.run_jobs()
        return logs.output

    def traces(self):
        """What the jobs have left, in the order of their writing."""
        return self.model.search([], order="id").mapped("name")

    def forget_wake_up(self):
        """As if another transaction began."""
        self.env.cr.precommit.clear()
        self.env.cr.postcommit.clear()

    def forget_triggers(self):
        self.env["ir.cron.trigger"].search([]).unlink()
        self.forget_wake_up()

    def triggers(self, runner=None):
        return self.env["ir.cron.trigger"].search(
            [("cron_id", "=", (runner or self.runner).id)]
        )


class FrozenCase(RunnerCase):
    """Python's clock stands still, PostgreSQL's goes on."""

    def setUp(self):
        super().setUp()
        self.enterContext(freeze_time(NOW))


mute_sql_errors = mute_logger("odoo.sql_db")
