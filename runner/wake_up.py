# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The SQL of which runner is woken, and when.

A trigger of Odoo wakes one runner. Who enqueues wakes one that is idle, and each
claim that leaves something to start wakes one more: waking all of them would mean a
run without a job for every runner but one.
"""

from datetime import timedelta

from .claim import NOW
from .presence import PRESENT
from .switch import IS_RUNNER

# The trigger of this transaction: a savepoint that was rolled back has taken it along.
CALL_AT = "SELECT call_at FROM ir_cron_trigger WHERE id = %s"

# The runner that is picked, and a deputy in case its process hangs: another one looks
# some time later, unless it does so anyway. A trigger that is due now is about to be
# gone. Presence is no matter of snapshots: it is known in a long transaction too.
# As ir.cron._trigger would for each, but in one statement: users wait for it.
TRIGGER_TWO = f"""
    WITH runner AS (
        SELECT id,
               id IN ({PRESENT}) AS is_present,
               EXISTS (
                   SELECT
                     FROM ir_cron_trigger
                    WHERE cron_id = ir_cron.id
                      AND call_at <= {NOW}
               ) AS is_triggered
          FROM ir_cron
         WHERE {IS_RUNNER}
    ), picked AS (
        SELECT id FROM runner ORDER BY is_present, is_triggered, id LIMIT 1
    ), deputy AS (
        SELECT id
          FROM runner
         WHERE id NOT IN (SELECT id FROM picked)
           AND NOT EXISTS (
               SELECT
                 FROM ir_cron_trigger
                WHERE cron_id = runner.id
                  AND call_at > %(moment)s
                  AND call_at <= %(later)s
           )
         ORDER BY id
         LIMIT 1
    ), inserted AS (
        INSERT INTO ir_cron_trigger
                    (cron_id, call_at, create_uid, create_date, write_uid, write_date)
             SELECT id, call_at, %(uid)s, {NOW}, %(uid)s, {NOW}
               FROM (SELECT id, %(moment)s AS call_at FROM picked
                     UNION ALL SELECT id, %(later)s FROM deputy) AS triggered
          RETURNING id, cron_id
    )
    SELECT id FROM inserted WHERE cron_id IN (SELECT id FROM picked)
"""
DEPUTY_AFTER = timedelta(seconds=10)

# After the commit: is the runner that was picked at work, or is it to be off?
LOOK_AFTER = f"""
    SELECT call_at - {NOW},
           cron_id IN ({PRESENT}),
           cron_id NOT IN (SELECT id FROM ir_cron WHERE {IS_RUNNER})
      FROM ir_cron_trigger
     WHERE id = %s
       AND call_at <= %s
"""

# Runners that work will look again by themselves, after their job.
PICK_ANOTHER = f"""
    SELECT id
      FROM ir_cron
     WHERE {IS_RUNNER}
       AND id NOT IN (
           SELECT runner_id
             FROM queue_job
            WHERE state IN ('started', 'enqueued') AND runner_id IS NOT NULL
       )
     ORDER BY id IN ({PRESENT}), id
     LIMIT 1
"""

IS_ONE_PRESENT = f"SELECT EXISTS ({PRESENT} AND objid = ANY(%s))"

# Odoo deletes the triggers of a run at its start and commits that at its end:
# until then they are still to be seen, but locked. One that has been due for long is
# not relied upon: if its worker was killed, nobody is notified of it a second time.
UNCONSUMED_TRIGGER = """
    SELECT id
      FROM ir_cron_trigger
     WHERE cron_id = ANY(%s)
       AND call_at BETWEEN %s AND %s
     LIMIT 1
       FOR KEY SHARE SKIP LOCKED
"""
RELIED_UPON = timedelta(seconds=5)
