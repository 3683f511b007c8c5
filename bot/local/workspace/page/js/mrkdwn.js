/** Slack's mrkdwn, read into nodes. What it does not understand stays visible as the text it is. */

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

const MARKS = { "*": "strong", _: "em", "~": "s" };
const EMOJI = /^:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/;
const BARE_LINK = /^https?:\/\/[^\s<>"'`|*]*[^\s<>"'`|*.,;:!?)\]]/;
const BULLET = /^(\s*)[•◦▪]\s+/;

/** Undo the three escapes of Slack's wire format; the only place where escaped text becomes shown text. */
export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** The nodes for a mrkdwn string: fenced code, quotes, bullet lists and paragraphs of inline marks. */
export function mrkdwn(text, directory, { verbatim = false } = {}) {
  const read = (line) => inline(line, directory, verbatim);
  return text.split("```").flatMap((part, index, parts) => {
    const unclosed = parts.length % 2 === 0 && index === parts.length - 1;
    if (unclosed) return lines(`\`\`\`${part}`, read);
    if (index % 2 === 1) return [el("pre", {}, unescape(part.replace(/^\n|\n$/g, "")))];
    const beside = part
      .replace(index > 0 ? /^\n/ : /^(?!)/, "")
      .replace(index < parts.length - 1 ? /\n$/ : /(?!)$/, "");
    return beside ? lines(beside, read) : [];
  });
}

function lines(text, read) {
  const nodes = [];
  let gathered = [];
  let gathering = null;
  const flush = () => {
    if (gathering === "quote") nodes.push(el("blockquote", {}, withBreaks(gathered, read)));
    else if (gathering === "bullets")
      nodes.push(
        el(
          "ul",
          {},
          gathered.map((line) => el("li", {}, read(line))),
        ),
      );
    else if (gathered.length) nodes.push(el("p", {}, withBreaks(gathered, read)));
    gathered = [];
  };
  const source = text.split("\n");
  for (const [index, line] of source.entries()) {
    if (line.startsWith("&gt;&gt;&gt;") || line.startsWith(">>>")) {
      flush();
      const rest = [line.replace(/^(&gt;){3}|^>>>/, "").trimStart(), ...source.slice(index + 1)];
      nodes.push(el("blockquote", {}, withBreaks(rest, read)));
      return nodes;
    }
    const quoted = line.match(/^(?:&gt;|>) ?/);
    const bullet = line.match(BULLET);
    const kind = quoted ? "quote" : bullet ? "bullets" : "text";
    if (kind !== gathering) flush();
    gathering = kind;
    gathered.push(quoted ? line.slice(quoted[0].length) : bullet ? line.slice(bullet[0].length) : line);
  }
  flush();
  return nodes;
}

function withBreaks(gathered, read) {
  return gathered.flatMap((line, index) => (index ? [el("br"), ...read(line)] : read(line)));
}

function inline(text, directory, verbatim) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(unescape(plain)));
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const found = tokenAt(text, at, directory, verbatim);
    if (found) {
      flush();
      nodes.push(found.node);
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function tokenAt(text, at, directory, verbatim) {
  const character = text[at];
  if (character === "`") return codeAt(text, at);
  if (character === "<") return angleAt(text, at, directory);
  if (character === ":") {
    const match = text.slice(at, at + 80).match(EMOJI);
    return match && { node: emoji(match[1]), end: at + match[0].length };
  }
  if (character in MARKS) return markAt(text, at, directory, verbatim);
  if (character === "h" && !verbatim && !isWordCharacter(text[at - 1])) {
    const match = text.slice(at).match(BARE_LINK);
    return match && { node: link(unescape(match[0])), end: at + match[0].length };
  }
  return null;
}

function codeAt(text, at) {
  const end = text.indexOf("`", at + 1);
  if (end <= at + 1) return null;
  return { node: el("code", {}, unescape(text.slice(at + 1, end))), end: end + 1 };
}

function markAt(text, at, directory, verbatim) {
  const mark = text[at];
  if (isWordCharacter(text[at - 1]) || isBlank(text[at + 1]) || text[at + 1] === mark) return null;
  for (let end = text.indexOf(mark, at + 2); end !== -1; end = text.indexOf(mark, end + 1)) {
    if (isBlank(text[end - 1]) || isWordCharacter(text[end + 1])) continue;
    return { node: el(MARKS[mark], {}, inline(text.slice(at + 1, end), directory, verbatim)), end: end + 1 };
  }
  return null;
}

function angleAt(text, at, directory) {
  const end = text.indexOf(">", at);
  if (end === -1) return null;
  const [target, ...rest] = text.slice(at + 1, end).split("|");
  const label = rest.length ? unescape(rest.join("|")) : undefined;
  const node = angled(target, label, directory);
  return node && { node, end: end + 1 };
}

function angled(target, label, directory) {
  if (/^@[UW]\w+$/.test(target)) return userMention(target.slice(1), directory);
  if (/^#[CGD]\w+$/.test(target)) return channelMention(target.slice(1), directory);
  const group = target.match(/^!subteam\^(\w+)/);
  if (group) return groupMention(group[1], directory);
  const range = target.match(/^!(here|channel|everyone)$/);
  if (range) return broadcast(range[1]);
  const date = target.match(/^!date\^(\d+)\^([^^]+)(?:\^(.+))?$/);
  if (date)
    return dateMention(date[1], unescape(date[2]), {
      address: date[3] && unescape(date[3]),
      fallback: label,
    });
  if (/^(https?|mailto):/i.test(target)) return link(unescape(target), label);
  return null;
}

function isWordCharacter(character) {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

function isBlank(character) {
  return character === undefined || /\s/.test(character);
}
