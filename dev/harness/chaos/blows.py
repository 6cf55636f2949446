"""What is done to processes, connections and jobs, and when: as the seed wants it."""

import os
import random
import signal
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Lock, Thread

import psutil
import psycopg2

from harness.cache import NAME, new_log
from harness.process import run, run_shell
from harness.report import Failure

from .plans import ENDLESS, HELD, LONG

TITLES = {
    "kill": "Cron workers killed",
    "server": "Servers killed",
    "restart": "Servers stopped and started again",
    "clock": "Servers killed, and started with a wrong clock",
    "gone": "Servers that went by themselves",
    "freeze": "Servers frozen",
    "crash": "PostgreSQL crashed",
    "control": "Idle connections of busy runs cut",
    "session": "Connections of jobs cut",
    "limit": "Times without a free connection",
    "edit": "Edits of running jobs",
    "stop": "Running jobs stopped",
    "delete": "Deletions of running jobs",
    "cancel": "Failed jobs cancelled",
    "upgrade": "Upgrades",
}
KINDS = [kind for kind in TITLES if kind != "gone"]
# The shell that enqueues would not survive them.
AFTER_ENQUEUEING = {"crash", "limit"}
# One at a time: each needs a connection, or takes it from the others.
IN_TURN = {"crash", "limit", "edit", "stop", "delete", "cancel", "upgrade"}
# Seconds. A killed job is found by whoever still runs jobs, after 10 s; idle runners
# would look for it only at the end of their interval.
BUSY_END = 25
FREEZE, LIMIT = (3, 20), (2, 6)  # seconds
WRONG_BY = [-30, 30]  # seconds
# Seconds, at most. A deletion waits for the job's end, and its server may be frozen.
DELETION = 45
BRIEFLY = {"error": "failed or took too long.", "timeout": 120}  # seconds

# Those of jobs hold a row of a table for as long as the job runs; those that a run has
# beside them are idle after a claim.
JOB_SESSIONS = """
    SELECT pid, application_name
      FROM pg_stat_activity AS session
     WHERE datname = current_database()
       AND application_name = ANY(%s)
       AND xact_start < clock_timestamp() - INTERVAL '0.1 s'
       AND EXISTS (
           SELECT FROM pg_locks
            WHERE pid = session.pid
              AND relation = 'queue_job_lock'::regclass
              AND mode = 'RowShareLock'
       )
"""
IDLE_SESSIONS = """
    SELECT pid, application_name
      FROM pg_stat_activity
     WHERE datname = current_database()
       AND application_name = ANY(%s)
       AND state = 'idle'
       AND query = 'COMMIT'
       AND state_change < clock_timestamp() - INTERVAL '0.1 s'
"""
TERMINATE = "SELECT pg_terminate_backend(%s)"
DELETE = f"""
    SET statement_timeout = '{DELETION} s';
    DELETE FROM queue_job
     WHERE state = 'started'
       AND id IN (
           SELECT id FROM queue_job
            WHERE state = 'started'
              AND NOT starts_with(name, '{LONG}')
              AND NOT starts_with(name, '{ENDLESS}')
            ORDER BY random() LIMIT 2
       )
 RETURNING name
"""
JUST_STARTED = """
    SELECT 1 FROM queue_job
     WHERE state = 'started' AND starts_with(name, %s)
       AND date_started > clock_timestamp() AT TIME ZONE 'UTC' - INTERVAL '8 s'
"""
# If others are over but the one behind it: nobody is about to look, either.
FAILED = """
    SELECT 1 FROM queue_job
     WHERE state = 'failed' AND starts_with(name, %s)
       AND (
           NOT EXISTS (
               SELECT FROM ir_cron_trigger JOIN ir_cron ON ir_cron.id = cron_id
                WHERE queue_job_runner
           )
           OR (
               SELECT count(*) FROM queue_job
                WHERE state IN ('wait_dependencies', 'pending', 'started')
           ) > 1
       )
"""
LEFT = """
    SELECT worker_pid FROM queue_job
     WHERE state IN ('pending', 'started') AND starts_with(name, %s)
"""


class NotNow(Exception):
    """There is nobody whom the blow could hit."""


@dataclass(frozen=True)
class Planned:
    """A blow to deal once so many jobs have ended."""

    after: int
    kind: str
    seed: float


@dataclass(frozen=True)
class Blow:
    """A blow that was dealt: `pids` are the processes it may have interrupted, None for
    all."""

    kind: str
    begin: datetime
    end: datetime
    pids: set[int] | None

    def hit(self, claim):
        """Whether the blow may be what has interrupted a rescued claim: that of a job
        which has started before, unless that is to go on."""
        return (
            claim.start <= self.end
            and (claim.next_start is None or claim.next_start > self.begin)
            and (self.pids is None or claim.pid in self.pids)
            and (self.kind != "control" or claim.start > self.begin)
            and (self.kind == "restart") == claim.put_back
        )


def schedule(rng, counts, last, total=None):
    """Return the planned blows in order: so many of each kind, before so many jobs have
    ended. One is for when nobody else would look: the last failed job is cancelled when
    all but the one behind it have ended."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    # an upgrade begins as soon as a long job runs
    places = [0 if kind == "upgrade" else rng.randrange(last) for kind in kinds]
    if "cancel" in kinds:
        places[kinds.index("cancel")] = total - 1
    blows = [Planned(*each, rng.random()) for each in zip(places, kinds, strict=True)]
    return sorted(blows, key=lambda blow: blow.after)


class Blows:
    """Deals the planned blows: each kind is a method of that name, which returns the
    processes that it may have interrupted.

    `dealt` has them, `deleted` names the jobs that were deleted, and `violations` tells
    what no blow may come to.
    """

    def __init__(self, trial, fleet, planned):
        self.trial = trial
        self.fleet = fleet
        self.planned = list(planned)
        self.dealt, self.deleted, self.violations = [], [], []
        self._threads = []
        self._turn = Lock()
        self._log = new_log(f"{trial.database}-blows")

    def strike(self, so_far, enqueued):
        """Begin with the next blow if it is due."""
        for planned in self.planned:
            if planned.after > so_far:
                return
            if enqueued or planned.kind not in AFTER_ENQUEUEING:
                self.planned.remove(planned)
                thread = Thread(target=self._deal, args=[planned], daemon=True)
                self._threads.append(thread)
                thread.start()
                return

    def finish(self):
        """Return when all that have begun have ended."""
        for thread in self._threads:
            thread.join()

    def _deal(self, planned):
        kind, rng = planned.kind, random.Random(planned.seed)
        with self._turn if kind in IN_TURN else nullcontext():
            begin = now()
            try:
                self.note(kind, getattr(self, f"_{kind}")(rng), begin)
            except (NotNow, psutil.NoSuchProcess):
                self.planned.insert(0, planned)
            except Failure as failure:
                self.violations.append(f"{TITLES[kind]}: {failure}")
            except Exception as error:
                self.violations.append(f"{TITLES[kind]}: {error!r}")

    def note(self, kind, pids, begin=None):
        self.dealt.append(Blow(kind, begin or now(), now(), pids))

    def _query(self, query, *parameters):
        try:
            return self.trial.query(query, *parameters)
        except (Failure, psycopg2.OperationalError) as error:
            raise NotNow from error

    def _kill(self, rng):
        try:
            pid = rng.choice(self.fleet.workers())
            os.kill(pid, signal.SIGKILL)
            return {pid}
        except (IndexError, ProcessLookupError) as error:
            raise NotNow from error

    def _server(self, rng):
        return self.fleet.restart(rng.choice(self.fleet.servers))

    def _restart(self, rng):
        """Stop a server and start it again: one with a job that does not end by itself,
        as long as there are any."""
        pids = self._endless()
        servers = [each for each in self.fleet.servers if pids & self.fleet.pids(each)]
        server = rng.choice(servers or self.fleet.servers)
        return self.fleet.restart(server, kill=False)

    def _clock(self, rng):
        """Kill a server, and start it again on a host whose clock is wrong from now
        on."""
        server, seconds = rng.choice(self.fleet.servers), rng.choice(WRONG_BY)
        server.options += ("--load=base,web,shifted_clock",)
        server.variables = server.variables | {"SHIFTED_CLOCK": str(seconds)}
        return self.fleet.restart(server)

    def _endless(self):
        """Return the processes of the jobs without end, if any are left."""
        found = self._query(LEFT, ENDLESS)
        pids = {pid for (pid,) in found if pid}
        if found and not pids:
            raise NotNow
        return pids

    def _freeze(self, rng):
        """Freeze a server, end what its jobs have in the database, and let it go on."""
        _session, server = rng.choice(self._sessions(JOB_SESSIONS))
        pids, processes = self.fleet.pids(server), self.fleet.processes(server)
        try:
            for process in processes:
                process.suspend()
            for session, owner in self._sessions(JOB_SESSIONS):
                if owner is server:
                    self._query(TERMINATE, session)
            time.sleep(rng.uniform(*FREEZE))
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()
        return pids

    def _crash(self, rng):
        self.trial.env.cluster.restart()

    def _control(self, rng):
        return self._cut(rng, IDLE_SESSIONS)

    def _session(self, rng):
        return self._cut(rng, JOB_SESSIONS)

    def _cut(self, rng, query):
        session, server = rng.choice(self._sessions(query))
        self._query(TERMINATE, session)
        return self.fleet.pids(server)

    def _sessions(self, query):
        """Return a (process id of PostgreSQL, server) for each session: its name tells
        the server, whose master its cron workers have got their connections from."""
        owners = {
            f"odoo-{pid}": server
            for server in self.fleet.servers
            for pid in self.fleet.pids(server)
        }
        found = self._query(query, list(owners))
        if not found:
            raise NotNow
        return [(pid, owners[name]) for pid, name in found]

    def _limit(self, rng):
        limit = f'ALTER DATABASE "{self.trial.database}" CONNECTION LIMIT'
        self.trial.env.databases.query(f"{limit} 1")
        time.sleep(rng.uniform(*LIMIT))
        self.trial.env.databases.query(f"{limit} -1")
        return set()

    def _edit(self, rng):
        self._as_manager("edit")
        return set()

    def _stop(self, rng):
        if not self._endless():
            raise NotNow
        self._as_manager("stop")
        return set()

    def _delete(self, rng):
        try:
            self.deleted += [name for (name,) in self._query(DELETE)]
        except NotNow as error:
            if isinstance(error.__cause__, psycopg2.errors.QueryCanceled):
                raise Failure(f"more than {DELETION} s") from error
            raise
        return set()

    def _cancel(self, rng):
        """Cancel a failed job that keeps others in its channel from starting."""
        if not self._query(FAILED, HELD):
            raise NotNow
        self._as_manager("cancel")
        return set()

    def _as_manager(self, name):
        """Call a function of manager.py."""
        code = f"from harness.chaos import manager; manager.{name}(env)"
        run_shell(self.trial.env, self.trial.database, code, self._log, **BRIEFLY)

    def _upgrade(self, rng):
        """Upgrade the addon beside a job that outlasts it."""
        if not self._query(JUST_STARTED, LONG):
            raise NotNow
        command = ["odoo", "-d", self.trial.database, "-u", NAME, "--stop-after-init"]
        run(command, self._log, env=self.trial.env.variables, **BRIEFLY)
        return set()


def now():
    return datetime.now(timezone.utc)
