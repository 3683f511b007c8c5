"""Making a remediation as Watchkeeper does: by its name, from the policy's ``backends:``."""

from collections.abc import Mapping
from typing import Any

from bot.remediation import Remediation
from remediations.backends.base import Backend
from remediations.catalogue import backend_kinds, build_catalogue, kind_of, settings_of


def made(name: str, backends: Mapping[str, Mapping[str, Any]]) -> Remediation:
    """The remediation of that name, of ours or of an installed plugin. Connects to nothing.

    Raises:
        KeyError: no remediation has that name.
        CatalogueError: the backends, or a plugin, cannot be used.
    """
    return build_catalogue(backends)[name]


def only_backend(backends: Mapping[str, Mapping[str, Any]]) -> Backend:
    """The one backend of the section; errors as ``made``."""
    ((name, section),) = backends.items()
    kind = backend_kinds()[kind_of(name, section)]
    return kind(name, kind.settings.model_validate(settings_of(section)))
