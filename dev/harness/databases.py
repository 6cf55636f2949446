"""Databases: templates that stay, and copies that last as long as a command."""

import secrets
from contextlib import closing, contextmanager, suppress

import psycopg2
from psycopg2.extras import NamedTupleCursor
from psycopg2.sql import SQL, Identifier

from .report import Failure

# Databases of commands, each one's name followed by whatever its tests append to it.
# Their owner keeps a connection that bears the name: without one, they are left over.
LEFT_OVER = """
SELECT datname FROM pg_database
 WHERE datname ~ '^qjcj_run_[a-z]+_[0-9a-f]{8}'
   AND substring(datname FROM '^qjcj_run_[a-z]+_[0-9a-f]{8}') NOT IN (
       SELECT application_name FROM pg_stat_activity
        WHERE application_name IS NOT NULL)
"""
FAMILY = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
NEWEST_FIRST = FAMILY + " ORDER BY oid DESC"
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = %s AND usename = current_user
"""


class Databases:
    """The databases of the server that libpq variables name."""

    def __init__(self, variables):
        self.variables = variables

    def connect(self, name=None, database="postgres"):
        """A connection that commits each statement; name: what the server calls it."""
        options = {"dbname": database, "application_name": name}
        for option in ("host", "port", "user"):
            options[option] = self.variables.get(f"PG{option.upper()}")
        try:
            connection = psycopg2.connect(**options)
        except psycopg2.OperationalError as error:
            raise Failure(f"PostgreSQL cannot be reached: {error}") from error
        connection.autocommit = True
        return closing(connection)

    def query(self, statement, *parameters, database="postgres"):
        """Execute it on a connection of its own; return the rows, with named values."""
        with self.connect(database=database) as connection:
            with connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
                cursor.execute(statement, parameters or None)
                return cursor.description and cursor.fetchall()

    def notify(self, name):
        """Let the cron workers of all servers look for what is due in that database."""
        self.query("SELECT pg_notify('cron_trigger', %s)::text", name)

    def _names(self, query, *parameters):
        return [name for (name,) in self.query(query, *parameters)]

    def _execute(self, statement, *names):
        self.query(SQL(statement).format(*map(Identifier, names)))

    def exists(self, name):
        return name in self._names(FAMILY, name)

    def copy(self, template, name):
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)

    def rename(self, old, new):
        self._execute("ALTER DATABASE {} RENAME TO {}", old, new)

    def drop(self, names):
        for name in names:
            # WITH (FORCE) fails on an autovacuum, which DROP DATABASE itself ends
            self.query(END_SESSIONS, name)
            self._execute("DROP DATABASE IF EXISTS {}", name)

    @contextmanager
    def name(self, label):
        """A name that is free, for a database of this command; label: small letters.

        At the end, every database is dropped whose name begins with it. Before that,
        those are dropped that commands left which were killed.
        """
        name = f"qjcj_run_{label}_{secrets.token_hex(4)}"
        with self.connect(name):
            with suppress(psycopg2.Error):  # another command may be dropping them
                self.drop(self._names(LEFT_OVER))
            try:
                yield name
            finally:
                with suppress(psycopg2.Error, Failure):  # a later command does it
                    self.drop(self._names(FAMILY, name))

    def keep_newest(self, count, prefix, besides):
        """Drop all but the newest count databases of that prefix, and one more."""
        old = self._names(NEWEST_FIRST, prefix)[count:]
        with suppress(psycopg2.Error):  # in use: the next one who comes drops it
            self.drop([name for name in old if name != besides])
