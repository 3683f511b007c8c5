/** The main pane of a channel: its head, its messages and the composer. */

import { Composer } from "./composer.js";
import { el, repaint } from "./dom.js";
import { icon } from "./icons.js";
import { link } from "./mentions.js";
import { openMenu } from "./menu.js";
import { mrkdwn } from "./mrkdwn.js";
import { avatar, nameOf } from "./people.js";
import { Stream } from "./stream.js";

const FACES_SHOWN = 4;

export function channelName(channel, model) {
  if (!channel.is_im) return channel.name;
  const other = (channel.members ?? []).find((id) => id !== model.me);
  return nameOf(model.person(other), channel.name);
}

export function channelIcon(channel) {
  if (channel.is_im) return icon("person");
  return icon(channel.is_private ? "lock" : "hash");
}

export class Conversation {
  #page;
  #stream;
  #composer;

  constructor(page) {
    this.#page = page;
    this.#stream = new Stream(page, "Messages");
    const shortcuts = el(
      "button",
      {
        type: "button",
        class: "tool",
        title: "Shortcuts",
        "aria-label": "Shortcuts",
        "aria-haspopup": "menu",
        "data-testid": "shortcuts",
        onclick: (event) => this.#openShortcuts(event),
      },
      icon("bolt"),
    );
    this.#composer = new Composer(page.model, {
      testid: "composer",
      extras: [shortcuts],
      send: (text) => page.act("post", { channel: page.place.channel, text }),
      command: (command, text) => page.act("slash", { channel: page.place.channel, command, text }),
    });
    this.#shortcuts = shortcuts;
    this.element = el("section", { class: "conversation" }, this.#stream.element, this.#composer.element);
  }

  #shortcuts;

  show(channel) {
    const { model, place } = this.#page;
    const name = channelName(channel, model);
    this.#shortcuts.hidden = !model.shortcuts.some((shortcut) => shortcut.type === "global");
    this.#composer.face(
      channel.id,
      `Message ${channel.is_im ? name : `#${name}`}${model.commands.length ? " · / for commands" : ""}`,
    );
    this.#stream.show({
      identity: channel.id,
      channel: channel.id,
      messages: model.roots(channel.id),
      openThread: place.thread,
      lead: [{ key: "lead", facts: [name, channel.topic], build: () => beginning(channel, name, model) }],
    });
  }

  reveal(ts) {
    this.#stream.reveal(ts);
  }

  #openShortcuts(event) {
    const entries = this.#page.model.shortcuts
      .filter((shortcut) => shortcut.type === "global")
      .map((shortcut) => ({
        label: shortcut.name,
        detail: shortcut.description,
        testid: "global-shortcut",
        value: shortcut.callback_id,
        choose: () => this.#page.act("shortcut", { callback_id: shortcut.callback_id }),
      }));
    openMenu(event.currentTarget, entries);
  }
}

function beginning(channel, name, model) {
  return el(
    "div",
    { class: "beginning" },
    el("span", { class: "beginning-mark" }, channelIcon(channel)),
    el("h2", {}, name),
    channel.topic ? el("div", { class: "text soft" }, mrkdwn(channel.topic, model)) : null,
  );
}

/** Paint the head of the main pane for a channel. */
export function paintChannelHead(host, channel, page) {
  const { model } = page;
  const members = (channel.members ?? []).map((id) => model.person(id)).filter(Boolean);
  repaint(host, [channel, members, model.connected], () => [
    page.drawerButton(),
    el(
      "div",
      { class: "head-title" },
      el("h1", {}, channelIcon(channel), channelName(channel, model)),
      channel.topic
        ? el("div", { class: "topic text", title: channel.topic }, mrkdwn(channel.topic, model))
        : null,
    ),
    channel.bookmarks?.length
      ? el(
          "div",
          { class: "bookmarks" },
          channel.bookmarks.map((each) => bookmark(each, model)),
        )
      : null,
    members.length
      ? el(
          "div",
          {
            class: "faces",
            role: "img",
            "aria-label": `Members: ${members.map((each) => nameOf(each)).join(", ")}`,
            title: members.map((each) => nameOf(each)).join("\n"),
          },
          members.slice(0, FACES_SHOWN).map((each) => avatar(each, "avatar-small")),
          el("span", {}, String(members.length)),
        )
      : null,
    page.connectionNote(),
  ]);
}

function bookmark({ title, link: address, emoji }, model) {
  const anchor = link(address, title);
  const face = emoji ? mrkdwn(emoji, model) : icon("link");
  return el("span", { class: "bookmark", "data-testid": "bookmark" }, face, anchor);
}
