/** Text objects (`plain_text` and `mrkdwn`) as nodes. */

import { el } from "./dom.js";
import { emoji } from "./mentions.js";
import { mrkdwn, unescape } from "./mrkdwn.js";

export function textObject(text, directory) {
  if (!text) return [];
  if (text.type === "mrkdwn") return mrkdwn(text.text, directory, { verbatim: text.verbatim });
  return plainText(text);
}

/** Plain text with its emoji drawn and its line breaks kept. */
export function plainText({ text, emoji: drawEmoji = true }) {
  return text.split("\n").flatMap((line, index) => {
    const words = drawEmoji ? withEmoji(line) : [unescape(line)];
    return index ? [el("br"), ...words] : words;
  });
}

/** Plain text for places that hold no nodes: options of a select, labels read aloud. */
export function bareText(text) {
  return text ? unescape(text.text) : "";
}

function withEmoji(line) {
  return line
    .split(/(:[a-z0-9_+'-]+:)/)
    .map((part) => (/^:[a-z].*:$|^:[+-]1:$/.test(part) ? emoji(part.slice(1, -1)) : unescape(part)));
}
