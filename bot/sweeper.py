"""What must happen again and again: deadlines, questions, pauses, reviews, arrivals left behind, retention.

Every replica may run all of it, because each row moves by a conditional update. Knows when each thing happens, not how.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.response.deadlines.bulletins import sweep_bulletins
from bot.response.deadlines.burns import watch_burns
from bot.response.deadlines.calls import sweep_calls
from bot.response.deadlines.lost_assessments import queue_lost_assessments
from bot.response.deadlines.reminders import sweep_questions
from bot.response.deadlines.review_reminders import remind_of_reviews
from bot.response.deadlines.sweep import sweep
from bot.response.deadlines.wear_offs import check_wear_offs
from bot.response.engine.dbos import Engine
from bot.response.execution.demotions import sweep_demotions
from bot.response.interventions.other_hands import forget_what_is_over
from bot.response.interventions.pauses import PauseFollower, reconsider_held
from bot.response.interventions.proposals import sweep_proposals
from bot.response.interventions.requests import end_settled
from bot.response.ports.context import Context
from bot.response.ports.flow import QueueName
from bot.slack.incident_channels import Channels
from handlers.slack.inbox import Inbox

SWEEP_INTERVAL_SECONDS = 0.5
CHANNELS_INTERVAL_SECONDS = 0.5
QUESTIONS_INTERVAL_SECONDS = 1.0
PAUSES_INTERVAL_SECONDS = 1.0
"""So long until cards show a pause that began outside this process; it is in force at once."""
HELD_INTERVAL_SECONDS = 5.0
WEAR_OFFS_INTERVAL_SECONDS = 5.0
BULLETINS_INTERVAL_SECONDS = 5.0
BURNS_INTERVAL_SECONDS = 1.0
REQUESTS_INTERVAL_SECONDS = 2.0
DEMOTIONS_INTERVAL_SECONDS = 30.0
REVIEWS_INTERVAL_SECONDS = 30.0
PROPOSALS_INTERVAL_SECONDS = 15.0
INBOX_INTERVAL_SECONDS = 10.0
"""So long, at most twice, somebody waits for a click that was acknowledged by a process that then died."""
RETENTION_INTERVAL_SECONDS = 600.0
FLOWS_KEPT = timedelta(days=7)
"""How long the durable engine remembers a finished flow; what it did is in our own tables for good."""

Sweep = Callable[[], Awaitable[Any]]


class Sweeper:
    """Runs every sweep at its interval, and knows when the deadlines were last swept."""

    def __init__(self, context: Context, inbox: Inbox, engine: Engine, channels: Channels) -> None:
        self._context = context
        self._inbox = inbox
        self._engine = engine
        self._channels = channels
        self._pauses = PauseFollower(context)
        self.last_sweep: datetime | None = None
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin sweeping on the running loop. A sweep that is late is made up for once, never several at a time."""
        for sweep_once, seconds in (
            (self._deadlines, SWEEP_INTERVAL_SECONDS),
            (self._channels.sweep, CHANNELS_INTERVAL_SECONDS),
            (self._questions, QUESTIONS_INTERVAL_SECONDS),
            (self._pauses.follow, PAUSES_INTERVAL_SECONDS),
            (self._held, HELD_INTERVAL_SECONDS),
            (self._wear_offs, WEAR_OFFS_INTERVAL_SECONDS),
            (self._bulletins, BULLETINS_INTERVAL_SECONDS),
            (self._burns, BURNS_INTERVAL_SECONDS),
            (self._settled_requests, REQUESTS_INTERVAL_SECONDS),
            (self._demotions, DEMOTIONS_INTERVAL_SECONDS),
            (self._proposals, PROPOSALS_INTERVAL_SECONDS),
            (self._reviews, REVIEWS_INTERVAL_SECONDS),
            (self._unfinished, INBOX_INTERVAL_SECONDS),
            (self._retention, RETENTION_INTERVAL_SECONDS),
        ):
            self._scheduler.add_job(
                self._counted(sweep_once),
                "interval",
                seconds=seconds,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """Begin no further sweep, and let those under way end: cut off, they would be rolled back and done again."""
        self._scheduler.pause()
        await self._idle.wait()
        self._scheduler.shutdown(wait=False)

    def _counted(self, sweep_once: Sweep) -> Sweep:
        async def run() -> None:
            self._under_way += 1
            self._idle.clear()
            try:
                await sweep_once()
            finally:
                self._under_way -= 1
                if self._under_way == 0:
                    self._idle.set()

        return run

    async def _deadlines(self) -> None:
        await sweep(self._context)
        self.last_sweep = self._context.now()

    async def _questions(self) -> None:
        await sweep_questions(self._context)
        await sweep_calls(self._context)

    async def _held(self) -> None:
        async with self._context.database.begin() as work:
            await reconsider_held(work, self._context)
            await work.queue.consider_deferred()
        await queue_lost_assessments(self._context, partial(self._engine.under_way, QueueName.INCIDENTS))

    async def _wear_offs(self) -> None:
        await check_wear_offs(self._context)

    async def _bulletins(self) -> None:
        await sweep_bulletins(self._context)

    async def _burns(self) -> None:
        await watch_burns(self._context)

    async def _settled_requests(self) -> None:
        await end_settled(self._context)

    async def _demotions(self) -> None:
        await sweep_demotions(self._context)

    async def _reviews(self) -> None:
        await remind_of_reviews(self._context)

    async def _proposals(self) -> None:
        await sweep_proposals(self._context)

    async def _unfinished(self) -> None:
        await self._inbox.recover(timedelta(seconds=INBOX_INTERVAL_SECONDS))

    async def _retention(self) -> None:
        await self._engine.forget_finished(self._context.now() - FLOWS_KEPT)
        await forget_what_is_over(self._context)
