"""Takes one alert through the real flows: stand-ins answer the question, and what people would be told is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.composition.gate_room import GateRoom
from bot.gates.report import Ending, Record
from bot.gates.twin import STAND_IN_PEOPLE, GateError, Twin
from bot.policy.decision import Verdict
from bot.policy.plan import Exactness
from bot.policy.situation import AlertFacts, Planned, ScopeKind
from bot.remediation import Record as Effect
from bot.remediation import Step
from bot.response.execution.record import record_of
from bot.response.interventions.approvals import approve
from bot.response.interventions.clicks import Press
from bot.response.interventions.take_override import roll_back
from bot.response.model.actions import ENDED_AFTER_AN_EFFECT, REVERSIBLE, Action, ActionState, Result
from bot.response.model.incidents import Alert, AlertStatus, Incident
from bot.response.model.notices import ThreadNotice
from bot.response.model.records import AttemptState, StoredDecision, rollback_key
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action
from storage.audit_chain import Reader

INCIDENT = 1
"""A run has one."""
POLL_SECONDS = 0.05
LONGEST = timedelta(minutes=10)
"""What a run may take beside verification and rollback; what does not end by then is no end."""
LEASE = timedelta(seconds=60)

BeforeIt = Callable[[Action, StoredDecision], Awaitable[None]]


class Drive:
    """One incident of one run."""

    def __init__(self, room: GateRoom, twin: Twin) -> None:
        self._room, self._twin = room, twin
        self._limit = LONGEST + twin.runbook.verify.within + twin.policy.rollback_within_of(twin.name)
        self.told: list[str] = []
        """Headings in the thread, in order."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Inside, everything that people are told is taken."""
        listener = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def raise_alert(self, alert: AlertFacts) -> None:
        """The alert is received, unless it was before the process died."""
        incident, _, _ = await self._present()
        if incident is None:
            await self._room.intake.accept([Alert(alert, AlertStatus.FIRING, None, "", self._room.context.now())])

    async def to_its_end(self, before: BeforeIt) -> Action | None:
        """Until the action has ended; None where everything is as wanted already.

        ``before`` is called with each question, before it is answered.

        Raises:
            GateError: there is nothing to approve, or it does not end.
        """
        try:
            async with asyncio.timeout(self._limit.total_seconds()):
                while True:
                    incident, action, stored = await self._present()
                    if action is not None and action.state in ENDED_AFTER_AN_EFFECT:
                        return action
                    if incident is not None and stored is not None:
                        if action is None and self._nothing_to_do(stored):
                            return None
                        await self._answer(incident, action, stored, before)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise GateError(f"It did not come to an end within {self._limit.total_seconds():g} s.") from error

    async def roll_it_back(self, action: Action) -> Action:
        """A stand-in rolls it back; the action when that has ended.

        Raises:
            GateError: it is refused, or does not end.
        """
        context = self._room.context
        roster = await context.roster()
        incident, _, _ = await self._present()
        revision = incident.revision if incident is not None else action.revision
        async with self._room.database.begin() as work:
            answer = await roll_back(work, context, roster, Press(STAND_IN_PEOPLE[0], action.id, revision), "gates")
        if not answer.accepted:
            raise GateError(f"It cannot be rolled back: {answer.text}")
        try:
            async with asyncio.timeout(self._limit.total_seconds()):
                while True:
                    _, present, _ = await self._present()
                    if present is not None and present.state in ENDED_AFTER_AN_EFFECT:
                        return present
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise GateError("The rollback did not come to an end.") from error

    async def decided(self) -> StoredDecision | None:
        """The decision about the present question."""
        return (await self._present())[2]

    async def effect(self, action: Action) -> Effect:
        """What is on record of the action's effect."""
        async with self._room.database.read() as work:
            return await record_of(work, action)

    async def record(self) -> Record:
        """The run's own audit record as it stands."""
        async with self._room.database.read() as work:
            reader = Reader(self._room.audit_key, await work.audit.anchors())
            async for entry in work.audit.entries():
                reader.read(entry)
            found = reader.close(await work.audit.head())
        return Record(entries=found.entries, head=found.head.hash, whole=found.intact)

    async def against(self, action: Action) -> str:
        """What is wrong with how an action ended, in a sentence; empty when nothing is."""
        said = state_words(action.state, action.result).label
        await self._all_told()
        if said not in self.told:
            return f"Nobody was told that it ended: “{said}” is not among what people would have been told."
        async with self._room.database.read() as work:
            held = await work.locks.held()
            paused = [one.scope for one in await work.pauses.active(self._room.context.now())]
            rollback = await work.attempts.get(rollback_key(action.id, action.rollbacks))
        left_to_people = action.result is Result.INTERRUPTED or (
            rollback is not None and rollback.state is AttemptState.MOVED_ON
        )
        if held:
            return f"{', '.join(sorted(held))} was left locked."
        if action.state is not ActionState.FAILED or action.result is Result.NOTHING_CHANGED:
            return ""
        if action.plan.rollback.exactness in REVERSIBLE and not left_to_people:
            return f"It could have been rolled back, and was not: {action.outcome}"
        if not any(scope.kind is ScopeKind.RUNBOOK and scope.name == self._twin.name for scope in paused):
            return "It did not help, and its runbook was not paused."
        return ""

    def _nothing_to_do(self, stored: StoredDecision) -> bool:
        return stored.situation.plans.get(self._twin.name, Planned()).nothing_to_do

    async def _answer(
        self, incident: Incident, action: Action | None, stored: StoredDecision, before: BeforeIt
    ) -> None:
        if stored.decision.verdict is not Verdict.ASK:
            planned = stored.situation.plans.get(self._twin.name, Planned())
            raise GateError(f"It would not even be asked for: {stored.decision.headline} {planned.problem}".strip())
        if action is None or action.state is not ActionState.WAITING:
            return
        await before(action, stored)
        context = self._room.context
        roster = await context.roster()
        for person in STAND_IN_PEOPLE[: stored.decision.approvals_needed]:
            async with self._room.database.begin() as work:
                await approve(work, context, roster, Press(person, action.id, incident.revision))

    async def _present(self) -> tuple[Incident | None, Action | None, StoredDecision | None]:
        async with self._room.database.read() as work:
            incident = await work.incidents.get(INCIDENT)
            if incident is None:
                return None, None, None
            return incident, await current_action(work, incident), await work.decisions.latest(INCIDENT)

    async def _listen(self) -> None:
        while True:
            await self._take_what_is_told()
            await asyncio.sleep(POLL_SECONDS)

    async def _all_told(self) -> None:
        async with asyncio.timeout(LEASE.total_seconds()):
            while True:
                async with self._room.database.read() as work:
                    left = await work.outbox.undelivered(INCIDENT)
                if not left:
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def _take_what_is_told(self) -> None:
        now = self._room.context.now()
        async with self._room.database.begin() as work:
            for number in await work.outbox.due(now):
                item = await work.outbox.claim(number, by="gates", now=now, until=now + LEASE)
                if item is None:
                    continue
                await work.outbox.delivered(number, channel="gates", ts=f"{number}.0", now=now)
                if isinstance(item.notice, ThreadNotice):
                    self.told.append(item.notice.title)


def ending_of(action: Action | None) -> Ending:
    """In the words of the gates."""
    if action is None:
        return Ending.NOTHING_RUN
    return {ActionState.SUCCEEDED: Ending.HEALTHY, ActionState.ROLLED_BACK: Ending.ROLLED_BACK}.get(
        action.state, Ending.INTERRUPTED
    )


def can_be_rolled_back(action: Action, steps: tuple[Step, ...]) -> bool:
    """Whether people could still restore something after this end."""
    left = action.state is ActionState.FAILED and action.result is not Result.NOTHING_CHANGED
    return left and bool(steps) and action.plan.rollback.exactness in (Exactness.EXACT, Exactness.APPROXIMATE)
