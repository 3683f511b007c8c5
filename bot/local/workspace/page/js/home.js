/** The Home tab of the app. */

import { blocks } from "./blocks.js";
import { el, repaint } from "./dom.js";
import { lantern } from "./icons.js";
import { trouble } from "./notices.js";
import { nameOf } from "./people.js";
import { surfaceFor } from "./surface.js";

export class Home {
  #page;
  element = el("section", { class: "home", "data-testid": "home" });

  constructor(page) {
    this.#page = page;
  }

  show() {
    const { model } = this.#page;
    const view = model.home;
    repaint(this.element, [view, model.me, this.#page.warnedIn(view?.id)], () =>
      view ? drawn(view, this.#page) : empty(model),
    );
  }
}

function drawn(view, page) {
  const surface = surfaceFor({ type: "view", view_id: view.id }, view, page, { headingLevel: 2 });
  return el(
    "div",
    { class: "home-body", "data-view-id": view.id },
    blocks(view.blocks, surface),
    view.warning ? trouble(view.warning) : null,
  );
}

function empty(model) {
  return el(
    "div",
    { class: "home-empty" },
    lantern(),
    el("p", {}, `${nameOf(model.bot, "The app")} has not published a Home for you yet.`),
  );
}

/** Paint the head of the main pane for the Home tab. */
export function paintHomeHead(host, page) {
  const name = nameOf(page.model.bot, "App");
  repaint(host, ["home", name, page.model.connected], () => [
    page.drawerButton(),
    el(
      "div",
      { class: "head-title" },
      el("h1", {}, name),
      el("div", { class: "topic" }, "Home, as you see it"),
    ),
    page.connectionNote(),
  ]);
}
