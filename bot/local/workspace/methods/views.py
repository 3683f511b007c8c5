"""`views.*`: modals and the Home tab."""

from bot.local.workspace.blocks import is_view_too_large, view_faults
from bot.local.workspace.content import View
from bot.local.workspace.methods.registry import Call, Implementation
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.state import State
from bot.local.workspace.team import Json

MOST_STACKED_VIEWS = 3


def open_view(call: Call) -> Json:
    """Open a modal for the person whose interaction gave the trigger."""
    given = _given_view(call, "modal")
    _refuse_known_external_id(call.state, given)
    trigger = call.state.triggers.exchange(_trigger_id(call))
    view = call.state.new_view("modal", trigger.user, given)
    call.state.show_modal(view)
    return {"view": call.state.view_json(view)}


def push(call: Call) -> Json:
    """Put a modal on top of the one whose interaction gave the trigger."""
    given = _given_view(call, "modal")
    _refuse_known_external_id(call.state, given)
    trigger = call.state.triggers.exchange(_trigger_id(call))
    stack = call.state.open_views(trigger.user)
    if not stack or trigger.view_id not in [view.id for view in stack]:
        raise Refusal("not_found")
    return {"view": call.state.view_json(push_view(call.state, given, stack))}


def update(call: Call) -> Json:
    """Replace an open modal's content, if its hash is still the one given."""
    given = _given_view(call, "modal", "home")
    view = _view_to_update(call)
    if call.arguments.text("hash", view.hash) != view.hash:
        raise Refusal("hash_conflict")
    if given["type"] != view.kind:
        raise invalid_arguments(f"type of a view cannot change from {view.kind} [json-pointer:/view/type]")
    _refuse_known_external_id(call.state, given, view)
    call.state.fill_view(view, given)
    call.state.touch_view(view)
    return {"view": call.state.view_json(view)}


def publish(call: Call) -> Json:
    """Show a person's Home tab of the app."""
    if not call.state.installation.home_tab:
        raise Refusal("not_enabled")
    given = _given_view(call, "home")
    user = call.arguments.text("user_id")
    if user not in call.state.team.users:
        raise invalid_arguments("unknown user [json-pointer:/user_id]")
    home = call.state.homes.get(user)
    if "hash" in call.arguments and (home is None or home.hash != call.arguments.text("hash")):
        raise Refusal("hash_conflict")
    if home is None:
        home = call.state.homes[user] = call.state.new_view("home", user, given)
    else:
        call.state.fill_view(home, given)
    call.state.touch_view(home)
    return {"view": call.state.view_json(home)}


def push_view(state: State, given: Json, stack: list[View]) -> View:
    """Open a modal over the person's stack.

    Raises:
        Refusal: `push_limit_reached`.
    """
    if len(stack) >= MOST_STACKED_VIEWS:
        raise Refusal("push_limit_reached")
    view = state.new_view("modal", stack[-1].user, given, previous=stack[-1])
    state.show_modal(view)
    return view


def check_view(given: object, *kinds: str) -> Json:
    """A view object of one of these kinds, if Slack would take it.

    Raises:
        Refusal: `invalid_arguments` or `view_too_large`.
    """
    if not isinstance(given, dict):
        raise invalid_arguments("must be an object [json-pointer:/view]")
    if faults := view_faults(given):
        raise invalid_arguments(*faults)
    if given["type"] not in kinds:
        raise invalid_arguments(f"must be one of: {', '.join(kinds)} [json-pointer:/view/type]")
    if is_view_too_large(given):
        raise Refusal("view_too_large")
    return given


def _given_view(call: Call, *kinds: str) -> Json:
    return check_view(call.arguments.data("view"), *kinds)


def _trigger_id(call: Call) -> str:
    trigger_id = call.arguments.text("trigger_id") or call.arguments.text("interactivity_pointer")
    if not trigger_id:
        raise invalid_arguments("missing required field: trigger_id")
    return trigger_id


def _view_to_update(call: Call) -> View:
    view_id, external_id = call.arguments.text("view_id"), call.arguments.text("external_id")
    if not view_id and not external_id:
        raise invalid_arguments("missing required field: view_id")
    for view in (*call.state.views.values(), *call.state.homes.values()):
        if view.id == view_id or (external_id and view.external_id == external_id):
            return view
    raise Refusal("not_found")


def _refuse_known_external_id(state: State, given: Json, own: View | None = None) -> None:
    external_id = given.get("external_id")
    if external_id and any(v.external_id == external_id for v in state.views.values() if v is not own):
        raise Refusal("duplicate_external_id")


METHODS: dict[str, Implementation] = {
    "views.open": open_view,
    "views.push": push,
    "views.update": update,
    "views.publish": publish,
}
