/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */

import {queryFirst} from "@odoo/hoot-dom";

/**
 * A list does not follow what happens in the cron workers: search again until the cell
 * has this text.
 */
export function waitFor(cell, text) {
    return {
        trigger: ".o_searchview_input",
        timeout: 60000,
        run: async (helpers) => {
            while (!queryFirst(cell)?.textContent.includes(text)) {
                await helpers.click();
                await helpers.press("Enter");
                await new Promise((resolve) => setTimeout(resolve, 500));
            }
        },
    };
}
