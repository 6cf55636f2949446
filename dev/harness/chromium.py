"""Chromium, for Odoo's browser tests, which pass over its absence in silence, and for
pictures of the screens."""

import shutil

from . import cache
from .packages import unpack

# Where Odoo looks for one.
NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
WAY_ROUND = (
    "The browser tests need Chromium: install Chromium or Google Chrome, so that "
    f"{' or '.join(NAMES[:2])} is on PATH."
)


def chromium():
    """Folders to put on PATH for a Chromium: none if there is one already."""
    if any(map(shutil.which, NAMES)):
        return []
    with cache.setup_lock():
        return [str(unpack("chromium", "Chromium of Debian", WAY_ROUND) / "bin")]
