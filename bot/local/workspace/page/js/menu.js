/** A small menu beside its button: arrow keys move, Enter chooses, Escape or a click elsewhere closes. */

import { el } from "./dom.js";

const GAP_PIXELS = 6;

/** `entries` are `{label, detail?, choose, testid?, value?}`. */
export function openMenu(anchor, entries) {
  const items = entries.map((entry) =>
    el(
      "button",
      {
        type: "button",
        role: "menuitem",
        tabindex: -1,
        value: entry.value,
        "data-testid": entry.testid,
        onclick: () => {
          menu.hidePopover();
          entry.choose();
        },
      },
      el("span", {}, entry.label),
      entry.detail ? el("small", {}, entry.detail) : null,
    ),
  );
  const menu = el(
    "div",
    { class: "menu", role: "menu", popover: "auto", onkeydown: (event) => move(event, items, menu) },
    items,
  );
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    anchor.setAttribute("aria-expanded", "false");
    const hadFocus = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (hadFocus && anchor.isConnected) anchor.focus();
  });
  (anchor.closest("dialog") ?? document.body).append(menu);
  menu.showPopover();
  place(menu, anchor.getBoundingClientRect());
  anchor.setAttribute("aria-expanded", "true");
  items[0]?.focus();
}

function place(menu, around) {
  const { width, height } = menu.getBoundingClientRect();
  const below = around.bottom + GAP_PIXELS;
  const fitsBelow = below + height < window.innerHeight;
  menu.style.top = `${fitsBelow ? below : Math.max(GAP_PIXELS, around.top - height - GAP_PIXELS)}px`;
  menu.style.left = `${Math.max(GAP_PIXELS, Math.min(around.left, window.innerWidth - width - GAP_PIXELS))}px`;
}

function move(event, items, menu) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  const at = items.indexOf(document.activeElement);
  if (event.key in steps) items.at((at + steps[event.key]) % items.length)?.focus();
  else if (event.key === "Home") items[0].focus();
  else if (event.key === "End") items.at(-1).focus();
  else if (event.key === "Tab") menu.hidePopover();
  else return;
  event.preventDefault();
}
