"""What Slack accepts inside blocks: text, options, confirmations and the elements people act on."""

import re
from datetime import date
from typing import Any

from bot.local.workspace.shapes import (
    Check,
    Faults,
    Rule,
    Shape,
    anything,
    array,
    boolean,
    integer,
    matching,
    one_of,
    string,
    typed,
)
from bot.local.workspace.team import Json

ID = string(255)
URL = matching(re.compile(r"https?://\S{1,2990}$").match, "a valid url")


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def plain_text(most: int) -> Check:
    """A plain_text object of at most this many characters."""
    return typed({"plain_text": Shape({"type": anything, "text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A plain_text or mrkdwn object of at most this many characters."""
    return typed(
        {
            "plain_text": Shape({"type": anything, "text": string(most)}, {"emoji": boolean}),
            "mrkdwn": Shape({"type": anything, "text": string(most)}, {"verbatim": boolean}),
        }
    )


CONFIRM = Shape(
    required={"title": plain_text(100), "text": text(300)},
    optional={"confirm": plain_text(30), "deny": plain_text(30), "style": one_of("primary", "danger")},
)


def _option(label: Check, **extra: Check) -> Shape:
    return Shape({"text": label, "value": string(150)}, {"description": plain_text(75), **extra})


PLAIN_OPTION = _option(plain_text(75))
MARKED_OPTION = Shape({"text": text(75), "value": string(150)}, {"description": text(75)})
MENU_OPTION = _option(plain_text(75), url=URL)
OPTION_GROUP = Shape({"label": plain_text(75), "options": array(PLAIN_OPTION, 100)})


def offered_options(element: Json) -> list[Json]:
    """Every option an element offers, those in groups included."""
    groups = element.get("option_groups")
    groups = groups if isinstance(groups, list) else []
    own = element.get("options")
    options = list(own) if isinstance(own, list) else []
    for group in groups:
        options += group.get("options", []) if isinstance(group, dict) else []
    return [option for option in options if isinstance(option, dict)]


def _initial_is_offered(name: str) -> Rule:
    def rule(element: Json, pointer: str, faults: Faults) -> None:
        initial = element.get(name)
        wanted: list[Any] = initial if isinstance(initial, list) else [initial] if initial is not None else []
        options = offered_options(element)
        if any(option not in options for option in wanted):
            faults.add(f"{name} must exactly match an option provided", pointer)

    return rule


def _values_differ(element: Json, pointer: str, faults: Faults) -> None:
    values = [option.get("value") for option in offered_options(element)]
    if len(set(map(str, values))) < len(values):
        faults.add("option values must be unique", pointer)


def _options_or_groups(element: Json, pointer: str, faults: Faults) -> None:
    if ("options" in element) == ("option_groups" in element):
        faults.add("must provide exactly one of: options, option_groups", pointer)


def _bounds_in_order(least: str, most: str) -> Rule:
    def rule(element: Json, pointer: str, faults: Faults) -> None:
        try:
            in_order = float(element.get(least, "-inf")) <= float(element.get(most, "inf"))
        except (TypeError, ValueError):
            return  # the fields' own checks name what is not a number
        if not in_order:
            faults.add(f"{least} must not be greater than {most}", pointer)

    return rule


ACTING: dict[str, Check] = {"type": anything, "action_id": ID}
CONFIRMED: dict[str, Check] = {**ACTING, "confirm": CONFIRM, "focus_on_load": boolean}
PLACEHOLDER: dict[str, Check] = {"placeholder": plain_text(150)}
DISPATCH = Shape(
    optional={"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2)},
)
NUMBER = matching(re.compile(r"-?\d+(\.\d+)?$").match, "a number")

BUTTON = Shape(
    required={"type": anything, "text": plain_text(75)},
    optional={
        "action_id": ID,
        "url": URL,
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
OVERFLOW = Shape(
    required={"type": anything, "options": array(MENU_OPTION, 5)},
    optional={"action_id": ID, "confirm": CONFIRM},
    rules=(_values_differ,),
)
STATIC_SELECT = Shape(
    optional={
        **CONFIRMED,
        **PLACEHOLDER,
        "options": array(PLAIN_OPTION, 100),
        "option_groups": array(OPTION_GROUP, 100),
        "initial_option": PLAIN_OPTION,
    },
    rules=(_options_or_groups, _values_differ, _initial_is_offered("initial_option")),
)
MULTI_STATIC_SELECT = Shape(
    optional={
        **CONFIRMED,
        **PLACEHOLDER,
        "options": array(PLAIN_OPTION, 100),
        "option_groups": array(OPTION_GROUP, 100),
        "initial_options": array(PLAIN_OPTION, 100),
        "max_selected_items": integer(1, 100),
    },
    rules=(_options_or_groups, _values_differ, _initial_is_offered("initial_options")),
)
USERS_SELECT = Shape(optional={**CONFIRMED, **PLACEHOLDER, "initial_user": string(20)})
PLAIN_TEXT_INPUT = Shape(
    optional={
        **ACTING,
        **PLACEHOLDER,
        "focus_on_load": boolean,
        "initial_value": string(3000, least=0),
        "multiline": boolean,
        "min_length": integer(0, 3000),
        "max_length": integer(1, 3000),
        "dispatch_action_config": DISPATCH,
    },
    rules=(_bounds_in_order("min_length", "max_length"),),
)
NUMBER_INPUT = Shape(
    required={"is_decimal_allowed": boolean},
    optional={
        **ACTING,
        **PLACEHOLDER,
        "focus_on_load": boolean,
        "initial_value": NUMBER,
        "min_value": NUMBER,
        "max_value": NUMBER,
        "dispatch_action_config": DISPATCH,
    },
    rules=(_bounds_in_order("min_value", "max_value"),),
)
RADIO_BUTTONS = Shape(
    required={"options": array(MARKED_OPTION, 10)},
    optional={**CONFIRMED, "initial_option": MARKED_OPTION},
    rules=(_values_differ, _initial_is_offered("initial_option")),
)
CHECKBOXES = Shape(
    required={"options": array(MARKED_OPTION, 10)},
    optional={**CONFIRMED, "initial_options": array(MARKED_OPTION, 10)},
    rules=(_values_differ, _initial_is_offered("initial_options")),
)
DATEPICKER = Shape(
    optional={**CONFIRMED, **PLACEHOLDER, "initial_date": matching(_is_date, "a date such as 2026-11-23")}
)
TIMEPICKER = Shape(
    optional={
        **CONFIRMED,
        **PLACEHOLDER,
        "initial_time": matching(re.compile(r"([01]\d|2[0-3]):[0-5]\d$").match, "a time such as 09:30"),
        "timezone": string(50),
    }
)
DATETIMEPICKER = Shape(optional={**CONFIRMED, "initial_date_time": integer(10**9, 10**10 - 1)})


def _one_source(element: Json, pointer: str, faults: Faults) -> None:
    if ("image_url" in element) == ("slack_file" in element):
        faults.add("must provide exactly one of: image_url, slack_file", pointer)


def _id_or_url(element: Json, pointer: str, faults: Faults) -> None:
    if ("id" in element) == ("url" in element):
        faults.add("must provide exactly one of: id, url", pointer)


SLACK_FILE = Shape(optional={"id": string(255), "url": string(3000)}, rules=(_id_or_url,))
IMAGE = Shape(
    required={"type": anything, "alt_text": string(2000)},
    optional={"image_url": URL, "slack_file": SLACK_FILE},
    rules=(_one_source,),
)

MENUS: dict[str, Check] = {
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_STATIC_SELECT,
    "users_select": USERS_SELECT,
    "radio_buttons": RADIO_BUTTONS,
    "checkboxes": CHECKBOXES,
    "datepicker": DATEPICKER,
    "timepicker": TIMEPICKER,
}
IN_ACTIONS = typed({**MENUS, "button": BUTTON, "overflow": OVERFLOW, "datetimepicker": DATETIMEPICKER})
IN_SECTION = typed({**MENUS, "button": BUTTON, "overflow": OVERFLOW, "image": IMAGE})
IN_INPUT = typed(
    {
        **MENUS,
        "datetimepicker": DATETIMEPICKER,
        "plain_text_input": PLAIN_TEXT_INPUT,
        "number_input": NUMBER_INPUT,
    }
)
