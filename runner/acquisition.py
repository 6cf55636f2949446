# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from .claim import LOCK_FIRST, NEXT_READY, NOTE_ETAS
from .decision import THROTTLED, Head, Queue, decide
from .rescue import GRACE
from .server_channels import InvalidChannels
from .situation import Situation, look, look_at_holds


class Acquisition:
    """One decision: which job starts next. It is taken in this transaction.

    ``head`` is its place, None if no job may start, and ``channel`` its channel as
    the job has it; ``closed`` tells why others have to wait, as in :class:`Decision`;
    ``held``: what could have started is locked by somebody else. With a server
    configuration of channels that means nothing, no job may start.

    :param env: its transaction has to see all earlier claims, if it is a claim
    :param take: makes the job with that id ours in this transaction, and returns
        whether it could: not if somebody else holds it
    :param now: PostgreSQL's time of the decision, a naive datetime in UTC
    :param limits: the stored ones, if they have been read
    :param known: a :class:`Situation` seen a moment ago on this database
    """

    def __init__(self, env, take, now, limits=None, known=None):
        self.cr = env.cr
        self.take = take
        self.now = now
        self.head = self.channel = None
        self.held = False
        self.situation, self.queue, self.closed = Situation(), Queue({}), {}
        try:
            self.channels = env["queue.job.channel"]._channels_in_force(limits)
        except InvalidChannels:
            return
        if known and known.is_worth_remembering():
            self._decide(known)
        # nothing starts: not for something that the memory has missed
        if not self.head:
            self._decide()

    def after(self):
        """Return the :class:`Decision` on what could start next to this job."""
        queue = self.queue
        if self.head:
            queue.running[self.head.id] = self.channel
            queue.starts |= dict.fromkeys(self.throttled, self.now)
            self.cr.execute(NEXT_READY, {"channel": self.channel, "head": self.head})
            if row := self.cr.fetchone():
                queue.heads[self.channel] = Head(*row)
            else:
                del queue.heads[self.channel]
        return decide(self.channels, queue, self.now)

    def next_moment(self, closed):
        """Return when something may start that waits for nothing but the time.

        :param closed: the channels that are closed now, as in :class:`Decision`.
        """
        ends = [each.detail for each in closed.values() if each.reason == THROTTLED]
        etas = [self.situation.first_eta] if self.situation.first_eta else []
        return min(ends + etas, default=None)

    def next_rescue(self, examined):
        """Return when a rescue can tell of one more running job whether it is dead.

        None if there is none but those that the last rescue could tell of. The next
        one is at least a second ahead, as rescues are.

        :param examined: how many seconds ago that was
        """
        grace = timedelta(seconds=GRACE)
        too_young = self.now - timedelta(seconds=examined) - grace
        young = [moment for moment in self.situation.since if moment > too_young]
        second = timedelta(seconds=1)
        return max(min(young) + grace, self.now) + second if young else None

    @property
    def throttled(self):
        """The throttled channels that the start of this job counts for."""
        return self.channels.throttled(self.channel)

    def _decide(self, known=None):
        self.situation = look(self.cr, known)
        self._note_etas()
        while not self._choose() and self._note_etas():
            pass

    def _choose(self):
        """Decide, and take the job. Those that others have locked are passed over."""
        queue = self.queue = self.situation.queue()
        self._look_at_holds(queue)
        while True:
            decision = decide(self.channels, queue, self.now)
            self.head, self.channel, self.closed = decision
            if not self.head:
                return False
            if self.take(self.head.id):
                return True
            self.held = True
            for name in self.channels.sequential([self.channel]):
                queue.held[name] = self.head.id
            self.cr.execute(
                LOCK_FIRST,
                {"channel": self.channel, "head": self.head},
                log_exceptions=False,
            )
            if row := self.cr.fetchone():
                queue.heads[self.channel] = Head(*row)
            else:
                del queue.heads[self.channel]

    def _look_at_holds(self, queue):
        look_at_holds(self.cr, self.channels, queue)

    def _note_etas(self):
        """Make a batch of jobs ready whose eta has passed; return whether it did."""
        first_eta = self.situation.first_eta
        if not first_eta or first_eta > self.now:
            return False
        self.cr.execute(NOTE_ETAS, {"now": self.now}, log_exceptions=False)
        if not self.cr.rowcount:
            self.held = True
            return False
        self.situation = look(self.cr, self.situation)
        return True
