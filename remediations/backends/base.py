"""What every backend has in common: its settings in the policy, and how a remediation finds it by name.

A backend acts on one real system and nothing else. It knows no plan, no policy rule and no other backend; its errors
are the two of the remediation contract. Making one must not connect to anything, so that a policy can be loaded while
the systems it names are down.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from bot.remediation import PermanentError


class BackendSettings(BaseModel):
    """Base of a backend's settings in the policy; unknown keys are errors, credentials come only by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Backend(Protocol):
    """The way to one real system."""

    kind: ClassVar[str]
    """As written in the policy, and the default name: ``supervisor``."""
    settings: ClassVar[type[BackendSettings]]

    def __init__(self, name: str, settings: Any) -> None:
        """Make it from an instance of ``settings``; reads credentials, connects to nothing.

        Raises:
            PermanentError: a credential is not where the settings say.
        """
        ...


Wanted = TypeVar("Wanted", bound=Backend)


class Backends:
    """The configured backends, by the name the policy gives them."""

    def __init__(self, by_name: Mapping[str, Backend]) -> None:
        self._by_name = dict(by_name)

    def of_kind(self, wanted: type[Wanted]) -> Mapping[str, Wanted]:
        """Every backend of this kind, by name."""
        return {name: backend for name, backend in self._by_name.items() if isinstance(backend, wanted)}

    def get(self, wanted: type[Wanted], name: str) -> Wanted:
        """The backend called ``name``, which must be a ``wanted``.

        Raises:
            PermanentError: there is none of that name, or it is of another kind; the text names the remedy.
        """
        backend = self._by_name.get(name)
        if isinstance(backend, wanted):
            return backend
        suitable = sorted(name for name, backend in self._by_name.items() if isinstance(backend, wanted))
        found = "is not configured" if backend is None else f"is a {backend.kind}, not a {wanted.kind}"
        choice = f"choose one of {', '.join(suitable)}" if suitable else "there is none of that kind yet"
        raise PermanentError(
            f"Backend {name!r} {found}: {choice}, or add it under `backends:` in the policy (kind: {wanted.kind})."
        )
