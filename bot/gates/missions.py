"""What the child process is told: once what it works with, then one mission after the other."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from bot.gates.report import Outside
from bot.policy.plan import Facts, Moment
from bot.policy.situation import AlertFacts, Gate


class Setup(Facts):
    """The first line; it comes through a pipe, so it may hold the key."""

    runbook: str
    policy: dict[str, Any]
    """The whole policy, as JSON."""
    prometheus_url: str | None = None
    audit_key: str = Field(repr=False)
    verify_interval_seconds: float = 1.0
    """Shorter than in production: a run waits for it again and again, and only staging is asked."""
    fires_within_seconds: float = 600.0
    """How long the monitor may take to notice that something is broken, or that it is well again."""


class FaultKind(StrEnum):
    """How an action is disturbed within one of its steps."""

    UNREACHABLE = "unreachable"
    """The system cannot be reached, once; nothing is done."""
    REFUSED = "refused"
    """The system refuses; nothing is done."""
    SILENT = "silent"
    """It does not answer, and nothing is done."""
    LOST = "lost"
    """It is done, and the answer does not come back."""
    KILLED_BEFORE = "killed before"
    """The process dies after the step was stored as begun and before its change."""
    KILLED_AFTER = "killed after"
    """It dies after the change and before the step is stored as ended."""

    @property
    def kills(self) -> bool:
        """Whether the process does not survive it."""
        return self in (FaultKind.KILLED_BEFORE, FaultKind.KILLED_AFTER)


class Fault(Facts):
    """One disturbance of an action."""

    kind: FaultKind
    call: str = ""
    """The port's method that it happens to, the first time; empty: it happens to the step itself."""
    step: int = 1
    """Which step, counted from 1, where no call is named."""

    @property
    def words(self) -> str:
        """What happens, in words for people."""
        what = f"“{self.call}” of the backend" if self.call else f"step {self.step}"
        return {
            FaultKind.UNREACHABLE: f"{what} reaches nobody at first",
            FaultKind.REFUSED: f"{what} is refused",
            FaultKind.SILENT: f"{what} is not answered",
            FaultKind.LOST: f"{what} is done and its answer lost",
            FaultKind.KILLED_BEFORE: f"the process is killed before the change of step {self.step}",
            FaultKind.KILLED_AFTER: f"the process is killed after the change of step {self.step}",
        }[self.kind]


class Kind(StrEnum):
    """What a mission is."""

    DRY_RUN = "dry run"
    SIMULATE = "simulate"
    """Inject the declared fault, and wait for the monitor to say so."""
    DISTURB = "disturb"
    """The same without the monitor's alert, and with a fault of the action itself."""
    ROLL_BACK = "roll back"
    """Carry out, and roll back."""
    REPEAT = "repeat"
    """Carry out where nothing is broken."""
    MEND = "mend"
    """Only mend what an earlier mission in the folder has broken."""


class Mission(Facts):
    """One thing to do."""

    kind: Kind
    gate: Gate
    name: str
    folder: Path
    """Empty, and the run's own; after a death the same."""
    alert: AlertFacts | None = None
    """The monitor's own, from an earlier run; else it is made of ``staging.alert``."""
    fault: Fault | None = None
    verify_within_seconds: float | None = None
    """The most that verification may wait, where that is less than the policy says."""


MEMORY = "memory.json"


class Memory(Facts):
    """What a run must know after its process died, kept in its folder."""

    began: Moment
    backend: str = ""
    target: str = ""
    """Address in ``backend`` of what the fault was, or was about to be, injected into; empty before."""
    alert: AlertFacts | None = None
    before: Outside | None = None
    would: str = ""
    seen: tuple[str, ...] = ()

    def keep(self, folder: Path) -> None:
        """Write it whole, or not at all."""
        fresh = folder / f"{MEMORY}.new"
        fresh.write_text(self.model_dump_json(), encoding="utf-8")
        fresh.replace(folder / MEMORY)


def remembered(folder: Path) -> Memory | None:
    """What an earlier process has kept there."""
    path = folder / MEMORY
    return Memory.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None
