"""What the site's jobs are about: channels with their limits, and kinds of jobs."""

from dataclasses import dataclass

MANAGER = "manager"  # login and password
CHANNELS = {
    "root.accounting": {"capacity": 3},
    "root.accounting.closing": {"capacity": 1, "sequential": True},
    "root.accounting.invoices": {"capacity": 2},
    "root.mail": {},
    "root.shop": {},
    "root.shop.newsletter": {"paused": True},
    "root.shop.stock": {"throttle": 20},
    "root.warehouse": {},
}


@dataclass
class Kind:
    """channel: its full name; description: with a place for a number; seconds: the
    mean duration; wait: the mean of how long they waited, in seconds."""

    channel: str
    description: str
    seconds: float
    wait: float


CLOSING = Kind("root.accounting.closing", "Close the day of shop {}", 20, 200)
INVOICE = Kind("root.accounting.invoices", "Make the PDF of INV/2026/{:05}", 25, 90)
CONFIRMATION = Kind("root.mail", "Send the confirmation of S{:05}", 2, 3)
REMINDER = Kind("root.mail", "Send the reminder of INV/2026/{:05}", 2, 3)
NEWSLETTER = Kind("root.shop.newsletter", "Export contact {} to the newsletter", 3, 30)
STOCK = Kind("root.shop.stock", "Push the stock of product {} to the shop", 1, 60)
REORDER = Kind("root.warehouse", "Compute the reordering rule {}", 30, 15)

PAST = (CLOSING, INVOICE, INVOICE, CONFIRMATION, CONFIRMATION, STOCK, REORDER)
