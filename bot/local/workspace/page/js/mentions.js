/** The small inline things that mrkdwn, rich text and Markdown share: links, mentions, dates and emoji. */

import { fillDate, full, moment } from "./dates.js";
import { el } from "./dom.js";
import { emojiFor } from "./emoji.js";

const ADDRESS = /^(?:https?:\/\/)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?)(?:\/\S*)?$/i;
const SAFE_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/**
 * A link that leaves the workspace, or plain text where the address is not one a browser may safely follow.
 * A label that looks like another address does not hide where the link leads.
 */
export function link(address, label = address) {
  let target;
  try {
    target = new URL(address);
  } catch {
    return document.createTextNode(label);
  }
  if (!SAFE_PROTOCOLS.has(target.protocol)) return document.createTextNode(label);
  const anchor = el(
    "a",
    { href: target.href, target: "_blank", rel: "noopener noreferrer", title: target.href },
    label,
  );
  const pretended = label.trim().match(ADDRESS)?.[1];
  if (!pretended || pretended.toLowerCase() === target.host) return anchor;
  return el("span", {}, anchor, el("span", { class: "soft" }, ` (leads to ${target.host})`));
}

export function userMention(id, directory) {
  const person = directory.person(id);
  const mine = id === directory.me ? " mention-me" : "";
  return el(
    "span",
    { class: `mention${mine}`, "data-user": id },
    `@${person?.real_name || person?.name || id}`,
  );
}

export function groupMention(id, directory) {
  const group = directory.group(id);
  return el("span", { class: "mention", "data-group": id }, `@${group?.handle || group?.name || id}`);
}

export function channelMention(id, directory) {
  const channel = directory.channel(id);
  if (!channel) return el("span", { class: "mention" }, `#${id}`);
  return el("a", { class: "mention", href: `#${id}` }, `#${channel.name}`);
}

export function broadcast(range) {
  return el("span", { class: "mention mention-me" }, `@${range}`);
}

export function emoji(name) {
  return el(
    "span",
    { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` },
    emojiFor(name),
  );
}

export function dateMention(seconds, template, { address, fallback }) {
  const date = moment(seconds);
  if (Number.isNaN(date.getTime())) return document.createTextNode(fallback ?? template);
  const words = el("time", { datetime: date.toISOString(), title: full(date) }, fillDate(seconds, template));
  if (!address) return words;
  const anchor = link(address, words.textContent);
  if (anchor.nodeType === Node.TEXT_NODE) return words;
  anchor.replaceChildren(words);
  return anchor;
}
