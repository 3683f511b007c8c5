"""What is wrong with a policy by the systems it names, found without connecting to any of them.

Where a credential is missing is asked apart: a policy is mostly checked on another machine than the one that runs it.

Each runbook's backend must be of a kind that its remediation can act through, in production and on staging; and where a
fault is to be injected, the backend must know that fault and call the target staging.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bot.policy.file.document import Policy, Runbook
from bot.policy.file.problems import Trouble
from bot.policy.file.templates import names_in
from bot.remediation import Parameters
from remediations.backends.base import Backend, known_faults
from remediations.capability import Capability
from remediations.catalogue import (
    BackendError,
    backend_kinds,
    capabilities,
    kind_of,
    make_backends,
    section_troubles,
    settings_of,
)

NAMES_A_SECRET = ("_env", "_file")
"""How a setting ends that names the place of a credential."""
BACKEND = "backend"
"""The parameter that names the backend, of every remediation that acts through one."""


def policy_troubles(policy: Policy) -> Iterator[Trouble]:
    """Every error in it that only those who know backends and remediations can find.

    Raises:
        PluginError: a plugin cannot be used, so nobody knows.
    """
    sections = {name: section_troubles(name, section) for name, section in policy.backends.items()}
    for found in sections.values():
        yield from found
    if any(sections.values()):
        return  # what rests on them would only say it again
    known = {each.remediation.name: each for each in capabilities()}
    for name, runbook in policy.runbooks.items():
        capability = known.get(runbook.remediation)
        if capability is not None and capability.adapters:
            yield from _Check(policy, name, runbook, capability).troubles()


def credential_troubles(policy: Policy) -> Iterator[Trouble]:
    """Every credential of a backend that is not on this machine where the policy says; without it nothing starts here.

    Raises:
        PluginError: as ``policy_troubles``.
    """
    for name, section in policy.backends.items():
        if not section_troubles(name, section):
            try:
                make_backends({name: section})
            except BackendError as error:
                told, _, remedy = str(error).removeprefix(f"backends.{name}: ").rstrip(".").partition(": ")
                where = [key for key, value in section.items() if key.endswith(NAMES_A_SECRET) and str(value) in told]
                yield Trouble(("backends", name, *where[:1]), told, remedy)


@dataclass(frozen=True, slots=True)
class _Check:
    policy: Policy
    name: str
    runbook: Runbook
    capability: Capability

    def troubles(self) -> Iterator[Trouble]:
        own = self.runbook.parameters
        yield from self._serving(("runbooks", self.name, "with"), own)
        if self.runbook.staging is None:
            return
        staged = {**own, **self.runbook.staging.parameters}
        path = ("runbooks", self.name, "staging", "with")
        if BACKEND in self.runbook.staging.parameters:
            yield from self._serving(path, staged)
        if self.runbook.staging.inject:
            yield from self._injecting(self.runbook.staging.inject, staged)

    def _serving(self, path: tuple[str, ...], parameters: Mapping[str, Any]) -> Iterator[Trouble]:
        backend = self._backend(parameters)
        if backend is None:
            return
        where = (*path, BACKEND) if BACKEND in parameters else path
        serving = {kind.kind for kind in self.capability.adapters}
        suitable = [name for name in self.policy.backends if self._kind(name).kind in serving]
        choice = f"choose {' or '.join(suitable)}, or add" if suitable else "add"
        remedy = f"{choice} a backend of kind {' or '.join(sorted(serving))}"
        if backend not in self.policy.backends:
            yield Trouble(where, f"there is no backend {backend!r}, and {self.runbook.remediation} needs one", remedy)
        elif (kind := self._kind(backend).kind) not in serving:
            told = f"backend {backend!r} is of kind {kind}, and {self.runbook.remediation} cannot act through that"
            yield Trouble(where, told, remedy)

    def _injecting(self, fault: str, staged: Mapping[str, Any]) -> Iterator[Trouble]:
        """``staged``: the parameters on staging, where there is no alert to fill anything in."""
        path = ("runbooks", self.name, "staging", "inject")
        backend = self._backend(staged)
        if backend is None or backend not in self.policy.backends:
            return
        kind = self._kind(backend)
        if fault not in kind.faults:
            told = f"backend {backend!r} cannot inject {fault!r}"
            yield Trouble(path, told, f"{known_faults(kind.faults)}; or leave `inject` out")
            return
        patterns = kind.settings.model_validate(settings_of(self.policy.backends[backend])).staging
        if waiting := sorted(names_in(dict(staged))):
            told = f"{fault!r} would be injected where an alert says: nothing fills {', '.join(waiting)} on staging"
            yield Trouble(path, told, "give it a fixed value in `staging.with`")
            return
        try:
            targets = self._model.model_validate(staged).named()
        except ValidationError:
            return  # reported with the parameters
        for target in targets:
            if not kind.on_staging(patterns, target):
                told = f"{fault!r} would be injected into {target!r}, which backend {backend!r} does not call staging"
                has = ", ".join(patterns) or "none"
                remedy = f"name another target, or add a pattern to `staging:` of the backend (it has {has})"
                yield Trouble(path, told, remedy)

    @property
    def _model(self) -> type[Parameters]:
        return self.capability.remediation.parameters

    def _backend(self, parameters: Mapping[str, Any]) -> str | None:
        """The backend's name; None where it is not fixed."""
        field = self._model.model_fields.get(BACKEND)
        name = parameters.get(BACKEND, field.get_default() if field is not None else None)
        return name if isinstance(name, str) and not names_in(name) else None

    def _kind(self, backend: str) -> type[Backend]:
        return backend_kinds()[kind_of(backend, self.policy.backends[backend])]
