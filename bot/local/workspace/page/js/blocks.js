/** Block Kit blocks as nodes. Each carries its block_id, so tests and redrawing find it again. */

import { el, freshId } from "./dom.js";
import { element } from "./elements.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";
import { bareText, plainText, textObject } from "./texts.js";

const RENDERERS = {
  header: (block, { headingLevel = 3 }) =>
    el(`h${headingLevel}`, { class: "block-header" }, plainText(block.text)),
  divider: () => el("hr"),
  section,
  context,
  actions: (block, surface) =>
    el(
      "div",
      { class: "actions", role: "group" },
      block.elements.map((each) => element(each, block.block_id, surface)),
    ),
  image,
  input,
  rich_text: (block, { directory }) => el("div", { class: "text" }, richText(block, directory)),
  markdown: (block) => el("div", { class: "text" }, markdown(block.text)),
};

/**
 * The nodes of a list of blocks on one surface:
 * `{form, directory, pending, warned, dispatch, errors?, headingLevel?}`, where `errors` are messages by block_id.
 */
export function blocks(list, surface) {
  return list.map((block) => {
    const render = RENDERERS[block.type];
    const content = render
      ? render(block, surface)
      : el("p", { class: "unknown" }, `[${block.type}: this workspace cannot draw it]`);
    return el(
      "div",
      {
        class: `block block-${block.type}`,
        "data-block-id": block.block_id,
        "data-testid": `block-${block.type}`,
      },
      content,
    );
  });
}

function section(block, surface) {
  const fields = block.fields?.map((field) =>
    el("div", { class: "field text" }, textObject(field, surface.directory)),
  );
  return [
    el(
      "div",
      { class: "section-body" },
      block.text ? el("div", { class: "text" }, textObject(block.text, surface.directory)) : null,
      fields ? el("div", { class: "fields" }, fields) : null,
    ),
    block.accessory
      ? el("div", { class: "accessory" }, element(block.accessory, block.block_id, surface))
      : null,
  ];
}

function context(block, surface) {
  return block.elements.map((each) =>
    each.type === "image"
      ? el("img", {
          class: "context-image",
          src: each.image_url,
          alt: each.alt_text,
          referrerpolicy: "no-referrer",
        })
      : el("div", { class: "text" }, textObject(each, surface.directory)),
  );
}

function image(block) {
  const address = block.image_url ?? block.slack_file?.url;
  return el(
    "figure",
    {},
    block.title ? el("figcaption", {}, plainText(block.title)) : null,
    el("img", { src: address, alt: block.alt_text, loading: "lazy", referrerpolicy: "no-referrer" }),
  );
}

function input(block, surface) {
  const error = surface.errors?.[block.block_id];
  const control = freshId("input");
  const label = `${control}-label`;
  const hint = block.hint ? `${control}-hint` : null;
  const complaint = error ? `${control}-error` : null;
  const described = [complaint, hint].filter(Boolean).join(" ") || null;
  return [
    el(
      "label",
      { for: control, id: label },
      plainText(block.label),
      block.optional ? el("span", { class: "optional" }, " (optional)") : null,
    ),
    element(block.element, block.block_id, surface, {
      id: control,
      labelledBy: label,
      describedBy: described,
      invalid: Boolean(error),
      dispatches: Boolean(block.dispatch_action),
    }),
    error
      ? el("p", { class: "error", id: complaint, role: "alert", "data-testid": "input-error" }, error)
      : null,
    hint ? el("p", { class: "hint", id: hint }, bareText(block.hint)) : null,
  ];
}
