import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Server, Workspace, demo_team
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
        async def watch(ack: Any) -> None:
            await ack()

        connection = Connection(app, workspace.app_token, client, **QUICK)
        yield World(workspace, server, client, app, connection)
        await connection.close()


async def test_a_connection_hears_what_people_do(world: World):
    assert not world.connection.healthy
    await world.connection.start()
    await world.until(connected=True)
    assert await world.command_is_heard()
    assert world.connection.state.problem == ""
    assert world.connection.state.seconds_since_sign is not None


async def test_a_dropped_connection_comes_back(world: World):
    await world.connection.start()
    await world.until(connected=True)
    world.workspace.misbehave.drop_sockets()
    await world.until(connected=False)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_a_deaf_connection_is_noticed_and_replaced(world: World):
    await world.connection.start()
    await world.until(connected=True)
    world.workspace.misbehave.deafen_sockets()
    await world.until(connected=False)
    await world.until(connected=True)
    assert await world.command_is_heard()


async def test_when_the_sdk_has_stopped_trying_everything_is_built_anew(world: World):
    await world.connection.start()
    await world.until(connected=True)
    handler = world.connection._handler
    assert handler is not None
    for task in (handler.client.current_session_monitor, handler.client.message_receiver):
        assert task is not None
        task.cancel()
    await world.until(connected=False)
    await world.until(connected=True)
    assert world.connection.state.rebuilds == 1
    assert await world.command_is_heard()


async def test_a_wrong_app_token_is_named_as_the_problem(world: World):
    connection = Connection(world.app, "xapp-wrong", world.client, **QUICK)
    await connection.start()
    async with asyncio.timeout(10):
        while "SLACK_APP_TOKEN" not in connection.state.problem:
            await asyncio.sleep(0.02)
    assert "invalid_auth" in connection.state.problem
    assert not connection.healthy
    await connection.close()


async def test_slack_may_be_away_when_we_start(world: World):
    world.workspace.misbehave.fail("apps.connections.open", times=1)
    await world.connection.start()
    await world.until(connected=True)
    assert world.connection.state.rebuilds == 0


async def test_after_closing_nothing_is_connected(world: World):
    await world.connection.start()
    await world.until(connected=True)
    await world.connection.close()
    assert not world.connection.healthy
    assert world.connection.state.problem == "closed"


async def test_a_connection_that_was_never_started_can_be_closed(world: World):
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
def test_only_this_machine_is_reached_without_a_proxy(url, local):
    assert on_this_machine(url) is local


def test_a_proxy_is_kept_for_slack_and_dropped_for_a_local_workspace(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert build_client("xoxb-1").proxy == "http://proxy.example:3128"
    assert build_client("xoxb-1", "http://127.0.0.1:9/api/").proxy is None


def test_a_client_neither_retries_nor_waits_for_ever():
    client = build_client("xoxb-1")
    assert client.retry_handlers == []
    assert client.timeout <= 10
