"""What people choose and type in elements, as Slack's client keeps and checks it before sending.

Values come in two forms: plain (`"restart"`, `["a", "b"]`, `"2026-11-23"`) as a test or a form gives them, and
Slack's state objects (`{"type": "static_select", "selected_option": {...}}`) as payloads carry them.
"""

from collections.abc import Mapping
from typing import Any

from bot.local.workspace.elements import offered_options
from bot.local.workspace.state import inputs_of
from bot.local.workspace.team import Json

REQUIRED_FIELD = "Please complete this required field."
STATE_FIELD = {
    "plain_text_input": "value",
    "number_input": "value",
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
INITIAL_FIELD = {
    "plain_text_input": "initial_value",
    "number_input": "initial_value",
    "static_select": "initial_option",
    "radio_buttons": "initial_option",
    "multi_static_select": "initial_options",
    "checkboxes": "initial_options",
    "users_select": "initial_user",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "datetimepicker": "initial_date_time",
}


def state_of(element: Json, value: Any) -> Json:
    """The state object of an element in which this was chosen.

    Raises:
        ValueError: an option that the element does not offer.
    """
    kind = element["type"]
    name = STATE_FIELD[kind]
    if isinstance(value, dict) and "type" in value:
        value = value.get(name)
    if name == "selected_option":
        value = None if value is None else _offered(element, value)
    elif name == "selected_options":
        value = [_offered(element, each) for each in value or []]
    elif kind == "datetimepicker":
        value = None if value is None else int(value)
    elif value is not None:
        value = str(value)
    return {"type": kind, name: value}


def initial_state(element: Json) -> Json:
    """The state object of an element nobody has touched."""
    return state_of(element, element.get(INITIAL_FIELD[element["type"]]))


def current_values(blocks: list[Json], chosen: Mapping[str, Mapping[str, Json]]) -> dict[str, dict[str, Json]]:
    """`state.values` of these blocks: what was chosen, or else what the app set."""
    values: dict[str, dict[str, Json]] = {}
    for block, element in inputs_of(blocks):
        states = values.setdefault(block["block_id"], {})
        given = chosen.get(block["block_id"], {}).get(element["action_id"])
        states[element["action_id"]] = given or initial_state(element)
    return values


def placed_values(blocks: list[Json], given: Mapping[str, Any]) -> dict[str, dict[str, Json]]:
    """State objects by block and action, from values keyed by action id or by block id and action id.

    Raises:
        LookupError: a key that names no input here; the message lists those there are.
        ValueError: an option that the element does not offer.
    """
    inputs = inputs_of(blocks)
    block_ids = {block["block_id"] for block, _ in inputs}
    placed: dict[str, dict[str, Json]] = {}
    for key, value in given.items():
        is_block = key in block_ids and isinstance(value, Mapping) and "type" not in value
        wanted = value if is_block else {key: value}
        for action_id, plain in wanted.items():
            found = [
                (block, element)
                for block, element in inputs
                if element["action_id"] == action_id and (not is_block or block["block_id"] == key)
            ]
            if not found:
                known = ", ".join(sorted(element["action_id"] for _, element in inputs)) or "none"
                raise LookupError(f"No input {action_id!r} here. There are: {known}")
            block, element = found[0]
            placed.setdefault(block["block_id"], {})[action_id] = state_of(element, plain)
    return placed


def complaints(blocks: list[Json], values: Mapping[str, Mapping[str, Json]]) -> dict[str, str]:
    """What Slack's client would object to before submitting, by block id; empty if nothing."""
    found: dict[str, str] = {}
    for block, element in inputs_of(blocks):
        if block["type"] != "input":
            continue
        value = values[block["block_id"]][element["action_id"]][STATE_FIELD[element["type"]]]
        if value in (None, "", []):
            if not block.get("optional"):
                found[block["block_id"]] = REQUIRED_FIELD
        elif complaint := _complaint(element, value):
            found[block["block_id"]] = complaint
    return found


def _complaint(element: Json, value: Any) -> str | None:
    if element["type"] == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Must be at least {element['min_length']} characters long."
        if len(value) > element.get("max_length", 3000):
            return f"Must be at most {element.get('max_length', 3000)} characters long."
    elif element["type"] == "number_input":
        return _number_complaint(element, value)
    elif element["type"] == "multi_static_select" and len(value) > element.get("max_selected_items", 100):
        return f"Choose at most {element['max_selected_items']}."
    return None


def _number_complaint(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Must be a number."
    if not element["is_decimal_allowed"] and number != int(number):
        return "Must be a whole number."
    if number < float(element.get("min_value", "-inf")):
        return f"Must be at least {element['min_value']}."
    if number > float(element.get("max_value", "inf")):
        return f"Must be at most {element['max_value']}."
    return None


def _offered(element: Json, wanted: Any) -> Json:
    value = wanted.get("value") if isinstance(wanted, dict) else wanted
    options = offered_options(element)
    for option in options:
        if option["value"] == value:
            return option
    known = ", ".join(option["value"] for option in options)
    raise ValueError(f"{element['action_id']} does not offer {value!r}. It offers: {known}")
