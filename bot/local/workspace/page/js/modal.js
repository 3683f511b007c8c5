/** The open modal: the top of the stack of views the app has opened for me. */

import { blocks } from "./blocks.js";
import { el, rememberFocus, repaint } from "./dom.js";
import { icon, lantern } from "./icons.js";
import { trouble } from "./notices.js";
import { surfaceFor } from "./surface.js";
import { plainText } from "./texts.js";

/** What the server calls the submission among the actions a view waits for. */
const SUBMITTING = "submit";

export class Modal {
  #page;
  #submitting = false;
  #shown = null;
  #giveBackFocus = () => {};
  #complained = "{}";
  #dialog = el("dialog", {
    class: "dialog dialog-modal",
    "aria-labelledby": "modal-title",
    "data-testid": "modal",
  });

  constructor(page) {
    this.#page = page;
    // Escape asks the server to close the view; the dialog goes when the server says so. What lies on it goes first.
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isOnTop()) return;
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
      if (!this.#dialog.open) return;
      this.#dialog.close();
      this.#shown = null;
      this.#giveBackFocus();
      return;
    }
    this.#dialog.dataset.viewId = view.id;
    repaint(this.#dialog, [view, views.length, this.#page.warnedIn(view.id)], () =>
      this.#draw(view, views.length > 1),
    );
    if (!this.#dialog.open) {
      if (!this.#shown) this.#giveBackFocus = rememberFocus();
      this.#dialog.showModal();
    }
    if (this.#shown !== view.id) this.#focusFirst();
    const complaint = JSON.stringify(view.errors);
    if (complaint !== "{}" && complaint !== this.#complained)
      this.#dialog
        .querySelector(".error")
        ?.closest(".block")
        .querySelector("input, select, textarea, summary")
        ?.focus();
    this.#shown = view.id;
    this.#complained = complaint;
  }

  #isOnTop() {
    return (
      [...document.querySelectorAll("dialog[open]")].at(-1) === this.#dialog &&
      !this.#dialog.querySelector(":popover-open")
    );
  }

  #draw(view, isPushed) {
    const close = view.close ? plainText(view.close) : "Close";
    const submitting = view.pending.includes(SUBMITTING);
    const surface = surfaceFor({ type: "view", view_id: view.id }, view, this.#page, { errors: view.errors });
    return el(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event, view), "data-view-id": view.id },
      el(
        "header",
        { class: "dialog-head" },
        isPushed
          ? el(
              "button",
              {
                type: "button",
                class: "tool",
                "aria-label": "Back",
                title: "Back",
                "data-testid": "modal-back",
                onclick: () => this.#close(),
              },
              icon("back"),
            )
          : el("span", { class: "avatar avatar-app avatar-small" }, lantern()),
        el("h2", { id: "modal-title" }, plainText(view.title)),
        el(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": "Close",
            title: "Close (Esc)",
            "data-testid": "modal-dismiss",
            onclick: () => this.#close("all"),
          },
          icon("close"),
        ),
      ),
      view.warning ? trouble(view.warning) : null,
      el("div", { class: "dialog-body" }, blocks(view.blocks, surface)),
      el(
        "footer",
        { class: "dialog-foot" },
        el(
          "button",
          { type: "button", class: "button", "data-testid": "modal-close", onclick: () => this.#close() },
          close,
        ),
        view.submit
          ? el(
              "button",
              {
                type: "submit",
                class: "button button-primary",
                "aria-busy": submitting ? "true" : null,
                "data-testid": "modal-submit",
              },
              el("span", { class: "button-text" }, plainText(view.submit)),
              submitting ? el("span", { class: "spinner" }) : null,
            )
          : null,
      ),
    );
  }

  async #submit(event, view) {
    event.preventDefault();
    if (this.#submitting) return;
    this.#submitting = true;
    this.#complained = "{}";
    await this.#page.act("submit", {
      view_id: view.id,
      values: this.#page.forms.for({ view_id: view.id }).values(view.blocks),
    });
    this.#submitting = false;
  }

  /** Close the top view, or with "all" the whole stack from its root. */
  #close(which = "top") {
    const view = this.#page.model.views.at(which === "all" ? 0 : -1);
    if (view) this.#page.act("close", { view_id: view.id });
  }

  #focusFirst() {
    const wanted =
      this.#dialog.querySelector("[autofocus]") ??
      this.#dialog.querySelector(".dialog-body :is(input, select, textarea, button, summary)");
    (wanted ?? this.#dialog.querySelector(".dialog-foot .button:last-child"))?.focus();
  }
}
