"""Packages of the machine's own mirror, without root and without installing them."""

import os
import subprocess
from contextlib import suppress

from .process import run
from .report import Failure

ALONE = {
    "Dir::Etc::sourceparts": os.devnull,
    "Dir::Etc::preferences": os.devnull,
    "Dir::Etc::preferencesparts": os.devnull,
    "APT::Default-Release": "",
}


class Apt:
    """apt-get with lists and downloads in a folder of its own.

    It reads the machine's sources, or only the one line that is given.
    """

    def __init__(self, folder, log, source=None):
        self.log = log
        self.archives = folder / "cache" / "archives"
        for path in (folder / "lists", self.archives):
            (path / "partial").mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        if source:
            sources = folder / "sources.list"
            sources.write_text(source + "\n")
            options |= {"Dir::Etc::sourcelist": sources, **ALONE}
        settings = [f"-o={name}={value}" for name, value in options.items()]
        self.command = ["apt-get", *settings]
        # Of many sources one is often out of order: whether that matters here, the
        # next step tells.
        with suppress(Failure):
            run([*self.command, "update"], log, "apt-get update failed.")

    def output(self, *arguments):
        """The lines that apt-get prints."""
        try:
            with self.log.open("ab") as log:
                return subprocess.check_output(
                    [*self.command, *arguments],
                    text=True,
                    stderr=log,
                    env=os.environ | {"LC_ALL": "C"},
                ).splitlines()
        except (OSError, subprocess.CalledProcessError) as error:
            raise Failure(f"apt-get {arguments[0]} failed. Log: {self.log}") from error

    def unpack(self, packages, target, exclude=()):
        """Download the packages and unpack them below target."""
        for old in self.archives.glob("*.deb"):
            old.unlink()
        error = f"{' '.join(packages)} could not be downloaded."
        download = [*self.command, "download", *packages]
        run(download, self.log, error, cwd=self.archives)
        unpacking = ["tar", "-x", "-C", target, "--no-same-owner"]
        unpacking += [f"--exclude={pattern}" for pattern in exclude]
        for archive in self.archives.glob("*.deb"):
            reading = ["dpkg-deb", "--fsys-tarfile", archive]
            error = f"{archive.name} could not be unpacked."
            with subprocess.Popen(reading, stdout=subprocess.PIPE) as packed:
                run(unpacking, self.log, error, stdin=packed.stdout)
            archive.unlink()
