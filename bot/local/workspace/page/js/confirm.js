/** The confirmation that an element may ask for before it acts. */

import { el } from "./dom.js";
import { plainText, textObject } from "./texts.js";

/** Resolves to true when nothing was to be confirmed or the person agreed. */
export function askToConfirm(confirm, directory) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const look = confirm.style === "danger" ? "button-danger" : "button-primary";
    const dialog = el(
      "dialog",
      { class: "dialog dialog-confirm", "aria-labelledby": "confirm-title", "data-testid": "confirm" },
      el("h2", { id: "confirm-title" }, plainText(confirm.title)),
      el("div", { class: "text dialog-body" }, textObject(confirm.text, directory)),
      el(
        "div",
        { class: "dialog-foot" },
        el(
          "button",
          { type: "button", class: "button", "data-testid": "confirm-deny", onclick: () => dialog.close() },
          plainText(confirm.deny),
        ),
        el(
          "button",
          {
            type: "button",
            class: `button ${look}`,
            "data-testid": "confirm-agree",
            autofocus: true,
            onclick: () => dialog.close("agreed"),
          },
          plainText(confirm.confirm),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "agreed");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
