"""One capability, several systems: how a remediation reaches whatever the policy's ``backend`` names.

A remediation's file holds its port, a Protocol that knows no system; an adapter for each system implements it. The
table in ``remediations.catalogue`` joins them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bot.policy.plan import Effect
from bot.remediation import Parameters, PermanentError, Remediation
from remediations.backends.base import Backend

Port = TypeVar("Port")
Around = Callable[[Any], Any]
"""What is put around each port, or around each remediation: another of the same kind."""


def nothing_around(made: Any) -> Any:
    """The very one."""
    return made


class Through(Generic[Port]):
    """The systems through which a remediation can act, by the backend's name in the policy."""

    def __init__(self, ports: Mapping[str, Port], kinds: tuple[str, ...]) -> None:
        """``kinds``: every kind of backend that can serve, for the text of an error."""
        self._ports, self._kinds = dict(ports), kinds

    def get(self, name: str) -> Port:
        """The port of the backend called ``name``.

        Raises:
            PermanentError: there is none of that name that can do this; the text names the remedy.
        """
        if name in self._ports:
            return self._ports[name]
        choice = f"choose one of {', '.join(sorted(self._ports))}" if self._ports else "none that can is configured"
        raise PermanentError(
            f"Backend {name!r} cannot do this: {choice}, or add one of kind {' or '.join(self._kinds)} under "
            "`backends:` in the policy."
        )

    def every(self) -> Mapping[str, Port]:
        """Every port, by the backend's name."""
        return dict(self._ports)


class RemediationClass(Protocol):
    """A remediation's class: what can be known of it before it is made, and to be made of ports."""

    @property
    def name(self) -> str:
        """As written in the policy."""
        ...

    @property
    def title(self) -> str:
        """For people."""
        ...

    @property
    def parameters(self) -> type[Parameters]:
        """The model of its ``with``."""
        ...

    @property
    def effects(self) -> frozenset[Effect] | None:
        """The most it can ever touch; None: its class cannot know."""
        ...

    def __call__(self, through: Through[Any]) -> Remediation:
        """The remediation, acting through these systems; it connects to nothing yet."""
        ...


@dataclass(frozen=True, slots=True)
class Capability:
    """One remediation and the kinds of backend through which it can act."""

    remediation: RemediationClass
    adapters: Mapping[type[Backend], Callable[[Any], Any]]
    """Kind of backend to what makes of such a backend what the remediation's port asks for."""

    def make(self, backends: Mapping[str, Backend], around_port: Around = nothing_around) -> Remediation:
        """The remediation over all configured backends that can serve it. Connects to nothing."""
        ports = {
            name: around_port(self.adapters[type(backend)](backend))
            for name, backend in backends.items()
            if type(backend) in self.adapters
        }
        return self.remediation(Through(ports, tuple(sorted(each.kind for each in self.adapters))))
