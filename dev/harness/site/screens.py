"""The screens that pictures are taken of."""

from dataclasses import dataclass

JOBS = "/odoo/action-queue_job.action_queue_job"
CHANNELS = "/odoo/action-queue_job.action_queue_job_channel"
RUNNERS = "/odoo/action-queue_job_cron_jobrunner.action_queue_job_runner"
ROW = ".o_data_row"
FORM = ".o_form_view .o_field_widget"

WAITS = "SELECT id FROM queue_job WHERE state = 'pending' AND channel = %s ORDER BY id"
STARTED = "SELECT id FROM queue_job WHERE state = 'started' AND date_rescued IS NULL"
RESCUED = "SELECT id FROM queue_job WHERE state = 'started' AND date_rescued NOTNULL"
DEPENDENT = "SELECT id FROM queue_job WHERE state = 'wait_dependencies'"
CHANNEL = "SELECT id FROM queue_job_channel WHERE complete_name = %s"

MENU = "document.querySelector('.o_searchview_dropdown_toggler').click()"
FAVORITE = "document.querySelector('.o_favorite_menu .dropdown-item').click()"
PER_HOUR = (MENU, FAVORITE, MENU)


@dataclass
class Screen:
    """A page: the id in `path` is what `query` finds first with `parameters`.

    It is there when the selector `shown` is; then JavaScript `steps` are run.
    """

    name: str
    path: str
    shown: str
    query: str | None = None
    parameters: tuple = ()
    steps: tuple = ()
    in_readme: bool = False

    def address(self, connection):
        """Return the path with the record's id."""
        if not self.query:
            return self.path
        with connection, connection.cursor() as cursor:
            cursor.execute(self.query, self.parameters)
            return f"{self.path}/{cursor.fetchone()[0]}"


def _job(name, query, *parameters, in_readme=False):
    return Screen(name, JOBS, FORM, query, parameters, in_readme=in_readme)


SCREENS = (
    Screen("runners", RUNNERS, ROW, in_readme=True),
    Screen("channels", CHANNELS, ROW, in_readme=True),
    Screen("channel", CHANNELS, FORM, CHANNEL, ("root.accounting.invoices",)),
    Screen("channel_paused", CHANNELS, FORM, CHANNEL, ("root.shop.newsletter",)),
    _job("waits_full", WAITS, "root.accounting.invoices", in_readme=True),
    _job("waits_paused", WAITS, "root.shop.newsletter"),
    _job("waits_failed", WAITS, "root.accounting.closing"),
    _job("waits_throttled", WAITS, "root.shop.stock"),
    _job("waits_eta", WAITS, "root.mail"),
    _job("waits_next", WAITS, "root.warehouse"),
    _job("waits_others", DEPENDENT),
    _job("started", STARTED),
    _job("rescued", RESCUED),
    Screen("jobs", JOBS, ROW),
    Screen(
        "filters",
        JOBS,
        ROW,
        steps=(MENU,),
    ),
    Screen("pivot", f"{JOBS}?view_type=pivot", ".o_pivot", steps=PER_HOUR),
    Screen(
        "graph",
        f"{JOBS}?view_type=graph",
        ".o_graph_renderer canvas",
        steps=PER_HOUR,
        in_readme=True,
    ),
)
