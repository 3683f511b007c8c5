/** One message: who, when, its text or blocks, files, reactions and the way into its thread. */

import { blocks } from "./blocks.js";
import { clock, full, moment } from "./dates.js";
import { el } from "./dom.js";
import { emojiFor, QUICK_REACTIONS } from "./emoji.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { emoji } from "./mentions.js";
import { mrkdwn } from "./mrkdwn.js";
import { trouble } from "./notices.js";
import { avatar, nameOf } from "./people.js";
import { surfaceFor } from "./surface.js";

const PICTURE = /\.(png|jpe?g|gif|webp)$/i;

/**
 * The article for a message. `frame` says where it stands: `{channel, continued, inThread, threadOpen}`;
 * `page` is the running page: `{model, forms, warned, act, openThread}`.
 */
export function messageArticle(message, frame, page) {
  const { model } = page;
  const author = model.person(message.user);
  const sent = moment(message.ts);
  const name = message.username ?? nameOf(author, message.user);
  const look = [
    "message",
    frame.continued && "message-continued",
    message.is_ephemeral && "message-ephemeral",
    frame.threadOpen && "message-open",
  ];
  return el(
    "article",
    {
      class: look.filter(Boolean).join(" "),
      tabindex: -1,
      "data-ts": message.ts,
      "data-testid": message.is_ephemeral ? "ephemeral" : "message",
      "aria-label": `${name}, ${full(sent)}`,
    },
    frame.continued
      ? el("time", { class: "gutter-time", datetime: sent.toISOString() }, clock(sent))
      : avatar(author),
    el(
      "div",
      { class: "message-main" },
      message.is_ephemeral ? whisper(message, frame, page) : null,
      message.is_broadcast && !frame.inThread ? broadcastNote(message, frame, page) : null,
      frame.continued
        ? null
        : el(
            "div",
            { class: "byline" },
            el("strong", { class: "author" }, name),
            author?.is_bot ? el("span", { class: "badge" }, "App") : null,
            el("time", { class: "time", datetime: sent.toISOString(), title: full(sent) }, clock(sent)),
          ),
      body(message, frame, page),
      (message.files ?? []).map(file),
      reactions(message, frame, page),
      frame.inThread || message.is_broadcast ? null : threadSummary(message, frame, page),
    ),
    message.is_ephemeral ? null : tools(message, frame, page),
  );
}

function body(message, frame, page) {
  if (message.subtype === "tombstone") return el("p", { class: "tombstone" }, message.text);
  const edited = message.edited ? el("span", { class: "edited" }, "(edited)") : null;
  if (!message.blocks?.length) {
    return message.text
      ? el("div", { class: "text message-text" }, mrkdwn(message.text, page.model), edited)
      : null;
  }
  const surface = surfaceFor({ type: "message", channel: frame.channel, ts: message.ts }, message, page);
  const warning = message.warning ? trouble(message.warning) : null;
  return [
    el("div", { class: "card", "data-testid": "card" }, blocks(message.blocks, surface), warning),
    edited,
  ];
}

function whisper(message, frame, page) {
  const dismiss = () => page.act("dismiss", { channel: frame.channel, ts: message.ts });
  return el(
    "p",
    { class: "whisper" },
    icon("eye"),
    "Only visible to you",
    el("button", { type: "button", class: "link", "data-testid": "dismiss", onclick: dismiss }, "Dismiss"),
  );
}

function broadcastNote(message, frame, page) {
  return el(
    "button",
    {
      type: "button",
      class: "link broadcast-note",
      "data-testid": "open-thread",
      onclick: () => page.openThread(frame.channel, message.thread_ts),
    },
    icon("reply"),
    "replied in a thread, and here",
  );
}

function file(description) {
  const address = description.url_private ?? description.permalink;
  const title = description.title || description.name;
  if (PICTURE.test(description.name)) {
    return el(
      "figure",
      { class: "file-image", "data-testid": "file" },
      el("figcaption", {}, title),
      el("img", { src: address, alt: description.alt_txt || title, loading: "lazy" }),
    );
  }
  return el(
    "a",
    { class: "file", href: address, target: "_blank", rel: "noopener noreferrer", "data-testid": "file" },
    icon("file"),
    title,
  );
}

function reactions(message, frame, page) {
  if (!message.reactions?.length) return null;
  const react = (name) => page.act("react", { channel: frame.channel, ts: message.ts, name });
  return el(
    "div",
    { class: "reactions" },
    message.reactions.map(({ name, users }) => {
      const who = users.map((id) => nameOf(page.model.person(id), id)).join(", ");
      const mine = users.includes(page.model.me);
      return el(
        "button",
        {
          type: "button",
          class: "reaction",
          "aria-pressed": String(mine),
          title: `${who} reacted with :${name}:`,
          "data-testid": `reaction-${name}`,
          onclick: () => react(name),
        },
        emoji(name),
        el("span", {}, String(users.length)),
      );
    }),
  );
}

function threadSummary(message, frame, page) {
  if (!message.reply_count) return null;
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  return el(
    "button",
    {
      type: "button",
      class: "thread-summary",
      "data-testid": "open-thread",
      onclick: () => page.openThread(frame.channel, message.ts),
    },
    (message.reply_users ?? []).slice(0, 4).map((id) => avatar(page.model.person(id), "avatar-tiny")),
    el("strong", {}, count),
    message.latest_reply
      ? el("span", { class: "soft" }, `latest at ${clock(moment(message.latest_reply))}`)
      : null,
  );
}

function tools(message, frame, page) {
  const react = (name) => page.act("react", { channel: frame.channel, ts: message.ts, name });
  const shortcuts = page.model.shortcuts.filter((shortcut) => shortcut.type === "message");
  const more = shortcuts.map((shortcut) => ({
    label: shortcut.name,
    testid: "message-shortcut",
    value: shortcut.callback_id,
    choose: () =>
      page.act("shortcut", {
        callback_id: shortcut.callback_id,
        message: { channel: frame.channel, ts: message.ts },
      }),
  }));
  const reactWith = QUICK_REACTIONS.map((name) => ({
    label: `${emojiFor(name)}  ${name.replaceAll("_", " ")}`,
    testid: `react-${name}`,
    choose: () => react(name),
  }));
  return el(
    "div",
    { class: "tools" },
    tool(
      "smile",
      "Add a reaction",
      "add-reaction",
      (event) => openMenu(event.currentTarget, reactWith),
      true,
    ),
    frame.inThread
      ? null
      : tool("reply", "Reply in thread", "reply-in-thread", () =>
          page.openThread(frame.channel, message.thread_ts ?? message.ts),
        ),
    more.length
      ? tool("more", "More actions", "message-menu", (event) => openMenu(event.currentTarget, more), true)
      : null,
  );
}

function tool(drawing, label, testid, onclick, opensMenu = false) {
  return el(
    "button",
    {
      type: "button",
      class: "tool",
      title: label,
      "aria-label": label,
      "aria-haspopup": opensMenu ? "menu" : null,
      "data-testid": testid,
      onclick,
    },
    icon(drawing),
  );
}
