"""The demo: a plan of jobs, enqueued into a real Odoo, watched, and checked."""
