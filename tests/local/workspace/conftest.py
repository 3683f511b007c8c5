"""A served workspace and a real Bolt app in it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.demo.team import demo_team
from bot.local.workspace import Server, Workspace

Connect = Callable[..., AbstractAsyncContextManager[AsyncSocketModeHandler]]


class Clock:
    """Real time that a test can move forward."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    return Workspace(demo_team(), relaxed_limits=True, clock=clock, redelivery_seconds=(0.01, 0.01, 0.01))


@pytest.fixture
async def server(workspace: Workspace) -> AsyncIterator[Server]:
    async with workspace.serve() as running:
        yield running


@pytest.fixture
def client(workspace: Workspace, server: Server) -> AsyncWebClient:
    return AsyncWebClient(token=workspace.bot_token, base_url=server.api_url, retry_handlers=[])


@pytest.fixture
def app(client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client, signing_secret="unused in Socket Mode", raise_error_for_unhandled_request=True)


@pytest.fixture
def connected(
    workspace: Workspace, app: AsyncApp
) -> Callable[..., AbstractAsyncContextManager[AsyncSocketModeHandler]]:
    """Has the app listen in Socket Mode, for as long as the block lasts."""

    @asynccontextmanager
    async def connect(ping_interval: float = 10) -> AsyncIterator[AsyncSocketModeHandler]:
        handler = AsyncSocketModeHandler(app, workspace.app_token, ping_interval=ping_interval)
        before = workspace.sockets.connection_count
        await handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it open
        await workspace.until(lambda: workspace.sockets.connection_count > before)
        try:
            yield handler
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it open

    return connect


@pytest.fixture
def refused() -> Callable[[Any], Any]:
    """Awaits a call that must be refused, and returns the refusal."""

    async def refusal(answer: Any) -> dict[str, Any]:
        with pytest.raises(SlackApiError) as caught:
            await answer
        return dict(caught.value.response.data)

    return refusal


@pytest.fixture(autouse=True)
def calls_as_documented() -> None:
    """What is asked here is often wrong on purpose: the workspace shall refuse it."""
