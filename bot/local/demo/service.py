"""The service on show: people break it here, everybody sees how it is, and once it breaks by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from bot.local.demo import guide
from bot.local.demo.health import Health
from bot.local.demo.story import Story
from bot.local.servers import ServerError
from bot.local.supervised import Program
from bot.local.workspace import Workspace

BREAKS_BY_ITSELF_AFTER_SECONDS = 20.0
BREAK_WITHIN_SECONDS = 2.0


class ServiceOnShow:
    """One service, its panel on the page, and its lines in the terminal."""

    def __init__(self, program: Program, monitor: str, workspace: Workspace, story: Story) -> None:
        self._program = program
        self._monitor = monitor
        self._workspace = workspace
        self._story = story
        self._found: Health | None = None
        self._was_broken = False
        workspace.panel = guide.panel(None, monitor, {})

    async def checked(self, found: Health) -> None:
        """Take in what one check found; show it where it is news. A hanging service that is being restarted is none."""
        is_answering = found is Health.ANSWERING
        if self._found is not None and is_answering == (self._found is Health.ANSWERING):
            return
        if self._found is not None:
            style = "green" if is_answering else "red"
            self._story.tell(f"{self._program.name} is {guide.WORDS[found]}", style)
        self._found = found
        self._workspace.panel = guide.panel(found, self._monitor, {"hang": self.hang, "crash": self.crash})

    async def hang(self) -> None:
        """Let it hang."""
        await self._break("told to hang", self._program.hang)

    async def crash(self) -> None:
        """Let it crash; supervisord is told not to start it again."""
        await self._break("told to crash", self._program.crash)

    async def break_by_itself(self) -> None:
        """Let it hang once, unless somebody was faster."""
        await asyncio.sleep(BREAKS_BY_ITSELF_AFTER_SECONDS)
        if not self._was_broken:
            await self.hang()

    async def _break(self, what: str, how: Callable[[], Awaitable[None]]) -> None:
        """Break it for real; one that is broken already cannot be broken further."""
        self._was_broken = True
        self._story.tell(f"{self._program.name} is {what}", "yellow")
        try:
            async with asyncio.timeout(BREAK_WITHIN_SECONDS):
                await how()
        except (aiohttp.ClientError, OSError, ServerError):
            self._story.tell(f"{self._program.name} was broken already", "yellow")
