from . import ir_cron
from . import queue_job
from . import queue_job_outcome
from . import queue_job_process
from . import queue_job_rescue
