"""Lets tests and pages wait for the workspace to change instead of polling it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")

ChangeKind = Literal[
    "message", "ephemeral", "view", "home", "channel", "warning", "panel", "call", "delivery", "connection"
]


@dataclass(frozen=True, slots=True)
class Change:
    """Something is different now. `user` limits who may see it; `channel` and `ts` say where."""

    kind: ChangeKind
    channel: str | None = None
    ts: str | None = None
    user: str | None = None


class Changes:
    """Announces changes to whoever waits or listens, in the order they happen."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._listeners: set[asyncio.Queue[Change]] = set()

    def announce(self, change: Change) -> None:
        """Wake every waiter and hand the change to every listener."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        for queue in self._listeners:
            queue.put_nowait(change)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Change]]:
        """A queue that receives every change announced inside the `with` block."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def until(self, predicate: Callable[[], T], timeout: float) -> T:
        """Wait until `predicate()` is true and return what it returned; it is asked again after each change.

        Args:
            predicate: reads the workspace, must not change it.
            timeout: seconds.

        Raises:
            TimeoutError: it was still false after `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while not (answer := predicate()):
                waiter = asyncio.get_running_loop().create_future()
                self._waiting.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiting.discard(waiter)
        return answer
