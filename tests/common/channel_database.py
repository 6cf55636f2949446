# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A queue and its limits in the database, and a clock that stands still."""

from contextlib import contextmanager
from unittest.mock import patch
from uuid import uuid4

from ...runner import claim, look
from ...runner.decision import full_name
from ...runner.look import NOW

CLEAR = """
    DELETE FROM queue_job;
    DELETE FROM queue_job_channel_start;
    DELETE FROM queue_job_function;
    DELETE FROM queue_job_channel WHERE name <> 'root';
    UPDATE queue_job_channel
       SET capacity = NULL, sequential = NULL, throttle = NULL, paused = NULL,
           capacity_default = NULL, sequential_default = NULL;
"""
INSERT = """
    INSERT INTO queue_job (uuid, channel, state, priority, date_created, eta) VALUES %s
"""


@contextmanager
def at(moment):
    """Let that be PostgreSQL's time in claims, for as long as the block lasts."""
    time = f"'{moment}'::timestamp"
    statements = ("BEGIN_CLAIM", "START")
    with (
        patch.multiple(
            claim,
            **{each: getattr(claim, each).replace(NOW, time) for each in statements},
        ),
        patch.object(look, "TIME", look.TIME.replace(NOW, time)),
    ):
        yield


@contextmanager
def few_rows(cr, rows):
    """Let a look begin with so few rows that each channel is often asked for its head.

    In the transaction of the cursor.
    """
    functions = look.CREATE_LOOK.replace(f"LIMIT {look.ROWS}", f"LIMIT {rows}")
    cr.execute(look.DROP_FUNCTIONS)
    cr.execute(functions)
    cr.execute(claim.CREATE_START)
    with patch.object(look, "ROWS", rows):
        yield


def clear(cr):
    """Delete jobs, starts, and all channels but the root."""
    cr.execute(CLEAR)


def insert(cr, jobs):
    if jobs:
        cr.execute_values(INSERT, [(str(uuid4()), *job) for job in jobs])


def configure(env, limits):
    """Set the limits of the channels' records, which are made if they are missing.

    :param limits: pairs of a name and :class:`Limits`, parents first.
    """
    channels = env["queue.job.channel"]
    for name, each in limits:
        name = full_name(name)
        channel = channels.search([("complete_name", "=", name)])
        if channel:
            channel.write(each._asdict())
            continue
        parent, _dot, last = name.rpartition(".")
        above = channels.search([("complete_name", "=", parent)])
        channels.create({"name": last, "parent_id": above.id, **each._asdict()})
