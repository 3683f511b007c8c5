"""Wakes the durable engine's queues when this process has committed work for them, so that they need not poll often.

DBOS offers no way to do that. Its queue threads, known by their names, sleep in ``wait`` of the event by which they are
told to stop; here that event learns to end such a sleep early. If a later release of DBOS does otherwise, work waits
for the next poll and nothing worse, and ``tests/response/test_engine.py`` shows it.
"""

import threading
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from bot.response.ports.flow import QueueName

QUEUE_THREADS = frozenset(f"queue-worker-{queue}" for queue in QueueName)
"""Threads that poll our queues, as DBOS names them."""


class Waker:
    """Ends the sleep of DBOS's queue threads, from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls = 0
        self._seen = threading.local()

    def attach(self, dbos: Any) -> None:
        """Before the launch: have the queue threads of this DBOS instance wake for ``wake`` as well."""
        dbos.background_thread_stop_events = _StopEvents(self)

    def wake(self) -> None:
        """Have every queue polled now."""
        with self._changed:
            self._calls += 1
            self._changed.notify_all()

    def wake_after_commit(self, session: Session) -> None:
        """Have every queue polled once this session's transaction has committed."""

        def wake(_session: Session) -> None:
            self.wake()

        event.listen(session, "after_commit", wake, once=True)

    def teach(self, stop: threading.Event) -> None:
        """Have queue threads that sleep on ``stop`` wake for ``wake`` too; they are told to go on, not to stop."""
        set_it, plain_wait = stop.set, stop.wait

        def wait(timeout: float | None = None) -> bool:
            if threading.current_thread().name not in QUEUE_THREADS:
                return plain_wait(timeout)
            with self._changed:
                seen = getattr(self._seen, "calls", 0)
                self._changed.wait_for(lambda: stop.is_set() or self._calls != seen, timeout)
                self._seen.calls = self._calls
            return stop.is_set()

        def set_and_wake() -> None:
            set_it()
            self.wake()

        stop.wait, stop.set = wait, set_and_wake  # type: ignore[method-assign]


class _StopEvents(list[threading.Event]):
    """What DBOS keeps the events of its threads in; each is taught before its threads begin."""

    def __init__(self, waker: Waker) -> None:
        super().__init__()
        self._waker = waker

    def append(self, stop: threading.Event) -> None:
        self._waker.teach(stop)
        super().append(stop)
