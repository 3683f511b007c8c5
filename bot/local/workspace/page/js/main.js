/**
 * The page: one person's view of the workspace. It keeps where the person is (in the address, so that a reload
 * returns there), draws every part from the model, and sends what the person does to the server.
 */

import { channelName, Conversation, paintChannelHead } from "./conversation.js";
import { el } from "./dom.js";
import { Forms } from "./form.js";
import { Home, paintHomeHead } from "./home.js";
import { icon } from "./icons.js";
import { Modal } from "./modal.js";
import { Model } from "./model.js";
import { notice, paintWarnings } from "./notices.js";
import { paintPanel } from "./panel.js";
import { nameOf } from "./people.js";
import { act, Live, loadState, pressPanelButton, ServerRefusal } from "./server.js";
import { paintSidebar } from "./sidebar.js";
import { Thread } from "./thread.js";

const NARROW = window.matchMedia("(max-width: 800px)");

class Page {
  model = new Model();
  forms = new Forms();
  /** The action_ids my last click in a message or view got no answer for. */
  warned = new Map();
  pressing = new Set();
  place = { channel: null, thread: null, home: false };
  #live = null;
  #due = false;
  #loading = { person: null, loads: 0 };
  #waiting = [];

  constructor() {
    this.act = this.act.bind(this);
    this.parts = Object.fromEntries(
      ["app", "side", "panel", "head", "main", "thread", "warnings"].map((id) => [
        id,
        document.getElementById(id),
      ]),
    );
    this.conversation = new Conversation(this);
    this.home = new Home(this);
    this.modal = new Modal(this);
    this.thread = new Thread(this, this.parts.thread);
    window.addEventListener("hashchange", () => this.#arrive());
    document.addEventListener("visibilitychange", () => this.draw());
    this.parts.app.addEventListener(
      "click",
      (event) => event.target === this.parts.app && this.openDrawer(false),
    );
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.openDrawer(false));
    NARROW.addEventListener("change", () => {
      const panel = this.parts.panel.querySelector("details");
      if (panel) panel.open = this.isWide();
    });
  }

  async start() {
    const asked = new URLSearchParams(location.search);
    await this.#load(asked.get("as"));
    if (asked.has("ts")) this.#followPermalink(asked.get("channel"), asked.get("ts"));
    else this.#arrive();
    this.#connect();
  }

  isWide() {
    return !NARROW.matches;
  }

  /** Perform an act as the current person; a refusal is shown and resolves to null. */
  async act(name, body) {
    try {
      return await act(name, { as: this.model.me, ...body });
    } catch (problem) {
      return this.#report(problem);
    }
  }

  async pressPanel(id) {
    this.pressing.add(id);
    this.draw();
    try {
      await pressPanelButton(id);
    } catch (problem) {
      this.#report(problem);
    }
    this.pressing.delete(id);
    this.draw();
  }

  async becomePerson(id) {
    const address = new URL(location.href);
    address.searchParams.set("as", id);
    history.replaceState(null, "", address);
    this.#live?.close();
    this.#waiting = [];
    this.model.unread.clear();
    this.model.messages = {};
    await this.#load(id);
    this.#arrive();
    this.#connect();
  }

  openThread(channel, ts) {
    location.hash = `${channel}/${ts}`;
    this.#arrive();
    this.thread.focus();
  }

  closeThread() {
    const root = this.place.thread;
    location.hash = this.place.channel;
    this.#arrive();
    this.parts.main
      .querySelector(
        `[data-ts="${CSS.escape(root)}"] [data-testid="open-thread"], [data-ts="${CSS.escape(root)}"]`,
      )
      ?.focus();
  }

  openDrawer(open) {
    this.parts.app.classList.toggle("drawer-open", open);
    const target = open
      ? this.parts.side.querySelector(".drawer-close")
      : this.parts.head.querySelector(".drawer-button");
    if (NARROW.matches && (open || this.parts.side.contains(document.activeElement))) target?.focus();
  }

  drawerButton() {
    return el(
      "button",
      {
        type: "button",
        class: "tool drawer-button",
        "aria-label": "Channels and people",
        "data-testid": "open-drawer",
        onclick: () => this.openDrawer(true),
      },
      icon("menu"),
    );
  }

  connectionNote() {
    return this.model.connected
      ? null
      : el(
          "span",
          { class: "connection", role: "status", "data-testid": "connection" },
          el("span", { class: "spinner" }),
          "Connecting…",
        );
  }

  warnedIn(key) {
    return [...(this.warned.get(key) ?? [])];
  }

  /** Draw soon; many changes at once are drawn once. */
  draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#paint();
    });
  }

  #paint() {
    const { model, place, parts } = this;
    if (!document.hidden && !place.home) model.read(place.channel);
    const channel = model.channel(place.channel);
    paintSidebar(parts.side, this);
    paintPanel(parts.panel, this);
    if (place.home || !channel) {
      paintHomeHead(parts.head, this);
      this.#mount(this.home.element);
      this.home.show();
    } else {
      paintChannelHead(parts.head, channel, this);
      this.#mount(this.conversation.element);
      this.conversation.show(channel);
    }
    this.thread.show();
    paintWarnings(parts.warnings, this);
    parts.app.classList.toggle("with-thread", !parts.thread.hidden);
    this.modal.show();
    this.#title(channel);
  }

  #mount(element) {
    if (this.parts.main.firstElementChild !== element) this.parts.main.replaceChildren(element);
  }

  #title(channel) {
    const unread = [...this.model.unread.values()].reduce((sum, count) => sum + count, 0);
    const where =
      this.place.home || !channel ? nameOf(this.model.bot, "Home") : `#${channelName(channel, this.model)}`;
    document.title = `${unread ? `(${unread}) ` : ""}${where} · ${this.model.team.name}`;
  }

  #followPermalink(channel, ts) {
    const root = this.model.message(channel, ts)?.thread_ts;
    const isReply = root && root !== ts;
    const address = new URL(location.href);
    ["channel", "ts"].forEach((name) => address.searchParams.delete(name));
    address.hash = isReply ? `${channel}/${root}` : channel;
    history.replaceState(null, "", address);
    this.#arrive();
    (isReply ? this.thread : this.conversation).reveal(ts);
  }

  #arrive() {
    const [where, thread = null] = location.hash.slice(1).split("/");
    const known = this.model.channel(where) ?? this.model.channels.find((channel) => !channel.is_im);
    const home = where === "home";
    if (home && !this.place.home) this.act("home", {});
    this.place = home ? { ...this.place, home, thread: null } : { channel: known?.id ?? null, thread, home };
    this.openDrawer(false);
    this.#paint();
  }

  /**
   * Load the whole state. What is pushed meanwhile may be newer than the answer, so it waits and is applied after it;
   * an answer for somebody we no longer are is dropped.
   */
  async #load(person) {
    this.#loading = { person, loads: this.#loading.loads + 1 };
    try {
      const state = await loadState(person);
      if (person === this.#loading.person) this.model.load(state);
    } finally {
      this.#loading.loads -= 1;
      if (this.#loading.loads === 0) for (const push of this.#waiting.splice(0)) this.#hear(push);
    }
  }

  #connect() {
    this.#live = new Live(this.model.me, {
      hear: (push) => this.#hear(push),
      connection: (up) => {
        this.model.connected = up;
        // What happened between loading and connecting, or while the line was down, was told to nobody.
        if (up) this.#reload();
        this.draw();
      },
    });
  }

  #hear(push) {
    if (this.#loading.loads > 0) this.#waiting.push(push);
    else if (push.type === "panel") this.model.panel = push.panel;
    else if (!this.model.apply(push)) this.#reload();
    this.draw();
  }

  async #reload() {
    try {
      await this.#load(this.model.me);
    } catch (problem) {
      this.#report(problem);
    }
    this.draw();
  }

  #report(problem) {
    if (!(problem instanceof ServerRefusal)) throw problem;
    notice(problem.message);
    return null;
  }
}

new Page().start().catch((problem) => {
  notice(problem.message, { forGood: true });
  throw problem;
});
