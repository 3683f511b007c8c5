"""What an app's answer to a submitted modal does to the person's open modals."""

from bot.local.workspace.content import View
from bot.local.workspace.methods.views import check_view, push_view
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.state import State
from bot.local.workspace.team import Json


def apply_response(state: State, view: View, answer: Json) -> None:
    """Show errors, another view, one more view, none at all, or (by default) close this one.

    Raises:
        Refusal: the answer makes no sense to Slack; nothing was changed.
    """
    action = answer.get("response_action")
    if action is None:
        state.close_modals(view.user, [view.id])
    elif action == "clear":
        state.close_modals(view.user, [each.id for each in state.open_views(view.user)])
    elif action == "errors":
        view.errors = _checked_errors(view, answer.get("errors"))
    elif action == "update":
        state.fill_view(view, check_view(answer.get("view"), "modal"))
    elif action == "push":
        push_view(state, check_view(answer.get("view"), "modal"), state.open_views(view.user))
    else:
        raise invalid_arguments(f"unknown response_action: {action}")


def _checked_errors(view: View, given: object) -> dict[str, str]:
    """Errors for inputs that exist; Slack drops the whole answer otherwise."""
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(given, dict) or not given:
        raise Refusal("invalid_arguments", ["errors must name at least one input block"])
    if unknown := sorted(set(given) - inputs):
        raise Refusal("invalid_arguments", [f"errors name blocks that are no inputs: {', '.join(map(str, unknown))}"])
    return {block_id: str(text) for block_id, text in given.items()}
