"""What the figures depend on."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import psutil

from .systems import OURS, PEER

QUEUE_JOB = re.compile(r"\d+\.\d+(\.\d+)*")
VERSION = re.compile(r"""["']version["']:\s*["']([^"']+)""")


def machine(env, systems):
    """Return a dict of the machine, of the versions, and of the load at this moment."""
    [postgresql] = env.databases.names("SHOW server_version")
    peer = next((system.env for system in systems if system.name == PEER), None)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "psycopg2": version("psycopg2-binary"),
        "postgresql": postgresql,
        "odoo": f"19.0 ({env.versions[0][:12]})",
        "queue_job": QUEUE_JOB.search(env.versions[1])[0],
        OURS: f"{_addon_version(env.addon)} {_commit(env.checkout)}",
        PEER: peer and f"{_addon_version(peer.addon)} {peer.addon}",
    }


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _addon_version(addon):
    found = VERSION.search((addon / "__manifest__.py").read_text())
    return found[1] if found else "unknown"


def _commit(checkout):
    command = ["git", "-C", checkout, "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
