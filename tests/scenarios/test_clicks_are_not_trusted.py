"""Stories about clicks: forged, replayed, stale, by the wrong person, double, and too late, by both ways in."""

import asyncio
import hashlib
import hmac
import json
import time
from copy import deepcopy
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.local.workspace import Message
from bot.response.model.actions import ActionState
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import said

both_ways = pytest.mark.parametrize("http_mode", [False, True], ids=["socket mode", "http mode"])


async def test_a_forged_or_replayed_click_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with small_stage(tmp_path, http_mode=True) as here:
        await here.service.crash()
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        secret = here.workspace.signing_secret
        assert await send(here, click_of(card), "a secret somebody guessed") == 401
        assert await send(here, click_of(card), "") == 401
        assert await send(here, click_of(card), secret, seconds_ago=600) == 401
        assert await send(here, click_of(card), secret, tampered=b"&x=1") == 401
        assert await send(here, click_of(card), None) == 401
        assert (await here.actions())[0].state is ActionState.WAITING
        assert "action.vote" not in await here.kinds()

        assert await send(here, click_of(card), secret) == 200, "only the signature made the difference"
        await here.thread_of("INC-1", "Done and verified")


async def test_without_a_signing_secret_nobody_can_post_a_click(tmp_path: Path) -> None:
    async with small_stage(tmp_path) as here:
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        assert await send(here, click_of(card), here.workspace.signing_secret) == 404


@both_ways
async def test_only_the_present_question_is_answered_and_only_once(tmp_path: Path, http_mode: bool) -> None:
    async with small_stage(tmp_path, http_mode=http_mode, relaxed_limits=True) as here:
        alice, bob, dave = (here.workspace.person(name) for name in ("alice", "bob", "dave"))
        await here.service.crash()
        await here.fire()
        old = deepcopy(await here.card_of("INC-1", "'action_id': 'approve'"))
        await here.slash("alice", "pause everything 1h", "Paused: everything")
        await here.card_of("INC-1", "On hold")
        await here.slash("alice", "resume everything", "Resumed: everything")
        present = deepcopy(await here.card_of("INC-1", "'action_id': 'approve'", "Why you are asked"))

        assert (await alice.click(old, "approve")).acked
        await here.privately("alice", "This card is out of date")
        assert (await dave.click(present, "approve")).acked
        await here.privately("dave", "may not approve")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"

        here.workspace.misbehave.duplicate_envelopes()
        outcomes = await asyncio.gather(
            alice.click(deepcopy(present), "approve"),
            alice.click(deepcopy(present), "approve"),
            bob.click(deepcopy(present), "approve"),
        )
        assert all(outcome.acked for outcome in outcomes)
        await here.thread_of("INC-1", "Done and verified")
        kinds = await here.kinds()
        assert kinds.count("action.vote") == 1, "whoever was first; everybody else is told"
        assert kinds.count("action.executed") == 1
        refusals = [entry for entry in await here.record() if entry.kind == "person.refused"]
        assert [entry.actor for entry in refusals] == ["U04DAVE"]

        assert (await bob.click(present, "approve")).acked
        await here.privately("bob", "Nothing to approve any more")
        assert kinds.count("action.executed") == (await here.kinds()).count("action.executed")


@both_ways
async def test_a_yes_after_the_question_expired_starts_nothing(tmp_path: Path, http_mode: bool) -> None:
    async with small_stage(tmp_path, http_mode=http_mode) as here:
        await here.service.crash()
        await here.fire()
        asked = deepcopy(await here.card_of("INC-1", "'action_id': 'approve'"))
        await here.time_is_up()
        expired = await here.card_of("INC-1", "The time to approve is over")
        assert "'action_id': 'approve'" not in said(expired)
        assert (await here.workspace.person("alice").click(asked, "approve")).acked
        await here.privately("alice", "Nothing to approve any more", "not approved in time")
        assert [action.state for action in await here.actions()] == [ActionState.EXPIRED]
        assert await here.supervisord.state("checkout:checkout") == "EXITED"


def click_of(card: Message) -> Json:
    """Alice's click on Approve, as Slack would send it."""
    [value] = [
        element["value"]
        for block in card.blocks
        for element in block.get("elements", [])
        if element.get("action_id") == "approve"
    ]
    action = {"type": "button", "action_id": "approve", "block_id": "b", "value": value, "action_ts": "1.1"}
    return {
        "type": "block_actions",
        "api_app_id": "A1",
        "team": {"id": "T01WATCH", "domain": "harbour"},
        "user": {"id": "U01ALICE", "team_id": "T01WATCH"},
        "trigger_id": f"trigger {time.monotonic_ns()}",
        "container": {"type": "message", "message_ts": card.ts, "channel_id": card.channel},
        "channel": {"id": card.channel, "name": "incidents"},
        "message": {"ts": card.ts},
        "actions": [action],
    }


async def send(
    here: SmallStage, payload: Json, secret: str | None, *, seconds_ago: int = 0, tampered: bytes = b""
) -> int:
    """POST a payload, signed with ``secret`` (None: not at all) so long ago, then ``tampered`` with; the status."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    signed_at = str(int(time.time()) - seconds_ago)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if secret is not None:
        digest = hmac.new(secret.encode(), f"v0:{signed_at}:".encode() + body, hashlib.sha256).hexdigest()
        headers |= {"X-Slack-Request-Timestamp": signed_at, "X-Slack-Signature": f"v0={digest}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{here.bot_url}/slack/events", data=body + tampered, headers=headers) as response,
    ):
        return response.status
