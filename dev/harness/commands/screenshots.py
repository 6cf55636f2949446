"""Pictures of every screen, as the manager of the site's jobs sees them."""

import io
import os
from contextlib import closing
from pathlib import Path

import psycopg2
from PIL import Image

from harness.browser import browser
from harness.environment import CHECKOUT, environment
from harness.options import Options
from harness.report import step
from harness.site.screens import SCREENS
from harness.site.served import site
from harness.site.work import MANAGER

FOLDER = CHECKOUT / "static" / "description"
SIZE = (1280, 720)
JOBS, RUNNERS = 300, 3
LOG_IN = f"""
    document.querySelector("input[name=login]").value = "{MANAGER}";
    document.querySelector("input[name=password]").value = "{MANAGER}";
    document.querySelector("form.oe_login_form").submit()
"""
# what was asked for has come, and nothing is in the way of it
COUNT_REQUESTS = """
    window.requests = 0;
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function () {
        window.requests++;
        this.addEventListener("loadend", () => window.requests--);
        return send.apply(this, arguments);
    };
"""
QUIET = """
    !window.requests && document.fonts.status == "loaded"
    && !document.querySelector(".o_blockUI, .o_loading_indicator, .o_notification")
"""
# charts move for a second
DRAWN = "new Promise((resolve) => setTimeout(resolve, 1500))"


def main(argv):
    """Write a PNG per screen; return 0."""
    parser = Options("screenshots", __doc__)
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="take all of them, into that folder (default: those of the README, into "
        "static/description)",
    )
    folder = parser.parse_args(argv).folder
    with environment("site") as env:
        os.environ.update(env.variables)
        with (
            env.database("screenshots") as database,
            site(env, database, JOBS, RUNNERS) as served,
            closing(psycopg2.connect(dbname=database)) as connection,
            browser(*SIZE) as page,
        ):
            page.call("Page.addScriptToEvaluateOnNewDocument", source=COUNT_REQUESTS)
            page.open(f"{served.url}/web/login", "form.oe_login_form")
            page.run(LOG_IN)
            page.wait("document.querySelector('.o_main_navbar')")
            for screen in SCREENS:
                if folder or screen.height:
                    with step(f"Taking {screen.name}"):
                        _take(page, served.url, connection, screen, folder or FOLDER)
    return 0


def _take(page, url, connection, screen, folder):
    page.open(url + screen.address(connection), screen.shown)
    for code in screen.steps:
        page.run(code)
        page.run(DRAWN)
    page.wait(QUIET)
    page.run(DRAWN)
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.picture())).convert("RGB")
    width, height = SIZE
    picture = picture.crop((0, 0, width, screen.height or height))
    # a page has few colours; a palette makes the file a third
    picture.quantize(256).save(folder / f"{screen.name}.png", optimize=True)
