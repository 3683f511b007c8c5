"""What the contract suite is told of one remediation and one system that it acts through: its subject.

Most of it reads the system, or changes it, by *other means* than the remediation: a shell, an administrator's client,
the file itself. What a system cannot show is declared absent, with the reason; nothing is passed over in silence.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import JsonValue

from bot.policy.file.protected import Protected
from bot.policy.plan import Target
from bot.remediation import About, Remediation
from remediations.backends.base import Backend
from remediations.testing.making import made, only_backend

Document = dict[str, Any]
"""Parameters as the policy's ``with`` has them."""


class Ability(StrEnum):
    """What a subject can show. Each is asked for, unless the subject declares it absent."""

    NOTHING = "nothing"
    """Parameters that match nothing."""
    TOO_MANY = "too_many"
    """Parameters that match more than the remediation may touch at once."""
    PROTECTED = "protected"
    """Networks or accounts that the policy protects."""
    DRIFT = "drift"
    """Somebody changes a target before we act."""
    MOVED_ON = "moved_on"
    """Somebody changes a target after we acted."""
    BY_ITSELF = "by_itself"
    """The system changes a target by itself, which is nobody's doing."""
    HELD = "held"
    """The system is kept from becoming healthy."""
    SPOILT = "spoilt"
    """The change of one target must fail."""
    SEVERAL = "several"
    """There are several targets, each with a step of its own."""
    ROLL_BACK = "roll_back"
    """There is something to roll back."""
    ENDS = "ends"
    """What was done ends by itself."""
    CANARY = "canary"
    """A credential is used, so that it could leak."""
    STAGING = "staging"
    """Faults can be injected into a target on staging."""
    GOLDEN = "golden"
    """Plans of every version are stored beside the test."""

    REFUSED = "refused"
    """The system refuses our credentials or rights."""
    DEAD = "dead"
    """Nobody answers."""
    SLOW = "slow"
    """Somebody takes the request, and never answers."""
    LYING = "lying"
    """What answers is something else."""
    HALF = "half"
    """The answer breaks off in the middle."""
    LIMITED = "limited"
    """Too many requests: HTTP 429 and its like."""
    CONFLICT = "conflict"
    """A change meets somebody else's: HTTP 409 and its like."""


BREAKAGES = frozenset(list(Ability)[list(Ability).index(Ability.REFUSED) :])
"""Ways in which a system can be broken; ``Subject.broken`` makes them."""
ALWAYS = frozenset({Ability.SEVERAL, Ability.ROLL_BACK, Ability.GOLDEN})
"""What needs no method: it is there unless it is declared absent. ``golden`` is a folder."""


class Subject(ABC):
    """One remediation, and one real system for it to act on."""

    name: ClassVar[str]
    """Of the remediation, in the catalogue."""
    absent: ClassVar[Mapping[Ability, str]] = {}
    """What cannot be shown here, each with the reason, as a sentence."""
    free: ClassVar[frozenset[str]] = frozenset()
    """Parameters in which any text is right, such as a message."""
    cuts: ClassVar[int] = 40
    """The most awaits that an execution is cancelled at, one try each; they are spread over all of them."""
    golden: ClassVar[Path] = Path()
    """The folder with a stored plan for each version; ``pytest --write-golden`` adds the present one."""
    canary: str = ""
    """The credential that the backend uses."""

    @abstractmethod
    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        """The policy's ``backends:`` for this system, with the shortest time-outs that are sound."""

    @abstractmethod
    async def begin(self) -> None:
        """Make, or make again, the situation in which there is something to do. Called before each try.

        Names of targets are the same each time.
        """

    @abstractmethod
    def parameters(self) -> Document:
        """The policy's ``with``, for all that is to be done in that situation."""

    @abstractmethod
    async def outside(self) -> JsonValue:
        """The system by other means, as JSON: all that the remediation could change, without what changes by itself.

        Waits until the system has come to rest, where it does things after it was asked.
        """

    @abstractmethod
    async def works(self) -> bool:
        """Whether the targets are now what the remediation is to make of them, by other means."""

    def make(self) -> Callable[[], Remediation]:
        """How the remediation is made; it can be pickled, for another process makes it, too."""
        return partial(made, self.name, self.backends())

    @cached_property
    def remediation(self) -> Remediation:
        """The remediation, over this system."""
        return self.make()()

    def backend(self) -> Backend:
        """The only backend of ``backends``."""
        return only_backend(self.backends())

    def about(self) -> About:
        """What policy and incident say."""
        return About(service="shop", fleet=None, now=datetime.now(UTC))

    def same(self, before: JsonValue, now: JsonValue) -> bool:
        """Whether an *approximate* rollback has brought back enough, by what ``outside`` gave before acting and now."""
        return before == now

    def hostile(self) -> Iterable[Document]:
        """More parameters that must be refused, beside those that the suite makes from the model."""
        return ()

    def nothing(self) -> Document:
        """``Ability.NOTHING``."""
        raise NotImplementedError

    def too_many(self) -> Document:
        """``Ability.TOO_MANY``; the situation of ``begin`` has as many."""
        raise NotImplementedError

    def protected(self) -> Protected:
        """``Ability.PROTECTED``: a protection that ``parameters`` collide with. That of targets is tried anyway."""
        raise NotImplementedError

    async def drift(self, target: Target) -> None:
        """``Ability.DRIFT``: change what was approved, by other means."""
        raise NotImplementedError

    async def moved_on(self, target: Target) -> None:
        """``Ability.MOVED_ON``: as somebody would, after we acted or beside it."""
        raise NotImplementedError

    async def by_itself(self, target: Target) -> None:
        """``Ability.BY_ITSELF``: have the system do what it does, and wait until it has."""
        raise NotImplementedError

    def held(self) -> AbstractAsyncContextManager[None]:
        """``Ability.HELD``: inside, the system cannot finish what an execution begins."""
        raise NotImplementedError

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        """``Ability.SPOILT``: keep the change of one of them from succeeding, if possible the last, and say of which.

        What the plan has sealed stays as it is.
        """
        raise NotImplementedError

    def ends(self) -> Document:
        """``Ability.ENDS``: parameters whose effect ends within seconds."""
        raise NotImplementedError

    def staging(self) -> tuple[str, str, str]:
        """``Ability.STAGING``: a fault, the address of a target on staging, and one that is not."""
        raise NotImplementedError

    def broken(self, how: Ability) -> AbstractAsyncContextManager[Remediation]:
        """The abilities of ``BREAKAGES``: inside, the system is so; gives a remediation that acts through it.

        For CONFLICT, reading works; for REFUSED it may.
        """
        raise NotImplementedError

    def volatile(self) -> Mapping[str, JsonValue]:
        """Values in what is stored that are others in each run (a pid), by a name for each; see ``golden``.

        Called right after an execution, with what was there before it as with what it has left.
        """
        return {}


METHODS: Mapping[Ability, str] = {
    each: "broken" if each in BREAKAGES else each.value for each in Ability if each not in ALWAYS
}
"""What shows an ability: a method of the subject, or an attribute."""


def faults(subject: type[Subject]) -> tuple[str, ...]:
    """What is wrong with how a subject declares what it can show; nobody reads its promises before that is mended."""
    found = [
        f"{ability} is declared absent without a reason: write one"
        for ability, reason in subject.absent.items()
        if not reason.strip()
    ]
    for ability, method in METHODS.items():
        shown = getattr(subject, method) is not getattr(Subject, method)
        if shown and ability in subject.absent and ability not in BREAKAGES:
            found.append(f"{method} is there, and {ability} is declared absent: leave one of them out")
        if not shown and ability not in subject.absent:
            found.append(f"{ability} can neither be shown nor is it declared absent: write {method}, or a reason")
    return tuple(found)
