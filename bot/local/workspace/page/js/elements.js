/**
 * Block Kit elements as native controls. A control tells its surface two things: the state it now has (`form`), and
 * that the app wants to hear about it (`surface.dispatch`).
 */

import { askToConfirm } from "./confirm.js";
import { el, freshId } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { bareText, plainText, textObject } from "./texts.js";

const RENDERERS = {
  button,
  overflow,
  static_select: staticSelect,
  users_select: usersSelect,
  multi_static_select: multiSelect,
  plain_text_input: textInput,
  number_input: numberInput,
  radio_buttons: radioButtons,
  checkboxes,
  datepicker: (context) => nativePicker(context, "date", "selected_date"),
  timepicker: (context) => nativePicker(context, "time", "selected_time"),
  datetimepicker: dateTimePicker,
  image: ({ element }) =>
    el("img", {
      class: "thumb",
      src: element.image_url,
      alt: element.alt_text,
      loading: "lazy",
      referrerpolicy: "no-referrer",
    }),
};

/**
 * The control for an element. `surface` is where it stands: `{form, directory, pending, warned, dispatch}`;
 * `input` is set for an element of an input block: `{describedBy, invalid, dispatches}`.
 */
export function element(description, blockId, surface, input = null) {
  const render = RENDERERS[description.type];
  if (!render) return el("span", { class: "unknown" }, `[${description.type}]`);
  return render({ element: description, blockId, surface, input });
}

function dispatch({ element: description, blockId, surface }, state = undefined) {
  return askToConfirm(description.confirm, surface.directory).then((agreed) => {
    if (agreed) surface.dispatch(blockId, description, state);
    return agreed;
  });
}

/** Remember the state and, outside input blocks or where they ask for it, tell the app. */
async function changed(context, state, restore = () => {}) {
  const { element: description, blockId, surface, input } = context;
  const before = surface.form.state(blockId, description);
  surface.form.answer(blockId, description, state);
  if (input && !input.dispatches) return;
  if (!(await dispatch(context, surface.form.state(blockId, description)))) {
    surface.form.answer(blockId, description, before);
    restore(before);
  }
}

function marks({ element: description, input, surface }) {
  const waits = surface.pending.has(description.action_id);
  return {
    "data-action-id": description.action_id,
    "data-testid": `element-${description.type}`,
    "aria-describedby": input?.describedBy,
    "aria-invalid": input?.invalid ? "true" : null,
    "aria-busy": waits ? "true" : null,
    "aria-label": input ? null : description.accessibility_label || bareText(description.placeholder) || null,
    id: input?.id,
    autofocus: Boolean(description.focus_on_load),
  };
}

function button(context) {
  const { element: description, surface } = context;
  const press = (event) => {
    if (surface.pending.has(description.action_id)) event.preventDefault();
    else dispatch(context);
  };
  const look = `button ${description.style ? `button-${description.style}` : ""}`;
  const face = [
    el("span", { class: "button-text" }, plainText(description.text)),
    surface.pending.has(description.action_id) ? el("span", { class: "spinner" }) : null,
  ];
  const shared = { ...marks(context), class: look, value: description.value, onclick: press };
  const control = description.url
    ? el(
        "a",
        { ...shared, href: safeUrl(description.url), target: "_blank", rel: "noopener noreferrer" },
        face,
      )
    : el("button", { type: "button", ...shared }, face);
  return surface.warned.has(description.action_id)
    ? el("span", { class: "warned" }, control, triangle())
    : control;
}

function safeUrl(address) {
  return /^https?:\/\//i.test(address) ? address : null;
}

function triangle() {
  const words = "The app did not answer in time";
  return el(
    "span",
    { class: "triangle", role: "img", "aria-label": words, title: words, "data-testid": "warning-triangle" },
    icon("warning"),
  );
}

function overflow(context) {
  const { element: description, surface } = context;
  const choose = (option) => {
    if (option.url && safeUrl(option.url)) window.open(option.url, "_blank", "noopener");
    dispatch(context, { type: description.type, selected_option: option });
  };
  const open = (event) =>
    openMenu(
      event.currentTarget,
      description.options.map((option) => ({
        label: plainText(option.text),
        detail: bareText(option.description),
        testid: "overflow-option",
        value: option.value,
        choose: () => choose(option),
      })),
    );
  return el(
    "button",
    {
      type: "button",
      ...marks(context),
      class: "button button-quiet button-icon",
      "aria-haspopup": "menu",
      "aria-label": description.accessibility_label || "More actions",
      onclick: open,
    },
    surface.pending.has(description.action_id) ? el("span", { class: "spinner" }) : icon("more"),
  );
}

function staticSelect(context) {
  const { element: description, blockId, surface } = context;
  const groups = description.option_groups ?? [{ options: description.options }];
  const all = groups.flatMap((group) => group.options);
  const options = groups.map((group) => {
    const entries = group.options.map((option) => el("option", { value: option.value }, optionWords(option)));
    return group.label ? el("optgroup", { label: bareText(group.label) }, entries) : entries;
  });
  const current = surface.form.state(blockId, description).selected_option?.value;
  return nativeSelect(context, options, current, (value) => ({
    selected_option: all.find((option) => option.value === value) ?? null,
  }));
}

function optionWords(option) {
  const detail = bareText(option.description);
  return detail ? `${bareText(option.text)} (${detail})` : bareText(option.text);
}

function usersSelect(context) {
  const { element: description, blockId, surface } = context;
  const options = surface.directory.people
    .filter((person) => !person.deleted)
    .map((person) => el("option", { value: person.id }, person.real_name || person.name));
  const current = surface.form.state(blockId, description).selected_user;
  return nativeSelect(context, options, current, (value) => ({ selected_user: value || null }));
}

function nativeSelect(context, options, current, stateOf) {
  const { element: description } = context;
  const select = el(
    "select",
    marks(context),
    el("option", { value: "" }, bareText(description.placeholder) || "Choose…"),
    options,
  );
  select.value = current ?? "";
  select.addEventListener("change", () => {
    const previous = current ?? "";
    changed(context, stateOf(select.value), () => (select.value = previous));
  });
  return el("span", { class: "select" }, select, icon("chevron"));
}

function multiSelect(context) {
  const { element: description, blockId, surface } = context;
  const options = description.options ?? description.option_groups.flatMap((group) => group.options);
  const chosen = () =>
    new Set(surface.form.state(blockId, description).selected_options.map((option) => option.value));
  const labels = context.input && `${context.input.labelledBy} ${context.input.id}`;
  const summary = el("summary", { ...marks(context), class: "select-face", "aria-labelledby": labels });
  const describe = () => {
    const words = options
      .filter((option) => chosen().has(option.value))
      .map((option) => bareText(option.text));
    summary.replaceChildren(
      words.join(", ") || bareText(description.placeholder) || "Choose…",
      icon("chevron"),
    );
  };
  describe();
  const boxes = choices(context, options, "checkbox", chosen(), (values) => {
    changed(context, { selected_options: options.filter((option) => values.has(option.value)) });
    describe();
  });
  return el("details", { class: "multi" }, summary, el("div", { class: "multi-options" }, boxes));
}

function radioButtons(context) {
  const { element: description, blockId, surface } = context;
  const current = surface.form.state(blockId, description).selected_option?.value;
  return choiceGroup(context, "radio", new Set([current]), (values) => ({
    selected_option: description.options.find((option) => values.has(option.value)) ?? null,
  }));
}

function checkboxes(context) {
  const { element: description, blockId, surface } = context;
  const current = surface.form.state(blockId, description).selected_options.map((option) => option.value);
  return choiceGroup(context, "checkbox", new Set(current), (values) => ({
    selected_options: description.options.filter((option) => values.has(option.value)),
  }));
}

function choiceGroup(context, type, current, stateOf) {
  const { element: description, input } = context;
  const boxes = choices(context, description.options, type, current, (values) =>
    changed(context, stateOf(values)),
  );
  return el(
    "div",
    {
      class: "choices",
      role: type === "radio" ? "radiogroup" : "group",
      id: input?.id,
      "aria-labelledby": input?.labelledBy,
      "aria-describedby": input?.describedBy,
      "data-testid": `element-${description.type}`,
    },
    boxes,
  );
}

function choices({ element: description, surface }, options, type, current, onChange) {
  const name = freshId("choice");
  const controls = options.map((option) => {
    const control = el("input", { type, name, value: option.value, "data-action-id": description.action_id });
    control.checked = current.has(option.value);
    control.addEventListener("change", () =>
      onChange(new Set(controls.filter((each) => each.checked).map((each) => each.value))),
    );
    return control;
  });
  return options.map((option, index) =>
    el(
      "label",
      { class: "choice" },
      controls[index],
      el(
        "span",
        {},
        textObject(option.text, surface.directory),
        option.description ? el("small", {}, textObject(option.description, surface.directory)) : null,
      ),
    ),
  );
}

function textInput(context) {
  const { element: description, blockId, surface, input } = context;
  const tag = description.multiline ? "textarea" : "input";
  const control = el(tag, {
    ...marks(context),
    type: description.multiline ? null : "text",
    rows: description.multiline ? 4 : null,
    placeholder: bareText(description.placeholder),
    maxlength: description.max_length,
  });
  control.value = surface.form.state(blockId, description).value ?? "";
  const remember = () => surface.form.answer(blockId, description, { value: control.value || null });
  const triggers = description.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  control.addEventListener("input", () => {
    remember();
    if (input?.dispatches && triggers.includes("on_character_entered"))
      changed(context, { value: control.value || null });
  });
  control.addEventListener("keydown", (event) => {
    if (
      event.key !== "Enter" ||
      (description.multiline && event.shiftKey) ||
      !input?.dispatches ||
      !triggers.includes("on_enter_pressed")
    )
      return;
    event.preventDefault();
    event.stopPropagation();
    changed(context, { value: control.value || null });
  });
  return control;
}

function numberInput(context) {
  const { element: description, blockId, surface } = context;
  const control = el("input", {
    ...marks(context),
    type: "number",
    step: description.is_decimal_allowed ? "any" : 1,
    min: description.min_value,
    max: description.max_value,
    placeholder: bareText(description.placeholder),
  });
  control.value = surface.form.state(blockId, description).value ?? "";
  control.addEventListener("input", () =>
    surface.form.answer(blockId, description, { value: control.value || null }),
  );
  control.addEventListener("change", () => changed(context, { value: control.value || null }));
  return control;
}

function nativePicker(context, type, field) {
  const { element: description, blockId, surface } = context;
  const control = el("input", { ...marks(context), type });
  control.value = surface.form.state(blockId, description)[field] ?? "";
  control.addEventListener("change", () =>
    changed(context, { [field]: control.value || null }, (before) => (control.value = before[field] ?? "")),
  );
  return control;
}

function dateTimePicker(context) {
  const { element: description, blockId, surface } = context;
  const control = el("input", { ...marks(context), type: "datetime-local" });
  const show = ({ selected_date_time: seconds }) => {
    control.value = seconds === null ? "" : localInputValue(new Date(seconds * 1000));
  };
  show(surface.form.state(blockId, description));
  control.addEventListener("change", () => {
    const seconds = control.value ? Math.floor(new Date(control.value).getTime() / 1000) : null;
    changed(context, { selected_date_time: seconds }, show);
  });
  return control;
}

function localInputValue(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
