"""Every remediation and backend Watchkeeper has, and their making from the policy.

``CAPABILITIES`` is the one table: a new remediation is a row of it, a new system an entry in a row. Plugins add rows
(``remediations.plugins``). Nothing else anywhere has to change. ``docs/remediations.md`` shows how to write one.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.policy.file.problems import Trouble
from bot.policy.file.source import dotted
from bot.remediation import Catalogue, Parameters, PermanentError
from remediations import plugins
from remediations.application.roll_back_deploy import RollBackDeploy
from remediations.backends.base import Backend
from remediations.backends.kubernetes import Kubernetes
from remediations.backends.kubernetes.deploys import KubernetesDeploys
from remediations.backends.kubernetes.nodes import KubernetesNodes
from remediations.backends.kubernetes.restarts import KubernetesRestarts
from remediations.backends.nftables import Nftables
from remediations.backends.nftables.blocks import NftablesBlocks
from remediations.backends.supervisor import Supervisor
from remediations.backends.supervisor.restarts import SupervisorRestarts
from remediations.backends.systemd import Systemd
from remediations.backends.systemd.restarts import SystemdRestarts
from remediations.capability import Around, Capability, nothing_around
from remediations.infrastructure.recover_node import RecoverNode
from remediations.infrastructure.restart_service import RestartService
from remediations.plugins import CatalogueError
from remediations.security.block_ip import BlockIp

CAPABILITIES: tuple[Capability, ...] = (
    Capability(BlockIp, {Nftables: NftablesBlocks}),
    Capability(RecoverNode, {Kubernetes: KubernetesNodes}),
    Capability(
        RestartService, {Kubernetes: KubernetesRestarts, Supervisor: SupervisorRestarts, Systemd: SystemdRestarts}
    ),
    Capability(RollBackDeploy, {Kubernetes: KubernetesDeploys}),
)
"""Every remediation of ours, with an adapter for each kind of backend that it can act through."""


class BackendError(CatalogueError):
    """The policy's ``backends:`` section cannot be used; one line for each problem, with setting and remedy."""


def capabilities() -> tuple[Capability, ...]:
    """Ours and those of installed plugins.

    Raises:
        PluginError: a plugin cannot be used.
    """
    return plugins.joined(CAPABILITIES, plugins.installed())


def backend_kinds() -> Mapping[str, type[Backend]]:
    """Every kind of backend, by the name it has in the policy; errors as ``capabilities``."""
    return {kind.kind: kind for each in capabilities() for kind in each.adapters}


def parameter_models() -> Mapping[str, type[Parameters]]:
    """Remediation name to the model of its ``with``; connects to nothing; errors as ``capabilities``."""
    return {each.remediation.name: each.remediation.parameters for each in capabilities()}


def build_catalogue(
    backends: Mapping[str, Mapping[str, Any]],
    *,
    around_port: Around = nothing_around,
    around: Around = nothing_around,
) -> Catalogue:
    """Make every remediation with the backends of the policy. Connects to nothing, but reads credentials.

    ``around_port`` and ``around``: what is put around each port and around each remediation, to see and to break it.

    Raises:
        BackendError, PluginError: as ``make_backends``.
    """
    made = make_backends(backends)
    return {each.remediation.name: around(each.make(made, around_port)) for each in capabilities()}


def make_backends(backends: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Backend]:
    """Every backend of the policy, by its name there; of the kind that its ``kind`` says, else of that of its name.

    Raises:
        BackendError: an unknown kind or setting, or a credential that is not where the policy says it is.
        PluginError: a plugin cannot be used.
    """
    made: dict[str, Backend] = {}
    problems = list(backend_problems(backends))
    if not problems:
        kinds = backend_kinds()
        for name, section in backends.items():
            kind = kinds[kind_of(name, section)]
            try:
                made[name] = kind(name, kind.settings.model_validate(settings_of(section)))
            except PermanentError as error:
                problems.append(f"backends.{name}: {error}")
    if problems:
        raise BackendError("\n".join(problems))
    return made


def backend_problems(backends: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What is wrong with the policy's ``backends:`` as written, for checking it where no credential is at hand."""
    return tuple(
        f"{dotted(each.path)}: {each.message}; {each.remedy}"
        for name, section in backends.items()
        for each in section_troubles(name, section)
    )


def section_troubles(name: str, section: Mapping[str, Any]) -> list[Trouble]:
    """What is wrong with the section of one backend; no value that is written there is repeated."""
    kinds = backend_kinds()
    kind = kinds.get(kind_of(name, section))
    if kind is None:
        told = f"{kind_of(name, section)!r} is not a kind of backend"
        remedy = f"name it after its kind or add `kind:` with one of {', '.join(sorted(kinds))}"
        return [Trouble(("backends", name), told, remedy)]
    try:
        kind.settings.model_validate(settings_of(section))
    except ValidationError as error:
        return [
            Trouble(("backends", name, *each["loc"]), *_told(kind, each["type"], each["msg"]))
            for each in error.errors(include_url=False, include_input=False)
        ]
    return []


def _told(kind: type[Backend], fault: str, text: str) -> tuple[str, str]:
    known = ", ".join(sorted(kind.settings.model_fields))
    if fault == "extra_forbidden":
        return "unknown setting", f"known are {known} (a credential is never written here, only named)"
    return text.removeprefix("Value error, "), f"docs/remediations.md shows backends of kind {kind.kind}"


def kind_of(name: str, section: Mapping[str, Any]) -> str:
    """Which kind of backend a section of the policy is meant to be."""
    return str(section.get("kind", name))


def settings_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section without what says its kind."""
    return {key: value for key, value in section.items() if key != "kind"}


def matrix() -> str:
    """Which remediation of ours acts through which kind of backend, as a table for the documentation."""
    kinds = sorted({kind.kind for each in CAPABILITIES for kind in each.adapters})
    head = ["remediation", *kinds]
    rows = [
        [f"`{each.remediation.name}`", *("yes" if kind in {k.kind for k in each.adapters} else "" for kind in kinds)]
        for each in sorted(CAPABILITIES, key=lambda each: each.remediation.name)
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
