"""One transaction over every noun, and the durable work that starts with its commit; storage implements them."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from bot.policy.situation import Request
from bot.response.model.actions import Action
from bot.response.ports.audit import Audit
from bot.response.ports.bulletins import Bulletins
from bot.response.ports.calls import Calls
from bot.response.ports.candidacies import Candidacies
from bot.response.ports.effects import Attempts, BurnWatches, Causes, Changes, Steps, WearOffs
from bot.response.ports.hindsight import Hindsight
from bot.response.ports.licences import Licences
from bot.response.ports.places import Bundles, OwnChannels
from bot.response.ports.rows import (
    Actions,
    Budgets,
    Decisions,
    Incidents,
    Locks,
    Outbox,
    Pauses,
    Reviews,
    Votes,
)


class Enqueuer(Protocol):
    """The durable engine's side of ``Queue``: adds a workflow within the caller's open transaction."""

    def enqueue(
        self,
        session: Any,
        flow: str,
        *arguments: Any,
        workflow_id: str,
        queue: str,
        partition: str,
        delay_seconds: float = 0,
    ) -> None:
        """Enqueue ``flow`` on the *synchronous* SQLAlchemy session underlying our async one (``run_sync``).

        An id that exists already is left alone, so asking twice starts once.
        """
        ...


class Queue(Protocol):
    """Starts durable work when, and only when, the transaction commits."""

    async def consider(self, incident_id: int, request: Request | None = None) -> None:
        """Queue an assessment of the incident. While one is queued, another adds nothing, unless a person asks."""
        ...

    async def consider_at(self, incident_id: int, at: datetime, now: datetime) -> None:
        """Queue an assessment of the incident for then; news that is worse than all before hurries it."""
        ...

    async def consider_deferred(self) -> bool:
        """Queue some of the assessments that a storm of alerts left deferred; True when more may be left.

        Intake does so itself right after a storm; the sweep asks too, for the storm in which a process died.
        """
        ...

    async def consider_anew(self, incident_ids: Sequence[int]) -> Sequence[int]:
        """Queue an assessment of those that are still marked as if one were queued; which these were."""
        ...

    async def act(self, action: Action, *, delay_seconds: float = 0, attempt: int = 0) -> None:
        """Have the approved action carried out, after those before it on the same target and after the delay.

        ``attempt`` tells a later try from the first: the same action and number are queued once.
        """
        ...

    async def roll_back(self, action: Action, by: str, reason: str) -> None:
        """Have the action rolled back, after those before it on the same target; once, however often it is asked for.

        ``by`` is a Slack user id or ``watchkeeper``; ``reason`` is shown to people.
        """
        ...


class Work(Protocol):
    """One transaction over every noun: everything done through it is committed together or not at all."""

    @property
    def incidents(self) -> Incidents:
        """Incidents and their alerts."""
        ...

    @property
    def decisions(self) -> Decisions:
        """Decisions with their situations."""
        ...

    @property
    def actions(self) -> Actions:
        """Actions, moved from state to state."""
        ...

    @property
    def votes(self) -> Votes:
        """Answers to questions, and who had seen the evidence."""
        ...

    @property
    def attempts(self) -> Attempts:
        """The fence that lets each external effect begin at most once."""
        ...

    @property
    def steps(self) -> Steps:
        """The single changes of each effect."""
        ...

    @property
    def wear_offs(self) -> WearOffs:
        """Effects that end by themselves."""
        ...

    @property
    def burn_watches(self) -> BurnWatches:
        """Acts whose error budgets are watched."""
        ...

    @property
    def locks(self) -> Locks:
        """Targets that an action has to itself."""
        ...

    @property
    def budgets(self) -> Budgets:
        """The ledger of how often we may act."""
        ...

    @property
    def pauses(self) -> Pauses:
        """Pauses that are in force."""
        ...

    @property
    def bulletins(self) -> Bulletins:
        """How far people were told of what belongs to no incident."""
        ...

    @property
    def calls(self) -> Calls:
        """Incidents that a person must check, until somebody takes them."""
        ...

    @property
    def causes(self) -> Causes:
        """Which incident has its cause at another."""
        ...

    @property
    def changes(self) -> Changes:
        """What others are changing."""
        ...

    @property
    def licences(self) -> Licences:
        """Gates passed, and demotions."""
        ...

    @property
    def hindsight(self) -> Hindsight:
        """Judgements beside what came of them."""
        ...

    @property
    def candidacies(self) -> Candidacies:
        """Runbooks that stand for a higher level."""
        ...

    @property
    def audit(self) -> Audit:
        """The hash chain of the record."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Notices on their way to people."""
        ...

    @property
    def channels(self) -> OwnChannels:
        """Incidents' channels of their own."""
        ...

    @property
    def bundles(self) -> Bundles:
        """Cards that many incidents share."""
        ...

    @property
    def reviews(self) -> Reviews:
        """Post-action reviews, done and due."""
        ...

    @property
    def queue(self) -> Queue:
        """Durable work that starts with the commit."""
        ...


class Database(Protocol):
    """Hands out transactions; never two of them inside each other."""

    def begin(self) -> AbstractAsyncContextManager[Work]:
        """One transaction: commits when the block ends well, else rolls back. Never open one inside another."""
        ...

    def read(self) -> AbstractAsyncContextManager[Work]:
        """One consistent view in which writing is refused and nobody is kept waiting."""
        ...
