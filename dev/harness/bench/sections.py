"""The parts of the benchmark, one after the other."""

from functools import cached_property

from harness.report import step

from . import claims, delays, enqueue, idle, latency, live, runs, statements, throughput
from .site import site

LIVE = {
    "throughput": throughput,
    "latency": latency,
    "delays": delays,
    "runs": runs,
    "idle": idle,
    "statements": statements,
}
SECTIONS = ["enqueue", *LIVE, "claims"]


class Bench:
    """What the sections ask for."""

    def __init__(self, stack, systems, database, quick):
        """stack: an ExitStack, which ends what is opened here; database: a name that
        those of this bench begin with."""
        self.stack = stack
        self.systems = systems
        self.database = database
        self.quick = quick

    @cached_property
    def sites(self):
        """A Site of each system."""
        return [
            self.stack.enter_context(site(each, f"{self.database}_{each.name}"))
            for each in self.systems
        ]

    def number(self, full, quick):
        """Return how many there are to be of something."""
        return quick if self.quick else full

    def measure(self, sections):
        """Yield the rows of one part after the other, of these sections."""
        if "enqueue" in sections:
            with step("Enqueueing"):
                found = enqueue.measure(self)
            yield found
        if chosen := [section for name, section in LIVE.items() if name in sections]:
            yield live.measure(self, chosen)
        if "claims" in sections:
            with step("Claims"):
                found = claims.measure(self)
            yield found
