# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What queue_job's ``ChannelManager`` would start, from the rows of the database."""

from datetime import timezone

from odoo.addons.queue_job.jobrunner.channels import NOT_DONE, ChannelManager

# As the regular runner asks for them, but it can't order jobs by an empty value:
# the largest one stands for it.
JOBS = """
    SELECT channel, uuid, id, COALESCE(date_created, '9999-12-31'),
           COALESCE(priority, 2147483647), EXTRACT(EPOCH FROM eta), state
      FROM queue_job
     WHERE state IN %s
"""
STARTS = "SELECT name, EXTRACT(EPOCH FROM date_started) FROM queue_job_channel_start"


def jobs_to_start(cr, case, moment):
    """Return the uuids of what would start at that moment, one after the other."""
    manager = ChannelManager()
    # its root has a capacity of 1 if it is not configured, and ours none
    manager.simple_configure("root:0")
    manager.simple_configure(case.text)
    cr.execute(JOBS, [NOT_DONE])
    jobs = cr.fetchall()
    for channel, *_values in jobs:
        # or its parent_fallback invents root.a.a.b for root.a.b
        manager.get_channel_by_name(channel, autocreate=True)
    _give_defaults(manager, case)
    cr.execute(STARTS)
    for name, started in cr.fetchall():
        channel = manager.get_channel_by_name(name, autocreate=True)
        channel._pause_until = float(started) + channel.throttle
    for job in jobs:
        manager.notify(cr.dbname, *job)
    now = moment.replace(tzinfo=timezone.utc).timestamp()
    return [job.uuid for job in manager.get_jobs_to_run(now)]


def _give_defaults(manager, case):
    """Limit the channels that are not configured by what their parents say.

    19.0 does not know the defaults for sub-channels yet.
    """
    find = manager.get_channel_by_name
    configured = {find(name).fullname: limits for name, limits in case.limits}
    for name, channel in list(manager._channels_by_name.items()):
        parent = configured.get(name.rpartition(".")[0])
        if name not in configured and parent:
            channel.capacity = parent.capacity_default
            channel.sequential = parent.sequential_default
