/** A scrolling list of messages that stays at its newest end unless the reader has scrolled up. */

import { day, moment, sameDay } from "./dates.js";
import { el, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { messageArticle } from "./message.js";

const NEAR_END_PIXELS = 60;
const CONTINUES_WITHIN_MS = 5 * 60_000;

export class Stream {
  #list;
  #jump;
  #atEnd = true;
  #page;
  #shown = null;

  constructor(page, label) {
    this.#page = page;
    this.#list = el("div", { class: "stream-list", role: "log", "aria-live": "polite" });
    this.#jump = el(
      "button",
      {
        type: "button",
        class: "jump",
        hidden: true,
        "data-testid": "jump-to-newest",
        onclick: () => this.toEnd(),
      },
      icon("down"),
      "Newest",
    );
    this.scroller = el(
      "div",
      { class: "stream-scroller", tabindex: 0, "aria-label": label, role: "region" },
      this.#list,
    );
    this.element = el("div", { class: "stream" }, this.scroller, this.#jump);
    this.scroller.addEventListener("scroll", () => this.#noticeScroll());
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.#list);
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.scroller);
  }

  /**
   * Show `messages` of `channel`, with the `lead` items before them and, in a thread, the `afterRoot` items
   * behind the first. A new `identity` (another channel or thread) starts at the newest end.
   */
  show({ identity, channel, messages, inThread = false, openThread = null, lead = [], afterRoot = [] }) {
    if (identity !== this.#shown) {
      this.#shown = identity;
      this.#atEnd = true;
    }
    const items = [...lead];
    messages.forEach((message, index) => {
      const previous = messages[index - 1];
      const date = moment(message.ts);
      const newDay = !previous || !sameDay(moment(previous.ts), date);
      if (!inThread && newDay) items.push(dayDivider(date));
      const frame = {
        channel,
        inThread,
        continued: !newDay && continues(previous, message),
        threadOpen: openThread === message.ts,
      };
      items.push({
        key: `${identity}/${message.ts}${message.is_ephemeral ? "/only-me" : ""}`,
        facts: [message, frame, this.#page.warnedIn(message.ts)],
        build: () => messageArticle(message, frame, this.#page),
      });
      if (index === 0) items.push(...afterRoot);
    });
    reconcile(this.#list, items);
    if (this.#atEnd) this.toEnd();
    this.#jump.hidden = this.#atEnd;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Scroll to one message and point it out. */
  reveal(ts) {
    const found = this.#list.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (!found) return;
    this.#atEnd = false;
    found.scrollIntoView({ block: "center" });
    found.classList.add("message-revealed");
    found.focus({ preventScroll: true });
  }

  #noticeScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PIXELS;
    this.#jump.hidden = this.#atEnd;
  }
}

function dayDivider(date) {
  const words = day(date);
  return {
    key: `day/${date.toDateString()}`,
    facts: words,
    build: () => el("div", { class: "day", role: "separator" }, el("span", {}, words)),
  };
}

function continues(previous, message) {
  const closeInTime = moment(message.ts) - moment(previous.ts) < CONTINUES_WITHIN_MS;
  const plain = !message.blocks?.length && !previous.blocks?.length && !message.is_broadcast;
  return (
    closeInTime && plain && previous.user === message.user && !previous.is_ephemeral && !message.is_ephemeral
  );
}
