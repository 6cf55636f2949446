"""What is fetched: packages from PyPI, in virtual environments and as addons, and from
Debian. Standard library only: this runs before there is a virtual environment."""

import hashlib
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from . import cache
from .process import run
from .report import step

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
MORE_REQUIREMENTS = REQUIREMENTS.with_name("more-requirements.txt")
LINT_REQUIREMENTS = REQUIREMENTS.with_name("lint-requirements.txt")
DEBIAN = Path(__file__).with_name("debian.sh")
# Where Odoo looks for one. Its browser tests pass over their absence in silence.
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
BROWSER_MISSING = (
    "The browser tests need Chromium: install Chromium or Google Chrome, so that "
    f"{' or '.join(BROWSERS[:2])} is on PATH."
)
PIP = ["-m", "pip", "--disable-pip-version-check", "install", "--no-compile"]


def python(requirements=REQUIREMENTS):
    """The virtual environment's Python, after making it if need be.

    There is one for each version of Python and of the requirements. Bytecode is left
    out: it goes elsewhere in the cache (PYTHONPYCACHEPREFIX).
    """
    name = f"{platform.python_version()}-{_digest(requirements)}"
    folder = cache.folder() / "venv" / name
    executable = folder / "bin" / "python"
    if not executable.exists():
        (folder / ".done").unlink(missing_ok=True)
    cache.built(folder, lambda: _make_venv(folder, executable))
    install(executable, requirements)
    return executable


def install(executable, requirements):
    """Install packages in the virtual environment of that Python, if need be."""
    done = executable.parents[1] / _digest(requirements)
    if not done.exists():
        log, error = cache.new_log("packages"), "Packages could not be installed."
        with step(f"Installing {requirements.name}"):
            run([executable, *PIP, "-r", requirements], log, error)
        done.touch()


def _digest(requirements):
    return hashlib.sha256(requirements.read_bytes()).hexdigest()[:10]


def _make_venv(folder, executable):
    log, error = cache.new_log("venv"), "No virtual environment could be made."
    # Debian's Python comes without pip and ensurepip; its mirror has a wheel of it
    without_pip = [] if find_spec("ensurepip") else ["--without-pip"]
    run([sys.executable, "-m", "venv", *without_pip, folder], log, error)
    if without_pip:
        run(["bash", DEBIAN, "pip", folder], log, error)
        [wheel] = folder.glob("usr/share/python-wheels/pip-*.whl")
        run([executable, f"{wheel}/pip", *PIP[2:], "--no-index", wheel], log, error)


def queue_job(executable):
    """An addons path that holds queue_job, the newest of its 19.0 series."""
    return addons(executable, "queue_job/19.0", "odoo-addon-queue-job==19.0.*")


def addons(executable, name, *requirements):
    """An addons path in the cache, a folder of that name, with the wheels' addons."""
    folder = cache.folder() / name

    def build():
        log, error = cache.new_log("addons"), "Addons could not be installed."
        options = ["--no-deps", "--target", folder]
        with step(f"Installing {' '.join(requirements)}"):
            run([executable, *PIP, *options, *requirements], log, error)

    return cache.built(folder, build) / "odoo" / "addons"


def queue_job_version(addons):
    """The version of the queue_job in that addons path."""
    [metadata] = addons.parents[1].glob("odoo_addon_queue_job-*.dist-info")
    return metadata.name


def chromium():
    """Folders to put on PATH for a Chromium: none if there is one already."""
    if any(map(shutil.which, BROWSERS)):
        return []
    with cache.setup_lock():
        return [str(unpack("chromium", "Chromium of Debian", BROWSER_MISSING) / "bin")]


def unpack(name, what, way_round):
    """The folder of the cache with what debian.sh unpacks by that name; the other two
    tell a user what it is, and what to do if that fails."""
    folder, log = cache.folder() / name, cache.new_log(name)
    error = f"{what} could not be unpacked. {way_round}"

    def build():
        with step(f"Fetching {what}"):
            run(["bash", DEBIAN, name, folder], log, error)

    return cache.built(folder, build)
