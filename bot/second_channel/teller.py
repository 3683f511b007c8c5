"""Tells people by the second channel what Slack has not taken in time: planned from rows, sent once, in order.

A round reads the outbox and makes one row for each recipient that must be told something; each route then sends its
own rows, one after the other, and waits longer and longer while its server fails. What Slack takes after all is not
sent, nor what is not true any more.

Must not know: what a delivery sets free, the database behind the protocols.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.response.model.incidents import Incident
from bot.response.ports.second_notices import Known, SecondDatabase, SecondNotice, SecondWork, Untold
from bot.second_channel.letters import Letter, Offered, OfferedLink, write
from bot.second_channel.links import LinkIntervention, Links, Offer
from bot.second_channel.route import Delivered, Outcome, Rejected, RetryLater, Route
from bot.second_channel.telling import Kind, Telling, still_true, telling

POLL_SECONDS = 1.0
LEASE_SECONDS = 60.0
"""Longer than any route's time-out."""
BACK_OFF_SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0)
GIVEN_UP_FOR = timedelta(hours=1)
"""How long what Slack has refused for good is still worth telling."""
QUESTION_AGAIN_AFTER = timedelta(minutes=10)
"""A newer question about the same incident is told no sooner: plans change faster than people want to be told."""
QUESTIONS_AT_ONCE = 10
"""A storm of alerts asks more than anybody reads: what is beyond this in the same time is told later, if it lasts."""
ALONE_ATTEMPTS = 5
"""So often a message is tried that fails by itself, while others are taken; then those behind it go on."""
CLOSE_SECONDS = 20.0
_LABELS = {LinkIntervention.STOP: "Stop it", LinkIntervention.PAUSE: "Pause all automation"}
_OFFERED: dict[Kind, tuple[LinkIntervention, ...]] = {
    Kind.ANNOUNCEMENT: (LinkIntervention.STOP, LinkIntervention.PAUSE),
    Kind.QUESTION: (LinkIntervention.PAUSE,),
    Kind.CALL: (LinkIntervention.PAUSE,),
}

log = logging.getLogger(__name__)


OnTaken = Callable[[SecondWork, SecondNotice, Route, Letter], Awaitable[None]]
"""What follows from an accepted delivery, in the transaction that records it."""


@dataclass(frozen=True, slots=True)
class LinkOffice:
    """Makes the links of each message."""

    links: Links
    valid_for: timedelta

    def offered(self, row: SecondNotice, kind: Kind, route: Route) -> Offered | None:
        """The links for this kind of message; None where nothing can be stopped."""
        interventions = _OFFERED.get(kind, ())
        until = (row.created_at + self.valid_for).replace(microsecond=0)
        made = tuple(
            OfferedLink(
                _LABELS[intervention],
                self.links.address(
                    Offer(
                        intervention, row.incident_id, route.recipient, until, self.links.nonce(row.key, intervention)
                    )
                ),
            )
            for intervention in interventions
        )
        return Offered(made, until) if made else None


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong with a route when it was last used; nobody knows whether it still is."""

    error: str
    at: datetime


@dataclass(slots=True)
class TellerState:
    """How the second channel stands, for ``/watch status``."""

    problems: dict[str, Problem] = field(default_factory=dict)
    """By route in words; gone with the next success."""


class Teller:
    """Tells until closed. One per process; replicas share the rows by leases."""

    def __init__(
        self,
        database: SecondDatabase,
        routes: Sequence[Route],
        *,
        name: str,
        after: timedelta,
        now: Callable[[], datetime],
        on_taken: OnTaken,
        office: LinkOffice | None = None,
        poll_seconds: float = POLL_SECONDS,
        back_off_seconds: Sequence[float] = BACK_OFF_SECONDS,
    ) -> None:
        """Nobody is told anything before ``start``.

        Args:
            name: unique among replicas; the holder of our leases.
            after: how long Slack may take before people are told here.
            office: makes the links; None offers none.
        """
        self.state = TellerState()
        self._database = database
        self._routes = routes
        self._name = name
        self._after = after
        self._now = now
        self._on_taken = on_taken
        self._office = office
        self._poll_seconds = poll_seconds
        self._back_off_seconds = back_off_seconds
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in the running loop."""
        self._tasks = [
            asyncio.create_task(self._plan_again_and_again(), name="second channel"),
            *(asyncio.create_task(self._serve(route), name=f"second channel {route.name}") for route in self._routes),
        ]

    async def close(self) -> None:
        """Stop; what is being sent may end, for at most ``CLOSE_SECONDS``."""
        self._closing.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- planning --------------------------------------------------------------------------------------------------

    async def _plan_again_and_again(self) -> None:
        while not self._closing.is_set():
            try:
                await self.plan()
            except Exception:  # the database may be away for a while; nothing is lost meanwhile
                log.exception("the second channel could not read the outbox; trying again")
            await self._rest(self._poll_seconds)

    async def plan(self) -> int:
        """Make a row for everything that must be told here and was not yet; how many."""
        now = self._now()
        async with self._database.read() as work:
            untold = await work.second_notices.untold(since=now - self._after, given_up_since=now - GIVEN_UP_FOR)
            known = await work.second_notices.known({one.incident_id for one in untold})
            asked = await work.second_notices.told_lately(Kind.QUESTION, since=now - QUESTION_AGAIN_AFTER)
            over = [
                (incident_id, route)
                for route in self._routes
                if route.takes(Kind.OVER)
                for incident_id in await work.second_notices.unclosed(kind=Kind.OVER, route=route.name)
            ]
        wanted = list(_wanted(untold, known, asked, self._routes, now))
        if not wanted and not over:
            return 0
        added = 0
        async with self._database.begin() as work:
            for one, told, route in wanted:
                added += await work.second_notices.add(
                    one, kind=told.kind, subject=told.subject, route=route.name, now=now
                )
            for incident_id, route in over:
                added += await work.second_notices.add_closing(incident_id, kind=Kind.OVER, route=route.name, now=now)
        return added

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _serve(self, route: Route) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                async with self._database.read() as work:
                    due = await work.second_notices.due(route.name, self._now())
                went_well = await self._send(route, due)
            except Exception:
                log.exception("the second channel could not use its rows for %s; trying again", route.in_words)
                due, went_well = (), False
            failures = 0 if went_well else failures + 1
            if failures or not due:
                await self._rest(self._back_off(failures) if failures else self._poll_seconds)

    async def _send(self, route: Route, due: Sequence[int]) -> bool:
        """Send these in order; False as soon as one could not be sent: the next would fare no better."""
        for notice_id in due:
            if self._closing.is_set() or not await self._tell(route, notice_id):
                return False
        return True

    async def _tell(self, route: Route, notice_id: int) -> bool:
        leased = await self._leased(route, notice_id)
        if leased is None:
            return True
        row, incident = leased
        letter, outcome = await self._attempted(route, row, incident)
        now = self._now()
        async with self._database.begin() as work:
            match outcome:
                case Delivered():
                    if await work.second_notices.delivered(row.id, now=now) and letter is not None:
                        await self._on_taken(work, row, route, letter)
                case RetryLater(error, others_may_go=True) if row.attempts >= ALONE_ATTEMPTS:
                    await work.second_notices.failed(row.id, by=self._name, error=error)
                case RetryLater(error):
                    at = now + timedelta(seconds=self._back_off(row.attempts))
                    await work.second_notices.retry(row.id, by=self._name, at=at, error=error)
                case Rejected(error):
                    await work.second_notices.failed(row.id, by=self._name, error=error)
        self._note(route, outcome.error if isinstance(outcome, RetryLater | Rejected) else "")
        return not isinstance(outcome, RetryLater) or outcome.others_may_go

    async def _attempted(self, route: Route, row: SecondNotice, incident: Incident) -> tuple[Letter | None, Outcome]:
        """The letter and what came of it; None where it could not even be written."""
        kind = Kind(row.kind)
        try:
            offered = self._office.offered(row, kind, route) if self._office else None
            letter = write(kind, row.key, incident, row.notice, offered, row.created_at)
        except Exception as error:  # text that nobody foresaw; it keeps no other message from being sent
            log.exception("no message about %s could be written", incident.name)
            return None, RetryLater(f"the message could not be written ({type(error).__name__})", others_may_go=True)
        return letter, await route.send(letter)

    async def _leased(self, route: Route, notice_id: int) -> tuple[SecondNotice, Incident] | None:
        """The row and its incident, in the transaction that leases it; None when there is nothing to send."""
        now = self._now()
        async with self._database.begin() as work:
            row = await work.second_notices.claim(
                notice_id, by=self._name, now=now, until=now + timedelta(seconds=LEASE_SECONDS)
            )
            if row is None:
                return None
            incident = await work.incidents.get(row.incident_id)
            kind = Kind(row.kind)
            if (
                incident is None
                or await work.second_notices.taken_by_slack(row)
                or not await still_true(work, kind, row.subject, incident)
                or (kind is Kind.ENDING and not await work.second_notices.told_before(row))
            ):
                await work.second_notices.unneeded(row.id, by=self._name)
                return None
        return row, incident

    # -- how it stands ---------------------------------------------------------------------------------------------

    def _note(self, route: Route, error: str) -> None:
        before = self.state.problems.pop(route.in_words, None)
        if not error:
            return
        if before is None or before.error != error:
            log.error("the second channel cannot reach people by %s: %s", route.in_words, error)
        self.state.problems[route.in_words] = Problem(error, self._now())

    def _back_off(self, failures: int) -> float:
        return self._back_off_seconds[min(failures, len(self._back_off_seconds)) - 1]

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def _wanted(
    untold: Sequence[Untold],
    known: Collection[Known],
    asked_of_each: Mapping[str, int],
    routes: Sequence[Route],
    now: datetime,
) -> Iterator[tuple[Untold, Telling, Route]]:
    """What is to be told where and was not yet, in the outbox's order.

    ``asked_of_each``: how many questions each route was lately told, whatever has become of their incidents.
    """
    made = {(row.incident_id, row.kind, row.subject, row.route) for row in known}
    told_something = {(row.incident_id, row.route) for row in known}
    asked_lately = {
        (row.incident_id, row.route)
        for row in known
        if row.kind == Kind.QUESTION and row.created_at > now - QUESTION_AGAIN_AFTER
    }
    asked = Counter(asked_of_each)
    for one in untold:
        told = telling(one.notice)
        for route in routes if told is not None else ():
            if told is None or not route.takes(told.kind):
                continue
            name = (one.incident_id, told.kind.value, told.subject, route.name)
            if name in made:
                continue
            if told.kind is Kind.QUESTION:
                if (one.incident_id, route.name) in asked_lately or asked[route.name] >= QUESTIONS_AT_ONCE:
                    continue
                asked[route.name] += 1
            if told.kind is Kind.HELD and (one.incident_id, route.name) in told_something:
                continue
            made.add(name)
            yield one, told, route
