/** The left column: whose eyes we look through, and where we can go. */

import { channelIcon, channelName } from "./conversation.js";
import { el, repaint } from "./dom.js";
import { icon, lantern } from "./icons.js";
import { avatar, nameOf } from "./people.js";

export function paintSidebar(host, page) {
  const { model, place } = page;
  const people = model.people.filter((person) => !person.is_bot && !person.deleted);
  const facts = [
    model.team,
    people,
    model.me,
    model.channels,
    [...model.unread],
    place.channel,
    place.home,
    model.bot,
  ];
  repaint(host, facts, () => [
    el(
      "div",
      { class: "team" },
      el("span", { class: "team-mark" }, lantern()),
      el("span", { class: "team-name" }, model.team.name),
      closeDrawer(page),
    ),
    actingAs(people, page),
    section(
      "Channels",
      model.channels.filter((channel) => !channel.is_im),
      page,
    ),
    section(
      "Direct messages",
      model.channels.filter((channel) => channel.is_im),
      page,
    ),
    model.bot ? apps(page) : null,
  ]);
}

function closeDrawer(page) {
  return el(
    "button",
    {
      type: "button",
      class: "tool drawer-close",
      "aria-label": "Close the menu",
      "data-testid": "close-drawer",
      onclick: () => page.openDrawer(false),
    },
    icon("close"),
  );
}

function actingAs(people, page) {
  const { model } = page;
  const name = "acting-as";
  const choices = people.map((person) => {
    const control = el("input", {
      type: "radio",
      name,
      value: person.id,
      class: "visually-hidden",
      "data-testid": `act-as-${person.name}`,
      onchange: () => page.becomePerson(person.id),
    });
    control.checked = person.id === model.me;
    const face = avatar(person);
    return el(
      "label",
      { class: "persona", title: [nameOf(person), person.title].filter(Boolean).join(", ") },
      control,
      face,
      el("span", { class: "visually-hidden" }, [nameOf(person), person.title].filter(Boolean).join(", ")),
    );
  });
  const me = model.person(model.me);
  return el(
    "fieldset",
    { class: "acting-as" },
    el("legend", {}, "You act as"),
    el("div", { class: "personas" }, choices),
    el(
      "div",
      { class: "persona-name", "data-testid": "acting-as" },
      el("strong", {}, nameOf(me)),
      me?.title ? el("span", {}, me.title) : null,
    ),
  );
}

function section(title, channels, page) {
  if (!channels.length) return null;
  return el(
    "section",
    { class: "places" },
    el("h2", {}, title),
    el(
      "ul",
      {},
      channels.map((channel) => el("li", {}, place(channel, page))),
    ),
  );
}

function place(channel, page) {
  const { model } = page;
  const unread = model.unread.get(channel.id) ?? 0;
  const current = page.place.channel === channel.id && !page.place.home;
  return el(
    "a",
    {
      class: `place ${unread ? "place-unread" : ""}`,
      href: `#${channel.id}`,
      "aria-current": current ? "page" : null,
      "data-testid": `channel-${channel.name}`,
    },
    channelIcon(channel),
    el("span", { class: "place-name" }, channelName(channel, model)),
    unread ? el("span", { class: "count", "aria-label": `${unread} unread` }, String(unread)) : null,
  );
}

function apps(page) {
  const { model } = page;
  return el(
    "section",
    { class: "places" },
    el("h2", {}, "Apps"),
    el(
      "ul",
      {},
      el(
        "li",
        {},
        el(
          "a",
          {
            class: "place",
            href: "#home",
            "aria-current": page.place.home ? "page" : null,
            "data-testid": "home-tab",
          },
          avatar(model.bot, "avatar-tiny"),
          el("span", { class: "place-name" }, nameOf(model.bot)),
          el("span", { class: "place-kind" }, "Home"),
        ),
      ),
    ),
  );
}
