/** How people and apps are shown: a face and a name. */

import { el } from "./dom.js";
import { lantern } from "./icons.js";

export function nameOf(person, fallback = "someone") {
  return person?.real_name || person?.name || fallback;
}

/** Initials on the colour of the person; the lantern for an app. */
export function avatar(person, size = "") {
  if (person?.is_bot)
    return el("span", { class: `avatar avatar-app ${size}`, "aria-hidden": "true" }, lantern());
  const face = el("span", { class: `avatar ${size}`, "aria-hidden": "true" }, person?.initials ?? "?");
  if (person?.avatar_colour) face.style.backgroundColor = person.avatar_colour;
  return face;
}
