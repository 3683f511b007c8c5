"""The Web API's door: tokens, scopes, arguments and rates."""

from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.demo.team import demo_team
from bot.local.workspace import Server, Workspace


async def test_auth_test_says_whose_token_it_is(client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("UWATCH", "BWATCH", "T01WATCH")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


async def test_a_call_without_a_token_is_refused(server: Server, refused: Any) -> None:
    assert (await refused(AsyncWebClient(base_url=server.api_url).auth_test()))["error"] == "not_authed"


async def test_a_wrong_token_is_refused(server: Server, refused: Any) -> None:
    stranger = AsyncWebClient(token="xoxb-stranger", base_url=server.api_url)
    assert (await refused(stranger.auth_test()))["error"] == "invalid_auth"


async def test_the_app_token_opens_no_bot_method_and_the_bot_token_no_socket(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    with_app_token = client.chat_postMessage(channel="C01INC", text="hi", token=workspace.app_token)
    assert (await refused(with_app_token))["error"] == "not_allowed_token_type"
    with_bot_token = client.apps_connections_open(app_token=workspace.bot_token)
    assert (await refused(with_bot_token))["error"] == "not_allowed_token_type"


async def test_a_missing_scope_is_named_with_what_was_granted(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    workspace.state.installation = replace(workspace.state.installation, scopes=frozenset({"users:read"}))
    answer = await refused(client.chat_postMessage(channel="C01INC", text="hi"))
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "users:read")


async def test_history_needs_the_scope_of_that_kind_of_channel(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    workspace.state.installation = replace(
        workspace.state.installation, scopes=frozenset({"channels:history", "im:write", "chat:write"})
    )
    direct = (await client.conversations_open(users="U01ALICE"))["channel"]["id"]
    await client.conversations_history(channel="C01INC")
    answer = await refused(client.conversations_history(channel=direct))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "im:history")


async def test_an_unknown_method_and_one_we_do_not_implement_are_refused(client: AsyncWebClient, refused: Any) -> None:
    assert (await refused(client.api_call("chat.shout")))["error"] == "unknown_method"
    answer = await refused(client.api_call("conversations.canvases.create", json={"channel_id": "C01INC"}))
    assert answer["error"] == "unknown_method"


async def test_an_unknown_argument_is_refused_and_named(client: AsyncWebClient, refused: Any) -> None:
    answer = await refused(client.chat_postMessage(channel="C01INC", text="hi", colour="red"))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] invalid additional property: colour [json-pointer:/colour]"
    ]


async def test_a_missing_argument_is_refused_and_named(client: AsyncWebClient, refused: Any) -> None:
    answer = await refused(client.api_call("chat.update", json={"channel": "C01INC", "text": "hi"}))
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: ts"]


async def test_an_argument_of_the_wrong_type_is_refused(client: AsyncWebClient, refused: Any) -> None:
    answer = await refused(client.api_call("chat.postMessage", json={"channel": "C01INC", "unfurl_links": [1]}))
    assert answer["errors"] == ["must be of type boolean [json-pointer:/unfurl_links]"]


async def test_a_method_that_takes_no_json_does_not_read_it(client: AsyncWebClient, refused: Any) -> None:
    answer = await refused(client.api_call("users.info", json={"user": "U01ALICE"}))
    assert answer["errors"] == ["missing required field: user"]


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[1]", "json_not_object")])
async def test_a_body_that_is_no_json_object_is_refused(
    workspace: Workspace, server: Server, body: str, error: str
) -> None:
    headers = {"Authorization": f"Bearer {workspace.bot_token}", "Content-Type": "application/json; charset=utf-8"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.api_url}chat.postMessage", data=body, headers=headers) as response,
    ):
        assert (await response.json())["error"] == error


async def test_a_form_with_blocks_as_a_string_is_understood(workspace: Workspace, server: Server) -> None:
    form = {
        "token": workspace.bot_token,
        "channel": "C01INC",
        "text": "hi",
        "blocks": '[{"type": "divider"}]',
        "unfurl_links": "0",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.api_url}chat.postMessage", data=form) as response,
    ):
        assert (await response.json())["ok"]
    assert workspace.messages("C01INC")[-1].blocks[0]["type"] == "divider"
    assert workspace.calls[-1].arguments["token"] == "(hidden)"


async def test_every_call_is_logged_with_its_outcome(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    await client.chat_postMessage(channel="C01INC", text="hi")
    await refused(client.chat_postMessage(channel="C99", text="hi"))
    assert [(call.method, call.ok, call.error) for call in workspace.calls] == [
        ("chat.postMessage", True, None),
        ("chat.postMessage", False, "channel_not_found"),
    ]
    assert workspace.calls[0].arguments["text"] == "hi"


async def test_the_sixth_post_in_a_second_is_told_to_wait_a_second(clock: Any) -> None:
    workspace = Workspace(demo_team(), clock=clock)
    async with workspace.serve() as server:
        client = AsyncWebClient(token=workspace.bot_token, base_url=server.api_url, retry_handlers=[])
        for _ in range(5):
            await client.chat_postMessage(channel="C01INC", text="hi")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="C01INC", text="hi")
        await client.chat_postMessage(channel="C02AUD", text="another channel has its own pace")
        clock.ahead_seconds += 1
        await client.chat_postMessage(channel="C01INC", text="hi")
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"


async def test_a_tier_two_method_takes_twenty_calls_a_minute(clock: Any) -> None:
    workspace = Workspace(demo_team(), clock=clock)
    async with workspace.serve() as server:
        client = AsyncWebClient(token=workspace.bot_token, base_url=server.api_url, retry_handlers=[])
        for _ in range(20):
            await client.usergroups_list()
        with pytest.raises(SlackApiError) as caught:
            await client.usergroups_list()
        clock.ahead_seconds += 60
        await client.usergroups_list()
    assert 55 <= int(caught.value.response.headers["Retry-After"]) <= 60
