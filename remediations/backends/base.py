"""What every backend has in common: its settings in the policy, its errors, and what may be broken on staging.

A backend acts on one real system and nothing else. It knows no plan, no policy rule and no other backend; its errors
are the two of the remediation contract. Making one must not connect to anything, so that a policy can be loaded while
the systems it names are down.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, model_validator

from bot.remediation import PermanentError, RemediationError


class UnknownTargetError(PermanentError):
    """The system was asked and says that it has nothing of that name (any more)."""


class BackendSettings(BaseModel):
    """Base of a backend's settings in the policy; unknown keys are errors, credentials come only by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    staging: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """Patterns over the names of its targets: those are staging, where faults may be injected. Nothing else is."""

    @model_validator(mode="after")
    def _paths_can_be_opened(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Path) and "\0" in str(value):
                raise ValueError(f"`{name}` has a NUL in it, so it is no path; write it as it is in the file system")
        return self


class Backend:
    """The way to one real system."""

    kind: ClassVar[str]
    """As written in the policy, and the default name: ``supervisor``."""
    settings: ClassVar[type[BackendSettings]]
    faults: ClassVar[Mapping[str, str]] = {}
    """Faults that can be injected into a target on staging, each with what it does in words."""

    def __init__(self, name: str, settings: Any) -> None:
        """Make it from an instance of ``settings``; reads credentials, connects to nothing.

        Raises:
            PermanentError: a credential is not where the settings say.
        """
        self.name = name
        self._staging: tuple[str, ...] = settings.staging

    @classmethod
    def names(cls, target: str) -> tuple[str, ...]:
        """Every name that people know a target by, its address first; the patterns of ``staging`` are held to these."""
        return (target,)

    @classmethod
    def on_staging(cls, patterns: Iterable[str], target: str) -> bool:
        """Whether ``target`` is staging by these patterns."""
        return any(fnmatchcase(name, pattern) for pattern in patterns for name in cls.names(target))

    def is_staging(self, target: str) -> bool:
        """Whether the policy calls this target staging. ``target`` is its address in this backend."""
        return self.on_staging(self._staging, target)

    async def inject(self, fault: str, target: str) -> None:
        """Break one target on staging. ``target`` is its address in this backend, exactly.

        Raises:
            PermanentError: it is not staging, there is no such fault, or as the system's other changes.
            TemporaryError: nothing has been changed yet.
        """
        self._refuse_outside_staging(fault, target)
        with self._translated(f"{fault} was to be injected into {target}"):
            await self._inject(fault, target)

    async def mend(self, fault: str, target: str) -> None:
        """Restore what ``inject`` broke, as far as it is still broken; safe to repeat.

        Raises:
            PermanentError, TemporaryError: as ``inject``.
        """
        self._refuse_outside_staging(fault, target)
        with self._translated(f"{fault} was to be mended on {target}"):
            await self._mend(fault, target)

    async def survey(self) -> Mapping[str, JsonValue] | None:
        """Everything on staging as the system itself shows it, by address; None: a backend of its kind cannot tell.

        It goes by no plan, so that what a plan does not name is seen to change as well. Changes nothing.

        Raises:
            PermanentError, TemporaryError: the system cannot be asked.
        """
        return None

    async def reach(self) -> str | None:
        """What keeps us from using it now, as a sentence with the remedy; empty where nothing does. Changes nothing.

        None: a backend of its kind cannot tell.
        """
        try:
            with self._translated("Whether it can be used was asked"):
                return await self._reach()
        except RemediationError as error:
            return str(error)

    async def _reach(self) -> str | None:
        """Ask the system something small, and for our rights where it can say; errors as ``survey``."""
        return None

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Whatever an answer that nobody foresaw makes of it, it is an error of the contract."""
        try:
            yield
        except RemediationError:
            raise
        except Exception as error:
            raise PermanentError(
                f"{what}, and backend {self.name!r} could make nothing of what it was answered "
                f"({type(error).__name__}): check the system itself."
            ) from error

    def _refuse_outside_staging(self, fault: str, target: str) -> None:
        if fault not in self.faults:
            raise PermanentError(f"Backend {self.name!r} cannot inject {fault!r}: {known_faults(self.faults)}.")
        if not self.is_staging(target):
            raise PermanentError(
                f"{target!r} of backend {self.name!r} is not staging, so no fault is injected there. Staging is what "
                f"its `staging:` patterns match: {', '.join(self._staging) or 'it has none'}."
            )

    async def _inject(self, fault: str, target: str) -> None:
        """Do it; whoever overrides ``faults`` overrides this and ``_mend``."""
        raise NotImplementedError

    async def _mend(self, fault: str, target: str) -> None:
        raise NotImplementedError


def known_faults(faults: Mapping[str, str]) -> str:
    """In a sentence: what can be injected."""
    if not faults:
        return "a backend of its kind can inject no fault"
    return "it can inject " + ", ".join(f"{name} ({words})" for name, words in sorted(faults.items()))
