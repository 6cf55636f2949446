"""From the commit to the start of single jobs on an idle server."""

from .row import MEDIAN, P95, percentile_rows

PARALLEL = (2,)
NAME = "single"
STARTS = """
    SELECT uuid, EXTRACT(EPOCH FROM date_started)::float8, worker_pid
      FROM queue_job
     WHERE name = %s AND state = 'done'
"""


def measure(bench, site, _server, _parallel):
    """Return the milliseconds of each job: as they are, and net of Odoo's own pause.

    The sample of a job that did not start is None.
    """
    count = bench.number(30, quick=3)
    client = site.clients[0]
    committed = client.call("enqueue_one_by_one", count=count, name=NAME)
    started = {uuid: rest for uuid, *rest in site.query(STARTS, NAME)}
    whole, net = [], []
    for uuid, moment in committed.items():
        start, pid = started.get(uuid, (None, None))
        pause = 0 if start is None or site.system.regular else _pause(pid)
        whole.append(start and 1000 * (start - moment))
        net.append(start and 1000 * (start - moment - pause))
    return {"whole": whole, "net": net}


def rows(found):
    [systems] = found.values()
    for kind, label in [
        ("whole", "commit to start, idle server"),
        ("net", "the same net of Odoo's pause"),
    ]:
        samples = {name: kinds[kind] for name, kinds in systems.items()}
        yield from percentile_rows(
            f"latency {kind}",
            "latency",
            label,
            "ms",
            samples,
            (MEDIAN, P95),
            drawn=kind == "whole",
        )


def _pause(pid):
    """Return how long this cron worker sleeps after it was notified, in seconds.

    WorkerCron.sleep() in odoo/service/server.py, so that not all poll at once.
    """
    return pid / 100 % 0.1
