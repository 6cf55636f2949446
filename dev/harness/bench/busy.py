"""What single jobs leave behind while the first runner has one that lasts.

Who enqueues triggers a runner, and Odoo deletes the triggers of a runner when it runs.
"""

from harness.process import wait_until

from .report import Row
from .site import STARTED, START_LIMIT

LONG, SHORT = "long", "short"
DURATION = 3600  # seconds: longer than all this takes


def measure(bench):
    count, triggers = bench.number(3000, 50), {}
    for site in bench.sites:
        if site.regular:
            continue
        site.prepare(2)
        with site.server(2):
            site.call("have_runners", count=1)
            site.call("enqueue", count=1, name=LONG, duration=DURATION)

            def is_started(site=site):
                return site.value(STARTED, LONG)

            wait_until(is_started, START_LIMIT, "The long job does not start.")
            site.call("have_runners", count=2)
            site.call("enqueue_singly", count=count, name=SHORT)
            site.wait_until_ended(SHORT, count)
            triggers[site.name] = site.triggers_left()
    label = f"triggers left by {count:,} jobs beside a busy runner"
    yield Row("busy", label, "", triggers)
