/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */

import {registry} from "@web/core/registry";

import {waitFor} from "./wait_for";

const SECOND = "tr.o_data_row:nth-child(2)";

registry.category("web_tour.tours").add("queue_job_runner", {
    steps: () => [
        {trigger: "button[data-menu-xmlid='queue_job.menu_queue']", run: "click"},
        {
            trigger:
                ".dropdown-item[data-menu-xmlid='queue_job_cron_jobrunner.menu_queue_job_runner']",
            run: "click",
        },
        {trigger: "td[name='hint']:contains(No runner is active)"},
        {trigger: "button[name='action_add']", run: "click"},
        {trigger: `${SECOND} td[name='name']:contains(Queue Job Runner 2)`},
        waitFor(`${SECOND} td[name='state']`, "Working"),
        {trigger: `${SECOND} td[name='job_id']:contains(A job that takes a while)`},
        {trigger: `${SECOND} button[name='action_switch_off']`, run: "click"},
        {trigger: `${SECOND} td[name='hint']:contains(Off after its job)`},
        {trigger: `${SECOND} td[name='state']:contains(Working)`},
        {trigger: `${SECOND} button[name='action_switch_on']`, run: "click"},
        {trigger: `${SECOND} button[name='action_switch_off']`},
        waitFor(`${SECOND} td[name='state']`, "Idle"),
        {trigger: `${SECOND} td[name='name']`, run: "click"},
        {trigger: `${SECOND} td[name='name'] input`, run: "edit Nightly"},
        {trigger: ".o_list_button_save", run: "click"},
        {trigger: `${SECOND}:not(.o_selected_row) td[name='name']:contains(Nightly)`},
        {trigger: `${SECOND} td[name='done_last_hour']:contains(1)`},
        {trigger: `${SECOND} button[name='action_run_now']`, run: "click"},
        {trigger: `${SECOND} button[name='action_open_jobs']`, run: "click"},
        {trigger: ".o_breadcrumb:contains(Jobs of Nightly)"},
        {trigger: "td[name='name']:contains(A job that takes a while)"},
        {trigger: ".o_back_button", run: "click"},
        {trigger: `${SECOND} button[name='action_switch_off']`, run: "click"},
        waitFor(`${SECOND} td[name='state']`, "Off"),
        {trigger: "td[name='hint']:contains(No runner is active)"},
    ],
});
