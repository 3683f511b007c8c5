"""What the flows need of the rows about effects: the fence, the steps, when what was done ends, and what others do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.policy.burning import Burn, Reading
from bot.policy.situation import Change
from bot.remediation import Snapshot, Step
from bot.response.model.incidents import Incident
from bot.response.model.records import Attempt, AttemptState, BurnWatch, WearOff


class Attempts(Protocol):
    """The fence before external effects: whoever starts an attempt may cause its effect, and nobody else ever may."""

    async def claim(self, key: str, snapshot: Snapshot | None) -> Attempt:
        """Create the row in state claimed, or return what is there (after a crash)."""
        ...

    async def start_once(self, key: str) -> bool:
        """Move it from claimed to started; True for exactly one caller, ever."""
        ...

    async def give_back(self, key: str) -> bool:
        """Nothing was changed: it may be started once more. True where it was started and no step of it ever begun."""
        ...

    async def finish(
        self, key: str, state: AttemptState, report: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Record how the effect ended, with what its remediation reports; the end that was recorded first stands."""
        ...

    async def left_behind(self, key: str, after: Snapshot) -> None:
        """Record the state right after the effect; the first record stands."""
        ...

    async def get(self, key: str) -> Attempt | None:
        """The attempt, however far it got; None when it was never claimed."""
        ...


class Steps(Protocol):
    """The single changes of attempts: stored before each begins, and again when it has ended."""

    async def begin(self, attempt: str, number: int, words: str, target: str, at: datetime) -> None:
        """Store that this step, the ``number``-th from 1, begins with this commit."""
        ...

    async def end(self, attempt: str, number: int, step: Step, at: datetime) -> None:
        """Store how it ended: its problem and its details."""
        ...

    async def of(self, attempt: str) -> Sequence[Step]:
        """Every step of the attempt that was begun, in order."""
        ...


class WearOffs(Protocol):
    """Effects that end by themselves, and when it is checked whether they have."""

    async def expect(self, action_id: str, due_at: datetime) -> None:
        """The action's effect is to have ended by then; asking again changes nothing."""
        ...

    async def due(self, now: datetime, limit: int = 20) -> Sequence[WearOff]:
        """Those to check now, longest overdue first."""
        ...

    async def check_again(self, seen: WearOff, due_at: datetime) -> bool:
        """Put the next check off until then; False when somebody else has checked since."""
        ...

    async def settle(self, seen: WearOff, ended: bool, now: datetime) -> bool:
        """Whether it has ended is known now; False when somebody else has settled it since."""
        ...

    async def of(self, action_id: str) -> WearOff | None:
        """What is known of the end of the action's effect; None where it was not to end by itself."""
        ...


class BurnWatches(Protocol):
    """Acts whose error budgets are watched: what they are compared with, and what has been measured since."""

    async def begin(self, watch: BurnWatch) -> None:
        """Watch the act from now on; asking again changes nothing."""
        ...

    async def due(self, now: datetime, limit: int = 20) -> Sequence[BurnWatch]:
        """Those to ask about now, longest overdue first."""
        ...

    async def note(self, seen: BurnWatch, rates: Mapping[str, Reading], due_at: datetime) -> BurnWatch | None:
        """Keep what was measured, by query, and ask again then; None when somebody else has asked since."""
        ...

    async def end(self, seen: BurnWatch, burn: Burn | None, now: datetime) -> bool:
        """It is watched no longer, and this came of it; None: the act does not stand any more.

        False when somebody else has ended it since.
        """
        ...


class Changes(Protocol):
    """What others have reported to be changing: deploys, drains, maintenance."""

    async def get(self, change_id: str) -> Change | None:
        """The change of this id; None when it was never reported, or long over."""
        ...

    async def known(self, now: datetime) -> tuple[Change, ...]:
        """What is to come, what stands, and what was over a moment ago; in the order in which they begin."""
        ...

    async def add(self, change: Change) -> bool:
        """Store one that was reported; False when its id is known already, and nothing is changed."""
        ...

    async def end(self, change_id: str, now: datetime) -> bool:
        """It is over with this commit; False when it was over already, or nobody knows it."""
        ...

    async def forget(self, now: datetime) -> int:
        """Remove what nothing asks about any more; how many."""
        ...


class Causes(Protocol):
    """Which incident has its cause at another, where people are asked about both."""

    async def of(self, incident_id: int) -> Incident | None:
        """The unresolved incident at which people are asked instead; None: they are asked here."""
        ...

    async def elsewhere(self) -> frozenset[int]:
        """Numbers of the incidents that are not asked about themselves, as their cause is unresolved."""
        ...

    async def behind(self, incident_id: int) -> Sequence[Incident]:
        """The unresolved incidents that have their cause here, oldest first."""
        ...

    async def point(self, incident_id: int, cause_id: int | None) -> None:
        """From now on its cause is there; None: here."""
        ...

    async def call_once(self, cause_id: int, now: datetime) -> bool:
        """Whether people are called there now for those behind it; False when they were, or nothing is behind it."""
        ...
