"""The contract every remediation fulfils, and the words its author needs when things go wrong.

A remediation knows how to plan, rehearse, execute, verify and roll back one kind of fix. It acts on real systems
only through a backend, never posts to Slack, never decides whether it may run, and keeps nothing between calls:
what must survive a crash is in the ``Snapshot`` it returns, which the caller stores before ``execute`` starts, and in
the steps of the ``Execution``, which are stored around each change.

A remediation subclasses ``Remediation`` and so inherits what has a sensible default.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

from bot.policy.file.protected import Protected
from bot.policy.plan import Effect, Facts, Moment, Plan
from bot.redaction import redacted
from bot.waiting import bounded_wait

AGAIN_AFTER_SECONDS = 5.0
AGAIN_WITHIN_SECONDS = 3600.0
"""Nothing is left alone for longer, whatever a system or its adapter says."""


class RemediationError(Exception):
    """Base of the errors a remediation may raise; the text is shown to people, and stored.

    It may quote the system that was asked, and that may repeat what it was told: a secret is taken out of it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class TemporaryError(RemediationError):
    """It may work later (connection refused, rate limited): the caller may try again after ``retry_after`` seconds.

    Raised before the first step of an execution it means that *nothing has been changed yet*, and it is tried again.
    However long a system wants to be left alone, after ``AGAIN_WITHIN_SECONDS`` it is asked again.
    """

    def __init__(self, message: str, *, retry_after: float = AGAIN_AFTER_SECONDS) -> None:
        super().__init__(message)
        self.retry_after = bounded_wait(retry_after, otherwise=AGAIN_AFTER_SECONDS, longest=AGAIN_WITHIN_SECONDS)


class PermanentError(RemediationError):
    """Trying again cannot help (unknown target, refused credentials): a person must decide."""


class NothingToDoError(PermanentError):
    """Raised by ``plan``: the target is as wanted already. The text says since when and until when, if known."""


class MovedOnError(PermanentError):
    """Raised by ``roll_back``: somebody has changed the target since, and restoring would overwrite their work."""


class HaltedError(BaseException):
    """Raised where a step would begin: stopped, paused, taken over or shutting down. Let it pass; what is done stays.

    No ordinary exception, so that no ``except`` of an author swallows a person's no.
    """


class Snapshot(Facts):
    """The state of what a plan touches, from which ``roll_back`` restores. JSON only; no secrets."""

    state: dict[str, Any] = Field(default_factory=dict)


class Report(Facts):
    """What was done, for the thread and the audit: one sentence, and details as JSON."""

    summary: str
    details: dict[str, Any] = Field(default_factory=dict)


class Condition(StrEnum):
    """How targets are, as their own system sees them."""

    HEALTHY = "healthy"
    SETTLING = "settling"
    """On its way: neither a success nor a failure yet, so it is asked about again."""
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    """This system cannot tell, or cannot be asked now."""


class Health(Facts):
    """The remediation's own view of its targets, beside the monitor's."""

    condition: Condition
    summary: str
    """One sentence for people: what was seen."""


class Step(Facts):
    """One change of an execution: stored before it begins, and again when it has ended."""

    words: str
    """What it does, for the card: "Evict web-3 (3 of 12)"."""
    target: str = ""
    """Key of the target it changes."""
    ended: bool = False
    """False: it failed, or nobody lived to tell whether it did what it says."""
    problem: str = ""
    """Why it failed, in words for people."""
    details: dict[str, JsonValue] = Field(default_factory=dict)
    """The remediation's own notes."""


class Record(Facts):
    """What is stored of one execution, however it ended."""

    snapshot: Snapshot
    """Taken right before it."""
    after: Snapshot | None = None
    """Taken right after it: what we left. None when nobody could look.

    Where a person was told of what somebody has changed since, and rolls back all the same, it is that: it may be
    overwritten, and nothing else.
    """
    steps: tuple[Step, ...] = ()
    """In the order in which they began."""
    report: Report | None = None
    """None: it failed, was halted, or did not live to tell."""

    @property
    def touched(self) -> frozenset[str]:
        """Keys of the targets that a step was begun on; only these are ever restored."""
        return frozenset(step.target for step in self.steps)


@dataclass(slots=True)
class Underway:
    """The step under way. What is put into ``details`` is stored when it ends."""

    details: dict[str, JsonValue] = field(default_factory=dict)


Result = TypeVar("Result")


class Execution(Protocol):
    """How an effect of one or many changes stays in people's hands while it runs."""

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this action: marks whatever is created elsewhere, so that twice is once."""
        ...

    def step(self, words: str, target: str = "") -> AbstractAsyncContextManager[Underway]:
        """Put around each single change: it is stored before it begins and when it has ended, and shown as progress.

        ``target`` is the key of one of the plan's targets. What is inside must end within the plan's ``step_limit``.

        Raises:
            HaltedError: on entering; nothing of this step was begun.
        """
        ...

    async def retrying(self, change: Callable[[], Awaitable[Result]], *, within: timedelta) -> Result:
        """Do ``change`` inside a step, and again after each TemporaryError, at the longest for ``within``.

        Raises:
            PermanentError: the time is over; the text says what the last answer was.
            HaltedError: somebody halted it while it waited for the next try.
        """
        ...


class Parameters(BaseModel):
    """Base of a remediation's parameter model (the policy's ``with``); unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def named(self) -> tuple[str, ...]:
        """What they call the targets, as far as they say it; so a policy can be checked where no system is asked."""
        return ()


OPEN: JsonDict = {"open": True}
"""``Field(json_schema_extra=OPEN)`` marks a parameter that a person's request may change, within its type.

Every other one is fixed: only the policy sets it. A backend, a host or a credential is never open.
"""


class About(Facts):
    """What the policy and the incident say beside the parameters."""

    service: str
    """The service the incident is about; empty when nobody knows."""
    fleet: int | None = None
    """Instances the policy says the service has, for the share; None when unknown."""
    now: Moment
    """Our clock."""
    protected: Protected = Protected()
    """What no plan may touch."""


@runtime_checkable
class Remediation(Protocol):
    """One kind of fix.

    Instances are made once at start by the catalogue with the systems the policy configures. All methods are
    async, must not block the loop, change nothing but where they say so, end when they are cancelled, and are given a
    plan, never loose parameters, after ``plan``.
    """

    name: ClassVar[str]
    """As written in the policy: ``restart_service``."""
    title: ClassVar[str]
    """For people: "Restart a service"."""
    version: ClassVar[int] = 1
    """Raised when a plan of the same words would do something else; sealed in every plan."""
    parameters: ClassVar[type[Parameters]]
    effects: ClassVar[frozenset[Effect] | None]
    """The most this remediation can ever touch. None: its class cannot know (a playbook); then the policy must say."""
    repeatable: ClassVar[bool] = False
    """Whether it is right to do it again after it worked; else planning again is ``NothingToDoError``."""
    asks_after_crash: ClassVar[bool] = False
    """Whether a rollback is for people once a process died inside ``execute`` (uncordoning a sick node)."""

    async def plan(self, parameters: Any, about: About) -> Plan:
        """Resolve targets live and describe what would happen. Changes nothing.

        ``parameters`` is an instance of ``self.parameters``. An empty target set is a plan with no targets, never
        "everything".

        Raises:
            NothingToDoError: everything is as wanted already.
            TemporaryError, PermanentError: no plan can be made; the text says why.
        """
        ...

    async def rehearse(self, plan: Plan) -> Report:
        """Check that ``execute`` and ``roll_back`` would be possible now (rights, reachability). Changes nothing."""
        await self.snapshot(plan)
        return Report(summary=f"{len(plan.targets)} target(s) can be seen.")

    async def snapshot(self, plan: Plan) -> Snapshot:
        """Read what ``roll_back`` needs. Changes nothing. Taken before and after acting and rolling back."""
        ...

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Do it, each change in a step of ``execution``. Refuses where the targets are not as planned any more.

        Raises:
            TemporaryError: before the first step; it is tried again.
            PermanentError: it cannot be finished; what was done is in the steps.
        """
        ...

    async def health(self, plan: Plan, record: Record) -> Health:
        """How the targets are now, as their own system sees them; asked again while they are settling."""
        ...

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Restore the touched targets to the snapshot; safe when ``execute`` or an earlier attempt stopped half-way.

        It is never called where the plan says that there is nothing to undo.

        Raises:
            TemporaryError: before the first step; it is tried again.
            MovedOnError: somebody has changed a target since.
            PermanentError: something could not be restored; the text names it.
        """
        raise PermanentError("There is nothing to undo.")

    def compared(self, plan: Plan, snapshot: Snapshot) -> JsonValue:
        """What of a snapshot shows that somebody else has changed a target; all of it, unless it says otherwise.

        Leave out what the system changes by itself: a supervisor's own restart is nobody's doing.
        """
        return snapshot.state

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """What we must have left, by snapshot and steps, where nobody lived to look. None: it cannot be told."""
        return None


@runtime_checkable
class KnowsTargets(Protocol):
    """A remediation that can also say what there is for it to act on; so a mistyped name is found out."""

    async def targets(self) -> Collection[str]:
        """Every target by its key and by the name people see. Changes nothing; errors as ``Remediation.plan``."""
        ...


Catalogue = Mapping[str, Remediation]
"""Remediation name to instance."""
