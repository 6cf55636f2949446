"""The demo: a plan of jobs, enqueued into a real Odoo, watched, and checked; and the
site, where such jobs have been done for half a day."""
