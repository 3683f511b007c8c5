/** The `markdown` block: ordinary Markdown, the part of it that reports and answers use. */

import { el } from "./dom.js";
import { emoji, link } from "./mentions.js";

const HEADING = /^(#{1,6})\s+(.+)$/;
const ITEM = /^(\s*)(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;
const TABLE_RULE = /^\s*\|?(?:\s*:?-+:?\s*\|)+\s*:?-*:?\s*\|?\s*$/;

const INLINE = [
  [/^`([^`]+)`/, (match) => el("code", {}, match[1])],
  [/^\*\*(?=\S)(.+?)(?<=\S)\*\*/, (match) => el("strong", {}, inline(match[1]))],
  [/^__(?=\S)(.+?)(?<=\S)__/, (match) => el("strong", {}, inline(match[1]))],
  [/^~~(?=\S)(.+?)(?<=\S)~~/, (match) => el("s", {}, inline(match[1]))],
  [/^\*(?=\S)([^*]+?)(?<=\S)\*/, (match) => el("em", {}, inline(match[1]))],
  [/^_(?=\S)([^_]+?)(?<=\S)_(?!\w)/, (match) => el("em", {}, inline(match[1]))],
  [/^\[([^\]]+)\]\(([^\s)]+)\)/, (match) => link(match[2], match[1])],
  [/^<(https?:\/\/[^>\s]+)>/, (match) => link(match[1])],
  [/^:([a-z0-9_+-]+):/, (match) => emoji(match[1])],
  [/^\\([\\`*_{}[\]()#+.!~>|-])/, (match) => document.createTextNode(match[1])],
];

/** The nodes for a Markdown text. */
export function markdown(text) {
  const source = text.split("\n");
  const nodes = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(el("p", {}, withBreaks(paragraph)));
    paragraph = [];
  };
  for (let at = 0; at < source.length;) {
    const found = blockAt(source, at);
    if (found) {
      flush();
      nodes.push(found.node);
      at = found.end;
    } else {
      if (source[at].trim()) paragraph.push(source[at]);
      else flush();
      at += 1;
    }
  }
  flush();
  return nodes;
}

function blockAt(source, at) {
  const line = source[at];
  if (line.startsWith("```")) return fence(source, at);
  const heading = line.match(HEADING);
  if (heading)
    return { node: el(`h${Math.min(heading[1].length + 2, 6)}`, {}, inline(heading[2])), end: at + 1 };
  if (RULE.test(line)) return { node: el("hr"), end: at + 1 };
  if (line.startsWith(">")) return quote(source, at);
  if (ITEM.test(line)) return list(source, at);
  if (line.includes("|") && TABLE_RULE.test(source[at + 1] ?? "")) return table(source, at);
  return null;
}

function run(source, at, belongs) {
  let end = at;
  while (end < source.length && belongs(source[end])) end += 1;
  return { taken: source.slice(at, end), end };
}

function fence(source, at) {
  const { taken, end } = run(source, at + 1, (line) => !line.startsWith("```"));
  return { node: el("pre", {}, taken.join("\n")), end: end + 1 };
}

function quote(source, at) {
  const { taken, end } = run(source, at, (line) => line.startsWith(">"));
  return {
    node: el("blockquote", {}, markdown(taken.map((line) => line.replace(/^> ?/, "")).join("\n"))),
    end,
  };
}

function list(source, at) {
  const { taken, end } = run(source, at, (line) => ITEM.test(line));
  const first = taken[0].match(ITEM);
  const items = [];
  for (const line of taken) {
    const [, indent, , words] = line.match(ITEM);
    if (indent.length > first[1].length && items.length) items.at(-1).nested.push(line);
    else items.push({ words, nested: [] });
  }
  const rendered = items.map(({ words, nested }) =>
    el("li", {}, inline(words), nested.length ? list(nested, 0).node : null),
  );
  return { node: el(first[2] ? "ol" : "ul", first[2] ? { start: first[2] } : {}, rendered), end };
}

function table(source, at) {
  const { taken, end } = run(source, at, (line) => line.includes("|"));
  const cells = (line) =>
    line
      .trim()
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => inline(cell.trim()));
  const head = el(
    "tr",
    {},
    cells(taken[0]).map((cell) => el("th", { scope: "col" }, cell)),
  );
  const rows = taken.slice(2).map((line) =>
    el(
      "tr",
      {},
      cells(line).map((cell) => el("td", {}, cell)),
    ),
  );
  return {
    node: el("div", { class: "table" }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows))),
    end,
  };
}

function withBreaks(gathered) {
  return gathered.flatMap((line, index) => (index ? [el("br"), ...inline(line)] : inline(line)));
}

function inline(text) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
  };
  let rest = text;
  while (rest) {
    const found = INLINE.map(([pattern, build]) => [rest.match(pattern), build]).find(([match]) => match);
    if (found) {
      flush();
      nodes.push(found[1](found[0]));
      rest = rest.slice(found[0][0].length);
    } else {
      plain += rest[0];
      rest = rest.slice(1);
    }
  }
  flush();
  return nodes;
}
