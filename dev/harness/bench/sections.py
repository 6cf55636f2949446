"""The parts of the benchmark: `measure(bench)` yields the rows of one."""

from dataclasses import dataclass

from . import busy, chain, channels, claims, delays, enqueue, idle, stream, throughput
from .site import Site

SECTIONS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        *(enqueue, throughput, stream, chain, channels),
        *(busy, delays, idle, claims),
    )
}


@dataclass
class Bench:
    """What the sections ask for."""

    sites: list[Site]
    quick: bool

    def number(self, full, quick):
        """Return how many there are to be of something."""
        return quick if self.quick else full
