"""A line of the result: one figure for each system."""

import math
from dataclasses import dataclass, field


@dataclass
class Row:
    key: str  # what goals call it
    section: str
    label: str
    unit: str
    values: dict[str, float | None]  # by the name of the system
    more_is_better: bool = False
    drawn: bool = False  # in the plot
    samples: dict[str, list] = field(default_factory=dict)  # what they are made from
    notes: list[str] = field(default_factory=list)

    def ratio(self, system, base):
        """Return one system's figure divided by another's, None if one is missing."""
        value, other = self.values.get(system), self.values.get(base)
        return value / other if value is not None and other else None


def percentile(samples, share):
    """Return the sample that so great a share of them does not exceed.

    Those that are None rank last: of what never came. None if there are no samples.
    """
    ranked = sorted(samples, key=lambda sample: (sample is None, sample))
    if not ranked:
        return None
    return ranked[math.ceil(share * len(ranked)) - 1]


MEDIAN, P95, LONGEST = (0.5, "median"), (0.95, "p95"), (1, "longest")


def percentile_rows(key, section, label, unit, samples, shares, drawn=False):
    """Yield a Row for each of these shares, whose names end the keys and labels."""
    for share, name in shares:
        yield Row(
            f"{key} {name}",
            section,
            f"{label}, {name}",
            unit,
            {system: percentile(each, share) for system, each in samples.items()},
            drawn=drawn,
            samples=samples,
        )
