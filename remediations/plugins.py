"""Capabilities of other installed distributions, through entry points of the group ``watchkeeper.remediations``.

An entry point names a ``Capability``, or a list of them; the kinds of backend that they act through come with them.
Nothing is ever left out in silence: what cannot be loaded keeps Watchkeeper from starting.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from bot.remediation import Parameters
from remediations.backends.base import Backend
from remediations.capability import Capability

GROUP = "watchkeeper.remediations"


class CatalogueError(ValueError):
    """There is no catalogue to work with; one line for each problem, with its place and remedy."""


class PluginError(CatalogueError):
    """A plugin cannot be used; names it and the class of what went wrong."""


@cache
def installed() -> tuple[tuple[str, Capability], ...]:
    """Every capability that installed plugins bring, with the plugin's name; looked up once in a process.

    Raises:
        PluginError: one of them cannot be loaded, or is something else.
    """
    return loaded(entry_points(group=GROUP))


def loaded(points: Iterable[EntryPoint]) -> tuple[tuple[str, Capability], ...]:
    """The capabilities behind these entry points; otherwise as ``installed``."""
    found: list[tuple[str, Capability]] = []
    problems: list[str] = []
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        plugin = f"plugin {point.name!r} ({point.value})"
        try:
            brought = point.load()
            capabilities = _checked(brought)
        except _UnfitError as error:
            problems.append(f"{plugin}: {error}")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever foreign code does when it is imported
            problems.append(f"{plugin} cannot be loaded ({type(error).__name__}): mend it, or uninstall what brings it")
        else:
            found.extend((plugin, each) for each in capabilities)
    if problems:
        raise PluginError("\n".join(problems))
    return tuple(found)


def joined(ours: Sequence[Capability], others: Sequence[tuple[str, Capability]]) -> tuple[Capability, ...]:
    """Ours and those of the plugins.

    Raises:
        PluginError: two remediations have one name, or two kinds of backend.
    """
    owners = {each.remediation.name: "Watchkeeper itself" for each in ours}
    kinds: dict[str, type[Backend]] = {kind.kind: kind for each in ours for kind in each.adapters}
    problems: list[str] = []
    for plugin, capability in others:
        name = capability.remediation.name
        if name in owners:
            problems.append(f"{plugin}: there is a remediation {name!r} already, from {owners[name]}; rename one")
        owners.setdefault(name, plugin)
        problems.extend(
            f"{plugin}: there is a kind of backend {kind.kind!r} already, {_place(kinds[kind.kind])}; rename one"
            for kind in capability.adapters
            if kinds.setdefault(kind.kind, kind) is not kind
        )
    if problems:
        raise PluginError("\n".join(problems))
    return (*ours, *(capability for _, capability in others))


class _UnfitError(Exception):
    """It is loaded, and nothing we can use; the text says why."""


def _checked(brought: object) -> Sequence[Capability]:
    capabilities: list[Capability] = []
    for each in brought if isinstance(brought, list | tuple) else [brought]:
        if not isinstance(each, Capability):
            raise _UnfitError(f"brings a {type(each).__name__}: name a Capability, or a list of them")
        remediation, kinds = each.remediation, list(each.adapters)
        name = getattr(remediation, "name", None)
        if not (isinstance(name, str) and name.isidentifier()):
            raise _UnfitError("brings a remediation without a name such as restart_service")
        parameters = getattr(remediation, "parameters", None)
        if not (isinstance(parameters, type) and issubclass(parameters, Parameters)):
            raise _UnfitError(f"brings {name!r}, whose `parameters` are no subclass of Parameters")
        if not all(isinstance(kind, type) and issubclass(kind, Backend) for kind in kinds):
            raise _UnfitError(f"brings {name!r} with an adapter for what is no subclass of Backend")
        capabilities.append(each)
    if not capabilities:
        raise _UnfitError("brings no capability: name a Capability, or a list of them")
    return capabilities


def _place(kind: type[Backend]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
