"""What every arrival is handled with, and the two moves that all share: settle it once, answer in private.

Must not know: any particular button, command or modal.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import Answer
from bot.response.ports.context import Context
from bot.slack import layout
from bot.slack.failures import error_word
from bot.slack.layout import Message
from bot.slack.modals import View
from bot.slack.replies import ProcessFacts
from bot.slack.text import Mrkdwn, naming, words
from handlers.metrics import Metrics
from handlers.slack.arrival import Arrived
from handlers.slack.private import PrivateAnswers
from storage.database import Database
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")
Act = Callable[[UnitOfWork, Context, Roster], Awaitable[T]]
"""What is done in the transaction of an arrival."""
ANSWER_MAX_CHARACTERS = 2900
TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"})
SLACK_TROUBLE = "Slack did not open the dialog."

log = logging.getLogger(__name__)


def everybody(roster: Roster) -> frozenset[str]:
    """All people the policy names: whose ids may become mentions."""
    return frozenset().union(*roster.values())


def _nothing_wrong() -> Sequence[str]:
    return ()


def _nameless() -> ProcessFacts | None:
    return None


@dataclass(frozen=True, slots=True)
class Bridge:
    """The collaborators of every handler, put together once by the composition root."""

    context: Context
    database: Database
    """The context's own, as the one that also has the inbox."""
    client: AsyncWebClient
    """Opens modals and publishes the Home tab; what is said goes through ``private`` and the outbox."""
    private: PrivateAnswers
    metrics: Metrics
    problems: Callable[[], Sequence[str]] = _nothing_wrong
    """What is not well at the moment, in words, for ``/watch status``."""
    process: Callable[[], ProcessFacts | None] = _nameless
    """This process and its transport to Slack, for the same."""

    home_opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody opens the Home tab, for whoever draws it."""
    _said_once: dict[str, str] = field(default_factory=dict)

    async def workspace_url(self) -> str:
        """For links to threads; asked once, empty as long as Slack does not say."""
        if "url" not in self._said_once:
            try:
                self._said_once["url"] = str((await self.client.auth_test()).get("url") or "")
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                log.info("no links to threads this time: %s", error)
                return ""
        return self._said_once["url"]

    async def settle(self, arrived: Arrived, act: Act[T], *, question: str = "") -> T | None:
        """Do what was asked and mark it done, in one transaction; None when it was done already.

        The mark comes first: whoever else handles the same arrival finds it made, and does nothing. Time stands still
        in ``act``: whatever one intervention compares and records, it does at one moment.

        ``question``: the action (or bundle) whose votes ``act`` will count. Nobody who has voted is then taken for
        present from memory.
        """
        roster = await self.context.roster(sure_of=await self._voters(arrived, question))
        async with self.database.begin() as work:
            now = self.context.now()
            if not await work.arrivals.done(arrived.key, now):
                log.info("%s %s (%s) was handled already", arrived.kind, arrived.name, arrived.key)
                return None
            return await act(work, replace(self.context, now=lambda: now), roster)

    async def _voters(self, arrived: Arrived, question: str) -> frozenset[str]:
        if not question:
            return frozenset()
        async with self.database.read() as work:
            bundle = await work.bundles.get(question)
            members = await work.bundles.members(bundle) if bundle else ()
            actions = [one.action.id for one in members if one.action is not None and one.waits] or [question]
            answered = await work.votes.of_all(actions)
            return frozenset({arrived.person}).union(*answered.values())

    async def answer(self, arrived: Arrived, answer: Answer | None, *, channel: str = "") -> None:
        """Tell the person, and nobody else, what came of it; None (handled already) says nothing."""
        if answer is None:
            return
        self.metrics.answers.labels(arrived.name, str(answer.accepted).lower()).inc()
        if answer.text:
            known = everybody(await self.context.roster())
            await self.say(arrived, naming(answer.text, known, ANSWER_MAX_CHARACTERS), channel=channel)

    async def say(self, arrived: Arrived, text: Mrkdwn, *, channel: str = "") -> None:
        """Say something to the person, and nobody else; ``channel`` where it was not done in one."""
        await self.private.tell(arrived, Message(text, layout.built([layout.section(text)])), channel=channel)

    async def show(self, arrived: Arrived, settled: View | Answer | None) -> None:
        """Open what was drawn, or tell why nothing was; None (handled already) does nothing."""
        if isinstance(settled, Answer):
            await self.answer(arrived, settled)
        elif settled is not None:
            await self.open(arrived, settled)

    async def open(self, arrived: Arrived, view: View) -> None:
        """Open a modal for the person, or say why there is none: what led here is done and is not done again."""
        try:
            await self.client.views_open(trigger_id=arrived.trigger_id, view=view)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            word = error_word(error) if isinstance(error, SlackApiError) else ""
            log.warning("the dialog %s could not be opened: %s", view.get("callback_id"), word or error)
            reason = "That took longer than the three seconds Slack gives." if word in TOO_LATE else SLACK_TROUBLE
            await self.say(arrived, words(f"{reason} Please try again."))
