"""Looks at a web service once a second, as anybody outside would: it asks, and waits a moment for an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import aiohttp
from apscheduler.schedulers.asyncio import AsyncIOScheduler

LOOK_EVERY_SECONDS = 1
ANSWER_WITHIN_SECONDS = 0.9


class Health(StrEnum):
    """What a look found; the value is a word for people."""

    ANSWERING = "answering"
    FAILING = "answering with errors"
    HANGING = "hanging"
    CRASHED = "crashed"


Listener = Callable[[Health], Awaitable[None]]


async def look(url: str) -> Health:
    """One look at ``url``."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return Health.ANSWERING if response.ok else Health.FAILING
    except TimeoutError:
        return Health.HANGING
    except (aiohttp.ClientError, OSError):
        return Health.CRASHED


class Lookout:
    """Looks again and again, and tells each listener what every look found."""

    def __init__(self, url: str, listeners: Sequence[Listener]) -> None:
        self._url = url
        self._listeners = tuple(listeners)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._looking = asyncio.Lock()

    async def __aenter__(self) -> "Lookout":
        """Look once, and go on looking on the running loop. A late look is made once, never several at a time."""
        await self._look()
        self._scheduler.add_job(
            self._look,
            "interval",
            seconds=LOOK_EVERY_SECONDS,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """No more looks; the one under way ends first, as its time-out is short."""
        self._scheduler.pause()
        async with self._looking:
            self._scheduler.shutdown(wait=False)

    async def _look(self) -> None:
        async with self._looking:
            found = await look(self._url)
            await asyncio.gather(*(listener(found) for listener in self._listeners))
