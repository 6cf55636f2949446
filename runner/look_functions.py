# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The looks at the queue as functions of the database.

PostgreSQL plans the queries of a PL/pgSQL function once per session: planning takes
longer than looking. A plan outlives the statistics it was made from, and a queue is
empty one moment and long the next, so the settings leave no choice but the indexes.
"""

from .look import LOOK, LOOK_AGAIN

_COLUMNS = """
    kind text, channel varchar, priority int, moment timestamp, id int, runner int
"""


def _function(signature, query):
    return f"""
        CREATE OR REPLACE FUNCTION {signature} RETURNS TABLE ({_COLUMNS})
        LANGUAGE plpgsql STABLE
        SET enable_seqscan = off
        SET enable_sort = off
        SET jit = off
        SET plan_cache_mode = force_generic_plan
        AS $$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY {query};
        END $$;
    """


CREATE_FUNCTIONS = _function("queue_job_look()", LOOK) + _function(
    """queue_job_look_again(
        xmax_seen float8, in_progress_seen float8[], most_changes int,
        channels_seen varchar[], priorities_seen int[], dates_seen timestamp[],
        ids_seen int[], running_seen int[], first_eta_seen timestamp
    )""",
    LOOK_AGAIN,
)
DROP_FUNCTIONS = "DROP FUNCTION IF EXISTS queue_job_look, queue_job_look_again"

CALL_LOOK = "SELECT * FROM queue_job_look()"
CALL_LOOK_AGAIN = """
    SELECT *
      FROM queue_job_look_again(
               %(xmax)s, %(in_progress)s, %(most_changes)s,
               %(channels)s, %(priorities)s, %(dates)s::timestamp[],
               %(ids)s, %(running)s, %(first_eta)s
           )
"""
