"""How an act is verified, and where and how a runbook's gates are run."""

from typing import Annotated, Any

from pydantic import Field

from bot.policy.file.fields import Duration, Entry


class Verify(Entry):
    """How we know that it worked, within the time: exactly one of the ways below."""

    within: Duration
    healthy: str | None = None
    """PromQL that must be non-zero."""
    http: str | None = None
    """A URL that must answer 2xx."""
    own: bool = False
    """The remediation's own view of its targets suffices (a ticket, which no monitor sees)."""
    stable: Annotated[int, Field(ge=1, le=100)] = 2
    """Healthy checks in a row before it counts."""


class Staging(Entry):
    """Where and how the gates are run: never where production is."""

    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Laid over the runbook's own."""
    inject: str | None = None
    """The fault that its repair is tried on; without one there is no failure simulation."""
    alert: dict[str, str] = Field(default_factory=dict)
    """Labels by which the monitor's alerts about what is on staging are told from all others."""
    verify: Verify | None = None
    """How we know there that it worked, where the runbook's own ``verify`` asks about production."""
