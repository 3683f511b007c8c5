"""A real browser looking at a real workspace in which a real Bolt app works over Socket Mode."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, async_playwright, expect
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.demo.team import demo_team
from bot.local.workspace import Message, Server, Workspace
from tests.local.page.sample_app import INCIDENTS, MANIFEST, Watch

CHROMIUM = shutil.which("chromium")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000
# Long enough for a loaded machine to acknowledge, short enough to wait for when nobody does.
ACK_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Harbour:
    """A running workspace with the app in it."""

    workspace: Workspace
    server: Server
    watch: Watch

    async def post(self, text: str = "May I restart checkout?", **more: Any) -> Message:
        """Let the app post in #incidents."""
        answer = await self.watch.client.chat_postMessage(channel=INCIDENTS, text=text, **more)
        ts = more.get("thread_ts")
        posted = self.workspace.thread(INCIDENTS, ts) if ts else self.workspace.messages(INCIDENTS)
        return next(message for message in posted if message.ts == answer["ts"])


class Window:
    """One person's open page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def message(self, ts: str) -> Any:
        """The message in the main list."""
        return self.page.locator(f"#main [data-ts='{ts}']")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the whole run."""
    if CHROMIUM is None:
        pytest.skip("The page is NOT tested: there is no chromium. To install it: sudo apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def harbour() -> AsyncIterator[Harbour]:
    """A fresh workspace with the app connected."""
    workspace = Workspace(team=demo_team(), relaxed_limits=True, ack_timeout=ACK_TIMEOUT_SECONDS)
    workspace.manifest(MANIFEST)
    async with workspace.serve() as server:
        watch = Watch(AsyncWebClient(token=workspace.bot_token, base_url=server.api_url))
        handler: Any = AsyncSocketModeHandler(watch.bolt, workspace.app_token)
        await handler.connect_async()
        try:
            yield Harbour(workspace, server, watch)
        finally:
            await handler.close_async()


class Opener:
    """Opens pages and closes them afterwards."""

    def __init__(self, chromium: Browser, harbour: Harbour, stack: contextlib.AsyncExitStack) -> None:
        self._chromium = chromium
        self._harbour = harbour
        self._stack = stack
        self.windows: list[Window] = []
        self.sockets: list[WebSocketRoute] = []

    async def __call__(self, person: str = "alice", where: str = "", **look: Any) -> Window:
        """The page as this person sees it; `look` are Playwright's context options, such as `viewport`."""
        context = await self._chromium.new_context(**look)
        self._stack.push_async_callback(context.close)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.route_web_socket("**/page/live?*", self._pass_through)
        window = Window(page)
        self.windows.append(window)
        who = self._harbour.workspace.person(person).id
        await page.goto(f"{self._harbour.server.page_url}?as={who}{where}")
        await expect(page.get_by_test_id("acting-as")).to_contain_text(
            self._harbour.workspace.team.user(person).real_name
        )
        await expect(page.get_by_test_id("connection")).to_have_count(0)
        return window

    def _pass_through(self, socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        self.sockets.append(socket)


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, harbour: Harbour) -> AsyncIterator[Opener]:
    """Opens the page as a person. No page may have raised an error by the end of the test."""
    async with contextlib.AsyncExitStack() as stack:
        opener = Opener(chromium, harbour, stack)
        yield opener
        complaints = [complaint for window in opener.windows for complaint in window.complaints]
    assert complaints == []
