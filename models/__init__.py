from . import ir_cron
from . import queue_job
from . import queue_job_process
