"""Runs the demo: starts everything in order, shows how it goes, and ends whatever it started."""

import asyncio
import os
import subprocess
import sys
import webbrowser
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from rich.console import Console
from rich.panel import Panel as Frame
from rich.text import Text

from bot.local.demo import guide
from bot.local.demo.acts import Play
from bot.local.demo.bot_process import running_bot
from bot.local.demo.folder import Folder
from bot.local.demo.health import HealthChecks
from bot.local.demo.memory import keep, remembered, restore
from bot.local.demo.policy import Addresses, write_policy
from bot.local.demo.service import ShopOnShow
from bot.local.demo.steps import steps
from bot.local.demo.story import Story
from bot.local.demo.surroundings import (
    MONITOR_PROGRAMS,
    SERVICES,
    close_left_firing,
    monitor_is_installed,
    remember_firing,
    running_monitor,
    running_services,
)
from bot.local.demo.team import demo_team
from bot.local.ports import is_free
from bot.local.servers import ServerError, log_tail
from bot.local.workspace import Workspace

T = TypeVar("T")

INCIDENTS = "C01INC"
ALIVE_CHECK_SECONDS = 0.5
INSTEAD = "the demo's own probe watches instead. `make monitor` as root installs them."
MANIFEST = Path(__file__).parents[3] / "manifest.yml"
"""The app's manifest in a checkout; where there is none, the workspace withholds nothing from the app."""


class DemoError(Exception):
    """The demo cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    port: int
    """Of the page; 0 picks one."""
    open_browser: bool
    """Show the page, where there is a display."""
    probe: bool
    """Watch with our own probe even where Prometheus is installed."""


class Crew:
    """The processes of this demo."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._members: list[tuple[subprocess.Popen[bytes], Path]] = []

    def started(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """The ``StartHook`` of every server."""
        self._folder.ledger.add(process)
        self._members.append((process, log))

    async def while_all_run(self) -> None:
        """Return never.

        Raises:
            ServerError: one of them ended by itself.
        """
        while True:
            for process, log in self._members:
                if process.poll() is not None:
                    raise ServerError(f"{log.stem} ended by itself, with code {process.returncode}.\n{log_tail(log)}")
            await asyncio.sleep(ALIVE_CHECK_SECONDS)


async def run(folder: Folder, wishes: Wishes, console: Console) -> None:
    """From start to cancellation; what was started has ended when this is left, however it is left.

    Raises:
        DemoError: something cannot start, and what to do about it.
        NoPortError: every port that a demo may take is taken.
        ServerError: a server did not come up, or ended by itself.
    """
    workspace = _remembered_workspace(folder)
    story, crew = Story(console, workspace), Crew(folder)
    async with AsyncExitStack() as parts:
        with steps(console) as start:

            async def begin(part: AbstractAsyncContextManager[T], what: str = "") -> T:
                if what:
                    start.begin(what)
                return await parts.enter_async_context(part)

            port = _page_port(folder, wishes.port)
            server = await begin(workspace.serve(port=port), f"Opening the workspace at http://127.0.0.1:{port}")
            beside = [await begin(_background(keep(workspace, folder.messages)))]
            shop_and_twin = f"supervisord with {len(SERVICES)} services: {', '.join(SERVICES)}"
            services = await begin(running_services(folder, crew.started), f"Starting {shop_and_twin}")
            prometheus_port = folder.port("prometheus") if monitor_is_installed() and not wishes.probe else None
            addresses = Addresses(
                supervisor_server=services.supervisord.server,
                supervisor_password_file=services.password_file,
                health_url=f"{services.checkout.url}/healthz",
                prometheus_url=f"http://127.0.0.1:{prometheus_port}" if prometheus_port else None,
            )
            if not write_policy(folder, addresses):
                console.print(f"{folder.policy} has been edited, and is kept as it is.", style="dim", markup=False)
            if not monitor_is_installed():
                console.print(f"{' or '.join(MONITOR_PROGRAMS)} is not installed: {INSTEAD}", style="dim")
            receiver = await begin(
                running_bot(folder, workspace, server, addresses.prometheus_url, crew.started),
                "Starting Watchkeeper (python -m bot run)",
            )
            try:
                await close_left_firing(folder.firing, receiver)
            except (aiohttp.ClientError, OSError) as error:
                raise DemoError(f"Watchkeeper did not accept the end of an old alert: {error}. Try --fresh.") from error
            watched = running_monitor(folder, receiver, services, prometheus_port, crew.started, start.begin)
            monitor = await begin(watched)
            shop = ShopOnShow(services, monitor.name, workspace, story)
            beside.append(await begin(_background(remember_firing(monitor, folder.firing))))
            for program in services.production:
                listeners = monitor.listeners if program is services.checkout else ()
                checks = HealthChecks(f"{program.url}/healthz", (shop.listener(program), *listeners))
                await begin(checks)
        to_try = guide.TO_TRY if prometheus_port else guide.WITHOUT_PROMETHEUS
        links = {services.checkout.name: services.checkout.url, **monitor.links}
        guide.welcome(workspace, INCIDENTS, links, to_try)
        folder.tell_others(f"its page is {server.page_url}")
        console.print(_invitation(server.page_url, monitor.name, folder, to_try), soft_wrap=False)
        if wishes.open_browser and _has_display():
            await asyncio.to_thread(webbrowser.open, server.page_url)
        play = Play(workspace, INCIDENTS, shop, story, gates=prometheus_port is not None)
        for work in (story.read_along(INCIDENTS), play.tell(), crew.while_all_run()):
            beside.append(await parts.enter_async_context(_background(work)))
        ended, _ = await asyncio.wait(beside, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()


def _remembered_workspace(folder: Folder) -> Workspace:
    """The workspace as the last demo left it, or a new one."""
    try:
        memory = remembered(folder.messages)
    except ValueError as error:
        raise DemoError(str(error)) from error
    workspace = Workspace(memory.team if memory else demo_team())
    if memory is not None:
        restore(workspace, memory)
    if MANIFEST.is_file():
        workspace.manifest(MANIFEST)
    return workspace


def _page_port(folder: Folder, wanted: int) -> int:
    """The port of the page: the one that was asked for, or the one it had before, or a free one."""
    port = folder.port("page", wanted)
    if not is_free(port):
        raise DemoError(
            f"Port {port} is in use by another program. Choose another with --port, or leave it out for a free one."
        )
    return port


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Do ``work`` beside the block, at the end of which it is cancelled."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))


def _invitation(url: str, monitor: str, folder: Folder, to_try: Sequence[str]) -> Frame:
    text = Text.assemble(("Open  ", "bold"), (url, "bold cyan underline"), "\n\n")
    for number, step in enumerate(to_try, start=1):
        text.append(f"{number}. {step.replace('*', '').replace('`', '')}\n")
    for fact in (f"Watched by {monitor}.", f"The policy: {folder.policy}", "Ctrl-C ends it all."):
        text.append(f"\n{fact}", "dim")
    return Frame(text, title="Watchkeeper is running", title_align="left", border_style="cyan", padding=(1, 2))


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))
