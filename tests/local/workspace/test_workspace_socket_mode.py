"""Socket Mode itself: tickets, one envelope to one connection, redelivery, and connections that come and go."""

import asyncio
from typing import Any, Literal

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace


async def socket_url(workspace: Workspace, client: AsyncWebClient) -> str:
    return str((await client.apps_connections_open(app_token=workspace.app_token))["url"])


async def reconnected(workspace: Workspace, reason: Literal["warning", "refresh_requested"]) -> None:
    """Tell the app to come back, and wait until it is the only one connected again."""

    def opened() -> int:
        return len([call for call in workspace.calls if call.method == "apps.connections.open"])

    before = opened()
    workspace.misbehave.disconnect(reason)
    await workspace.until(lambda: opened() > before)
    await workspace.until(lambda: workspace.sockets.connection_count == 1)


async def test_hello_comes_first_and_a_ticket_works_once(workspace: Workspace, client: AsyncWebClient) -> None:
    url = await socket_url(workspace, client)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            hello = await socket.receive_json()
        async with session.get(url) as response:
            assert response.status == 401
    assert (hello["type"], hello["num_connections"], hello["connection_info"]) == (
        "hello",
        1,
        {"app_id": "A01WATCH"},
    )


async def test_the_eleventh_connection_is_sent_away(workspace: Workspace, client: AsyncWebClient) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await socket_url(workspace, client)) for _ in range(11)]
        for socket in sockets[:10]:
            assert (await socket.receive_json())["type"] == "hello"
        assert (await sockets[10].receive_json())["reason"] == "too_many_websockets"
        assert workspace.sockets.connection_count == 10


async def test_each_envelope_goes_to_exactly_one_connection(workspace: Workspace, client: AsyncWebClient) -> None:
    seen: list[tuple[int, str]] = []

    async def listen(number: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = message.json()
            if frame["type"] == "slash_commands":
                seen.append((number, frame["payload"]["text"]))
                await socket.send_json({"envelope_id": frame["envelope_id"]})

    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await socket_url(workspace, client)) for _ in range(3)]
        listeners = [asyncio.create_task(listen(number, socket)) for number, socket in enumerate(sockets)]
        for number in range(6):
            assert (await workspace.person("alice").slash("/watch", str(number))).acked
        for listener in listeners:
            listener.cancel()

    assert sorted(text for _, text in seen) == [str(number) for number in range(6)]
    assert {number for number, _ in seen} == {0, 1, 2}


async def test_an_unacknowledged_event_comes_again_with_its_count_and_reason(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.ack_timeout = 0.3
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(await socket_url(workspace, client)) as socket,
    ):
        await socket.receive_json()
        await workspace.person("alice").open_home()
        first = await socket.receive_json()
        workspace.ack_timeout = 3.0
        second = await socket.receive_json()
        await socket.send_json({"envelope_id": second["envelope_id"]})
        await workspace.until(lambda: len(workspace.deliveries) == 2)

    assert (first["type"], first["retry_attempt"], first["retry_reason"]) == ("events_api", 0, "")
    assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    assert first["envelope_id"] != second["envelope_id"]
    assert [record.answer.acked for record in workspace.deliveries] == [False, True]


async def test_a_click_is_never_delivered_again(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.ack_timeout = 0.1
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(await socket_url(workspace, client)) as socket,
    ):
        await socket.receive_json()
        await workspace.person("alice").shortcut("why")
        assert (await socket.receive_json())["type"] == "interactive"
        await workspace.person("alice").slash("/watch")
        assert (await socket.receive_json())["type"] == "slash_commands"


async def test_an_app_told_to_reconnect_does_and_goes_on_working(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await ack("here")

    alice = workspace.person("alice")
    async with connected():
        for reason in ("refresh_requested", "warning"):
            await reconnected(workspace, reason)
            assert (await alice.slash("/watch")).acked


async def test_an_app_whose_socket_is_cut_comes_back(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await ack("here")

    async with connected(ping_interval=0.1):
        workspace.misbehave.drop_sockets()
        assert workspace.sockets.connection_count == 0
        await workspace.until(lambda: workspace.sockets.connection_count == 1)
        assert (await workspace.person("alice").slash("/watch")).acked


async def test_a_deaf_socket_stays_open_and_swallows_what_is_sent(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.ack_timeout = 0.1
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(await socket_url(workspace, client)) as socket,
    ):
        await socket.receive_json()
        workspace.misbehave.deafen_sockets(answer_pings=True)
        assert not (await workspace.person("alice").slash("/watch")).acked
        assert workspace.sockets.connection_count == 1


async def test_the_sdk_leaves_a_socket_that_answers_no_pings(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await ack("here")

    async with connected(ping_interval=0.1):
        opened = len(workspace.calls)
        workspace.misbehave.deafen_sockets()
        await workspace.until(lambda: len(workspace.calls) > opened and workspace.sockets.connection_count >= 1)
        await workspace.until(lambda: workspace.sockets.connection_count == 1)
        assert (await workspace.person("alice").slash("/watch")).acked
