"""What the durable engine needs of storage: connections, sessions, our rows in them, and the leases of processes."""

from collections.abc import Collection
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from bot.response.ports.work import Work


class DurableDatabase(Protocol):
    """What the engine needs of storage: its engine, its sessions, and a ``Work`` over a session that it opened."""

    @property
    def url(self) -> str:
        """Where our database is, as SQLAlchemy writes addresses."""
        ...

    @property
    def engine(self) -> AsyncEngine:
        """The connections that durable steps share with everything else."""
        ...

    @property
    def sessionmaker(self) -> async_sessionmaker[Any]:
        """Makes the sessions in which durable steps commit together with the engine's own bookkeeping."""
        ...

    def work(self, session: Any) -> Work:
        """Our rows, seen through a session that the engine opened and will commit."""
        ...


class HeldLeases(Protocol):
    """Leases that processes hold beside flows: rows that nobody else touches before the lease ends."""

    async def holders(self) -> Collection[str]:
        """Every process that holds a lease, alive or dead."""
        ...

    async def free(self, holder: str) -> int:
        """End the leases of this process, known to be dead; how many."""
        ...
