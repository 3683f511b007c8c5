/** What went wrong, said where people look: beside the thing, or at the foot of the page. */

import { el, reconcile } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 8000;

/** A line beside what the app failed to answer. */
export function trouble(words) {
  return el(
    "p",
    { class: "trouble", role: "alert", "data-testid": "trouble" },
    icon("warning"),
    el("span", {}, words),
  );
}

/** A passing notice about the page and the server themselves; `forGood` stays until dismissed. */
export function notice(words, { forGood = false } = {}) {
  const note = card(words, () => note.remove());
  document.getElementById("notices").append(note);
  if (!forGood) setTimeout(() => note.remove(), SHOWN_MS);
}

/** The warnings the workspace itself has for me, until I dismiss them. */
export function paintWarnings(host, page) {
  reconcile(
    host,
    page.model.warnings.map(({ id, text }) => ({
      key: id,
      facts: text,
      build: () => card(text, () => page.act("dismiss", { warning: id })),
    })),
  );
}

function card(words, dismiss) {
  return el(
    "div",
    { class: "notice", "data-testid": "notice" },
    icon("warning"),
    el("span", {}, words),
    el(
      "button",
      { type: "button", class: "tool", "aria-label": "Dismiss", title: "Dismiss", onclick: dismiss },
      icon("close"),
    ),
  );
}
