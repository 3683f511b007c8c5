"""What the flows need from rows, as protocols; storage implements them.

``Work`` is one transaction: everything done through it is committed together or not at all. Every ``move`` and
``take`` is a conditional update; None or False means somebody else was first, and that is a normal answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.situation import BudgetState, Gate, History, Licence, Pause, Scope
from bot.remediation import Snapshot
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.bundle import Bundle, Member
from bot.response.model.incident_channel import Announcement, ChannelBrief, OwnChannel
from bot.response.model.incidents import Alert, Incident, IncidentEvent
from bot.response.model.notices import CardNotice, Told
from bot.response.model.records import Attempt, AttemptState, AuditEntry, Request, Review, StoredDecision, Vote


class Incidents(Protocol):
    async def get(self, incident_id: int) -> Incident | None: ...

    async def by_handle(self, handle: str) -> Incident | None: ...

    async def unresolved(self, limit: int = 50) -> Sequence[Incident]:
        """Newest first."""
        ...

    async def alerts(self, incident_id: int, limit: int = 1000) -> Sequence[Alert]:
        """Newest first, the firing before the resolved; at most ``limit``."""
        ...

    async def firing(self, incident_id: int) -> int:
        """How many of its alerts are firing."""
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

    async def begin_consideration(self, incident_id: int) -> None:
        """Clear the "wants consideration" mark: what arrives from here on asks for another look."""
        ...

    async def next_revision(self, incident_id: int) -> int:
        """Raise the revision by one and return it: cards with the old one are stale from this commit on."""
        ...


class Decisions(Protocol):
    async def add(self, stored: StoredDecision) -> None: ...

    async def latest(self, incident_id: int) -> StoredDecision | None: ...

    async def at_revision(self, incident_id: int, revision: int) -> StoredDecision | None: ...


class Actions(Protocol):
    async def add(self, action: Action) -> None: ...

    async def get(self, action_id: str) -> Action | None: ...

    async def of_incident(self, incident_id: int) -> Sequence[Action]:
        """Oldest first."""
        ...

    async def move(self, action_id: str, event: ActionEvent, **changes: Any) -> Action | None:
        """Apply ``event`` where the lifecycle allows it, with field changes; the new row, or None if too late."""
        ...

    async def amend(self, action: Action, **changes: Any) -> Action | None:
        """Change fields without an event, where state and waits are still those of ``action``; None if too late."""
        ...

    async def unanswered(self, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Questions whose time is over or whose people are to be reminded, longest overdue first."""
        ...

    async def due(self, state: ActionState, now: datetime, limit: int = 100) -> Sequence[Action]:
        """Actions in ``state`` whose ``due_at`` has passed, longest overdue first."""
        ...

    async def in_states(self, states: frozenset[ActionState], limit: int = 1000) -> Sequence[Action]: ...

    async def history(self, runbook: str, service: str, since: datetime, limit: int = 20) -> History:
        """Finished actions of the runbook or on the service, newest first."""
        ...


class Votes(Protocol):
    async def cast(self, action_id: str, vote: Vote) -> bool:
        """Store a vote; False when this person has already answered this question."""
        ...

    async def withdraw(self, action_id: str, person: str) -> Vote | None:
        """Take a person's yes back, as if it had never been cast; the vote that was, None when there was none."""
        ...

    async def of(self, action_id: str) -> Sequence[Vote]: ...

    async def opened(self, incident_id: int, revision: int, person: str, at: datetime) -> None:
        """Remember that a person has opened the evidence."""
        ...

    async def has_opened(self, incident_id: int, revision: int, person: str) -> bool: ...


class Attempts(Protocol):
    async def claim(self, key: str, snapshot: Snapshot | None) -> Attempt:
        """Create the row in state claimed, or return what is there (after a crash)."""
        ...

    async def start_once(self, key: str) -> bool:
        """claimed -> started; True for exactly one caller, ever."""
        ...

    async def finish(self, key: str, state: AttemptState, report: str) -> None: ...

    async def get(self, key: str) -> Attempt | None: ...


class Locks(Protocol):
    """One action at a time per target."""

    async def take(self, targets: Sequence[str], action_id: str) -> str | None:
        """Take all or none; None when taken (or already ours), else the action id that holds one of them."""
        ...

    async def release(self, action_id: str) -> None: ...


class Budgets(Protocol):
    """The shared ledger over all runbooks and replicas."""

    async def states(self, policy: Policy, service: str, runbook: str, now: datetime) -> tuple[BudgetState, ...]: ...

    async def take(
        self, policy: Policy, action_id: str, service: str, runbook: str, now: datetime
    ) -> BudgetState | None:
        """Record one action in every budget that covers it, atomically; the exhausted budget if one refuses."""
        ...


class Pauses(Protocol):
    async def active(self, now: datetime) -> tuple[Pause, ...]:
        """What is paused now, by rows and by the pause file of this machine."""
        ...

    async def follow_file(self, now: datetime) -> tuple[bool, Pause] | None:
        """Note for other machines whether our pause file is there; what changed: it came (True) or went, or nothing."""
        ...

    async def add(self, scope: Scope, by: str, reason: str, now: datetime, until: datetime | None) -> Pause: ...

    async def end(self, scope: Scope, by: str, now: datetime) -> tuple[Pause, ...]:
        """End the pauses of exactly this scope; those that were ended."""
        ...


class Licences(Protocol):
    async def of(self, runbook: str, runbook_digest: str, now: datetime) -> Licence:
        """The unexpired gates passed by this very version of the runbook, and any demotion."""
        ...

    async def pass_gate(
        self, runbook: str, runbook_digest: str, gate: Gate, *, by: str, now: datetime, until: datetime
    ) -> None: ...

    async def demote(
        self, runbook: str, level: Level, reason: str, now: datetime, *, review_of: str | None = None
    ) -> bool:
        """Cap the runbook at ``level``. ``review_of``: the action whose overdue review is the reason, once per action.

        False: that review has been the reason for one already.
        """
        ...

    async def reviewed(self, action_id: str, by: str, now: datetime) -> bool:
        """Lift what the overdue review of this action took away; True when it had taken something."""
        ...


class Audit(Protocol):
    async def append(
        self, *, kind: AuditKind, actor: str, at: datetime, body: Mapping[str, Any], incident_id: int | None = None
    ) -> int:
        """Add an entry to the keyed hash chain; its number."""
        ...

    async def of_incident(self, incident_id: int) -> Sequence[AuditEntry]:
        """Oldest first."""
        ...


class Outbox(Protocol):
    async def add(self, incident_id: int, notice: Told, now: datetime) -> int:
        """Queue a notice for delivery in the incident's order; its outbox id.

        A queued card that has not been sent yet is replaced in content by a newer card of the same incident, but
        keeps its place in the order. 0: nothing is queued, the card that the incident shares with others says it all.
        """
        ...

    async def deliver_again(self, incident_id: int, card: CardNotice, now: datetime) -> None:
        """The incident has moved to another channel: its first card is delivered anew, ahead of all that waits."""
        ...

    async def undelivered(self, incident_id: int | None = None) -> int:
        """How many notices wait, of one incident or of all."""
        ...


class OwnChannels(Protocol):
    """Channels of their own, for the incidents that the orders want to have one."""

    async def begin(
        self, incident_id: int, brief: ChannelBrief, announcement: Announcement, *, now: datetime, hold_until: datetime
    ) -> bool:
        """Want a channel for the incident, once; False when it has (or had) one. News waits for it meanwhile."""
        ...

    async def get(self, incident_id: int) -> OwnChannel | None: ...

    async def opened(self, incident_id: int, channel: str, *, now: datetime) -> bool:
        """It is there: the incident lives in it from here on, and its card has no message there yet."""
        ...

    async def give_up(self, incident_id: int, error: str) -> bool:
        """It cannot be, or is no more: the incident lives in its first card's thread; False when it did already."""
        ...

    async def archived(self, incident_id: int) -> bool:
        """It is archived: what is still told goes to the first card's thread; False when it was already."""
        ...

    async def archive_at(self, incident_id: int, at: datetime) -> bool:
        """The incident is over: archive the channel at ``at``; False when there is none, or that is settled already."""
        ...


class Bundles(Protocol):
    async def asked_since(self, runbook: str, since: datetime) -> int:
        """How many incidents of this runbook have become a question since then."""
        ...

    async def ask(self, incident_id: int, runbook: str, headline: str, now: datetime) -> None:
        """Count the incident's first question; once."""
        ...

    async def get(self, handle: str) -> Bundle | None: ...

    async def of(self, incident_id: int) -> Bundle | None:
        """The bundle that the incident is asked about in; None while it has a card of its own."""
        ...

    async def by_thread(self, channel: str, thread_ts: str) -> Bundle | None:
        """The bundle whose card, or thread, this is."""
        ...

    async def with_room(self, runbook: str, since: datetime) -> Bundle | None:
        """The newest bundle of the runbook that was opened since then and is not full."""
        ...

    async def open(self, handle: str, runbook: str, founder_id: int, now: datetime) -> Bundle: ...

    async def join(self, bundle: Bundle, incident_id: int) -> None:
        """The incident is asked about there from here on, under a new revision."""
        ...

    async def renew(self, bundle: Bundle, incident_id: int, headline: str) -> None:
        """The member's question is another one now: cards with an older revision do not speak for it."""
        ...

    async def leave(self, incident_id: int) -> bool:
        """The incident gets a card of its own, and lives in its thread once it is delivered; False when it has one."""
        ...

    async def members(self, bundle: Bundle) -> Sequence[Member]:
        """In the order in which they joined."""
        ...

    async def say_once(self, bundle: Bundle, what: str) -> bool:
        """Whether ``what`` was not said to people about this bundle yet; from here on it was."""
        ...


class Reviews(Protocol):
    """Post-action reviews are mandatory: one row per action that changed something."""

    async def ask(self, action_id: str, due_at: datetime) -> None: ...

    async def get(self, action_id: str) -> Review | None:
        """None when none was ever asked for."""
        ...

    async def open(self, limit: int = 100) -> Sequence[Review]:
        """Those that are not done, most urgent first."""
        ...

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Review]:
        """Those that are late and have not been the reason for a demotion yet, longest overdue first."""
        ...

    async def complete(self, action_id: str, by: str, answers: Mapping[str, Any], now: datetime) -> bool:
        """Record the answers of an open review; False when it is done already or was never asked for."""
        ...

    async def open_count(self) -> int: ...


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

    async def consider(self, incident_id: int, request: "Request | None" = None) -> None:
        """Look at the incident (again). Asking while a look is already wanted adds nothing, unless a person asks."""
        ...

    async def consider_deferred(self) -> bool:
        """Queue some of the looks that a storm of alerts left owing; True when more may be left.

        Intake does so itself right after a storm; the sweep asks too, for the storm in which a process died.
        """
        ...

    async def act(self, action: Action, *, delay_seconds: float = 0, attempt: int = 0) -> None: ...

    async def roll_back(self, action: Action, by: str, reason: str) -> None: ...


class Work(Protocol):
    """One transaction over every noun."""

    @property
    def incidents(self) -> Incidents: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def actions(self) -> Actions: ...
    @property
    def votes(self) -> Votes: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def pauses(self) -> Pauses: ...
    @property
    def licences(self) -> Licences: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def channels(self) -> OwnChannels: ...
    @property
    def bundles(self) -> Bundles: ...
    @property
    def reviews(self) -> Reviews: ...
    @property
    def queue(self) -> Queue: ...


class Database(Protocol):
    def begin(self) -> AbstractAsyncContextManager[Work]:
        """One transaction: commits when the block ends well, else rolls back. Never open one inside another."""
        ...

    def read(self) -> AbstractAsyncContextManager[Work]:
        """One consistent view in which writing is refused and nobody is kept waiting."""
        ...
