import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, get_args

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.demo.team import demo_team
from bot.local.workspace import Server, Workspace
from bot.local.workspace.misbehave import DisconnectReason
from bot.local.workspace.web_api import CallRecord
from bot.slack.connection import Connection, build_client, on_this_machine

QUICK = {"ping_interval_seconds": 0.2, "check_seconds": 0.05, "rebuild_after_seconds": 0.5, "teardown_seconds": 1.0}


@dataclass
class World:
    workspace: Workspace
    server: Server
    client: AsyncWebClient
    app: AsyncApp
    connection: Connection
    clicks: list[Any] = field(default_factory=list)

    async def until(self, connected: bool) -> None:
        async with asyncio.timeout(20):
            while self.connection.healthy is not connected:
                await asyncio.sleep(0.02)

    def opened(self, *, ok: bool = True) -> list[CallRecord]:
        """The requests for a new connection that Slack granted, or refused."""
        return [call for call in self.workspace.calls if call.method == "apps.connections.open" and call.ok is ok]

    async def command_is_heard(self) -> bool:
        outcome = await self.workspace.person("alice").slash("/watch", "status", channel="C01INC")
        return bool(outcome.acked)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    workspace = Workspace(team=demo_team())
    async with workspace.serve() as server:
        client = build_client(workspace.bot_token, server.api_url)
        app = AsyncApp(client=client, signing_secret=workspace.signing_secret)

        @app.command("/watch")
        async def context(ack: Any) -> None:
            await ack()

        world = World(workspace, server, client, app, Connection(app, workspace.app_token, client, **QUICK))
        yield world
        await world.connection.close()


async def test_a_connection_hears_what_people_do(world: World) -> None:
    assert not world.connection.healthy
    await world.connection.start()
    await world.until(connected=True)
    assert await world.command_is_heard()
    assert world.connection.state.problem == ""
    assert world.connection.state.seconds_since_sign is not None
    assert world.connection.state.connected_since is not None


async def test_a_dropped_connection_comes_back(world: World) -> None:
    await world.connection.start()
    await world.until(connected=True)
    world.workspace.misbehave.drop_sockets()
    await world.until(connected=False)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_a_deaf_connection_is_noticed_and_replaced(world: World) -> None:
    await world.connection.start()
    await world.until(connected=True)
    world.workspace.misbehave.deafen_sockets()
    await world.until(connected=False)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_when_the_sdk_has_stopped_trying_everything_is_built_anew(world: World) -> None:
    await world.connection.start()
    await world.until(connected=True)
    line = world.connection._line
    assert line is not None
    for task in (line.handler.client.current_session_monitor, line.handler.client.message_receiver):
        assert task is not None
        task.cancel()
    await world.until(connected=False)
    await world.until(connected=True)
    assert world.connection.state.rebuilds == 1
    assert await world.command_is_heard()


async def test_a_connection_that_slack_forgot_is_renewed_though_it_answers_pings(world: World) -> None:
    connection = Connection(world.app, world.workspace.app_token, world.client, **QUICK, renew_after_seconds=0.5)
    world.connection = connection
    await connection.start()
    await world.until(connected=True)
    world.workspace.misbehave.deafen_sockets(answer_pings=True)
    before = connection.state.connected_since
    await world.workspace.until(lambda: connection.state.connected_since != before)
    assert connection.healthy, "the new connection is there before the old one goes"
    await world.workspace.until(lambda: world.workspace.sockets.connection_count == 1)
    assert await world.command_is_heard()
    assert connection.state.rebuilds == 0, "a renewal is no sign of trouble"


async def test_a_connection_that_cannot_be_renewed_is_kept(world: World) -> None:
    connection = Connection(world.app, world.workspace.app_token, world.client, **QUICK, renew_after_seconds=0.3)
    world.connection = connection
    await connection.start()
    await world.until(connected=True)
    before = connection.state.connected_since
    world.workspace.misbehave.fail("apps.connections.open", times=None)
    await world.workspace.until(lambda: len(world.opened(ok=False)) > 1)
    assert connection.state.connected_since == before
    assert await world.command_is_heard()


@pytest.mark.parametrize("reason", get_args(DisconnectReason))
async def test_whatever_slack_says_when_it_hangs_up_the_next_command_is_heard(
    world: World, reason: DisconnectReason
) -> None:
    await world.connection.start()
    await world.until(connected=True)
    before = len(world.opened())
    world.workspace.misbehave.disconnect(reason)
    await world.workspace.until(lambda: len(world.opened()) > before)
    await world.workspace.until(lambda: world.workspace.sockets.connection_count == 1)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_an_app_with_ten_connections_already_is_told_so(world: World) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for _ in range(10):
            opened = await world.client.apps_connections_open(app_token=world.workspace.app_token)
            await stack.enter_async_context(session.ws_connect(opened["url"]))
        await world.connection.start()
        async with asyncio.timeout(20):
            while "ten connections already" not in world.connection.state.problem:
                await asyncio.sleep(0.02)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_what_was_heard_is_acknowledged_before_we_hang_up(world: World) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow(next: Any) -> None:
        begun.set()
        await released.wait()
        await next()

    world.app.use(slow)
    await world.connection.start()
    await world.until(connected=True)
    typed = asyncio.create_task(world.command_is_heard())
    await begun.wait()
    closing = asyncio.create_task(world.connection.close())
    released.set()
    assert await typed
    await closing
    assert world.workspace.sockets.connection_count == 0


async def test_a_connection_that_does_not_let_itself_be_closed_leaves_nothing_behind(world: World) -> None:
    async def link(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello"})
        await asyncio.Event().wait()  # never reads: neither pings nor our wish to close are answered
        return socket

    async def open_connection(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": f"ws://127.0.0.1:{server.port}/link"})

    slack = web.Application()
    slack.add_routes([web.get("/link", link), web.post("/api/apps.connections.open", open_connection)])
    async with TestServer(slack) as server:
        client = build_client("xoxb-1", str(server.make_url("/api/")))
        before = asyncio.all_tasks()
        connection = Connection(AsyncApp(client=client, signing_secret="s"), "xapp-1", client, **QUICK)
        await connection.start()
        async with asyncio.timeout(10):
            while not connection.healthy:
                await asyncio.sleep(0.02)
        await connection.close()
        await asyncio.sleep(0.1)  # what was cancelled ends
        left = [task for task in asyncio.all_tasks() - before if "slack_sdk" in repr(task.get_coro())]
        assert left == []


async def test_a_wrong_app_token_is_named_as_the_problem(world: World) -> None:
    connection = Connection(world.app, "xapp-wrong", world.client, **QUICK)
    await connection.start()
    async with asyncio.timeout(10):
        while "SLACK_APP_TOKEN" not in connection.state.problem:
            await asyncio.sleep(0.02)
    assert "invalid_auth" in connection.state.problem
    assert not connection.healthy
    await connection.close()


async def test_slack_may_be_away_when_we_start(world: World) -> None:
    world.workspace.misbehave.fail("apps.connections.open", times=1)
    await world.connection.start()
    await world.until(connected=True)
    assert world.connection.state.rebuilds == 0


async def test_after_closing_nothing_is_connected(world: World) -> None:
    await world.connection.start()
    await world.until(connected=True)
    await world.connection.close()
    assert not world.connection.healthy
    assert world.connection.state.problem == "closed"


async def test_a_connection_that_was_never_started_can_be_closed(world: World) -> None:
    await world.connection.close()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080/api/", True),
        ("http://localhost/api/", True),
        ("http://[::1]:9/api/", True),
        ("https://slack.com/api/", False),
        ("http://127.0.0.1.evil.example/", False),
    ],
)
def test_only_this_machine_is_reached_without_a_proxy(url: str, local: bool) -> None:
    assert on_this_machine(url) is local


def test_a_proxy_is_kept_for_slack_and_dropped_for_a_local_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert build_client("xoxb-1").proxy == "http://proxy.example:3128"
    assert build_client("xoxb-1", "http://127.0.0.1:9/api/").proxy is None


def test_a_client_neither_retries_nor_waits_for_ever() -> None:
    client = build_client("xoxb-1")
    assert client.retry_handlers == []
    assert client.timeout <= 10
