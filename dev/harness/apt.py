"""Packages of the machine's own mirror, without root and without installing them."""

import os
import subprocess
from contextlib import suppress

from .process import run
from .report import Failure


class Apt:
    """apt-get with lists and downloads in a folder of its own.

    It reads the machine's sources, or only the one line that is given.
    """

    def __init__(self, folder, log, source=None):
        self.log = log
        lists, archives = folder / "lists", folder / "cache" / "archives"
        for path in (lists, archives):
            (path / "partial").mkdir(parents=True, exist_ok=True)
        self.options = {
            "Dir::State::lists": lists,
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        if source:
            sources = folder / "sources.list"
            sources.write_text(source + "\n")
            self.options |= {
                "Dir::Etc::sourcelist": sources,
                "Dir::Etc::sourceparts": os.devnull,
                "Dir::Etc::preferences": os.devnull,
                "Dir::Etc::preferencesparts": os.devnull,
                "APT::Default-Release": "",
            }
        self.archives = archives

    def _command(self, *arguments):
        options = [f"-o={name}={value}" for name, value in self.options.items()]
        return ["apt-get", *options, *arguments]

    def update(self):
        """Fetch the lists. Of many sources one is often out of order: whether that
        matters here, the next step tells."""
        with suppress(Failure):
            run(self._command("update"), self.log, "apt-get update failed.")

    def output(self, *arguments):
        """The lines that apt-get prints."""
        try:
            with self.log.open("ab") as log:
                return subprocess.check_output(
                    self._command(*arguments),
                    text=True,
                    stdin=subprocess.DEVNULL,
                    stderr=log,
                    env=os.environ | {"LC_ALL": "C"},
                ).splitlines()
        except (OSError, subprocess.CalledProcessError) as error:
            raise Failure(f"apt-get {arguments[0]} failed. Log: {self.log}") from error

    def download(self, *packages):
        """The paths of the packages' files, in no particular order."""
        for old in self.archives.glob("*.deb"):
            old.unlink()
        error = f"{' '.join(packages)} could not be downloaded."
        run(self._command("download", *packages), self.log, error, cwd=self.archives)
        return list(self.archives.glob("*.deb"))

    def unpack(self, archive, target, exclude=()):
        """Unpack a downloaded file below target, then delete it."""
        unpacking = ["tar", "-x", "-C", target, "--no-same-owner"]
        unpacking += [f"--exclude={pattern}" for pattern in exclude]
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE
        ) as reading:
            run(
                unpacking,
                self.log,
                f"{archive.name} could not be unpacked.",
                stdin=reading.stdout,
            )
        archive.unlink()
