"""Delivers the outbox to Slack: the only poster. In each incident's order, paced, retried, never twice.

A row is leased for a short while, rendered, sent and recorded. What Slack answers decides what follows: a limit holds
back only its own channel, an unknown outcome makes us search for our outbox id before sending again, and what only a
person can repair is reported and tried again now and then. Order within an incident is the outbox's promise: it gives
out an incident's next row only when the one before is delivered or given up.

Must not know: what a notice means, the database behind the protocols.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Generic

from slack_sdk.errors import SlackClientError

from bot.response.model.notices import DirectEndNotice, DirectNotice, ThreadNotice
from bot.slack.cards import render
from bot.slack.deliveries import CourierDatabase, OutboxItem, Work
from bot.slack.layout import Message
from bot.slack.limits import check_card
from bot.slack.pacing import Pace, Paces
from bot.slack.posting import (
    POST,
    UPDATE,
    Accepted,
    Desk,
    Gone,
    Limited,
    Misconfigured,
    NotSent,
    Outcome,
    Refused,
    Unknown,
)
from bot.slack.text import Url, web_address

POLL_SECONDS = 1.0
"""How often to search for rows that another replica queued or left behind."""
LEASE_SECONDS = 45.0
WAIT_IN_HAND_SECONDS = 5.0
"""A row whose slot is further away than this is given back until then."""
SPARE_SECONDS = 10.0
"""How long the end of a direct message waits for Slack to have room for it."""
CALL_SECONDS = 15.0
"""At least this much of the lease must be left when a call begins; more than the client's time-out."""
WHISPER_TRIES = 3
WHISPER_WAIT_MAX_SECONDS = 5.0
WHISPER_AGAIN_SECONDS = 1.0
IN_HAND_MAX = 64
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
SETTLE_SECONDS = 3.0
"""After an unknown outcome: a request may still be under way in Slack when its answer is already lost."""
CLOSED_CHANNEL_ERRORS = frozenset({"is_archived", "channel_not_found", "not_in_channel"})
REPAIR_SECONDS = 60.0
"""How often to try again what waits for a person to repair a channel or token."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CourierState:
    """How delivery stands, for /readyz and ``/watch status``."""

    problems: dict[str, str] = field(default_factory=dict)
    """By channel id (empty for the token): what is wrong, and the remedy."""
    unreachable_since: datetime | None = None
    last_delivered_at: datetime | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing keeps notices from being delivered, as far as the courier knows."""
        return not self.problems and self.unreachable_since is None


class Courier(Generic[Work]):
    """Delivers until closed. One per process; replicas share the rows by leases."""

    def __init__(
        self,
        database: CourierDatabase[Work],
        desk: Desk,
        *,
        name: str,
        channel: Callable[[], str],
        now: Callable[[], datetime],
        on_accepted: Callable[[Work, OutboxItem], Awaitable[None]],
        on_lost_channel: Callable[[Work, OutboxItem, str], Awaitable[None]] | None = None,
        known_people: Callable[[], Collection[str]] = frozenset,
        paces: Paces | None = None,
        back_off_seconds: Sequence[float] = BACK_OFF_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """Nothing is delivered before ``start``.

        Args:
            desk: posts with a client whose time-out is below ``CALL_SECONDS``.
            name: unique among replicas; the holder of our leases.
            channel: the policy's incidents channel as it is now, for incidents without a thread.
            on_accepted: runs in the transaction that records the delivery; raising rolls both back, and the row is
                tried again (the message is then found, not repeated).
            on_lost_channel: runs when the incident's own channel takes nothing any more, with Slack's word for it;
                afterwards the row has somewhere else to go.
            known_people: user ids that may become mentions where they stand in words.
        """
        self.state = CourierState()
        self._database = database
        self._desk = desk
        self._name = name
        self._channel = channel
        self._now = now
        self._on_accepted = on_accepted
        self._on_lost_channel = on_lost_channel
        self._known_people = known_people
        self._paces = paces or Paces()
        self._back_off_seconds = back_off_seconds
        self._settle_seconds = settle_seconds
        self._wakeup = database.outbox_wakeup
        self._closing = asyncio.Event()
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._slots: dict[int, float] = {}
        """Slots of rows that were given back to wait for them."""
        self._not_there: dict[int, int] = {}
        """Row -> attempts of which we know that none has left a message."""
        self._loop_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin delivering, in the running loop."""
        self._loop_task = asyncio.create_task(self._run(), name="courier")

    async def close(self, drain_seconds: float = 20.0) -> None:
        """Stop claiming, give back what waits, and let what is being sent end; at most ``drain_seconds``."""
        self._closing.set()
        self._wakeup.set()
        if self._loop_task is None:
            return
        await self._loop_task
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand.values(), timeout=drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def whisper(self, channel: str, user: str, message: Message) -> bool:
        """A hint for one person; False, with a line in the log, when it did not arrive.

        What was certainly not said is said again after a moment; a hint may be lost, but not to a short limit.
        """
        for tries_left in reversed(range(WHISPER_TRIES)):
            outcome = await self._desk.whisper(channel, user, message)
            match outcome:
                case Accepted():
                    return True
                case Limited(_, seconds) if tries_left and seconds <= WHISPER_WAIT_MAX_SECONDS:
                    await asyncio.sleep(seconds)
                case NotSent() if tries_left:
                    await asyncio.sleep(WHISPER_AGAIN_SECONDS)
                case _:
                    break
        log.warning("hint for %s in %s was lost: %s", user, channel, outcome)
        return False

    # -- the round -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing.is_set():
            self._wakeup.clear()
            try:
                await self._take_due()
            except Exception:  # the database may be away for a while; nothing is lost meanwhile
                log.exception("the outbox could not be read; trying again in %s s", POLL_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wakeup.wait(), POLL_SECONDS)

    async def _take_due(self) -> None:
        room = IN_HAND_MAX - len(self._in_hand)
        if room <= 0:
            return
        async with self._database.read() as work:
            due = await work.outbox.due(self._now(), limit=IN_HAND_MAX)
        for outbox_id in [one for one in due if one not in self._in_hand][:room]:
            task = asyncio.create_task(self._handle(outbox_id), name=f"courier row {outbox_id}")
            self._in_hand[outbox_id] = task
            task.add_done_callback(partial(self._put_down, outbox_id))

    def _put_down(self, outbox_id: int, _task: asyncio.Task[None]) -> None:
        del self._in_hand[outbox_id]

    async def _handle(self, outbox_id: int) -> None:
        now = self._now()
        until = now + timedelta(seconds=LEASE_SECONDS)
        try:
            async with self._database.begin() as work:
                item = await work.outbox.claim(outbox_id, by=self._name, now=now, until=until)
            if item is not None:
                await self._deliver(item, until)
        except Exception:  # one row must not stop the others; its lease runs out and it is tried again
            log.exception("outbox row %s could not be handled", outbox_id)

    # -- one row ---------------------------------------------------------------------------------------------------

    async def _deliver(self, item: OutboxItem, until: datetime) -> None:
        message = await self._drawn(item)
        if message is None:
            return
        pace = self._pace(item)
        if not await self._wait_for_slot(item, pace, until):
            return
        outcome = await self._send(item, message)
        match outcome:
            case Accepted():
                await self._record(item, outcome)
            case Limited(method, seconds):
                if method in (POST, UPDATE):
                    pace.block(asyncio.get_running_loop().time() + seconds)
                self._certainly_not_there(item)
                await self._give_back(item, seconds, f"{method} is limited for {seconds:g} s")
            case NotSent(error):
                self._certainly_not_there(item)
                self._note_unreachable(error)
                await self._give_back(item, self._back_off(item), error)
            case Unknown(error):
                self._note_unreachable(error)
                await self._give_back(item, max(self._back_off(item), self._settle_seconds), error)
            case Misconfigured(_, error, _) if isinstance(item.notice, DirectEndNotice):
                await self._give_up(item, f"the direct message cannot be changed: {error}")
            case Misconfigured(_, error, _) if item.in_own_channel and error in CLOSED_CHANNEL_ERRORS:
                await self._lose_channel(item, error)
            case Misconfigured(str(), error, remedy) if isinstance(item.notice, DirectNotice):
                # One person cannot be written to. That must not hold up the incident's thread.
                await self._give_up(item, f"{item.notice.to} cannot be written to: {error}: {remedy}")
            case Misconfigured(channel, error, remedy):
                self._certainly_not_there(item)
                self._note_problem(channel or "", f"{error}: {remedy}")
                await self._give_back(item, REPAIR_SECONDS, f"{error}: {remedy}")
            case Refused(error) | Gone(error):
                await self._give_up(item, error)

    async def _drawn(self, item: OutboxItem) -> Message | None:
        if isinstance(item.notice, DirectNotice) and item.notice.until is not None and item.notice.until <= self._now():
            await self._give_up(item, f"it was worth delivering until {item.notice.until:%Y-%m-%d %H:%M} UTC only")
            return None
        try:
            message = render(item.notice, item.id, self._known_people(), card=await self._address_of_card(item))
            check_card(message.blocks, message.text)
        except (ValueError, SlackClientError) as error:
            await self._give_up(item, f"cannot be drawn: {error}")
            return None
        return message

    async def _address_of_card(self, item: OutboxItem) -> Url | None:
        to_a_person = isinstance(item.notice, DirectNotice | DirectEndNotice)
        if not to_a_person or item.channel is None or item.thread_ts is None:
            return None
        return web_address(await self._desk.permalink(item.channel, item.thread_ts))

    def _pace(self, item: OutboxItem) -> Pace:
        if self._is_update(item):
            return self._paces.updating()
        if isinstance(item.notice, DirectNotice):
            return self._paces.posting(item.notice.to)
        return self._paces.posting(item.channel or self._channel())

    async def _wait_for_slot(self, item: OutboxItem, pace: Pace, until: datetime) -> bool:
        """Wait under our lease for a near slot, give the row back for a far one. True: send now."""
        clock = asyncio.get_running_loop().time
        if isinstance(item.notice, DirectEndNotice) and not pace.has_spare(clock()):
            await self._give_back(item, SPARE_SECONDS, "")  # what people still have to see comes first
            return False
        slot = self._slots.pop(item.id, None)
        if slot is None or slot < pace.blocked_until:
            slot = pace.reserve(clock())
        wait = slot - clock()
        if wait > WAIT_IN_HAND_SECONDS:
            self._slots[item.id] = slot
            self._certainly_not_there(item)
            await self._give_back(item, wait, "")
            return False
        if wait > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait)
        if self._closing.is_set() or self._now() + timedelta(seconds=CALL_SECONDS) > until:
            self._certainly_not_there(item)
            await self._give_back(item, 0, "")
            return False
        return True

    async def _send(self, item: OutboxItem, message: Message) -> Outcome:
        channel, thread_ts = item.channel or self._channel(), item.thread_ts
        if isinstance(item.notice, DirectEndNotice):
            return await self._desk.update(item.notice.channel, item.notice.ts, message)
        if isinstance(item.notice, DirectNotice):
            conversation = await self._desk.conversation(item.notice.to)
            if not isinstance(conversation, str):
                return conversation
            channel, thread_ts = conversation, None
        if thread_ts is not None and self._is_update(item):
            updated = await self._desk.update(channel, thread_ts, message)
            if not isinstance(updated, Gone):
                return updated
            log.warning("the card of %s is gone (%s); posting it anew", item.notice.incident, updated.error)
            thread_ts = None
        if self._may_be_there(item):
            found = await self._desk.find(channel, thread_ts, item.id, item.created_at)
            if found is not None and not isinstance(found, Gone):
                return found
            self._not_there[item.id] = item.attempts - 1
        broadcast = isinstance(item.notice, ThreadNotice) and item.notice.broadcast
        posted = await self._desk.post(channel, message, thread_ts=thread_ts, broadcast=broadcast)
        if isinstance(posted, Gone) and thread_ts is not None:
            log.warning("the thread of %s is gone (%s); posting in the channel", item.notice.incident, posted.error)
            return await self._desk.post(channel, message)
        return posted

    @staticmethod
    def _is_update(item: OutboxItem) -> bool:
        if isinstance(item.notice, DirectEndNotice):
            return True
        return not isinstance(item.notice, ThreadNotice | DirectNotice) and item.thread_ts is not None

    # -- what came of it -------------------------------------------------------------------------------------------

    async def _record(self, item: OutboxItem, accepted: Accepted) -> None:
        now = self._now()
        async with self._database.begin() as work:
            if await work.outbox.delivered(item.id, channel=accepted.channel, ts=accepted.ts, now=now):
                await self._on_accepted(work, item)
        self._forget(item.id)
        self.state.last_delivered_at = now
        self.state.unreachable_since = None
        for place in ("", accepted.channel):
            if self.state.problems.pop(place, None) is not None:
                log.warning("Slack takes our messages again%s", f" in {place}" if place else "")

    async def _give_back(self, item: OutboxItem, wait_seconds: float, error: str) -> None:
        if error:
            log.info("outbox row %s (%s) waits %.1f s: %s", item.id, item.notice.incident, wait_seconds, error)
        at = self._now() + timedelta(seconds=wait_seconds)
        async with self._database.begin() as work:
            await work.outbox.retry(item.id, by=self._name, at=at, error=error)
        asyncio.get_running_loop().call_later(wait_seconds, self._wakeup.set)

    async def _lose_channel(self, item: OutboxItem, error: str) -> None:
        log.warning("the channel of %s takes nothing any more (%s)", item.notice.incident, error)
        if self._on_lost_channel is not None:
            async with self._database.begin() as work:
                await self._on_lost_channel(work, item, error)
        await self._give_back(item, 0, error)

    async def _give_up(self, item: OutboxItem, error: str) -> None:
        log.error("outbox row %s (%s) is given up: %s", item.id, item.notice.incident, error)
        async with self._database.begin() as work:
            await work.outbox.failed(item.id, by=self._name, error=error)
        self._forget(item.id)

    def _forget(self, outbox_id: int) -> None:
        self._not_there.pop(outbox_id, None)
        self._slots.pop(outbox_id, None)

    def _certainly_not_there(self, item: OutboxItem) -> None:
        if not self._may_be_there(item):
            self._not_there[item.id] = item.attempts

    def _may_be_there(self, item: OutboxItem) -> bool:
        """Whether an earlier attempt, ours or that of a replica that died, may have left a message."""
        return item.attempts - 1 > self._not_there.get(item.id, 0)

    def _back_off(self, item: OutboxItem) -> float:
        return self._back_off_seconds[min(item.attempts, len(self._back_off_seconds)) - 1]

    def _note_unreachable(self, error: str) -> None:
        if self.state.unreachable_since is None:
            self.state.unreachable_since = self._now()
            log.warning("Slack does not answer as it should: %s", error)

    def _note_problem(self, place: str, problem: str) -> None:
        if self.state.problems.get(place) != problem:
            log.error("Slack refuses our messages%s: %s", f" in {place}" if place else "", problem)
        self.state.problems[place] = problem
