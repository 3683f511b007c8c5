"""Every remediation and backend Watchkeeper has, and their making from the policy.

To add a remediation, or a system to one: write its file, and name it in ``CAPABILITIES``; a new backend goes into
``BACKEND_KINDS`` likewise. Nothing else anywhere has to change. ``docs/remediations.md`` shows how to write one.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.remediation import Catalogue, Parameters, PermanentError
from remediations.application.roll_back_deploy import RollBackDeploy
from remediations.backends.base import Backend
from remediations.backends.kubernetes import Kubernetes
from remediations.backends.kubernetes.deploys import KubernetesDeploys
from remediations.backends.kubernetes.restarts import KubernetesRestarts
from remediations.backends.nftables import Nftables
from remediations.backends.nftables.blocks import NftablesBlocks
from remediations.backends.supervisor import Supervisor
from remediations.backends.supervisor.restarts import SupervisorRestarts
from remediations.backends.systemd import Systemd
from remediations.backends.systemd.restarts import SystemdRestarts
from remediations.capability import Capability
from remediations.infrastructure.restart_service import RestartService
from remediations.security.block_ip import BlockIp

CAPABILITIES: tuple[Capability, ...] = (
    Capability(BlockIp, {Nftables: NftablesBlocks}),
    Capability(
        RestartService, {Kubernetes: KubernetesRestarts, Supervisor: SupervisorRestarts, Systemd: SystemdRestarts}
    ),
    Capability(RollBackDeploy, {Kubernetes: KubernetesDeploys}),
)
"""Every remediation, with an adapter for each kind of backend that it can act through."""

BACKEND_KINDS: Mapping[str, type[Backend]] = {each.kind: each for each in (Kubernetes, Nftables, Supervisor, Systemd)}

PARAMETER_MODELS: Mapping[str, type[Parameters]] = {
    each.remediation.name: each.remediation.parameters for each in CAPABILITIES
}
"""Remediation name to the model of its ``with``, for checking a policy without connecting to anything."""


class BackendError(ValueError):
    """The policy's ``backends:`` section cannot be used; one line for each problem, with setting and remedy."""


def build_catalogue(backends: Mapping[str, Mapping[str, Any]]) -> Catalogue:
    """Make every remediation with the backends of the policy. Connects to nothing, but reads credentials.

    A backend is of the kind that its ``kind`` says, else of the kind that its name says.

    Raises:
        BackendError: an unknown kind or setting, or a credential that is not where the policy says it is.
    """
    made: dict[str, Backend] = {}
    problems = list(backend_problems(backends))
    if not problems:
        for name, section in backends.items():
            kind = BACKEND_KINDS[_kind(name, section)]
            try:
                made[name] = kind(name, kind.settings.model_validate(_settings(section)))
            except PermanentError as error:
                problems.append(f"backends.{name}: {error}")
    if problems:
        raise BackendError("\n".join(problems))
    return {each.remediation.name: each.make(made) for each in CAPABILITIES}


def backend_problems(backends: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What is wrong with the policy's ``backends:`` as written, for checking it where no credential is at hand."""
    problems: list[str] = []
    for name, section in backends.items():
        kind = BACKEND_KINDS.get(_kind(name, section))
        if kind is None:
            problems.append(
                f"backends.{name}: {_kind(name, section)!r} is not a kind of backend; name it after its kind or add "
                f"`kind:` with one of {', '.join(sorted(BACKEND_KINDS))}"
            )
            continue
        try:
            kind.settings.model_validate(_settings(section))
        except ValidationError as error:
            known = ", ".join(sorted(kind.settings.model_fields))
            problems.extend(
                f"{'.'.join(('backends', name, *map(str, each['loc'])))}: "
                + (
                    f"unknown setting; known are {known} (a credential is never written here, only named)"
                    if each["type"] == "extra_forbidden"
                    else each["msg"].removeprefix("Value error, ")
                )
                for each in error.errors(include_url=False, include_input=False)
            )
    return tuple(problems)


def _kind(name: str, section: Mapping[str, Any]) -> str:
    return str(section.get("kind", name))


def _settings(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key != "kind"}
