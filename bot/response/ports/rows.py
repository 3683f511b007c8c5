"""What the flows need from rows, as protocols; storage implements them, and ``Work`` hands them out.

Every ``move`` and ``take`` is a conditional update; None or False means somebody else was first, and that is a normal
answer.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.policy.file.document import Policy
from bot.policy.situation import (
    AlertFacts,
    Beginning,
    History,
    LedgerEntry,
    Pause,
    Refusal,
    Scope,
)
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.model.bulletins import Bulletin, BulletinNotice
from bot.response.model.incidents import Alert, Incident, IncidentEvent
from bot.response.model.notices import CardNotice, Told
from bot.response.model.records import (
    AssessmentResult,
    ClaimJudgement,
    Occasion,
    Review,
    ReviewLoad,
    SentDirect,
    StoredDecision,
    Vote,
)


class Incidents(Protocol):
    """Incidents with their alerts: what is wrong, and how far it has been answered."""

    async def get(self, incident_id: int) -> Incident | None:
        """The incident of this number; None when there is none."""
        ...

    async def by_handle(self, handle: str) -> Incident | None:
        """The incident whose buttons carry this handle; None for a handle that we did not give out."""
        ...

    async def unresolved(self, limit: int = 50) -> Sequence[Incident]:
        """Newest first."""
        ...

    async def alerts(self, incident_id: int, limit: int = 1000) -> Sequence[Alert]:
        """Newest first, the firing before the resolved; at most ``limit``."""
        ...

    async def hit_since(self, since: datetime) -> Sequence[tuple[int, str]]:
        """Where an alert fires that was received after ``since``: unresolved incidents by number, and its service."""
        ...

    async def beginnings(self, alerts: Collection[AlertFacts], since: datetime) -> tuple[Beginning, ...]:
        """Each time since then that one of these alerts began, whatever incident it was in; oldest first."""
        ...

    async def firing(self, incident_id: int) -> int:
        """How many of its alerts are firing."""
        ...

    async def still_firing(
        self, states: Collection[ActionState], since: datetime, limit: int = 100
    ) -> Sequence[Incident]:
        """Open incidents whose question ended in one of the states by ``since`` while a monitor's alert goes on firing.

        Not those of which people were told after ``since``; longest over first.
        """
        ...

    async def tell_firing(self, incident: Incident, now: datetime) -> bool:
        """People are about to be told that it goes on firing; False when somebody else has just told them."""
        ...

    async def wanted(self, limit: int = 1000) -> Sequence[int]:
        """Numbers of the unresolved incidents whose assessment is said to be queued."""
        ...

    async def open_requested(self, alert: Alert, handle: str, now: datetime) -> int:
        """Open an incident of its own for what a person asks; its number."""
        ...

    async def requested(self, limit: int = 100) -> Sequence[Incident]:
        """Unresolved incidents that a person's request opened, and that nobody has ended yet; oldest first."""
        ...

    async def end_requested(self, incident_id: int, now: datetime) -> bool:
        """What the person asked for is settled; True when this call ended it."""
        ...

    async def move(self, incident_id: int, event: IncidentEvent, *, now: datetime, by: str | None = None) -> bool:
        """Apply ``event`` where the lifecycle allows it; True when this call did."""
        ...

    async def begin_consideration(self, incident_id: int, now: datetime) -> None:
        """Clear the "wants consideration" mark: what arrives from here on asks for another assessment."""
        ...

    async def services(self) -> frozenset[str]:
        """Every service that an alert or an incident ever named."""
        ...

    async def refuse(self, incident_id: int, refusal: Refusal) -> None:
        """Remember a person's no, whatever becomes of the incident's actions."""
        ...

    async def raise_severity(self, incident_id: int, severity: str) -> None:
        """An alert that joined is worse than all before it: the incident is as bad from here on."""
        ...

    async def next_revision(self, incident_id: int) -> int:
        """Raise the revision by one and return it: cards with the old one are stale from this commit on."""
        ...


class Decisions(Protocol):
    """What was decided for an incident, and on what: never changed, one row for each revision."""

    async def add(self, stored: StoredDecision) -> None:
        """Store a decision with the situation it rests on, under its incident and revision."""
        ...

    async def latest(self, incident_id: int) -> StoredDecision | None:
        """The decision that stands now; None before the first, and when only a newer release can read it."""
        ...

    async def at_revision(self, incident_id: int, revision: int) -> StoredDecision | None:
        """The decision that a card of this revision showed; None when there was none."""
        ...

    async def add_claim(self, judged: ClaimJudgement) -> None:
        """Keep the judgement made when an action claimed its targets."""
        ...

    async def claims_of(self, action_id: str) -> Sequence[ClaimJudgement]:
        """Every judgement made for the action at a claim, oldest first."""
        ...

    async def note(
        self, incident_id: int, result: AssessmentResult, detail: str, policy: Policy, now: datetime
    ) -> None:
        """Leave a small row about an assessment that decided nothing new."""
        ...

    async def last_note(self, incident_id: int) -> str:
        """The detail of the last assessment that found nothing new; empty when there was none."""
        ...

    async def keep(self, policy: Policy, now: datetime) -> None:
        """Store the whole policy under its digest, once."""
        ...

    async def policy(self, digest: str) -> Policy | None:
        """The policy of this digest, as it decided; None when it was never used here."""
        ...


class Actions(Protocol):
    """Actions and their states; the only way from state to state is an event of the lifecycle."""

    async def add(self, action: Action) -> None:
        """Store a new action, in one of the states in which its lifecycle may begin."""
        ...

    async def get(self, action_id: str) -> Action | None:
        """The action as it stands now; None for an id that we did not give out."""
        ...

    async def of_incident(self, incident_id: int) -> Sequence[Action]:
        """Oldest first."""
        ...

    async def move(self, action_id: str, event: ActionEvent, **changes: Any) -> Action | None:
        """Apply ``event`` where the lifecycle allows it, with field changes; the new row, or None if too late."""
        ...

    async def amend(self, action: Action, **changes: Any) -> Action | None:
        """Change fields without an event, where state and waits are still those of ``action``; None if too late."""
        ...

    async def halt(self, action_id: str, by: str, why: str, now: datetime) -> bool:
        """Keep every further step of its effect, or of its rollback, from beginning; True when this call did.

        ``why``: in words for people. False where nothing of it runs, or where it was halted before.
        """
        ...

    async def unanswered(self, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Questions whose time is over or whose people are to be reminded, longest overdue first."""
        ...

    async def due_in(self, states: Collection[ActionState], now: datetime, limit: int = 300) -> Sequence[Action]:
        """Actions in one of the states whose ``due_at`` has passed, longest overdue first."""
        ...

    async def in_states(self, states: frozenset[ActionState], limit: int = 1000) -> Sequence[Action]:
        """Actions in any of the states, oldest first; at most ``limit``."""
        ...

    async def runbooks_and_targets(self, limit: int = 1000) -> tuple[frozenset[str], frozenset[str]]:
        """What the newest actions were about: runbooks by name; targets by key and by the name people see."""
        ...

    async def history(
        self, runbooks: Collection[str], services: Collection[str], since: datetime, limit: int = 20
    ) -> History:
        """Finished actions of the runbooks or on the services, newest first; those that did nothing are none."""
        ...

    async def harmed(self, action_id: str) -> bool:
        """Something became worse that is counted as its doing; False when that is on record already."""
        ...

    async def acts_since(self, since: datetime) -> Sequence[Action]:
        """Every action whose effect began, or that ended after one, since then; oldest first."""
        ...


class Votes(Protocol):
    """Who has answered an action's question, and who had opened the evidence before."""

    async def cast(self, action_id: str, vote: Vote) -> bool:
        """Store a vote; False when this person has already answered this question."""
        ...

    async def withdraw(self, action_id: str, person: str) -> Vote | None:
        """Withdraw a person's approval, as if it had never been cast; the vote that was, None when there was none."""
        ...

    async def of(self, action_id: str) -> Sequence[Vote]:
        """Every vote on the action's question, oldest first; what each is worth is judged when votes are counted."""
        ...

    async def opened(self, incident_id: int, revision: int, person: str, at: datetime) -> None:
        """Remember that a person has opened the evidence."""
        ...

    async def has_opened(self, incident_id: int, revision: int, person: str) -> bool:
        """Whether the person opened the evidence while this revision stood."""
        ...


class Locks(Protocol):
    """One action at a time per target."""

    async def take(self, targets: Sequence[str], action_id: str) -> str | None:
        """Take all or none; None when taken (or already ours), else the action id that holds one of them."""
        ...

    async def release(self, action_id: str) -> None:
        """Set free every target that the action holds; nothing happens when it holds none."""
        ...


class Budgets(Protocol):
    """The shared ledger over all runbooks and replicas."""

    async def ledger(self, now: datetime, window: timedelta) -> tuple[LedgerEntry, ...]:
        """Every action that was begun within ``window``, oldest first."""
        ...

    async def enter(self, policy: Policy, action_id: str, services: Sequence[str], runbook: str, now: datetime) -> bool:
        """Count this action, whoever let it act; False when it is counted already."""
        ...


class Pauses(Protocol):
    """Pauses of automation: who paused what, why, and until when."""

    async def active(self, now: datetime) -> tuple[Pause, ...]:
        """What is paused now, by rows and by the pause file of this machine."""
        ...

    async def follow_file(self, now: datetime) -> tuple[bool, Pause] | None:
        """Note for other machines whether our pause file is there; what changed: it came (True) or went, or nothing."""
        ...

    async def add(self, scope: Scope, by: str, reason: str, now: datetime, until: datetime | None) -> Pause:
        """Pause the scope from this commit on, on every replica; without ``until`` it lasts until somebody resumes."""
        ...

    async def end(self, scope: Scope, by: str, now: datetime) -> tuple[Pause, ...]:
        """End the pauses of exactly this scope; those that were ended."""
        ...


class Outbox(Protocol):
    """What people are told, stored in the transaction whose news it is, and delivered afterwards."""

    async def add(self, incident_id: int, notice: Told, now: datetime) -> int:
        """Queue a notice for delivery in the incident's order; its outbox id.

        A queued card that has not been sent yet is replaced in content by a newer card of the same incident, but
        keeps its place in the order. 0: nothing is queued, the card that the incident shares with others says it all.
        """
        ...

    async def add_of_candidacy(self, candidacy_id: int, notice: Told, now: datetime) -> None:
        """The same in the order of a candidacy, which belongs to no incident."""
        ...

    async def add_bulletin(self, about: Bulletin, notice: BulletinNotice, now: datetime) -> None:
        """The same in the order of the bulletins about one thing, which belong to no incident."""
        ...

    async def deliver_again(self, incident_id: int, card: CardNotice, now: datetime) -> None:
        """The incident has moved to another channel: its first card is delivered anew, ahead of all that waits."""
        ...

    async def answerable(self, incident_id: int) -> Sequence[SentDirect]:
        """Direct messages of this incident that people have, with buttons that have not been taken away."""
        ...

    async def undelivered(self, incident_id: int | None = None) -> int:
        """How many notices wait, of one incident or of all."""
        ...


class Reviews(Protocol):
    """Reviews are mandatory: one row per action that changed something, was overridden or was rolled back."""

    async def ask(
        self,
        action_id: str,
        due_at: datetime,
        *,
        occasion: Occasion = Occasion.ACTED,
        assigned_to: str | None = None,
        remind_at: datetime | None = None,
    ) -> None:
        """Ask for a review of the action by ``due_at``.

        One that is open already only says the new occasion: it is not put off. One that is done is opened again, and
        keeps what was said before.
        """
        ...

    async def assign(self, action_id: str, to: str) -> bool:
        """It is this person's from now on; False when it is done already or was never asked for."""
        ...

    async def reminded(self, review: Review) -> bool:
        """Note that somebody is reminded of it, once; False where they were, or it has changed since."""
        ...

    async def to_remind(self, now: datetime, limit: int = 100) -> Sequence[Review]:
        """Those of which somebody is to be reminded by now, and that are not due yet, most urgent first."""
        ...

    async def loads(self, people: Collection[str]) -> Mapping[str, ReviewLoad]:
        """What each of these people, who has any, has to review and had to."""
        ...

    async def get(self, action_id: str) -> Review | None:
        """None when none was ever asked for."""
        ...

    async def open(self, limit: int = 100) -> Sequence[Review]:
        """Those that are not done, most urgent first."""
        ...

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Review]:
        """Those that are late and are not the reason for a demotion in force yet, longest overdue first."""
        ...

    async def complete(self, action_id: str, by: str, answers: Mapping[str, Any], now: datetime) -> bool:
        """Record the answers of an open review; False when it is done already or was never asked for."""
        ...

    async def open_count(self) -> int:
        """How many reviews are still to be done."""
        ...
