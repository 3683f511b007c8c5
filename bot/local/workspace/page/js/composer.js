/** The box people write in: messages, mentions, and slash commands with suggestions. */

import { el, freshId } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, nameOf } from "./people.js";

const LONGEST_LIST = 8;

export class Composer {
  #model;
  #send;
  #command;
  #suggestions = [];
  #active = 0;
  #drafts = new Map();
  #place = null;

  /** `send(text)` posts; `command(name, text)` runs a slash command, or is null where commands do not work. */
  constructor(model, { send, command = null, extras = [], testid }) {
    this.#model = model;
    this.#send = send;
    this.#command = command;
    const list = freshId("suggestions");
    this.list = el("div", {
      id: list,
      class: "suggestions",
      role: "listbox",
      "aria-label": "Suggestions",
      hidden: true,
      "data-testid": "suggestions",
    });
    this.box = el("textarea", {
      rows: 1,
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": list,
      "data-testid": `${testid}-box`,
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#pressed(event),
      onblur: () => this.#suggest([]),
    });
    this.hint = el("p", { class: "usage", hidden: true, "data-testid": "usage-hint" });
    const button = el(
      "button",
      {
        type: "submit",
        class: "send",
        "aria-label": "Send",
        title: "Send (Enter)",
        "data-testid": `${testid}-send`,
      },
      icon("send"),
    );
    this.element = el(
      "form",
      { class: "composer", "data-testid": testid, onsubmit: (event) => this.#submit(event) },
      this.list,
      this.hint,
      el("div", { class: "composer-box" }, extras, this.box, button),
    );
  }

  /** Turn to another place; what was typed but not sent is kept for each. */
  face(place, placeholder) {
    this.box.placeholder = placeholder;
    this.box.setAttribute("aria-label", placeholder);
    if (place === this.#place) return;
    if (this.#place) this.#drafts.set(this.#place, this.box.value);
    this.#place = place;
    this.#write(this.#drafts.get(place) ?? "");
  }

  focus() {
    this.box.focus();
  }

  #write(text) {
    this.box.value = text;
    this.#typed();
  }

  #typed() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
    this.#suggest(document.activeElement === this.box ? this.#findSuggestions() : []);
    const running =
      this.#command && this.#model.commands.find((each) => this.box.value.startsWith(`${each.command} `));
    this.hint.hidden = !running?.usage_hint;
    this.hint.replaceChildren(
      ...(running?.usage_hint ? [el("code", {}, running.command), " ", running.usage_hint] : []),
    );
  }

  #findSuggestions() {
    const before = this.box.value.slice(0, this.box.selectionStart);
    const slash = this.#command && before.match(/^\/\S*$/);
    if (slash) {
      return this.#model.commands
        .filter((each) => each.command.startsWith(slash[0]))
        .map((each) => ({
          insert: `${each.command} `,
          replace: slash[0],
          face: icon("bolt"),
          name: each.command,
          detail: each.description,
          hint: each.usage_hint,
        }));
    }
    const at = before.match(/(?:^|\s)@([\p{L}\p{N}._-]*)$/u);
    if (!at) return [];
    const sought = at[1].toLowerCase();
    return this.#model.people
      .filter(
        (person) =>
          !person.deleted &&
          `${nameOf(person)} ${person.name}`
            .toLowerCase()
            .split(" ")
            .some((word) => word.startsWith(sought)),
      )
      .map((person) => ({
        insert: `@${nameOf(person)} `,
        replace: `@${at[1]}`,
        face: avatar(person, "avatar-tiny"),
        name: nameOf(person),
        detail: person.title ?? "",
      }));
  }

  #suggest(suggestions) {
    this.#suggestions = suggestions.slice(0, LONGEST_LIST);
    this.#active = 0;
    this.#paintSuggestions();
  }

  #paintSuggestions() {
    const open = this.#suggestions.length > 0;
    this.list.hidden = !open;
    this.box.setAttribute("aria-expanded", String(open));
    const options = this.#suggestions.map((each, index) =>
      el(
        "div",
        {
          id: `${this.list.id}-${index}`,
          role: "option",
          "aria-selected": String(index === this.#active),
          "data-testid": "suggestion",
          onmousedown: (event) => {
            event.preventDefault();
            this.#choose(index);
          },
        },
        el("span", { class: "suggestion-face" }, each.face),
        el("strong", {}, each.name),
        each.hint ? el("span", { class: "soft mono" }, each.hint) : null,
        el("span", { class: "suggestion-detail" }, each.detail),
      ),
    );
    this.list.replaceChildren(...options);
    if (open) this.box.setAttribute("aria-activedescendant", `${this.list.id}-${this.#active}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  #choose(index) {
    const { insert, replace } = this.#suggestions[index];
    const caret = this.box.selectionStart;
    const head = this.box.value.slice(0, caret - replace.length) + insert;
    const tail = this.box.value.slice(caret);
    this.box.value = head + tail;
    this.box.setSelectionRange(head.length, head.length);
    this.#typed();
  }

  #pressed(event) {
    if (event.isComposing) return;
    const open = this.#suggestions.length > 0;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (open && event.key in steps) {
      const count = this.#suggestions.length;
      this.#active = (this.#active + steps[event.key] + count) % count;
      this.#paintSuggestions();
    } else if (open && (event.key === "Tab" || (event.key === "Enter" && !this.#isComplete())))
      this.#choose(this.#active);
    else if (open && event.key === "Escape") {
      event.stopPropagation();
      this.#suggest([]);
    } else if (event.key === "Enter" && !event.shiftKey) this.element.requestSubmit();
    else return;
    event.preventDefault();
  }

  #isComplete() {
    return this.#suggestions.some(
      (each) => each.insert.trim() === this.box.value.trim() && each.name.startsWith("/"),
    );
  }

  #submit(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (!text) return;
    this.#write("");
    const slash = this.#command && text.match(/^(\/\S+)\s*([^]*)$/);
    if (slash) this.#command(slash[1], slash[2]);
    else this.#send(encode(text, this.#model));
  }
}

/** Typed text as Slack's wire text: escaped, with the names of people and channels turned into mentions. */
function encode(text, model) {
  const wire = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const mentions = new Map([
    ...model.channels.map((channel) => [`#${channel.name}`, `<#${channel.id}>`]),
    ...model.people.flatMap((person) =>
      [person.name, person.real_name].filter(Boolean).map((name) => [`@${name}`, `<@${person.id}>`]),
    ),
  ]);
  const longestFirst = [...mentions.keys()].sort((one, other) => other.length - one.length).map(literally);
  const typed = new RegExp(`(?<![\\p{L}\\p{N}])(?:${longestFirst.join("|")})(?![\\p{L}\\p{N}])`, "gu");
  return wire.replace(typed, (name) => mentions.get(name));
}

function literally(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
