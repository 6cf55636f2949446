"""Were the limits of channels kept, and made use of?"""

from rich.table import Table

from .plans import STEADY, STEADY_LIMITS
from .verdict import rows

TITLES = ["Starts", "Filling", "Capacity", "Measured", "Used"]
LEGEND = """\
Of the steady jobs. Filling: starts that took the last place. Measured is the time while
nothing but the channel's own limit stood in the way: how much of the capacity was used.
"""

# Channel, start and end in seconds of the epoch.
STARTS = """
    SELECT job_channel,
           EXTRACT(epoch FROM started)::float,
           EXTRACT(epoch FROM ended)::float
      FROM channel_watch
      JOIN queue_job ON queue_job.id = job_id
     WHERE channel_watch.channel = 'root' AND starts_with(name, %s)
"""


def exceeded(connection, watch):
    """Return a sentence for each start above a limit.

    :param watch: the module tests/common/channel_watch.py
    """
    return [
        f"{channel}: {running} jobs with a capacity of {capacity}, {how} (job {job})"
        for how, query in [
            ("as it saw itself", watch.ABOVE_LIMIT),
            ("by the clock", watch.OVERLAPPING),
        ]
        for job, channel, capacity, running in rows(connection, query)
    ]


def unused(console, connection, watch, least):
    """Print how the limits were made use of, and return a sentence for each channel
    that was never full, or has used less than so many per cent of its capacity."""
    filled = {name: counts for name, *counts in rows(connection, watch.FILLED, STEADY)}
    starts = rows(connection, STARTS, STEADY)
    table = Table("Channel", *TITLES, box=None, padding=(0, 2, 0, 0))
    sentences = []
    for name, limits in STEADY_LIMITS.items():
        capacity = limits["capacity"]
        seconds, share = _measure(name, capacity, starts)
        counts = [*filled[name], capacity]
        table.add_row(name, *map(str, counts), f"{seconds:.1f} s", f"{share:.1%}")
        if not filled[name][1]:
            sentences.append(f"{name} was never full")
        if share * 100 < least:
            used = f"{share:.1%} of its capacity used"
            sentences.append(f"{name}: {used}, at least {least}%")
    console.print(table)
    console.print(LEGEND, soft_wrap=True, highlight=False)
    return sentences


def _measure(name, capacity, starts):
    """Return for how many seconds jobs of the channel itself have waited for nothing
    but its limit, and the share of the capacity used.

    The jobs of the channels above come first: from the last one's end to the start of
    the channel's own last one.
    """
    own = [start for channel, start, _end in starts if channel == name]
    above = [end for channel, _start, end in starts if name.startswith(f"{channel}.")]
    begin, finish = max(above, default=min(own)), max(own)
    used = sum(
        min(end, finish) - max(start, begin)
        for channel, start, end in starts
        if f"{channel}.".startswith(f"{name}.") and start < finish and end > begin
    )
    return finish - begin, used / (finish - begin) / capacity
