"""Odoo 19: Debian's package, unpacked in the cache, or the checkout at ODOO_SRC."""

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import cache
from .apt import Apt
from .report import Failure, step

SERIES = re.compile(r"^version_info\s*=\s*\(19,\s*0,", re.MULTILINE)
WAY_ROUND = (
    "An Odoo checkout of the 19.0 branch will do instead: "
    "name its folder with ODOO_SRC=/path."
)
PACKAGES = "usr/lib/python3/dist-packages"
# translations, and a second copy of the addons
NOT_NEEDED = ("*/i18n", "*/i18n_extra", f"./{PACKAGES}/addons")
MIRROR = ("indextargets", "--format=$(REPO_URI)", "Created-By: Packages")
DEBIAN = ("Origin: Debian", "Label: Debian")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


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
    folder = cache.folder() / "odoo"
    try:
        cache.built(folder, lambda: _unpack(folder))
    except Failure as failure:
        raise Failure(f"{failure}\n{WAY_ROUND}") from failure
    return Odoo(folder / PACKAGES, folder / "usr/bin/odoo")


def _checkout(root):
    release, script = root / "odoo" / "release.py", root / "odoo-bin"
    if not release.is_file() or not script.is_file():
        raise Failure(f"ODOO_SRC={root} has no odoo/release.py, or no odoo-bin.")
    if not SERIES.search(release.read_text()):
        raise Failure(f"ODOO_SRC={root} is another series than 19.0.")
    return Odoo(root, script)


def _unpack(folder):
    log = cache.new_log("odoo")
    with step("Finding Odoo 19 (Debian unstable)"):
        machine = Apt(cache.folder() / "apt" / "machine", log)
        mirrors = machine.output(*MIRROR, *DEBIAN)
        if not mirrors:
            raise Failure("This machine's apt has no mirror of Debian for Odoo 19.")
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        source = f"deb {signed}{mirrors[0]} sid main"
        apt = Apt(cache.folder() / "apt" / "sid", log, source)
    with step("Downloading and unpacking Odoo 19 (about 123 MB, and 300 MB)"):
        # Odoo's jQuery is a link to where libjs-jquery has it.
        apt.unpack(["odoo-19", "libjs-jquery"], folder, exclude=NOT_NEEDED)
        # Debian leaves out mail's background blur. Without any file of that name, every
        # page logs an error on the browser's console; an empty one is enough.
        missing = folder / PACKAGES / "odoo/addons/mail/static/lib/selfie_segmentation"
        missing.mkdir(parents=True, exist_ok=True)
        (missing / "selfie_segmentation.js").touch()
