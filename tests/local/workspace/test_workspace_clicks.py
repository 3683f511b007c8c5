"""People click, and the real Bolt app in Socket Mode hears of it as it would from Slack."""

import asyncio
import copy
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Workspace
from tests.local.workspace.cards import CARD, IMPATIENT_SECONDS, card_in, option


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
