"""What the flows need to know of what a runbook has earned by evidence, and of what it has lost since."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.policy.rules.demotion import Due
from bot.policy.situation import Evidenced, Gate, GatePass
from bot.policy.track_record import PastCase, Seal


class Licences(Protocol):
    """Gates passed, what they saw, cases, and demotions."""

    async def of(self, runbook: str) -> Evidenced:
        """Everything on record about it: whatever version passed which gate and when, demotions, cases."""
        ...

    async def pass_gate(self, runbook: str, passed: GatePass, seal: Seal) -> None:
        """Record that a version of the runbook has passed the gate; an older pass of that gate by it is replaced."""
        ...

    async def fail_gate(self, runbook: str, digest: str, gate: Gate) -> None:
        """This version of the runbook does not pass the gate any more: an earlier pass of it counts no longer."""
        ...

    async def add_cases(self, runbook: str, cases: Sequence[PastCase]) -> None:
        """Record what came of gates that carried it out on staging; a case that is there already stays as it is."""
        ...

    async def keep_report(self, runbook: str, digest: str, report: Mapping[str, Any], at: datetime) -> None:
        """Keep what the gates saw of this version of the runbook, in place of what they saw before. JSON only."""
        ...

    async def report_of(self, runbook: str, digest: str) -> Mapping[str, Any] | None:
        """What the gates saw last of this version of the runbook; None when they were never run here."""
        ...

    async def demote(self, runbook: str, due: Due, now: datetime, *, action_id: str | None = None) -> bool:
        """Cap the runbook until people promote it, or until the overdue review of ``action_id`` is done.

        False: this cause has been written already, whether or not it was lifted since.
        """
        ...

    async def promote(self, runbook: str, by: str, now: datetime) -> tuple[str, ...]:
        """Lift every demotion in force, but for overdue reviews that are still open; the keys of their causes.

        A cause that no row names yet goes on demoting: write it first, so that people know what they lift.
        """
        ...

    async def reviewed(self, action_id: str, by: str, now: datetime) -> bool:
        """Lift what the overdue review of this action took away; True when it had taken something."""
        ...
