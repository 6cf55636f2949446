/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */

import {IntegerField, integerField} from "@web/views/fields/integer/integer_field";
import {registry} from "@web/core/registry";

/* A limit of which 0 is none: nothing is shown then, for 0 is read as "nothing may run". */
export class QueueJobLimitField extends IntegerField {
    get formattedValue() {
        return this.value ? super.formattedValue : "";
    }
}

registry
    .category("fields")
    .add("queue_job_limit", {...integerField, component: QueueJobLimitField});
