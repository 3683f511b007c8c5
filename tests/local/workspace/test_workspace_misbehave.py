"""The workspace being difficult on command."""

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler, AsyncServerErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace


async def test_a_rate_limit_lasts_for_as_many_calls_as_ordered(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.misbehave.rate_limit("chat.postMessage", times=1, retry_after=0)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await client.chat_postMessage(channel="C01INC", text="hi")
    assert [call.error for call in workspace.calls] == ["rate_limited", None]
    assert len(workspace.messages("C01INC")) == 1


async def test_a_failing_method_fails_until_lifted_and_others_go_on(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.misbehave.fail("chat.update", times=None, status=503)
    ts = (await client.chat_postMessage(channel="C01INC", text="hi"))["ts"]
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel="C01INC", ts=ts, text="changed")
        assert caught.value.response.status_code == 503
    assert workspace.messages("C01INC")[0].text == "hi"
    workspace.misbehave.lift("chat.update")
    await client.chat_update(channel="C01INC", ts=ts, text="changed")
    assert workspace.messages("C01INC")[0].text == "changed"


async def test_a_lost_request_has_no_effect(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.misbehave.lose_request("chat.postMessage")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.chat_postMessage(channel="C01INC", text="hi")
    assert workspace.messages("C01INC") == []


async def test_a_lost_answer_leaves_the_message_posted(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.misbehave.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.chat_postMessage(channel="C01INC", text="hi")
    assert [message.text for message in workspace.messages("C01INC")] == ["hi"]


async def test_an_answer_held_back_outlasts_the_callers_patience(workspace: Workspace, server: Any) -> None:
    client = AsyncWebClient(token=workspace.bot_token, base_url=server.api_url, timeout=1, retry_handlers=[])
    workspace.misbehave.lose_answer("chat.postMessage", hold=60)
    with pytest.raises(asyncio.TimeoutError):
        await client.chat_postMessage(channel="C01INC", text="hi")
    await workspace.until(lambda: workspace.messages("C01INC"))


async def test_a_naive_retry_after_a_lost_answer_posts_twice(workspace: Workspace, server: Any) -> None:
    client = AsyncWebClient(token=workspace.bot_token, base_url=server.api_url)
    client.retry_handlers.append(AsyncServerErrorRetryHandler())
    workspace.misbehave.lose_answer("chat.postMessage")
    await client.chat_postMessage(channel="C01INC", text="hi")
    assert [message.text for message in workspace.messages("C01INC")] == ["hi", "hi"]


async def test_a_duplicated_envelope_arrives_twice_with_the_same_event(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    events: list[str] = []

    @app.event("app_home_opened")
    async def home(body: dict[str, Any]) -> None:
        events.append(body["event_id"])

    async with connected():
        workspace.misbehave.duplicate_envelopes()
        await workspace.person("alice").open_home()
        await workspace.until(lambda: len(workspace.deliveries) == 2)
        await workspace.person("alice").open_home()
        await workspace.until(lambda: len(workspace.deliveries) == 3)
    assert events[0] == events[1] != events[2]


async def test_a_delayed_envelope_is_overtaken(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    order: list[str] = []

    @app.command("/watch")
    async def watch(ack: Any, command: dict[str, Any]) -> None:
        order.append(command["text"])
        await ack()

    alice = workspace.person("alice")
    async with connected():
        workspace.misbehave.delay_envelopes(0.6)
        first = asyncio.create_task(alice.slash("/watch", "first"))
        await asyncio.sleep(0)
        await alice.slash("/watch", "second")
        await first
    assert order == ["second", "first"]


async def test_a_lost_envelope_is_a_click_the_app_never_heard(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    workspace.ack_timeout = 0.1
    async with connected():
        workspace.misbehave.lose_envelopes()
        outcome = await workspace.person("alice").shortcut("why")
    assert (outcome.acked, outcome.warning is not None) == (False, True)
