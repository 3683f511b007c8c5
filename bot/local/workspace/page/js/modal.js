/** The open modal: the top of the stack of views the app has opened for me. */

import { blocks } from "./blocks.js";
import { el, repaint } from "./dom.js";
import { icon, lantern } from "./icons.js";
import { trouble } from "./notices.js";
import { surfaceFor } from "./surface.js";
import { plainText } from "./texts.js";

export class Modal {
  #page;
  #errors = new Map();
  #problems = new Map();
  #submitting = null;
  #shown = null;
  #dialog = el("dialog", { class: "dialog dialog-modal", "aria-labelledby": "modal-title", "data-testid": "modal" });

  constructor(page) {
    this.#page = page;
    // Escape asks the server to close the view; the dialog goes when the server says so. A menu open in it goes first.
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#dialog.querySelector(":popover-open")) return;
      event.preventDefault();
      this.#close();
    });
    this.#dialog.addEventListener("close", () => page.draw());
    document.body.append(this.#dialog);
  }

  show() {
    const { views } = this.#page.model;
    const view = views.at(-1);
    if (!view) {
      if (this.#dialog.open) this.#dialog.close();
      this.#shown = null;
      return;
    }
    const errors = this.#errors.get(view.id) ?? view.errors ?? {};
    const problem = this.#problems.get(view.id) ?? view.warning ?? null;
    const submitting = this.#submitting === view.id;
    this.#dialog.dataset.viewId = view.id;
    repaint(this.#dialog, [view, views.length, errors, problem, submitting, this.#page.warnedIn(view.id)], () => this.#draw(view, views.length, { errors, problem, submitting }));
    if (!this.#dialog.open) this.#dialog.showModal();
    if (this.#shown !== view.id) {
      this.#shown = view.id;
      this.#focusFirst();
    }
  }

  #draw(view, depth, { errors, problem, submitting }) {
    const close = view.close ? plainText(view.close) : "Cancel";
    return el(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event, view), "data-view-id": view.id },
      el(
        "header",
        { class: "dialog-head" },
        depth > 1 ? el("button", { type: "button", class: "tool", "aria-label": "Back", title: "Back", "data-testid": "modal-back", onclick: () => this.#close() }, icon("back")) : el("span", { class: "avatar avatar-app avatar-small" }, lantern()),
        el("h2", { id: "modal-title" }, plainText(view.title)),
        el("button", { type: "button", class: "tool", "aria-label": "Close", title: "Close (Esc)", "data-testid": "modal-dismiss", onclick: () => this.#close() }, icon("close")),
      ),
      problem ? trouble(problem) : null,
      el("div", { class: "dialog-body" }, blocks(view.blocks, surfaceFor({ type: "view", view_id: view.id }, view, this.#page, { errors }))),
      el(
        "footer",
        { class: "dialog-foot" },
        el("button", { type: "button", class: "button", "data-testid": "modal-close", onclick: () => this.#close() }, close),
        view.submit
          ? el("button", { type: "submit", class: "button button-primary", "aria-busy": submitting ? "true" : null, "data-testid": "modal-submit" }, el("span", { class: "button-text" }, plainText(view.submit)), submitting ? el("span", { class: "spinner" }) : null)
          : null,
      ),
    );
  }

  async #submit(event, view) {
    event.preventDefault();
    if (this.#submitting) return;
    this.#submitting = view.id;
    this.#errors.delete(view.id);
    this.#problems.delete(view.id);
    this.show();
    const values = this.#page.forms.for({ view_id: view.id }).values(view.blocks);
    const outcome = await this.#page.act("submit", { view_id: view.id, values });
    this.#submitting = null;
    if (outcome?.errors && Object.keys(outcome.errors).length) this.#errors.set(view.id, outcome.errors);
    if (outcome?.warning) this.#problems.set(view.id, outcome.warning);
    this.show();
    if (this.#errors.has(view.id)) this.#dialog.querySelector("[aria-invalid]")?.focus();
  }

  #close() {
    const view = this.#page.model.views.at(-1);
    if (view) this.#page.act("close", { view_id: view.id });
  }

  #focusFirst() {
    const wanted = this.#dialog.querySelector("[autofocus]") ?? this.#dialog.querySelector(".dialog-body :is(input, select, textarea, button, summary)");
    (wanted ?? this.#dialog.querySelector(".dialog-foot .button:last-child"))?.focus();
  }
}
