"""People act, and the real Bolt app in Socket Mode hears of it as it would from Slack."""

import asyncio
import copy
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Message, Workspace


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value.title()), "value": value}


APPROVE = {"type": "button", "action_id": "approve", "text": plain("Approve"), "value": "card-1", "style": "primary"}
SCOPE = {"type": "static_select", "action_id": "scope", "options": [option("service"), option("everything")]}
CARD = [
    {"type": "section", "block_id": "words", "text": plain("Restart checkout?")},
    {"type": "actions", "block_id": "choices", "elements": [APPROVE, SCOPE]},
]
MODAL = {
    "type": "modal",
    "callback_id": "override",
    "title": plain("Override"),
    "submit": plain("Override"),
    "private_metadata": "card-1",
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "reason", "min_length": 5},
        },
        {
            "type": "input",
            "block_id": "what",
            "label": plain("Instead"),
            "optional": True,
            "element": {**SCOPE, "action_id": "instead"},
        },
    ],
}


# For acts an app must fail to answer; Slack's own three seconds hold everywhere else.
IMPATIENT_SECONDS = 0.1


async def card_in(workspace: Workspace, app: AsyncApp, blocks: list[dict[str, Any]] | None = None) -> Message:
    await app.client.chat_postMessage(channel="C01INC", text="Restart checkout?", blocks=blocks or CARD)
    return workspace.messages("C01INC")[-1]


async def test_a_click_reaches_the_app_complete_and_the_card_is_updated(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    clicks: list[dict[str, Any]] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        clicks.append(body)
        await client.chat_update(channel="C01INC", ts=body["message"]["ts"], text="Approved by Alice")

    async with connected():
        card = await card_in(workspace, app)
        outcome = await workspace.person("alice").click(card, "approve")
        await workspace.until(lambda: card.text == "Approved by Alice")

    assert outcome.acked
    assert card.blocks == []
    body = clicks[0]
    assert body["user"] == {"id": "U01ALICE", "username": "alice", "name": "alice", "team_id": "T01WATCH"}
    assert body["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": "C01INC",
        "is_ephemeral": False,
    }
    assert body["channel"] == {"id": "C01INC", "name": "incidents"}
    assert body["message"]["blocks"][0]["text"]["text"] == "Restart checkout?"
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("card-1", "choices")
    assert body["state"]["values"]["choices"]["scope"] == {"type": "static_select", "selected_option": None}
    assert body["response_url"].startswith("http://127.0.0.1:")
    assert (body["api_app_id"], body["team"]["id"]) == ("A01WATCH", "T01WATCH")


async def test_what_was_selected_travels_with_the_next_click_of_the_same_person_only(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    states: list[Any] = []

    @app.action("scope")
    async def scope(ack: Any) -> None:
        await ack()

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        states.append(body["state"]["values"]["choices"]["scope"]["selected_option"])
        await ack()

    async with connected():
        card = await card_in(workspace, app)
        await workspace.person("alice").click(card, "scope", "everything")
        await workspace.person("alice").click(card, "approve")
        await workspace.person("bob").click(card, "approve")

    assert states == [option("everything"), None]


async def test_an_app_that_does_not_answer_leaves_a_warning_for_the_one_who_clicked(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    release = asyncio.Event()

    @app.action("approve")
    async def approve(ack: Any) -> None:
        await release.wait()
        await ack()

    async with connected():
        card = await card_in(workspace, app)
        workspace.ack_timeout = IMPATIENT_SECONDS
        click = asyncio.create_task(workspace.person("alice").click(card, "approve"))
        await workspace.until(lambda: card.pending.get("U01ALICE") == ["approve"])
        outcome = await click
        assert (outcome.acked, bool(outcome.warning)) == (False, True)
        assert card.warnings == {"U01ALICE": outcome.warning}
        assert card.pending["U01ALICE"] == []
        release.set()
        workspace.ack_timeout = 3.0
        assert (await workspace.person("alice").click(card, "approve")).acked
        assert card.warnings == {}


async def test_a_click_nobody_could_make_is_an_error_that_tells_what_there_is(
    workspace: Workspace, app: AsyncApp
) -> None:
    card = await card_in(workspace, app)
    alice = workspace.person("alice")
    with pytest.raises(LookupError, match="There are: approve, scope"):
        await alice.click(card, "stop")
    with pytest.raises(ValueError, match="It offers: service, everything"):
        await alice.click(card, "scope", "the moon")
    await app.client.chat_postEphemeral(channel="C01INC", user="U02BOB", text="only you", blocks=CARD)
    with pytest.raises(PermissionError, match="alice cannot see"):
        await alice.click(workspace.ephemerals("bob")[0], "approve")
    with pytest.raises(LookupError, match="alice \\(U01ALICE\\)"):
        workspace.person("mallory")


async def test_a_copy_of_a_card_clicks_as_it_looked_then(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    texts: list[str] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        texts.append(body["message"]["text"])
        await ack()

    async with connected():
        card = await card_in(workspace, app)
        old = copy.deepcopy(card)
        await app.client.chat_update(channel="C01INC", ts=card.ts, text="Too late")
        await workspace.person("alice").click(old, "approve")

    assert texts == ["Restart checkout?"]


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


async def test_a_slash_command_carries_everything_and_its_ack_is_shown(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    commands: list[dict[str, Any]] = []

    @app.command("/watch")
    async def watch(ack: Any, command: dict[str, Any]) -> None:
        commands.append(command)
        await ack("All quiet")

    async with connected():
        outcome = await workspace.person("alice").slash("/watch", "status", channel="C01INC")

    assert [message.text for message in workspace.ephemerals("alice")] == ["All quiet"]
    assert outcome.message is workspace.ephemerals("alice")[0]
    assert workspace.messages("C01INC") == []
    wanted = {"command": "/watch", "text": "status", "channel_id": "C01INC", "channel_name": "incidents"}
    assert wanted.items() <= commands[0].items()
    assert {"user_id": "U01ALICE", "user_name": "alice", "team_domain": "harbour"}.items() <= commands[0].items()


async def test_an_in_channel_answer_to_a_command_is_seen_by_everybody(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await ack(text="All quiet", response_type="in_channel")

    async with connected():
        await workspace.person("alice").slash("/watch", "status")
    assert [message.text for message in workspace.messages("C01INC")] == ["All quiet"]


async def test_a_command_the_app_does_not_answer_fails_as_in_slack(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    alice = workspace.person("alice")
    assert (await alice.slash("/watch")).warning == '/watch failed with the error "dispatch_failed"'

    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await asyncio.sleep(60)

    async with connected():
        workspace.ack_timeout = IMPATIENT_SECONDS
        assert (await alice.slash("/watch")).warning == '/watch failed with the error "operation_timeout"'
    assert len(workspace.warnings("alice")) == 2


async def test_shortcuts_carry_the_person_and_the_message(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    seen: list[dict[str, Any]] = []

    @app.shortcut("pause_all")
    async def pause_all(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    @app.shortcut("why")
    async def why(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    alice = workspace.person("alice")
    async with connected():
        card = await card_in(workspace, app)
        await alice.shortcut("pause_all")
        await alice.shortcut("why", message=card)
    assert [body["type"] for body in seen] == ["shortcut", "message_action"]
    assert seen[1]["message"]["ts"] == seen[1]["message_ts"] == card.ts
    assert seen[1]["user"]["id"] == "U01ALICE"


async def test_opening_the_home_tab_lets_the_app_publish_it(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [{"type": "divider"}]})

    async with connected():
        await workspace.person("alice").open_home()
        view = await workspace.until(lambda: workspace.home("alice"))
    assert view is not None
    assert view.blocks[0]["type"] == "divider"


async def test_a_mention_reaches_the_app_and_its_own_posts_do_not_loop(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        await say(text=f"<@{event['user']}> yes?", thread_ts=event["ts"])

    async with connected():
        message = await workspace.person("alice").post("C01INC", "<@UWATCH> are you there?")
        await workspace.until(lambda: workspace.thread("C01INC", message.ts))
    assert [reply.text for reply in workspace.thread("C01INC", message.ts)] == ["<@U01ALICE> yes?"]


async def test_messages_and_reactions_are_told_only_to_an_app_that_subscribed_and_may_see_them(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    heard: list[str] = []

    @app.event("message")
    async def message(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    workspace.manifest(
        {
            "features": {},
            "oauth_config": {"scopes": {"bot": ["channels:history", "chat:write"]}},
            "settings": {"event_subscriptions": {"bot_events": ["message.channels", "reaction_added"]}},
        }
    )
    alice = workspace.person("alice")
    async with connected():
        posted = await alice.post("C01INC", "hello")
        await alice.react(posted, "eyes")
        await alice.post("C01INC", "goodbye")
        await workspace.until(lambda: len(heard) == 2)
    assert sorted(heard) == ["goodbye", "hello"]
    assert {record.envelope.payload["event"]["type"] for record in workspace.deliveries} == {"message"}
    assert posted.reactions == {"eyes": ["U01ALICE"]}


async def test_nobody_writes_where_they_are_not(workspace: Workspace) -> None:
    with pytest.raises(PermissionError, match="alice is not in #leadership"):
        await workspace.person("alice").post("leadership", "hello")
    with pytest.raises(LookupError, match="#incidents"):
        await workspace.person("alice").post("C99", "hello")
