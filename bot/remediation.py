"""The contract every remediation fulfils, and the two words its author needs when things go wrong.

A remediation knows how to plan, rehearse, execute, verify and roll back one kind of fix. It acts on real systems
only through a backend, never posts to Slack, never decides whether it may run, and keeps nothing between calls:
what must survive a crash is in the ``Snapshot`` it returns, which the caller stores before ``execute`` starts.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from bot.policy.plan import Effect, Facts, Plan


class RemediationError(Exception):
    """Base of the two errors a remediation may raise; the text is shown to people."""


class TemporaryError(RemediationError):
    """It may work later (connection refused, rate limited): the caller may try again after ``retry_after`` seconds.

    Raised from ``execute`` it means that *nothing has been changed yet*.
    """

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(RemediationError):
    """Trying again cannot help (unknown target, refused credentials): a person must decide."""


class Snapshot(Facts):
    """The state recorded before acting, from which ``roll_back`` restores. JSON only; no secrets."""

    state: dict[str, Any] = Field(default_factory=dict)


class Report(Facts):
    """What a step did, for the thread and the audit: one sentence, and details as JSON."""

    summary: str
    details: dict[str, Any] = Field(default_factory=dict)


class Health(Facts):
    """The remediation's own view of its targets, beside the monitor's; ``healthy`` None means cannot tell."""

    healthy: bool | None
    summary: str


class Parameters(BaseModel):
    """Base of a remediation's parameter model (the policy's ``with``); unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@runtime_checkable
class Remediation(Protocol):
    """One kind of fix.

    Instances are made once at start by the catalogue with the backends the policy configures. All methods are
    async, must not block the loop, and are given a plan, never loose parameters, after ``plan``.
    """

    name: ClassVar[str]
    """As written in the policy: ``restart_service``."""
    title: ClassVar[str]
    """For people: "Restart a service"."""
    parameters: ClassVar[type[Parameters]]
    effects: ClassVar[frozenset[Effect]]
    """The most this remediation can ever touch; a plan's effects are a subset."""

    async def plan(self, parameters: Parameters, service: str, fleet: int | None) -> Plan:
        """Resolve targets live and describe what would happen. Changes nothing.

        ``fleet`` is the number of instances the policy says the service has, for the share; None when unknown.
        Raises TemporaryError or PermanentError; an empty target set is a plan with no targets, never "everything".
        """
        ...

    async def rehearse(self, plan: Plan) -> Report:
        """Check that ``execute`` and ``roll_back`` would be possible now (rights, reachability). Changes nothing."""
        ...

    async def snapshot(self, plan: Plan) -> Snapshot:
        """Record what ``roll_back`` needs. Changes nothing."""
        ...

    async def execute(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Do it. Called at most once per action."""
        ...

    async def health(self, plan: Plan) -> Health:
        """Read the targets as the backend sees them; used while verifying, beside the monitor's answer."""
        ...

    async def roll_back(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Restore the snapshot; must be safe when ``execute``, or an earlier attempt at this, stopped half-way.

        An attempt that failed may be followed by another. It is never called where the plan says
        that there is nothing to undo.
        """
        ...


@runtime_checkable
class KnowsTargets(Protocol):
    """A remediation that can also say what there is for it to act on; so a mistyped name is found out."""

    async def targets(self) -> Collection[str]:
        """Every target by its key and by the name people see. Changes nothing; errors as ``Remediation.plan``."""
        ...


Catalogue = Mapping[str, Remediation]
"""Remediation name to instance."""
