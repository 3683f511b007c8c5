"""Checks a web service once a second, as anybody outside would: it asks, and waits a moment for an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import aiohttp
from apscheduler.schedulers.asyncio import AsyncIOScheduler

CHECK_EVERY_SECONDS = 1
ANSWER_WITHIN_SECONDS = 0.9


class Health(StrEnum):
    """What a check found; the value is a word for people."""

    ANSWERING = "answering"
    FAILING = "answering with errors"
    HANGING = "hanging"
    CRASHED = "crashed"


Listener = Callable[[Health], Awaitable[None]]


async def check(url: str) -> Health:
    """One check of ``url``."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return Health.ANSWERING if response.ok else Health.FAILING
    except TimeoutError:
        return Health.HANGING
    except (aiohttp.ClientError, OSError):
        return Health.CRASHED


class HealthChecks:
    """Checks regularly, and tells each listener what every check found."""

    def __init__(self, url: str, listeners: Sequence[Listener]) -> None:
        self._url = url
        self._listeners = tuple(listeners)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._checking = asyncio.Lock()

    async def __aenter__(self) -> "HealthChecks":
        """Check once, and go on checking on the running loop. A late check is made once, never several at a time."""
        await self._check()
        self._scheduler.add_job(
            self._check,
            "interval",
            seconds=CHECK_EVERY_SECONDS,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """No more checks; the one under way ends first, as its time-out is short."""
        self._scheduler.pause()
        async with self._checking:
            self._scheduler.shutdown(wait=False)

    async def _check(self) -> None:
        async with self._checking:
            found = await check(self._url)
            await asyncio.gather(*(listener(found) for listener in self._listeners))
