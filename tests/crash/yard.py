"""What the stories of one test process share, because starting it takes longer than a story: the real servers.

A story gets its services in order and all to itself, so the stories of one yard are told one after the other.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.local.servers import until
from tests.fixtures.servers import Program, Prometheus, Supervisord, running_prometheus, running_supervisord

SERVICES = ("checkout", "orders", "payments")


@dataclass(frozen=True, slots=True)
class Yard:
    """A supervisord with a few services, and a Prometheus that knows nothing of them."""

    folder: Path
    services: Mapping[str, Program]
    supervisord: Supervisord
    prometheus: Prometheus

    def starts(self, service: str) -> int:
        """How often supervisord has started the service, whoever asked for it, by its own account."""
        account = (self.folder / "supervisord-own.log").read_text()
        return account.count(f"spawned: '{service}'")

    async def answers(self, service: str) -> bool:
        """Whether it runs, and does not hang."""
        try:
            return bool(await self.services[service].answers())
        except (OSError, TimeoutError, aiohttp.ClientError):
            return False

    async def repair(self, service: str) -> None:
        """What a person at a keyboard does: bring it back, whatever state it is in."""
        if await self.answers(service):
            return
        address = self.services[service].address
        if await self.supervisord.state(address) == "RUNNING":
            await self.supervisord.call("stopProcess", address)
        await self.supervisord.call("startProcess", address)
        await until(lambda: self.answers(service), f"{service} answers after its repair")


@asynccontextmanager
async def running_yard(folder: Path) -> AsyncIterator[Yard]:
    """Start the servers; every service answers."""
    services = {name: Program(name) for name in SERVICES}
    async with (
        running_supervisord(folder, *services.values()) as supervisord,
        running_prometheus(folder, services={}) as prometheus,
    ):
        yield Yard(folder, services, supervisord, prometheus)
