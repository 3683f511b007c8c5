/** The thread pane: the root message, its replies, and a place to answer. */

import { Composer } from "./composer.js";
import { channelName } from "./conversation.js";
import { el, repaint } from "./dom.js";
import { icon } from "./icons.js";
import { Stream } from "./stream.js";

export class Thread {
  #page;
  #host;
  #head = el("header", { class: "thread-head" });
  #stream;
  #composer;

  constructor(page, host) {
    this.#page = page;
    this.#host = host;
    this.#stream = new Stream(page, "Thread");
    this.#composer = new Composer(page.model, {
      testid: "thread-composer",
      send: (text) => page.act("post", { channel: page.place.channel, text, thread_ts: page.place.thread }),
    });
    host.append(this.#head, this.#stream.element, this.#composer.element);
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) page.closeThread();
    });
  }

  show() {
    const { model, place } = this.#page;
    const root = place.thread && model.message(place.channel, place.thread);
    this.#host.hidden = !root;
    if (!root) return;
    const channel = model.channel(place.channel);
    const replies = model.replies(place.channel, place.thread);
    const name = channelName(channel, model);
    repaint(this.#head, [name], () => [
      el("div", {}, el("h2", {}, "Thread"), el("span", { class: "soft" }, channel.is_im ? name : `#${name}`)),
      el(
        "button",
        {
          type: "button",
          class: "tool",
          "aria-label": "Close thread",
          title: "Close (Esc)",
          "data-testid": "close-thread",
          onclick: () => this.#page.closeThread(),
        },
        icon("close"),
      ),
    ]);
    this.#composer.face(`${place.channel}/${place.thread}`, "Reply…");
    const count = `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`;
    this.#stream.show({
      identity: `${place.channel}/${place.thread}`,
      channel: place.channel,
      messages: [root, ...replies],
      inThread: true,
      afterRoot: replies.length
        ? [
            {
              key: "count",
              facts: count,
              build: () => el("div", { class: "day", role: "separator" }, el("span", {}, count)),
            },
          ]
        : [],
    });
  }

  reveal(ts) {
    this.#stream.reveal(ts);
  }

  focus() {
    this.#composer.focus();
  }
}
