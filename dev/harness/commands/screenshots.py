"""Pictures of every screen, as the manager of the site's jobs sees them."""

import io
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from harness.commands.demo import make_plan
from harness.environment import CHECKOUT, environment
from harness.packages import BROWSERS, chromium
from harness.report import Options, step
from harness.site import MANAGER, site

FOLDER = CHECKOUT / "static" / "description"
WIDTH, HEIGHT = 1280, 720
JOBS, RUNNERS = 300, 3
DRAWN = 1500  # milliseconds; charts move for a second
IN_THE_WAY = ".o_blockUI, .o_loading_indicator, .o_notification"

JOB = "/odoo/action-queue_job.action_queue_job"
CHANNEL = "/odoo/action-queue_job.action_queue_job_channel"
RUNNER = "/odoo/action-queue_job_cron_jobrunner.action_queue_job_runner"
WAITS = "queue_job WHERE state = 'pending' AND channel = 'root.{}'"
NAMED = "queue_job_channel WHERE complete_name = 'root.{}'"
# of the list, or of the first record
PAGES = {
    "runners": (RUNNER, None),
    "channels": (CHANNEL, None),
    "channel": (CHANNEL, NAMED.format("accounting.invoices")),
    "channel_paused": (CHANNEL, NAMED.format("shop.newsletter")),
    "waits_full": (JOB, WAITS.format("accounting.invoices")),
    "waits_paused": (JOB, WAITS.format("shop.newsletter")),
    "waits_failed": (JOB, WAITS.format("accounting.closing")),
    "waits_throttled": (JOB, WAITS.format("shop.stock")),
    "waits_eta": (JOB, WAITS.format("mail")),
    "waits_next": (JOB, WAITS.format("warehouse")),
    "waits_others": (JOB, "queue_job WHERE state = 'wait_dependencies'"),
    "started": (JOB, "queue_job WHERE state = 'started' AND date_rescued IS NULL"),
    "rescued": (JOB, "queue_job WHERE state = 'started' AND date_rescued NOTNULL"),
    "jobs": (JOB, None),
    "filters": (JOB, None),
    "waits": (JOB, None),
    "pivot": (f"{JOB}?view_type=pivot", None),
    "graph": (f"{JOB}?view_type=graph", None),
}
# of those in the README: the height to which they are cut
HEIGHTS = {"runners": 280, "channels": 520, "waits_full": 630}
SHOWN = ".o_data_row, .o_form_view .o_field_widget, .o_pivot, .o_graph_renderer canvas"
MENU = ".o_searchview_dropdown_toggler"
PER_HOUR = (MENU, ".o_favorite_menu .dropdown-item", MENU)  # a favorite
WHY = (MENU, ".o_filter_menu .dropdown-item:has-text('Why They Wait')", MENU)
CLICKS = {"filters": (MENU,), "waits": WHY, "pivot": PER_HOUR, "graph": PER_HOUR}


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
    names = PAGES if folder else HEIGHTS
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (
        environment("site") as env,
        env.database("screenshots") as database,
        site(env, database, make_plan(JOBS), RUNNERS) as (url, _fleet),
        _page(url) as page,
    ):
        _log_in(page)
        for name in names:
            with step(f"Taking {name}"):
                address = _address(env.databases, database, *PAGES[name])
                _take(page, address, name, folder / f"{name}.png")
    return 0


@contextmanager
def _page(url):
    """A page of Playwright's, in Chromium; URLs on it begin with that one."""
    path = os.pathsep.join([*chromium(), os.environ["PATH"]])
    program = next(filter(None, (shutil.which(name, path=path) for name in BROWSERS)))
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


def _address(databases, database, path, record):
    """The path, with the id of the first record if it is for one."""
    if not record:
        return path
    query = f"SELECT id FROM {record} ORDER BY id LIMIT 1"
    return f"{path}/{databases.query(query, database=database)[0].id}"


def _take(page, address, name, file):
    page.goto(address)
    page.wait_for_selector(SHOWN)
    for selector in CLICKS.get(name, ()):
        page.click(selector)
        page.wait_for_timeout(DRAWN)
    page.wait_for_timeout(DRAWN)
    page.wait_for_function(f"!document.querySelector('{IN_THE_WAY}')")
    page.wait_for_timeout(DRAWN)
    height = HEIGHTS.get(name, HEIGHT)
    size = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    picture = Image.open(io.BytesIO(page.screenshot(clip=size))).convert("RGB")
    # a page has few colours; a palette makes the file a third
    picture.quantize(256).save(file, optimize=True)
