"""Making a remediation as Watchkeeper does: by its name, from the policy's ``backends:``."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from bot.remediation import Remediation
from remediations.backends.base import Backend
from remediations.catalogue import CAPABILITIES


def _made(backends: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Backend], dict[str, Remediation]]:
    """The backends, and what each of the installed capabilities is over them."""
    capabilities: list[Any] = [*CAPABILITIES, *(each.load() for each in entry_points(group="watchkeeper.remediations"))]
    kinds = {kind.kind: kind for capability in capabilities for kind in capability.adapters}
    found: dict[str, Backend] = {}
    for name, section in backends.items():
        kind = kinds[section.get("kind", name)]
        settings = {key: value for key, value in section.items() if key != "kind"}
        found[name] = kind(name, kind.settings.model_validate(settings))
    return found, {each.remediation.name: each.make(found) for each in capabilities}


def made(name: str, backends: Mapping[str, Mapping[str, Any]]) -> Remediation:
    """The remediation of that name, of ours or of an installed plugin. Connects to nothing.

    Raises:
        KeyError: no remediation has that name.
        BackendError: the backends cannot be used.
    """
    return _made(backends)[1][name]


def only_backend(backends: Mapping[str, Mapping[str, Any]]) -> Backend:
    """The one backend of the section."""
    (backend,) = _made(backends)[0].values()
    return backend
