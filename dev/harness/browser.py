"""A page in Chromium, driven through its DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.request import urlopen

from websocket import create_connection

from .chromium import HEADLESS, NAMES, chromium
from .process import die_with_us, wait_until
from .report import Failure

LIMIT = 60  # seconds until something is given up


@contextmanager
def browser(width, height):
    """A Page of that size; Chromium is gone at the end."""
    path = os.pathsep.join([*chromium(), os.environ["PATH"]])
    program = next(filter(None, (shutil.which(name, path=path) for name in NAMES)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [program, *HEADLESS, *options, "about:blank"],
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_us,
        )
        try:
            page = Page(_address(Path(profile, "DevToolsActivePort")))
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=False,
            )
            yield page
        finally:
            process.kill()
            process.wait()


def _address(file):
    """The address of the page's websocket."""
    _wait(lambda: file.exists() and "\n" in file.read_text(), "Chromium starts")
    port = file.read_text().splitlines()[0]
    with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=LIMIT) as answer:
        pages = [each for each in json.load(answer) if each["type"] == "page"]
    return pages[0]["webSocketDebuggerUrl"]


def _wait(condition, what):
    wait_until(condition, LIMIT, f"Not within {LIMIT} s: {what}")


class Page:
    def __init__(self, address):
        self._socket = create_connection(address, LIMIT, suppress_origin=True)
        self._ids = count()

    def call(self, method, **parameters):
        """Return the answer to a DevTools command."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            pass
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, url, shown):
        """Go to the URL, and wait for an element by its CSS selector."""
        self.call("Page.navigate", url=url)
        self.wait(f"document.querySelector({shown!r})")

    def run(self, code):
        """Return the value of a JavaScript expression; a promise is awaited."""
        result = self.call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise Failure(f"{code}: {result['result'].get('description')}")
        return result["result"].get("value")

    def wait(self, code):
        """Wait until a JavaScript expression is true."""
        _wait(lambda: self.run(f"!!({code})"), code)

    def picture(self):
        """Return a PNG of the page."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])
