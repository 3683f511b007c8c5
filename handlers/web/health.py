"""Is it alive, is it ready, and how is it doing: ``/healthz``, ``/readyz`` with a reason per part, ``/metrics``.

Must not know: how the parts work; each is a check that says what is wrong with it in words, or None.
"""

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.response.interventions.calibrations import confidence_measured
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import utc_now
from bot.slack.replies import ProcessFacts
from handlers.metrics import CONTENT_TYPE, Metrics
from storage.audit import Audit
from storage.database import Database
from storage.unit_of_work import UnitOfWork

Check = Callable[[], Awaitable[str | None]]
"""What is wrong with one part, in words; None when it is fine."""
CHECK_TIMEOUT_SECONDS = 5.0
CANNOT_TELL = "it cannot be asked; see the log"
"""Anybody can read what is answered here, so it has no word of an error: a database's may hold what was stored."""
LAG_INTERVAL_SECONDS = 0.5
ENTRIES_COUNTED_MAX = 10_000
"""Of one scrape; after a longer silence the counters lag behind rather than the scrape."""

log = logging.getLogger(__name__)


def database_answers(database: Database) -> Check:
    """The database can be read."""

    async def check() -> str | None:
        async with database.read() as work:
            await work.outbox.undelivered()
        return None

    return check


def holds(state: Callable[[], bool], otherwise: str) -> Check:
    """A state that is read, such as "launched" or "connected"."""

    async def check() -> str | None:
        return None if state() else otherwise

    return check


def says(problem: Callable[[], str]) -> Check:
    """A state that has a problem in fixed words, or none."""

    async def check() -> str | None:
        return problem() or None

    return check


def fresh(last: Callable[[], datetime | None], within: timedelta, now: Callable[[], datetime], what: str) -> Check:
    """Something that happens again and again has happened lately."""

    async def check() -> str | None:
        seen = last()
        if seen is None:
            return f"{what} has not happened yet"
        age = now() - seen
        return (
            None
            if age <= within
            else f"{what} was {age.total_seconds():.0f} s ago; expected every {within.total_seconds():.0f} s"
        )

    return check


class Health:
    """Answers the three addresses."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        metrics: Metrics,
        database: Database,
        process: Callable[[], ProcessFacts | None] = lambda: None,
        remarks: Mapping[str, Check] | None = None,
        now: Callable[[], datetime] = utc_now,
        unwritable: Callable[[], str] = str,
    ) -> None:
        """Each check is made anew for each answer, and none before.

        Args:
            checks: each part of readiness by its name.
            database: gives the figures that are counted from rows, at each scrape.
            process: which replica this is, and how it is connected to Slack.
            remarks: parts that are told of but make nothing less ready, because the others stand in for them.
            now: the clock by which cases are recent.
            unwritable: why nothing can be stored; empty while all is well.
        """
        self._remarks = remarks or {}
        self._process = process
        self._now = now
        self._unwritable = unwritable
        self._checks = checks
        self._metrics = metrics
        self._database = database
        self._counting = asyncio.Lock()
        self._counted_to: int | None = None

    async def alive(self, _request: web.Request) -> web.Response:
        """``/healthz``: the event loop answers. Nothing else counts: a restart mends nothing outside."""
        return web.json_response({"status": "alive"})

    async def ready(self, _request: web.Request) -> web.Response:
        """``/readyz``: 200 when every part is fine, else 503; either way with a word about each part."""
        told = {**self._checks, **self._remarks}
        found = dict(zip(told, await asyncio.gather(*map(_run, told.values())), strict=True))
        parts = {name: trouble or "ok" for name, trouble in found.items()}
        is_ready = not any(found[name] for name in self._checks)
        document: dict[str, Any] = {"status": "ready" if is_ready else "not ready", "parts": parts}
        if (process := self._process()) is not None:
            document["process"] = asdict(process)
        return web.json_response(document, status=200 if is_ready else 503, dumps=_dumped)

    async def metrics(self, _request: web.Request) -> web.Response:
        """``/metrics`` in Prometheus' text format; what the database does not tell is not a number."""
        async with self._counting:
            readable = await self._read_figures()
        self._metrics.database_writable.set(int(readable and not self._unwritable()))
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def _read_figures(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS), self._database.read() as work:
                self._metrics.outbox_depth.set(await work.outbox.undelivered())
                number = (await work.audit.head()).number
                if number != self._counted_to:  # whatever ends, or is reviewed, is on the record
                    await self._measure_confidence(work)
                await self._count_new_entries(work.audit, number)
        except Exception as error:
            log.warning("the figures in the database could not be read", exc_info=error)
            self._metrics.outbox_depth.set(math.nan)
            return False
        return True

    async def measuring(self, _app: web.Application) -> AsyncIterator[None]:
        """Measures the event loop's lag while the application runs (an aiohttp cleanup context)."""
        task = asyncio.create_task(self._measure_lag(), name="event loop lag")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _measure_lag(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(LAG_INTERVAL_SECONDS)
            self._metrics.loop_lag_seconds.observe(max(0.0, clock() - began - LAG_INTERVAL_SECONDS))

    async def _measure_confidence(self, work: UnitOfWork) -> None:
        measured = await confidence_measured(work, self._now())
        self._metrics.calibrated_cases.set(measured.count)
        self._metrics.brier_score.set(math.nan if measured.brier is None else measured.brier)

    async def _count_new_entries(self, audit: Audit, number: int) -> None:
        """The record says everything that happened; what was added since the last scrape is counted from there."""
        counted, self._counted_to = self._counted_to, number
        if counted is None or number <= counted:
            return
        for entry in await audit.latest(min(number - counted, ENTRIES_COUNTED_MAX)):
            self._metrics.recorded.labels(entry.kind).inc()
            if entry.kind == AuditKind.DECISION_MADE:
                self._metrics.decisions.labels(str(entry.body.get("verdict"))).inc()


def _dumped(document: Any) -> str:
    return json.dumps(document, default=datetime.isoformat)


async def _run(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS:g} s"
    except Exception as error:
        log.warning("a readiness check failed", exc_info=error)
        return CANNOT_TELL
