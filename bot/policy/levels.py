"""The four levels of bounded autonomy. A fifth cannot be written: the type has four members."""

from enum import IntEnum


class Level(IntEnum):
    """How much a runbook may do by itself; a higher level means more autonomy."""

    L0 = 0
    """Manual: people act, the bot observes and informs."""
    L1 = 1
    """Assisted: the bot proposes, a person approves."""
    L2 = 2
    """Conditional: the bot acts when every condition holds, and tells people."""
    L3 = 3
    """Bounded: the bot announces, waits for the veto window, then acts inside its bounds."""

    @classmethod
    def _missing_(cls, value: object) -> "Level":
        return cls.L0

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """The word people see on cards."""
        return {0: "manual", 1: "assisted", 2: "conditional", 3: "bounded"}[self.value]
