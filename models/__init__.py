from . import ir_cron
from . import queue_job
from . import queue_job_channel
from . import queue_job_channel_start
from . import queue_job_claim
from . import queue_job_outcome
from . import queue_job_process
from . import queue_job_rescue
