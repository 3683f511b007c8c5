"""People fill in modals, and the real Bolt app in Socket Mode hears of it as it would from Slack."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Workspace
from tests.local.workspace.cards import MODAL, card_in, option


async def test_a_modal_is_opened_filled_in_and_submitted(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    submitted: list[dict[str, Any]] = []

    @app.action("approve")
    async def ask_why(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("override")
    async def override(ack: Any, body: dict[str, Any]) -> None:
        submitted.append(body)
        await ack()

    alice = workspace.person("alice")
    async with connected():
        await alice.click(await card_in(workspace, app), "approve")
        view = (await workspace.until(lambda: workspace.open_views("alice")))[-1]
        incomplete = await alice.submit(view, {"instead": "service"})
        too_short = await alice.submit(view, {"reason": "no"})
        outcome = await alice.submit(view, {"reason": "It is the payment provider"})

    assert incomplete.errors == {"why": "Please complete this required field."}
    assert too_short.errors == {"why": "Must be at least 5 characters long."}
    assert (outcome.acked, outcome.errors, workspace.open_views("alice")) == (True, {}, [])
    assert len(submitted) == 1
    payload = submitted[0]["view"]
    assert payload["private_metadata"] == "card-1"
    assert payload["state"]["values"] == {
        "why": {"reason": {"type": "plain_text_input", "value": "It is the payment provider"}},
        "what": {"instead": {"type": "static_select", "selected_option": option("service")}},
    }
    assert payload["hash"] == view.hash


async def opened(workspace: Workspace, app: AsyncApp, view: dict[str, Any] | None = None) -> Any:
    trigger_id = workspace.state.triggers.issue("U01ALICE")
    await app.client.views_open(trigger_id=trigger_id, view=view or MODAL)
    return workspace.open_views("alice")[-1]


async def test_an_app_can_answer_a_submission_with_errors_another_view_or_one_more(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    answers: list[dict[str, Any]] = [
        {"response_action": "errors", "errors": {"why": "Say more"}},
        {"response_action": "update", "view": {**MODAL, "private_metadata": "second"}},
        {"response_action": "push", "view": {**MODAL, "private_metadata": "third"}},
        {"response_action": "clear"},
    ]

    @app.view("override")
    async def override(ack: Any) -> None:
        await ack(answers.pop(0))

    alice = workspace.person("alice")
    async with connected():
        view = await opened(workspace, app)
        assert (await alice.submit(view, {"reason": "because"})).errors == {"why": "Say more"}
        first_hash = view.hash
        await alice.submit(view)
        assert (view.private_metadata, view.errors) == ("second", {})
        assert view.hash != first_hash
        assert view.values["why"]["reason"]["value"] == "because"
        await alice.submit(view)
        top = workspace.open_views("alice")[-1]
        assert (top.private_metadata, top.previous_view_id) == ("third", view.id)
        await alice.submit(top, {"reason": "because"})
        assert workspace.open_views("alice") == []


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"no such block": "Say more"}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": {"type": "modal", "blocks": []}},
        {"response_action": "explode"},
    ],
)
async def test_an_answer_slack_would_not_understand_leaves_the_modal_with_a_warning(
    workspace: Workspace, app: AsyncApp, connected: Any, answer: dict[str, Any]
) -> None:
    @app.view("override")
    async def override(ack: Any) -> None:
        await ack(answer)

    async with connected():
        view = await opened(workspace, app)
        outcome = await workspace.person("alice").submit(view, {"reason": "because"})
    assert outcome.warning == view.warning == "We had some trouble connecting. Try again?"
    assert workspace.open_views("alice") == [view]


async def test_an_unanswered_submission_leaves_the_modal_with_a_warning(workspace: Workspace, app: AsyncApp) -> None:
    view = await opened(workspace, app)
    outcome = await workspace.person("alice").submit(view, {"reason": "because"})
    assert (outcome.acked, outcome.warning) == (False, "We had some trouble connecting. Try again?")
    assert workspace.open_views("alice") == [view]


async def test_closing_a_modal_tells_the_app_only_if_it_asked(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    closed: list[dict[str, Any]] = []

    @app.view_closed("override")
    async def on_close(ack: Any, body: dict[str, Any]) -> None:
        closed.append(body)
        await ack()

    alice = workspace.person("alice")
    async with connected():
        await alice.close(await opened(workspace, app))
        assert closed == []
        await alice.close(await opened(workspace, app, {**MODAL, "notify_on_close": True}))
    assert [body["is_cleared"] for body in closed] == [False]
    assert workspace.open_views("alice") == []
