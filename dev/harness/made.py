"""Files that are made from others and stand in the repository."""

from .options import Options
from .report import Failure


def parse_check(name, description, argv):
    """Whether the command's arguments ask to write nothing."""
    parser = Options(name, description)
    what = "write nothing, fail if a file is stale"
    parser.add_argument("--check", action="store_true", help=what)
    return parser.parse_args(argv).check


def make(path, text, check, command):
    """Write the file; with check compare it only.

    :raises Failure: the file is stale, and the command makes it
    """
    if not check:
        path.write_text(text, encoding="utf-8", newline="\n")
    elif not path.exists() or path.read_bytes() != text.encode():
        raise Failure(f"{path.name} is stale: run {command}.")
