"""Runbooks that stand for a higher level, as rows: one at a time has its gates run, over all replicas."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.response.model.candidacies import Candidacy, CandidacyEvent, CandidacyKind, CandidacyState, Findings


class Candidacies(Protocol):
    """Each is run by one process at a time, which holds its lease."""

    async def begin(
        self,
        handle: str,
        runbook: str,
        kind: CandidacyKind,
        *,
        by: str,
        findings: Findings,
        now: datetime,
        key: str = "",
    ) -> Candidacy | None:
        """Add one. Without a key it asks for the gates, and is running from now on.

        ``key``: what a proposal of ours rests on, so that it is made once; it waits for people. None: the runbook's
        gates are being run already, or this has been proposed before.
        """
        ...

    async def get(self, handle: str) -> Candidacy | None:
        """By what its buttons carry."""
        ...

    async def of(self, runbook: str, *states: CandidacyState) -> Sequence[Candidacy]:
        """The runbook's in these states, oldest first."""
        ...

    async def due(self, now: datetime) -> Sequence[Candidacy]:
        """Those whose gates are to be run and that nobody holds."""
        ...

    async def claim(self, candidacy_id: int, *, by: str, now: datetime, until: datetime) -> Candidacy | None:
        """Take the lease; None when somebody else was first."""
        ...

    async def hold(self, candidacy_id: int, *, by: str, until: datetime) -> bool:
        """Keep the lease until ``until``; False when it was lost."""
        ...

    async def note(self, candidacy_id: int, findings: Findings, *, by: str) -> Candidacy | None:
        """What was seen so far, from whoever holds the lease; None when it was lost."""
        ...

    async def move(
        self,
        candidacy_id: int,
        event: CandidacyEvent,
        *,
        findings: Findings,
        now: datetime,
        by: str | None = None,
        holder: str | None = None,
    ) -> Candidacy | None:
        """Go on to another state, which ends the lease; None when the event is impossible where it is now.

        ``by``: the person who decided it. ``holder``: who must hold the lease.
        """
        ...
