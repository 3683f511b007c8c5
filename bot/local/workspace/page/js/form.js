/**
 * What a person has chosen or typed in one message or view and has not been taken over by the app. It outlives
 * redrawing, so a view the app updates keeps the answers already given, as Slack does.
 */

const INITIAL = {
  plain_text_input: ({ initial_value: value }) => ({ value: value ?? null }),
  number_input: ({ initial_value: value }) => ({ value: value ?? null }),
  static_select: ({ initial_option: option }) => ({ selected_option: option ?? null }),
  multi_static_select: ({ initial_options: options }) => ({ selected_options: options ?? [] }),
  users_select: ({ initial_user: user }) => ({ selected_user: user ?? null }),
  radio_buttons: ({ initial_option: option }) => ({ selected_option: option ?? null }),
  checkboxes: ({ initial_options: options }) => ({ selected_options: options ?? [] }),
  datepicker: ({ initial_date: date }) => ({ selected_date: date ?? null }),
  timepicker: ({ initial_time: time }) => ({ selected_time: time ?? null }),
  datetimepicker: ({ initial_date_time: moment }) => ({ selected_date_time: moment ?? null }),
};

class Form {
  #answers = new Map();
  #chosen = {};

  /** What the server remembers of earlier choices, `{block_id: {action_id: state}}`; newer answers given here win. */
  remember(chosen) {
    this.#chosen = chosen ?? {};
  }

  /** The state of an element in Slack's shape: what the person gave, else what the app set. */
  state(blockId, element) {
    const given =
      this.#answers.get(`${blockId}\n${element.action_id}`) ?? this.#chosen[blockId]?.[element.action_id];
    return { type: element.type, ...(given ?? INITIAL[element.type](element)) };
  }

  answer(blockId, element, state) {
    this.#answers.set(`${blockId}\n${element.action_id}`, state);
  }

  /** `{block_id: {action_id: state}}` of everything in these blocks that has a state. */
  values(blocks) {
    // Ids come from outside: on objects without a prototype no id is special.
    const values = Object.create(null);
    for (const block of blocks) {
      for (const element of elementsOf(block)) {
        if (!(element.type in INITIAL)) continue;
        values[block.block_id] ??= Object.create(null);
        values[block.block_id][element.action_id] = this.state(block.block_id, element);
      }
    }
    return values;
  }
}

function elementsOf(block) {
  if (block.type === "input") return [block.element];
  if (block.type === "section") return block.accessory ? [block.accessory] : [];
  return block.type === "actions" ? block.elements : [];
}

/** The plain value of a state, as acts carry it: an option's value, several, a date, a user, a text. */
export function selection(state) {
  const { type, ...fields } = state;
  const [chosen] = Object.values(fields);
  if (Array.isArray(chosen)) return chosen.map((option) => option.value);
  return chosen?.value ?? chosen ?? null;
}

/** The forms of everything on the page, by container. */
export class Forms {
  #forms = new Map();

  for(container) {
    const key = container.view_id ?? `${container.channel}/${container.ts}`;
    if (!this.#forms.has(key)) this.#forms.set(key, new Form());
    return this.#forms.get(key);
  }
}
