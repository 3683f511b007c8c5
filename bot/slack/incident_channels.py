"""Opens, furnishes and archives incidents' own channels: one idempotent step at a time, paced, resumed after a crash.

The rows say what is to be done next; ``sweep`` does what is due and possible now, and never waits. Whatever Slack
answers moves the row on, has it tried again later, or ends it. What is *said* in a channel is the outbox's business.
Must not know: which incidents get a channel, the database behind the protocols.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.response.model.incident_channel import ChannelStep, OwnChannel
from bot.response.model.incidents import IncidentState
from bot.response.notices.channel_moves import archived, invitation_failed, is_quiet, lost, opened, refused
from bot.response.ports.context import Context
from bot.response.ports.places import OwnChannels
from bot.response.ports.work import Work
from bot.slack.channel_names import channel_name, topic
from bot.slack.courier import BACK_OFF_SECONDS, CLOSED_CHANNEL_ERRORS, REPAIR_SECONDS
from bot.slack.pacing import Pace
from bot.slack.posting import CLOCK_SKEW_SECONDS, Limited, Misconfigured, NotSent, Outcome, Unknown, outcome_of
from bot.slack.text import plain, web_address, with_host

LEASE_SECONDS = 45.0
BATCH = 100
NAMES_TRIED_MAX = 20
INVITED_AT_ONCE = 100
CHANNELS_PAGE = 200
BOOKMARK_TITLE_MAX_CHARACTERS = 80
CARD_WAIT_SECONDS = 1.0
"""The card is pinned as soon as the courier has posted it."""
BUSY_SECONDS = 60.0
"""A channel is not archived while something is under way, or still to be said."""
ARCHIVE_AGAIN_SECONDS = 3600.0

_PACES = {
    ChannelStep.CREATE: (3.2, 4),
    ChannelStep.INVITE: (1.3, 8),
    ChannelStep.TOPIC: (3.2, 4),
    ChannelStep.BOOKMARK: (6.4, 2),
    ChannelStep.PIN: (3.2, 4),
    ChannelStep.ARCHIVE: (3.2, 4),
}
"""Seconds between two, and how many at once: Slack allows 20 calls a minute of each, 50 for invitations."""
_TOLERATED = {
    ChannelStep.PIN: frozenset({"already_pinned"}),
    ChannelStep.ARCHIVE: frozenset({"already_archived", "is_archived", "channel_not_found"}),
    ChannelStep.INVITE: frozenset({"already_in_channel", "cant_invite_self", "no_user"}),
}
"""Slack's words for "it is so already"."""
_ONE_OF_MANY = frozenset({"user_not_found", "user_is_restricted", "ura_max_channels", "org_user_not_in_team"})
"""Why one person could not be invited; the others are, because we ask Slack to go on."""
_FOR_GOOD = frozenset({"missing_scope", "no_permission", "access_denied", "not_allowed_token_type"})
"""About the token, but waiting for a person to repair it would keep the incident waiting."""
_REMEDIES: Mapping[str, str] = {
    "restricted_action": "let apps create channels (workspace settings, permissions)",
    "user_is_restricted": "let apps create channels (workspace settings, permissions)",
    "cannot_create_channel": "let apps create channels (workspace settings, permissions)",
    "missing_scope": "install the app again with the scopes of its manifest",
    "name_taken": "write another `name` into channels.own_channel of the policy",
}

log = logging.getLogger(__name__)


class ChannelRows(OwnChannels, Protocol):
    """The rows, as far as whoever does the steps sees them; False and None mean that the lease was lost meanwhile."""

    async def due(self, now: datetime, limit: int = 100) -> Sequence[OwnChannel]:
        """Channels with a step to do now; those that are not open yet come first."""
        ...

    async def claim(self, incident_id: int, *, by: str, now: datetime, until: datetime) -> OwnChannel | None:
        """Take a lease on the step: until ``until``, ``by`` alone does it; None when somebody else was first."""
        ...

    async def step_done(self, incident_id: int, step: ChannelStep, *, by: str, now: datetime) -> bool:
        """Record that ``step`` is done: the next one is due."""
        ...

    async def wait(self, incident_id: int, *, by: str, until: datetime, error: str) -> bool:
        """Try the present step again at ``until``; ``error`` says to people what is in the way."""
        ...

    async def try_next_name(self, incident_id: int, *, by: str, now: datetime) -> bool:
        """Begin again under the next name, because another channel has this one."""
        ...


class ChannelWork(Work, Protocol):
    """One transaction."""

    @property
    def channels(self) -> ChannelRows:
        """Incidents' channels of their own, with their steps."""
        ...


class ChannelDatabase(Protocol):
    """Where the rows are."""

    def begin(self) -> AbstractAsyncContextManager[ChannelWork]:
        """One transaction: commits when the block ends well, else rolls back. Never open one inside another."""
        ...

    def read(self) -> AbstractAsyncContextManager[ChannelWork]:
        """One consistent view in which writing is refused and nobody is kept waiting."""
        ...


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Nothing came of it yet."""

    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Slack will not do it, and in its own word why."""

    word: str
    remedy: str


Failure = RetryLater | Rejected


class Channels:
    """Does the steps. One per process; replicas share the rows by leases."""

    def __init__(self, context: Context, database: ChannelDatabase, client: AsyncWebClient, *, name: str) -> None:
        """``name``: unique among replicas; the holder of our leases."""
        self._context = context
        self._database = database
        self._client = client
        self._name = name
        self._paces = {step: Pace(seconds, burst) for step, (seconds, burst) in _PACES.items()}
        self._slots: dict[tuple[int, ChannelStep], float] = {}
        self._sweeping = asyncio.Lock()
        self._closing = False
        self.problems: dict[str, str] = {}
        """By step: what Slack refuses, and the remedy; for ``/watch status``."""

    async def sweep(self) -> int:
        """Do every step that is due and within our pace; how many were done or tried."""
        tried = 0
        async with self._sweeping:
            while ready := await self._ready():
                for own in ready:
                    await self._handle(own)
                tried += len(ready)
        return tried

    async def close(self, drain_seconds: float = 20.0) -> None:
        """Begin no further step, and let the one under way end; at most ``drain_seconds``."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds), self._sweeping:
                pass

    async def _ready(self) -> Sequence[OwnChannel]:
        if self._closing:
            return ()
        async with self._database.read() as work:
            due = await work.channels.due(self._context.now(), limit=BATCH)
        return [own for own in due if self._may_begin(own)]

    def _may_begin(self, own: OwnChannel) -> bool:
        """Whether this step's slot has come; slots are handed out once, in the order in which they were asked for."""
        clock, pace, key = asyncio.get_running_loop().time(), self._paces[own.step], (own.incident_id, own.step)
        slot = self._slots.get(key)
        if slot is None or slot < pace.blocked_until:
            slot = self._slots[key] = pace.reserve(clock)
        return slot <= clock

    async def _handle(self, own: OwnChannel) -> None:
        self._slots.pop((own.incident_id, own.step), None)
        if self._closing:
            return
        now = self._context.now()
        try:
            async with self._database.begin() as work:
                until = now + timedelta(seconds=LEASE_SECONDS)
                claimed = await work.channels.claim(own.incident_id, by=self._name, now=now, until=until)
            if claimed is not None:
                await self._settle(claimed, await self._do(claimed))
        except Exception:  # one channel must not stop the others; its lease runs out and it is tried again
            log.exception("step %s of the channel of INC-%s could not be handled", own.step, own.incident_id)

    # -- the steps ---------------------------------------------------------------------------------------------------

    async def _do(self, own: OwnChannel) -> Failure | None:
        """One step; None when it is done (or the row was moved on by what was found)."""
        match own.step:
            case ChannelStep.CREATE:
                return await self._create(own)
            case ChannelStep.INVITE:
                return await self._invite(own)
            case ChannelStep.TOPIC:
                return _failure(await self._call(own, "conversations.setTopic", topic=topic(own.brief)))
            case ChannelStep.BOOKMARK:
                return await self._bookmark(own)
            case ChannelStep.PIN:
                return await self._pin(own)
            case _:
                return await self._archive(own)

    async def _create(self, own: OwnChannel) -> Failure | None:
        if await self._is_over(own):
            return None
        name = channel_name(own.brief, own.name_attempt)
        found = await self._ours(own, name) if own.attempts > 1 else None
        if isinstance(found, RetryLater | Rejected):
            return found
        if found is None:
            answer = await self._call(own, "conversations.create", name=name, is_private=False)
            failure = _failure(answer)
            if isinstance(failure, Rejected) and failure.word == "name_taken" and own.name_attempt < NAMES_TRIED_MAX:
                async with self._database.begin() as work:
                    await work.channels.try_next_name(own.incident_id, by=self._name, now=self._context.now())
                return None
            if failure is not None:
                return failure
            found = str(answer["channel"]["id"])
        async with self._database.begin() as work:
            await opened(work, self._context, own, found, name)
        return None

    async def _is_over(self, own: OwnChannel) -> bool:
        """An incident that ended before its channel could be opened needs none any more."""
        async with self._database.begin() as work:
            incident = await work.incidents.get(own.incident_id)
            over = incident is None or incident.state is IncidentState.RESOLVED
            if over:
                await work.channels.give_up(own.incident_id, "the incident was over first")
        return over

    async def _ours(self, own: OwnChannel, name: str) -> str | Failure | None:
        """The channel that an earlier attempt may have left: ours, of this name, and not older than the wish."""
        cursor = ""
        oldest = own.created_at - timedelta(seconds=CLOCK_SKEW_SECONDS)
        while True:
            query = {"types": "public_channel", "exclude_archived": "true", "limit": str(CHANNELS_PAGE)}
            page = await self._call(None, "users.conversations", **query, **({"cursor": cursor} if cursor else {}))
            if (failure := _failure(page)) is not None:
                return failure
            for channel in page.get("channels") or ():
                if channel.get("name") == name and channel.get("created", 0) >= oldest.timestamp():
                    return str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None

    async def _invite(self, own: OwnChannel) -> Failure | None:
        people = await self._context.people.members(own.brief.invite)
        for beginning in range(0, len(people), INVITED_AT_ONCE):
            some = ",".join(people[beginning : beginning + INVITED_AT_ONCE])
            failure = _failure(await self._call(own, "conversations.invite", users=some, force=True))
            if isinstance(failure, Rejected) and failure.word in _ONE_OF_MANY:
                log.warning("not everybody could be invited to the channel of INC-%s: %s", own.incident_id, failure)
            elif not _is_so_already(own, failure) and failure is not None:
                return failure
        return None

    async def _bookmark(self, own: OwnChannel) -> Failure | None:
        there: set[str] = set()
        if own.attempts > 1:
            answer = await self._call(None, "bookmarks.list", channel_id=own.channel)
            if (failure := _failure(answer)) is not None:
                return failure
            there = {str(bookmark.get("link")) for bookmark in answer.get("bookmarks") or ()}
        for link in own.brief.links:
            address = web_address(link.url)
            if address is None or address in there:
                continue
            label = link.label if link.from_policy else with_host(link.label, address)
            title = plain(label, BOOKMARK_TITLE_MAX_CHARACTERS)
            answer = await self._call(
                None, "bookmarks.add", channel_id=own.channel, title=title, type="link", link=address
            )
            if (failure := _failure(answer)) is not None:
                return failure
        return None

    async def _pin(self, own: OwnChannel) -> Failure | None:
        async with self._database.read() as work:
            incident = await work.incidents.get(own.incident_id)
        if incident is None or incident.channel != own.channel or incident.thread_ts is None:
            return RetryLater(CARD_WAIT_SECONDS, "the card is not there yet")
        return _failure(await self._call(own, "pins.add", timestamp=incident.thread_ts))

    async def _archive(self, own: OwnChannel) -> Failure | None:
        async with self._database.read() as work:
            if not await is_quiet(work, own.incident_id):
                return RetryLater(BUSY_SECONDS, "something is under way or still to be said")
        return _failure(await self._call(own, "conversations.archive"))

    # -- what came of it ---------------------------------------------------------------------------------------------

    async def _settle(self, own: OwnChannel, failure: Failure | None) -> None:
        now, incident_id = self._context.now(), own.incident_id
        if isinstance(failure, RetryLater):
            back_off = BACK_OFF_SECONDS[min(own.attempts, len(BACK_OFF_SECONDS)) - 1]
            seconds = failure.seconds or back_off
            async with self._database.begin() as work:
                await work.channels.wait(
                    incident_id, by=self._name, until=now + timedelta(seconds=seconds), error=failure.error
                )
            return
        if failure is None or _is_so_already(own, failure):
            self.problems.pop(own.step, None)
            if own.step is not ChannelStep.CREATE:
                await self._move_on(own)
            return
        log.warning("%s of the channel of INC-%s is refused: %s", own.step, incident_id, failure.word)
        self.problems[own.step] = f"{own.step} of an incident's channel: {failure.word}; {failure.remedy}".rstrip("; ")
        if own.step is ChannelStep.CREATE:
            async with self._database.begin() as work:
                await refused(work, self._context, incident_id, failure.word, failure.remedy)
        elif failure.word in CLOSED_CHANNEL_ERRORS:
            async with self._database.begin() as work:
                await lost(work, self._context, incident_id, failure.word)
        elif own.step is ChannelStep.ARCHIVE:
            until = now + timedelta(seconds=ARCHIVE_AGAIN_SECONDS)
            async with self._database.begin() as work:
                await work.channels.wait(incident_id, by=self._name, until=until, error=failure.word)
        else:
            await self._move_on(own, failure)

    async def _move_on(self, own: OwnChannel, without: Rejected | None = None) -> None:
        """The next step; ``without``: why this one is left out, said to people where it matters to them."""
        async with self._database.begin() as work:
            if own.step is ChannelStep.ARCHIVE:
                await archived(work, self._context, own)
                return
            moved = await work.channels.step_done(own.incident_id, own.step, by=self._name, now=self._context.now())
            if moved and without is not None and own.step is ChannelStep.INVITE:
                await invitation_failed(work, self._context, own, without.word)

    async def _call(self, own: OwnChannel | None, method: str, **arguments: Any) -> Any:
        """Slack's answer, or what came of the call as an ``Outcome``."""
        if own is not None and own.channel is not None:
            arguments["channel"] = own.channel
        try:
            if method == "users.conversations":
                return (await self._client.api_call(method, http_verb="GET", params=arguments)).data
            return (await self._client.api_call(method, json=arguments)).data
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            outcome = outcome_of(error, method, own.channel or "" if own is not None else "")
            if isinstance(outcome, Limited):
                self._hold_back(own, outcome)
            return outcome

    def _hold_back(self, own: OwnChannel | None, limited: Limited) -> None:
        if own is not None:
            until = asyncio.get_running_loop().time() + limited.retry_after_seconds
            self._paces[own.step].block(until)


def _failure(answer: Outcome | Mapping[str, Any]) -> Failure | None:
    """What an answer means for the step; None when it is one."""
    match answer:
        case Limited(method, seconds):
            return RetryLater(max(seconds, 1.0), f"{method} is limited for {seconds:g} s")
        case NotSent(error) | Unknown(error):
            return RetryLater(0.0, error)
        case Misconfigured(None, error, remedy) if _word(error) not in _FOR_GOOD:
            return RetryLater(REPAIR_SECONDS, f"{error}: {remedy}")
        case Mapping():
            return None
    word = _word(getattr(answer, "error", ""))
    return Rejected(word, _REMEDIES.get(word, ""))


def _word(error: str) -> str:
    return error.split(":", 1)[0]


def _is_so_already(own: OwnChannel, failure: Failure | None) -> bool:
    return isinstance(failure, Rejected) and failure.word in _TOLERATED.get(own.step, frozenset())
