/** The `rich_text` block: text already parsed into styled pieces. */

import { el } from "./dom.js";
import {
  broadcast,
  channelMention,
  dateMention,
  emoji,
  groupMention,
  link,
  userMention,
} from "./mentions.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

const PIECES = {
  text: (piece) => document.createTextNode(piece.text),
  link: (piece) => link(piece.url, piece.text || piece.url),
  emoji: (piece) => emoji(piece.name),
  user: (piece, directory) => userMention(piece.user_id, directory),
  usergroup: (piece, directory) => groupMention(piece.usergroup_id, directory),
  channel: (piece, directory) => channelMention(piece.channel_id, directory),
  broadcast: (piece) => broadcast(piece.range),
  date: (piece) =>
    dateMention(piece.timestamp, piece.format, { address: piece.url, fallback: piece.fallback }),
  color: (piece) => document.createTextNode(piece.value),
};

const PARTS = {
  rich_text_section: (part, directory) => el("p", {}, pieces(part.elements, directory)),
  rich_text_quote: (part, directory) => el("blockquote", {}, pieces(part.elements, directory)),
  rich_text_preformatted: (part, directory) => el("pre", {}, pieces(part.elements, directory)),
  rich_text_list: (part, directory) =>
    el(
      part.style === "ordered" ? "ol" : "ul",
      { class: `indent-${part.indent ?? 0}`, start: part.offset ? part.offset + 1 : null },
      part.elements.map((item) => el("li", {}, pieces(item.elements, directory))),
    ),
};

export function richText(block, directory) {
  return block.elements.map((part) => PARTS[part.type]?.(part, directory)).filter(Boolean);
}

function pieces(elements, directory) {
  return elements.flatMap((piece) => {
    const plain = PIECES[piece.type]?.(piece, directory);
    if (!plain) return [];
    const node = piece.type === "text" ? el("span", { class: "piece" }, plain) : plain;
    return [styled(node, piece.style ?? {})];
  });
}

function styled(node, style) {
  return Object.entries(STYLES).reduce(
    (inner, [name, tag]) => (style[name] ? el(tag, {}, inner) : inner),
    node,
  );
}
