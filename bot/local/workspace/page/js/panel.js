/** The demo's own panel: how the real service is doing, and buttons to do something to it. */

import { el, repaint } from "./dom.js";
import { icon } from "./icons.js";

const LOOKS = { primary: "button-primary", danger: "button-danger" };
const TONES = new Set(["good", "warn", "bad", "neutral"]);

export function paintPanel(host, page) {
  const { panel } = page.model;
  host.hidden = !panel;
  if (!panel) return;
  const worst = ["bad", "warn", "good"]
    .map((tone) => panel.lines.find((line) => line.tone === tone))
    .find(Boolean);
  const open = host.querySelector("details")?.open ?? page.isWide();
  repaint(host, [panel, [...page.pressing]], () =>
    el(
      "details",
      { open },
      el(
        "summary",
        {},
        el("span", { class: `dot tone-${known(worst?.tone)}` }),
        el("strong", {}, panel.title),
        el("span", { class: "panel-brief" }, worst?.value),
        icon("chevron"),
      ),
      el(
        "dl",
        {},
        panel.lines.map(({ label, value, tone }) =>
          el(
            "div",
            {},
            el("dt", {}, label),
            el("dd", { class: `tone-${known(tone)}`, "data-testid": "panel-value" }, value),
          ),
        ),
      ),
      el(
        "div",
        { class: "panel-buttons" },
        panel.buttons.map((each) => button(each, page)),
      ),
    ),
  );
}

function button({ id, label, tone }, page) {
  const waits = page.pressing.has(id);
  const look = tone in LOOKS ? LOOKS[tone] : "";
  return el(
    "button",
    {
      type: "button",
      class: `button ${look}`,
      "aria-busy": waits ? "true" : null,
      disabled: waits,
      "data-testid": `panel-${id}`,
      onclick: () => page.pressPanel(id),
    },
    el("span", { class: "button-text" }, label),
    waits ? el("span", { class: "spinner" }) : null,
  );
}

function known(tone) {
  return TONES.has(tone) ? tone : "neutral";
}
