"""Pictures of every screen, as the manager of the site's jobs sees them."""

import io
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from harness.chromium import NAMES, chromium
from harness.demo.site import MANAGER, site
from harness.environment import CHECKOUT, environment
from harness.options import Options
from harness.report import step

FOLDER = CHECKOUT / "static" / "description"
WIDTH, HEIGHT = 1280, 720
JOBS, RUNNERS = 300, 3
DRAWN = 1500  # milliseconds; charts move for a second
IN_THE_WAY = ".o_blockUI, .o_loading_indicator, .o_notification"

JOB = "/odoo/action-queue_job.action_queue_job"
CHANNEL = "/odoo/action-queue_job.action_queue_job_channel"
RUNNER = "/odoo/action-queue_job_cron_jobrunner.action_queue_job_runner"
ROW = ".o_data_row"
FORM = ".o_form_view .o_field_widget"

WAITS = "queue_job WHERE state = 'pending' AND channel = 'root.{}'"
STARTED = "queue_job WHERE state = 'started' AND date_rescued IS NULL"
RESCUED = "queue_job WHERE state = 'started' AND date_rescued NOTNULL"
DEPENDENT = "queue_job WHERE state = 'wait_dependencies'"
NAMED = "queue_job_channel WHERE complete_name = 'root.{}'"

MENU = ".o_searchview_dropdown_toggler"
PER_HOUR = (MENU, ".o_favorite_menu .dropdown-item", MENU)  # a favorite


@dataclass
class Screen:
    """A page, of the record that is the first in `record`, if that is given.

    It is there when the selector `shown` is; then what is in `clicks` is clicked on.
    What is in the README has the height, in pixels, to which it is cut.
    """

    name: str
    path: str
    shown: str = FORM
    record: str | None = None
    clicks: tuple = ()
    height: int | None = None

    def address(self, databases, database):
        """Return the path with the record's id."""
        if not self.record:
            return self.path
        query = f"SELECT id FROM {self.record} ORDER BY id LIMIT 1"
        with databases.connect(database=database) as connection:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return f"{self.path}/{cursor.fetchone()[0]}"


GRAPH = f"{JOB}?view_type=graph", ".o_graph_renderer canvas"
SCREENS = (
    Screen("runners", RUNNER, ROW, height=280),
    Screen("channels", CHANNEL, ROW, height=520),
    Screen("channel", CHANNEL, record=NAMED.format("accounting.invoices")),
    Screen("channel_paused", CHANNEL, record=NAMED.format("shop.newsletter")),
    Screen("waits_full", JOB, record=WAITS.format("accounting.invoices"), height=630),
    Screen("waits_paused", JOB, record=WAITS.format("shop.newsletter")),
    Screen("waits_failed", JOB, record=WAITS.format("accounting.closing")),
    Screen("waits_throttled", JOB, record=WAITS.format("shop.stock")),
    Screen("waits_eta", JOB, record=WAITS.format("mail")),
    Screen("waits_next", JOB, record=WAITS.format("warehouse")),
    Screen("waits_others", JOB, record=DEPENDENT),
    Screen("started", JOB, record=STARTED),
    Screen("rescued", JOB, record=RESCUED),
    Screen("jobs", JOB, ROW),
    Screen("filters", JOB, ROW, clicks=(MENU,)),
    Screen("pivot", f"{JOB}?view_type=pivot", ".o_pivot", clicks=PER_HOUR),
    Screen("graph", *GRAPH, clicks=PER_HOUR, height=HEIGHT),
)


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
    screens = [screen for screen in SCREENS if folder or screen.height]
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with environment("site") as env:
        os.environ.update(env.variables)
        with (
            env.database("screenshots") as database,
            site(env, database, JOBS, RUNNERS) as (url, _server),
            _page(url) as page,
        ):
            _log_in(page)
            for screen in screens:
                with step(f"Taking {screen.name}"):
                    address = screen.address(env.databases, database)
                    _take(page, address, screen, folder / f"{screen.name}.png")
    return 0


@contextmanager
def _page(url):
    """A page of Playwright's, in Chromium; URLs on it begin with that one."""
    path = os.pathsep.join([*chromium(), os.environ["PATH"]])
    program = next(filter(None, (shutil.which(name, path=path) for name in NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser.new_page(
            base_url=url, viewport={"width": WIDTH, "height": HEIGHT}
        )
        browser.close()


def _log_in(page):
    page.goto("/web/login")
    for field in ("login", "password"):
        page.fill(f"input[name={field}]", MANAGER)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector(".o_main_navbar")


def _take(page, address, screen, file):
    page.goto(address)
    page.wait_for_selector(screen.shown)
    for selector in screen.clicks:
        page.click(selector)
        page.wait_for_timeout(DRAWN)
    page.wait_for_timeout(DRAWN)
    page.wait_for_function(f"!document.querySelector('{IN_THE_WAY}')")
    page.wait_for_timeout(DRAWN)
    size = {"x": 0, "y": 0, "width": WIDTH, "height": screen.height or HEIGHT}
    picture = Image.open(io.BytesIO(page.screenshot(clip=size))).convert("RGB")
    # a page has few colours; a palette makes the file a third
    picture.quantize(256).save(file, optimize=True)
