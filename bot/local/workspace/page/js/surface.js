/** Where blocks stand: what their controls know, and what happens when one is used. */

import { selection } from "./form.js";

/**
 * The surface for a message or a view. `holder` is the message or view; `container` says which it is to the server;
 * `page` is the running page: `{model, forms, warned, act, draw}`.
 */
export function surfaceFor(container, holder, page, extras = {}) {
  const form = page.forms.for(container);
  form.remember(holder.chosen);
  const key = container.view_id ?? container.ts;
  return {
    form,
    directory: page.model,
    pending: new Set(holder.pending ?? []),
    warned: page.warned.get(key) ?? new Set(),
    dispatch: async (blockId, element, state) => {
      page.warned.delete(key);
      const act = {
        container,
        block_id: blockId,
        action_id: element.action_id,
        value: element.value,
        selected: state && selection(state),
        values: form.values(holder.blocks),
      };
      const outcome = await page.act("click", act);
      if (outcome?.warning) page.warned.set(key, new Set([element.action_id]));
      page.draw();
    },
    ...extras,
  };
}
