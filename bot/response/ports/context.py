"""What every flow and every intervention works with: policy, catalogue, evidence, people and clock."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.policy.file.document import Policy
from bot.remediation import Catalogue
from bot.response.ports.outside import EvidenceSource, People
from bot.response.ports.patience import Patience
from bot.response.ports.work import Database

WATCHKEEPER = "watchkeeper"
"""The actor's name in the audit when no person acted."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def opaque_id() -> str:
    """128 unguessable bits, as text."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of the program itself (the policy's own durations are in the policy); shortened in tests."""

    verify_interval_seconds: float = 2.0
    """Between two checks while verifying."""
    execute_timeout_seconds: float = 300.0
    """A remediation that takes longer counts as stuck: verify decides."""
    plan_timeout_seconds: float = 15.0
    """A system that has not said by then what would be done there is not acted on."""
    busy_target_retry_seconds: float = 2.0
    history_days: int = 30


class Closing:
    """Whether this process is shutting down: what is carried out step by step ends before its next step."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def begun(self) -> bool:
        """From now on no step begins."""
        return self._event.is_set()

    def begin(self) -> None:
        """Say so, from the loop that everything runs on; for ever."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait so long, or until it begins; True when it has begun."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Context:
    """The collaborators of the response flows, put together once by the composition root."""

    database: Database
    policy: Callable[[], Policy]
    """The policy in force; read once per transaction so that a decision never mixes two versions."""
    catalogue: Catalogue
    evidence: EvidenceSource
    people: People
    timing: Timing = field(default_factory=Timing)
    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], str] = opaque_id
    closing: Closing = field(default_factory=Closing)
    patience: Patience = field(default_factory=Patience)
    """With systems that do not answer."""

    async def roster(self, *, sure_of: Collection[str] = ()) -> Mapping[str, frozenset[str]]:
        """Every policy group with its present members. May ask Slack: never call it inside a transaction.

        ``sure_of``: persons whose answer is about to count, see ``People.members``.
        """
        return {name: frozenset(await self.people.members([name], sure_of=sure_of)) for name in self.policy().people}
