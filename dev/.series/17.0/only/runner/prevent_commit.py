# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager


@contextmanager
def prevent_commit(cr):
    """Let nothing but the run commit: the job's lock would go with it."""

    def commit():
        raise RuntimeError("Commit is forbidden in queue jobs.")

    original, cr.commit = cr.commit, commit
    try:
        yield
    finally:
        cr.commit = original
