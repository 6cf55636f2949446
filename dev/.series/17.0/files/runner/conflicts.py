# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

PG_CONCURRENCY_EXCEPTIONS_TO_RETRY = (
    LockNotAvailable,
    SerializationFailure,
    DeadlockDetected,
)
