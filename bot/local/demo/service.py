"""The shop on show: people break it here, and everybody sees how it is."""

import asyncio
import xmlrpc.client
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import aiohttp

from bot.local.demo import guide
from bot.local.demo.health import Health, Listener
from bot.local.demo.story import Story
from bot.local.demo.surroundings import Services
from bot.local.servers import ServerError, until
from bot.local.supervised import Program
from bot.local.workspace import Workspace

BREAK_WITHIN_SECONDS = 2.0


class ShopOnShow:
    """The services of production, their panel on the page, and their lines in the terminal."""

    def __init__(self, services: Services, monitor: str, workspace: Workspace, story: Story) -> None:
        self._services = services
        self._monitor = monitor
        self._workspace = workspace
        self._story = story
        self._found: dict[str, Health] = {}
        self._next = guide.ASKED.invitation
        self.was_broken = asyncio.Event()
        """Somebody has broken something, by a button or by the story."""
        self._show()

    def listener(self, program: Program) -> Listener:
        """Takes in what each check of one service found; shows it where it is news."""

        async def checked(found: Health) -> None:
            before = self._found.get(program.name)
            is_answering = found is Health.ANSWERING
            if before is not None and is_answering == (before is Health.ANSWERING):
                return  # one that hangs and is then restarted is no other news
            if before is not None:
                self._story.tell(f"{program.name} is {guide.WORDS[found]}", "green" if is_answering else "red")
            self._found[program.name] = found
            self._show()

        return checked

    def invite(self, text: str) -> None:
        """What a person can do next."""
        self._next = text
        self._show()

    async def hang(self) -> None:
        """Let checkout hang."""
        await self._break(self._services.checkout, "told to hang", self._services.checkout.hang)

    async def crash(self) -> None:
        """Let checkout crash; supervisord is told not to start it again."""
        await self._break(self._services.checkout, "told to crash", self._services.checkout.crash)

    async def tear(self) -> None:
        """Let basket hang in such a way that starting it anew makes it worse."""
        await self._break(self._services.basket, "hanging while it writes its data", self._services.basket.tear)

    async def mend(self) -> None:
        """By hand, as somebody would who knows what is wrong."""
        self._story.tell("Somebody mends it by hand", "yellow")
        for program in (self._services.checkout, self._services.basket):
            if self._found.get(program.name) is not Health.ANSWERING:
                for call in ("stopProcess", "startProcess"):
                    with suppress(xmlrpc.client.Fault):  # it is stopped, or runs, already
                        await self._services.supervisord.call(call, program.address)
        basket = self._services.basket
        with suppress(ServerError):  # then it is shown as it is, and can be mended again
            await until(basket.answers, f"{basket.name} answers", within_seconds=BREAK_WITHIN_SECONDS)
            await basket.mend()

    async def _break(self, program: Program, what: str, how: Callable[[], Awaitable[None]]) -> None:
        """Break it for real; one that is broken already cannot be broken further."""
        self.was_broken.set()
        self._story.tell(f"{program.name} is {what}", "yellow")
        try:
            async with asyncio.timeout(BREAK_WITHIN_SECONDS):
                await how()
        except (aiohttp.ClientError, OSError, ServerError):
            self._story.tell(f"{program.name} was broken already", "yellow")

    def _show(self) -> None:
        self._workspace.panel = guide.panel(self._found, self._monitor, self._next, self._buttons())

    def _buttons(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What can be broken, or where anything is broken, mended."""
        if not self._found:
            return {}
        well = {name for name, found in self._found.items() if found is Health.ANSWERING}
        buttons: dict[str, Callable[[], Awaitable[None]]] = {}
        if self._services.checkout.name in well:
            buttons |= {"hang": self.hang, "crash": self.crash}
        if {self._services.basket.name, self._services.storefront.name} <= well:
            buttons["tear"] = self.tear
        if len(well) < len(self._found):
            buttons["mend"] = self.mend
        return buttons
