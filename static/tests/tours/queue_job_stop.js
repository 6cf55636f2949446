/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */

import {registry} from "@web/core/registry";

import {waitFor} from "./wait_for";

const FIRST = "tr.o_data_row:contains(Import the catalogue)";
const SECOND = "tr.o_data_row:contains(Import the prices)";

registry.category("web_tour.tours").add("queue_job_stop", {
    steps: () => [
        {trigger: ".o_facet_remove", run: "click"},
        waitFor(`${FIRST} td[name='state']`, "Started"),
        {
            content: "Stop a job on its form",
            trigger: `${FIRST} td[name='name']`,
            run: "click",
        },
        {trigger: "button[name='button_stop']", run: "click"},
        {trigger: ".modal-footer .btn-primary", run: "click"},
        {
            content: "Read that it is on its way",
            trigger: ".alert:contains(asked to stop it)",
        },
        {trigger: ".o_form_view:not(:has(button[name='button_stop']))"},
        {trigger: ".o_back_button", run: "click"},
        waitFor(`${FIRST} td[name='state']`, "Cancelled"),
        {
            content: "Read who has stopped it, and where it was",
            trigger: `${FIRST} td[name='name']`,
            run: "click",
        },
        {trigger: ".o_field_widget[name='result']:contains(Stopped by operator)"},
        {trigger: ".o_field_widget[name='exc_info']:contains(_hang_in_sql)"},
        {trigger: ".o-mail-Message:contains(Stopped by operator)"},
        {trigger: ".o_back_button", run: "click"},
        waitFor(`${SECOND} td[name='state']`, "Started"),
        {
            content: "Stop another one from the list",
            trigger: `${SECOND} .o_list_record_selector input`,
            run: "click",
        },
        {trigger: "button[name='button_stop']", run: "click"},
        {trigger: ".modal-footer .btn-primary", run: "click"},
        waitFor(`${SECOND} td[name='state']`, "Cancelled"),
    ],
});
