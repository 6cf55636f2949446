# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What Python code takes for the time of the day, wherever it has that from.

The kernel's clock, and with it time.monotonic() and all timeouts, stays what it is.
"""

import datetime
import os
import sys
import time

seconds = int(os.environ["SHIFTED_CLOCK"])
shift = datetime.timedelta(seconds=seconds)
of_host, time_of_host = datetime.datetime, time.time


class Shifted(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, of_host)


class Datetime(datetime.datetime, metaclass=Shifted):
    def __new__(cls, *args, **kwargs):
        return of_host(*args, **kwargs)

    @classmethod
    def now(cls, tz=None):
        return of_host.now(tz) + shift

    @classmethod
    def utcnow(cls):
        return of_host.utcnow() + shift


shifted = [(of_host, Datetime), (time_of_host, lambda: time_of_host() + seconds)]
for module in list(sys.modules.values()):
    names = getattr(module, "__dict__", {})
    for name, value in [] if names is globals() else list(names.items()):
        for original, replacement in shifted:
            if value is original:
                setattr(module, name, replacement)
