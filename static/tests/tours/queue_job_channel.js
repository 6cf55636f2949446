/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */

import {registry} from "@web/core/registry";

import {waitFor} from "./wait_for";

const CHANNEL = "tr.o_data_row:contains(root.demo.quick)";
const JOB = "tr.o_data_row:contains(Export the orders)";
const REASON = ".o_field_widget[name='waiting_reason']";

function menu(xmlid) {
    return [
        {trigger: "button[data-menu-xmlid='queue_job.menu_queue']", run: "click"},
        {trigger: `.dropdown-item[data-menu-xmlid='${xmlid}']`, run: "click"},
    ];
}

registry.category("web_tour.tours").add("queue_job_channel", {
    steps: () => [
        ...menu("queue_job.menu_queue_job_channel"),
        {
            content: "Pause the channel",
            trigger: `${CHANNEL} td[name='paused'] input`,
            run: "click",
        },
        {trigger: `${CHANNEL}.text-muted`},
        ...menu("queue_job.menu_queue_job"),
        {content: "Requeue a failed job", trigger: `${JOB} td[name='name']`, run: "click"},
        {trigger: "button[name='requeue']", run: "click"},
        {
            content: "Read why it waits",
            trigger: `${REASON}:contains(Channel root.demo.quick is paused)`,
        },
        ...menu("queue_job.menu_queue_job_channel"),
        // Odoo first shows what it remembers of the list, and an edit would get lost
        {trigger: `${CHANNEL} td[name='pending_count']:contains(1)`},
        ...["capacity", "effective_capacity"].map((name) => ({
            content: "No limit is no number",
            trigger: `${CHANNEL} td[name='${name}']`,
            run: ({anchor}) => {
                if (anchor.textContent.trim()) {
                    throw new Error(`${name} is ${anchor.textContent}`);
                }
            },
        })),
        {
            content: "Edit the capacity",
            trigger: `${CHANNEL} td[name='capacity']`,
            run: "click",
        },
        {trigger: `${CHANNEL} td[name='capacity'] input`, run: "edit 2"},
        {trigger: ".o_list_button_save", run: "click"},
        {trigger: `${CHANNEL}:not(.o_selected_row) td[name='occupancy']:contains(0 / 2)`},
        {trigger: `${CHANNEL} td[name='effective_capacity']:contains(2)`},
        {
            content: "Resume the channel",
            trigger: `${CHANNEL} td.o_list_record_open_form_view button`,
            run: "click",
        },
        {trigger: ".ribbon:contains(Paused)"},
        {trigger: "button[name='action_resume']", run: "click"},
        {trigger: "button[name='action_pause']"},
        ...menu("queue_job.menu_queue_job"),
        {
            content: "See the job done",
            trigger: ".o_facet_remove",
            run: "click",
        },
        waitFor(`${JOB} td[name='state']`, "Done"),
        {trigger: `${JOB} td[name='name']`, run: "click"},
        {trigger: ".o_field_widget[name='runner_id']:contains(Queue Job Runner)"},
        {trigger: `.o_form_view:not(:has(${REASON}))`},
    ],
});
