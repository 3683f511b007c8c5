"""What every arrival is handled with, and the two moves that all share: settle it once, answer in private.

Must not know: any particular button, command or modal.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from bot.response.answers import Answer, Roster
from bot.response.watch import Watch
from bot.slack import layout
from bot.slack.layout import Message
from bot.slack.text import Mrkdwn, paragraph
from handlers.arrival import Arrived
from handlers.metrics import Metrics
from handlers.private import PrivateAnswers
from storage.database import Database
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")
ANSWER_MAX_CHARACTERS = 2900

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The collaborators of every handler, put together once by the composition root."""

    watch: Watch
    database: Database
    """The watch's own, as the one that also has the inbox."""
    client: AsyncWebClient
    """Opens modals and publishes the Home tab; what is said goes through ``private`` and the outbox."""
    private: PrivateAnswers
    metrics: Metrics

    async def settle(self, arrived: Arrived, act: Callable[[UnitOfWork, Roster], Awaitable[T]]) -> T | None:
        """Do what was asked and mark it done, in one transaction; None when it was done already.

        The mark comes first: whoever else handles the same arrival finds it made, and does nothing.
        """
        roster = await self.watch.roster()
        async with self.database.begin() as work:
            if not await work.arrivals.done(arrived.key, self.watch.now()):
                log.info("%s %s (%s) was handled already", arrived.kind, arrived.name, arrived.key)
                return None
            return await act(work, roster)

    async def answer(self, arrived: Arrived, answer: Answer | None, *, channel: str = "") -> None:
        """Tell the person, and nobody else, what came of it."""
        if answer is None:
            return
        self.metrics.answers.labels(arrived.name, str(answer.accepted).lower()).inc()
        if answer.text:
            await self.say(arrived, paragraph(answer.text, ANSWER_MAX_CHARACTERS), channel=channel)

    async def say(self, arrived: Arrived, text: Mrkdwn, *, channel: str = "") -> None:
        """Say something to the person, and nobody else; ``channel`` where it was not done in one."""
        await self.private.tell(arrived, Message(text, layout.built([layout.section(text)])), channel=channel)
