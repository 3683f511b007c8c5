"""The way in for alerts: answered only after the commit, and fast because many requests share one commit.

Concurrent callers hand what they have to one task. While it commits, more gathers, so the load makes its own batches:
a single request waits for one commit and no timer, and a storm is a few large transactions. An error that one delivery
causes is that delivery's alone.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.policy.file.document import Policy
from bot.response.model.incidents import Alert
from storage.alerts import AlertStore
from storage.columns import INDEXED_TEXT_MAX_CHARACTERS
from storage.database import Database
from storage.deliveries import Delivery, IntakeResult, RejectedAlert
from storage.staged_alerts import set_apart

COMMIT_ALERTS_MAX = 5000
"""A transaction stops gathering here, so that others get their turn; one larger delivery is still one transaction."""
WAITING_ALERTS_MAX = 50_000
"""More than this and the sender is told to come back: memory is finite, and monitors retry."""

log = logging.getLogger(__name__)

DatabaseTrouble = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
"""Errors that no delivery is to blame for."""


class IntakeUnavailableError(Exception):
    """Nothing of the delivery was stored; the sender should try again later."""


@dataclass(eq=False, slots=True)
class _Waiting:
    delivery: Delivery
    answer: asyncio.Future[IntakeResult] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Intake:
    """Stores alerts for any number of concurrent callers. Lives on one loop; close it there."""

    def __init__(self, database: Database, policy: Callable[[], Policy], now: Callable[[], datetime]) -> None:
        """Nothing runs before the first ``accept``.

        Args:
            policy: gives the policy in force, read once per commit, for how alerts are grouped.
            now: the clock.
        """
        self._database = database
        self._policy = policy
        self._now = now
        self._waiting: deque[_Waiting] = deque()
        self._waiting_alerts = 0
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._assessments_deferred = True
        """At first, because a process that died may have left some."""

    async def accept(
        self, alerts: Sequence[Alert], rejected: Sequence[RejectedAlert] = (), truncated: int = 0
    ) -> IntakeResult:
        """Store what one request brought; returns when it is committed, and only then may the request be answered.

        ``truncated``: how many further alerts of the same group the monitor says it left out.

        Raises:
            IntakeUnavailableError: closing, or too much is waiting already.
            Exception: whatever the database said; nothing of this delivery was stored.
        """
        if self._closed:
            raise IntakeUnavailableError("Watchkeeper is shutting down; send the alerts again in a few seconds")
        if self._waiting_alerts + len(alerts) > WAITING_ALERTS_MAX and self._waiting:
            raise IntakeUnavailableError(
                f"{self._waiting_alerts} alerts wait to be stored and at most {WAITING_ALERTS_MAX} may; "
                "send these again in a few seconds"
            )
        waiting = _Waiting(_storable(Delivery(alerts, rejected, truncated)))
        self._waiting.append(waiting)
        self._waiting_alerts += len(waiting.delivery.alerts)
        if self._worker is None:
            self._worker = asyncio.create_task(self._commit_what_waits(), name="intake")
        return await waiting.answer

    async def close(self) -> None:
        """Refuse new deliveries and finish those that wait."""
        self._closed = True
        if self._worker is not None:
            await self._worker

    async def _commit_what_waits(self) -> None:
        try:
            while self._waiting or self._assessments_deferred:
                if self._waiting:
                    await self._commit_together(self._gather())
                if self._assessments_deferred:
                    await self._queue_deferred_assessments()
        finally:
            self._worker = None

    def _gather(self) -> list[_Waiting]:
        gathered: list[_Waiting] = []
        alerts = 0
        while self._waiting and (not gathered or alerts + len(self._waiting[0].delivery.alerts) <= COMMIT_ALERTS_MAX):
            waiting = self._waiting.popleft()
            alerts += len(waiting.delivery.alerts)
            gathered.append(waiting)
        self._waiting_alerts -= alerts
        return gathered

    async def _commit_together(self, gathered: Sequence[_Waiting]) -> None:
        try:
            results = await self._commit([waiting.delivery for waiting in gathered])
        except asyncio.CancelledError:
            for waiting in gathered:
                waiting.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is handed to those who wait for the answer
            if len(gathered) == 1 or isinstance(error, DatabaseTrouble):
                for waiting in gathered:
                    _answer(waiting, error)
                return
            log.warning("storing %d deliveries together failed (%s); storing them one by one", len(gathered), error)
            for waiting in gathered:
                await self._commit_together([waiting])
        else:
            for waiting, result in zip(gathered, results, strict=True):
                _answer(waiting, result)

    async def _commit(self, deliveries: Sequence[Delivery]) -> list[IntakeResult]:
        async with self._database.begin() as work:
            policy, now = self._policy(), self._now()
            apart = await set_apart(work, policy, now, deliveries)
            store = AlertStore(work, policy, now)
            results = apart.results(await store.store(apart.deliveries))
        self._assessments_deferred |= store.assessments_deferred
        return results

    async def _queue_deferred_assessments(self) -> None:
        """One transaction's worth, between two commits of alerts, so that a storm delays nobody's answer for long."""
        try:
            async with self._database.begin() as work:
                self._assessments_deferred = await work.queue.consider_deferred()
        except DatabaseTrouble as error:
            self._assessments_deferred = False  # until alerts come again, or the sweep takes care of them
            log.warning("deferred assessments could not be queued yet: %s", error)
        except Exception:
            self._assessments_deferred = False
            log.exception("deferred assessments could not be queued yet")  # and whoever waits to be stored goes on


def _answer(waiting: _Waiting, outcome: IntakeResult | Exception) -> None:
    if waiting.answer.done():  # the caller has gone away
        return
    if isinstance(outcome, Exception):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)


def _storable(delivery: Delivery) -> Delivery:
    """Put alerts whose identity no index can hold among the rejected, where people find them."""
    oversized = [alert for alert in delivery.alerts if _too_long(alert)]
    if not oversized:
        return delivery
    rejected = [
        RejectedAlert(
            source=alert.facts.source,
            reason=f"the fingerprint or source is longer than {INDEXED_TEXT_MAX_CHARACTERS} characters",
            payload=alert.facts.model_dump_json(),
            received_at=alert.received_at,
        )
        for alert in oversized
    ]
    return replace(
        delivery,
        alerts=[alert for alert in delivery.alerts if not _too_long(alert)],
        rejected=[*delivery.rejected, *rejected],
    )


def _too_long(alert: Alert) -> bool:
    return max(len(alert.facts.fingerprint), len(alert.facts.source)) > INDEXED_TEXT_MAX_CHARACTERS
