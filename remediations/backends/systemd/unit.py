"""What systemd says about a unit."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel


class UnitState(StrEnum):
    """systemd's active states, with its own words."""

    ACTIVE = "active"
    RELOADING = "reloading"
    REFRESHING = "refreshing"
    ACTIVATING = "activating"
    """On its way up, which includes waiting for the next automatic restart."""
    DEACTIVATING = "deactivating"
    MAINTENANCE = "maintenance"
    INACTIVE = "inactive"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "UnitState":
        return cls.UNKNOWN

    @property
    def meant_to_run(self) -> bool:
        """Whether systemd is running it or still trying to."""
        return self in {UnitState.ACTIVE, UnitState.RELOADING, UnitState.REFRESHING, UnitState.ACTIVATING}


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as systemd sees it now."""

    name: str
    """The unit's own name, also when it was asked for by an alias."""
    load_state: str
    """``loaded``, ``masked``, ``error``, ``bad-setting``: whether systemd could read its file."""
    state: UnitState
    sub_state: str
    """The finer state, which differs by kind of unit: ``running``, ``auto-restart``, ``exited``, ``dead``."""
    main_pid: int
    """0 when there is none, and for units that are not services."""
    invocation: str
    """Another one after each start, and empty before the first."""
    result: str
    """How it ended last: ``success``, ``exit-code``, ``signal``, ``timeout``, ``oom-kill``. A start limit that was hit
    does not show where there was another failure before."""
    restarts: int = 0
    """How often systemd itself has started it again since a person last started it."""
    active_seconds: float = field(default=0.0, compare=False)
    """How long it had been up when it was read; 0 when it was not."""


class Properties(BaseModel):
    """What systemd says about a unit, as far as we need it; what is no service lacks some of it."""

    Id: str
    LoadState: str
    ActiveState: UnitState
    SubState: str
    InvocationID: bytes
    MainPID: int = 0
    Result: str = ""
    NRestarts: int = 0
    ActiveEnterTimestampMonotonic: int = 0
    """In microseconds of the machine's clock that only ever goes on; 0: never."""

    @property
    def unit(self) -> Unit:
        """As the rest of us knows it."""
        since = self.ActiveEnterTimestampMonotonic / 1_000_000
        active = self.ActiveState is UnitState.ACTIVE and since
        return Unit(
            name=self.Id,
            load_state=self.LoadState,
            state=self.ActiveState,
            sub_state=self.SubState,
            main_pid=self.MainPID,
            invocation=self.InvocationID.hex(),
            result=self.Result,
            restarts=self.NRestarts,
            active_seconds=time.clock_gettime(time.CLOCK_MONOTONIC) - since if active else 0.0,
        )
