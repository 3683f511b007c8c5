"""Commands, shortcuts, mentions and the Home tab reach the real Bolt app in Socket Mode as they would from Slack."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Workspace
from tests.local.workspace.cards import IMPATIENT_SECONDS, card_in


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
