"""The inbox: what people did is saved before it is acknowledged to Slack, and takes effect exactly once.

Saved first, acknowledged second, done third: in a task of our own, in one transaction with the mark that it is done.
Whoever dies in between leaves an unfinished row, and ``recover`` takes it up on the same path.
Must not know: what any button or command does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.slack.text import Mrkdwn, concat, when, words
from handlers.slack.arrival import Arrived, Kind, recognise
from handlers.slack.bridge import Bridge

RETRY_DELAYS_SECONDS = (0.5, 2.0)
"""Before the second and the third try. The trouble that passes (a database that fails over) passes quickly."""
LATE_AFTER = timedelta(minutes=10)
"""What is found so long after the click is not done any more, unless it only makes things safer: people move on."""
ATTEMPTS_MAX = 5
"""Begun so often, each time by a process that did not live to finish it: it may be what ends them."""
RECOVERY_BATCH = 100
ARRIVED = "arrived"
"""Where the middleware leaves what arrived for the listener; None when it is of no form we know."""
IS_NEW = "is_new"
"""Whether this delivery saved it; a repetition is acknowledged and nothing else."""

Handler = Callable[[Bridge, Arrived], Awaitable[None]]
"""Does what arrived and marks it done in the same transaction (``Bridge.settle``)."""

log = logging.getLogger(__name__)


def always(_arrived: Arrived) -> bool:
    """True, whatever arrived."""
    return True


def never(_arrived: Arrived) -> bool:
    """False, whatever arrived."""
    return False


@dataclass(frozen=True, slots=True)
class Route:
    """What handles one name."""

    handler: Handler
    even_if_late: Callable[[Arrived], bool] = never
    """Whether it can only make things safer (or sees for itself how late it is), and so is handled however late."""
    tell: Callable[[Bridge, Arrived, Mrkdwn], Awaitable[None]] = Bridge.say
    """How it is answered that nothing was done."""


Routes = Mapping[Kind, Mapping[str, Route]]


class Inbox:
    """Saves arrivals and runs their effects in tracked tasks. One per process."""

    def __init__(
        self, bridge: Bridge, routes: Routes, retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS
    ) -> None:
        self.bridge = bridge
        self._routes = routes
        self._retry_delays_seconds = retry_delays_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.heard_at: datetime | None = None
        """When Slack last told this process anything, whichever way it came."""

    async def save_first(
        self, body: dict[str, Any], context: dict[str, Any], next: Callable[[], Awaitable[Any]]
    ) -> None:
        """The first middleware after the signature: if it raises, nothing is acknowledged."""
        self.heard_at = self.bridge.context.now()
        arrived = context[ARRIVED] = recognise(body, self.heard_at)
        if arrived is not None and self._route(arrived) is not None:
            async with self.bridge.database.begin() as work:
                is_new = await work.arrivals.save(arrived.kind, arrived.key, arrived.body, arrived.received_at)
            context[IS_NEW] = is_new
            self._count(arrived, "new" if is_new else "repeated")
        await next()

    def names(self, kind: Kind) -> Collection[str]:
        """Every name of this kind that something handles."""
        return self._routes.get(kind, {}).keys()

    def begin(self, context: Mapping[str, Any]) -> None:
        """Let what was saved take effect, in a task of our own; a repetition begins nothing."""
        if context.get(IS_NEW):
            self._start(context[ARRIVED])

    async def put_away(self, context: Mapping[str, Any]) -> None:
        """Mark as done what was answered in the acknowledgement and has no effect, such as a modal sent back."""
        if context.get(IS_NEW):
            await self._done(context[ARRIVED].key)

    async def recover(self, idle: timedelta = timedelta(0)) -> int:
        """Take up what was saved and never finished, and that nobody has tried for ``idle``; how many.

        Safe at any time and on every replica: each arrival takes effect once, whoever is first. Call it at start, and
        now and then with ``idle`` of about a minute for what another replica left behind.
        """
        now = self.bridge.context.now()
        async with self.bridge.database.begin() as work:
            rows = await work.arrivals.unfinished(now - idle, now, RECOVERY_BATCH)
        for row in rows:
            arrived = recognise(row.envelope, row.received_at)
            if arrived is None or self._route(arrived) is None:
                log.warning("%s %s has no handler any more and is put away", row.kind, row.dedupe_key)
                await self._done(row.dedupe_key)
            else:
                self._start(replace(arrived, key=row.dedupe_key, attempts=row.attempts))
        return len(rows)

    async def drain(self, timeout_seconds: float = 10.0) -> int:
        """Wait for the tasks in flight; how many had to be left to the next start."""
        tasks = list(self._tasks.values())
        if not tasks:
            return 0
        _, unfinished = await asyncio.wait(tasks, timeout=timeout_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        return len(unfinished)

    def _start(self, arrived: Arrived) -> None:
        if arrived.key in self._tasks:
            return
        task = asyncio.create_task(self._handle(arrived), name=arrived.key)
        self._tasks[arrived.key] = task
        task.add_done_callback(lambda _: self._tasks.pop(arrived.key, None))

    async def _handle(self, arrived: Arrived) -> None:
        route = self._route(arrived)
        if route is None:
            raise LookupError(f"nothing handles {arrived.kind} {arrived.name!r}")
        if arrived.attempts > ATTEMPTS_MAX:
            log.error("%s %s (%s) ended %s processes; given up", *_named(arrived), arrived.attempts - 1)
            await self._give_up(route, arrived)
            return
        is_late = self.bridge.context.now() - arrived.received_at > LATE_AFTER and not route.even_if_late(arrived)
        handler = partial(self._turn_down, route) if is_late else route.handler
        for delay_seconds in (*self._retry_delays_seconds, None):
            try:
                await handler(self.bridge, arrived)
            except Exception:
                log.exception("%s %s (%s) of %s failed", *_named(arrived), arrived.person)
            else:
                return
            if delay_seconds is not None:
                await asyncio.sleep(delay_seconds)
        await self._give_up(route, arrived)

    async def _turn_down(self, route: Route, bridge: Bridge, arrived: Arrived) -> None:
        """The person has moved on; what they wanted then is theirs to want again."""
        await self._done(arrived.key)
        await route.tell(
            bridge,
            arrived,
            concat(
                words(f"I was away when you used “{arrived.name}” at "),
                when(arrived.received_at),
                words(", and did nothing about it. Please do it again if you still want it."),
            ),
        )

    async def _give_up(self, route: Route, arrived: Arrived) -> None:
        self._count(arrived, "failed")
        await route.tell(
            self.bridge,
            arrived,
            words(
                f"I could not do “{arrived.name}”: something went wrong on my side, several times in a row. "
                "Nothing was done. Please try again; the details are in my log."
            ),
        )
        try:
            await self._done(arrived.key)
        except Exception:
            log.exception("%s could not be put away; the next start tries it again", arrived.key)

    async def _done(self, key: str) -> None:
        async with self.bridge.database.begin() as work:
            await work.arrivals.done(key, self.bridge.context.now())

    def _route(self, arrived: Arrived) -> Route | None:
        return self._routes.get(arrived.kind, {}).get(arrived.name)

    def _count(self, arrived: Arrived, result: str) -> None:
        self.bridge.metrics.arrivals.labels(arrived.kind, arrived.name, result).inc()


def _named(arrived: Arrived) -> tuple[str, str, str]:
    return arrived.kind, arrived.name, arrived.key
