"""Odoo 19: Debian's package, unpacked in the cache, or the checkout at ODOO_SRC."""

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .packages import unpack
from .report import Failure

SERIES = re.compile(r"^version_info\s*=\s*\(19,\s*0,", re.MULTILINE)
WAY_ROUND = (
    "An Odoo checkout of the 19.0 branch will do instead: "
    "name its folder with ODOO_SRC=/path."
)


@dataclass(frozen=True)
class Odoo:
    root: Path
    """The folder to import it from."""
    script: Path
    """What `odoo` runs. Not `python -m odoo`: in prefork mode Odoo starts its websocket
    process from sys.argv[0], and that one would die and be started again for ever."""

    @property
    def addons(self):
        """Addons paths beside the one that Odoo finds by itself."""
        return [path for path in [self.root / "addons"] if path.is_dir()]

    @property
    def version(self):
        """A text that is another one for another Odoo."""
        made_from = bytes(self.root) + (self.root / "odoo/release.py").read_bytes()
        if (self.root / ".git").exists():
            head = ["git", "-C", self.root, "rev-parse", "HEAD"]
            made_from += subprocess.run(head, capture_output=True).stdout
        return hashlib.sha256(made_from).hexdigest()


def odoo():
    """The Odoo to use, downloaded if need be."""
    if source := os.environ.get("ODOO_SRC"):
        return _checkout(Path(source).resolve())
    what = "Odoo 19 of Debian unstable (123 MB, unpacked 300 MB)"
    folder = unpack("odoo", what, WAY_ROUND)
    return Odoo(folder / "usr/lib/python3/dist-packages", folder / "usr/bin/odoo")


def _checkout(root):
    release, script = root / "odoo" / "release.py", root / "odoo-bin"
    if not release.is_file() or not script.is_file():
        raise Failure(f"ODOO_SRC={root} has no odoo/release.py, or no odoo-bin.")
    if not SERIES.search(release.read_text()):
        raise Failure(f"ODOO_SRC={root} is another series than 19.0.")
    return Odoo(root, script)
