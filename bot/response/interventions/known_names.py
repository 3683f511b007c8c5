"""Whether anybody knows what a pause names: a pause of a mistyped name would give false safety.

Known is what the policy, a stored alert or action, or a backend names. What a backend cannot be asked counts as known
to it: a pause works although what it is for does not answer.
"""

import asyncio
import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.policy.file.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import Catalogue, KnowsTargets
from bot.response.ports.work import Work

ASKED_SECONDS = 2.0
NEAR_MAX = 3
LISTED_MAX = 20
NAME_MAX_CHARACTERS = 200
SHOWN_MAX_CHARACTERS = 60
KINDS = (ScopeKind.SERVICE, ScopeKind.RUNBOOK, ScopeKind.TARGET)
EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nothing was paused, and what may have been meant."""

    text: str
    offers: tuple[Scope, ...]
    """What one click may pause: what is known and nearly called that, the nearest first, then the name as it stands."""
    unknown: tuple[Scope, ...] = ()
    """Of these, what nobody knows."""


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What there is, by kind."""

    of: Mapping[ScopeKind, frozenset[str]] = field(default_factory=dict)
    unsure: frozenset[ScopeKind] = frozenset()
    """Where a backend could not be asked, or the policy not be read: a name of this kind may be known all the same."""

    def knows(self, scope: Scope) -> bool:
        """Whether somebody knows it."""
        return scope.kind is ScopeKind.EVERYTHING or scope.name in self.of.get(scope.kind, frozenset())

    def near(self, name: str, kinds: tuple[ScopeKind, ...] = KINDS) -> tuple[Scope, ...]:
        """What is called exactly so, else nearly so, whatever the capitals; the nearest first."""
        wanted = name[:NAME_MAX_CHARACTERS].casefold()
        found: dict[str, list[Scope]] = {}
        for kind in kinds:
            for known in sorted(self.of.get(kind, frozenset())):
                found.setdefault(known.casefold(), []).append(Scope(kind=kind, name=known))
        near = [wanted] if wanted in found else difflib.get_close_matches(wanted, found, n=NEAR_MAX)
        return tuple(scope for one in near for scope in found[one])[:NEAR_MAX]


async def stored_names(work: Work, policy: Policy | None) -> KnownNames:
    """What the policy, stored alerts and stored actions name; ``policy`` None where it cannot be read."""
    runbooks, targets = await work.actions.runbooks_and_targets()
    services = await work.incidents.services()
    if policy is not None:
        services, runbooks = services | set(policy.services), runbooks | set(policy.runbooks)
    of = {ScopeKind.SERVICE: services, ScopeKind.RUNBOOK: runbooks, ScopeKind.TARGET: targets}
    return KnownNames(of, unsure=frozenset(KINDS if policy is None else ()))


async def with_live_targets(names: KnownNames, catalogue: Catalogue) -> KnownNames:
    """The same with what backends know. Asks live systems: never call it inside a transaction."""
    targets, unsure = set(names.of.get(ScopeKind.TARGET, frozenset())), names.unsure
    asked = [remediation for remediation in catalogue.values() if isinstance(remediation, KnowsTargets)]
    for found in await asyncio.gather(*map(_targets_of, asked)):
        if found is None:
            unsure |= {ScopeKind.TARGET}
        else:
            targets |= found
    return replace(names, of={**names.of, ScopeKind.TARGET: frozenset(targets)}, unsure=unsure)


async def _targets_of(remediation: KnowsTargets) -> frozenset[str] | None:
    """None where it cannot say in time, whatever the reason: an author's bug keeps nobody from pausing."""
    try:
        async with asyncio.timeout(ASKED_SECONDS):
            return frozenset(await remediation.targets())
    except Exception:
        log.exception("%s could not say what its targets are", type(remediation).__name__)
        return None


def doubt(names: KnownNames, scope: Scope | None, name: str) -> Doubt | None:
    """What speaks against pausing ``scope``; where only ``name`` was said, that it does not say what. None: nothing."""
    if scope is None:
        return _which(names, name)
    if names.knows(scope) or scope.kind in names.unsure:
        return None
    near, listed = names.near(scope.name, (scope.kind,)), sorted(names.of.get(scope.kind, frozenset()))
    hint = f"I know: {', '.join(listed[:LISTED_MAX]) or 'none'}."
    if near:
        hint = f"Did you mean `{near[0].kind.value}:{near[0].name}`?"
    text = f"I know no {scope.kind.value} “{scope.name}”, so nothing was paused. {hint}"
    return Doubt(text, (*near, scope), (scope,))


def _which(names: KnownNames, name: str) -> Doubt:
    """A name alone: it is asked which one, however near, as a pause of the wrong thing holds nothing."""
    near = names.near(name)
    everything = "for everything write `/watch pause everything`. Nothing was paused."
    if near and near[0].name == name:
        written = f"`/watch pause {near[0].kind.value}:{name}`"
        return Doubt(f"Did you mean the {near[0].kind.value}? Then write {written}; {everything}", (*near, EVERYTHING))
    anyway = (Scope(kind=ScopeKind.SERVICE, name=name),) if len(name) <= NAME_MAX_CHARACTERS else ()
    offers = (*near, *anyway, EVERYTHING)
    shown = name if len(name) <= SHOWN_MAX_CHARACTERS else f"{name[: SHOWN_MAX_CHARACTERS - 1]}…"
    if not near:
        remedy = "write `service:…`, `runbook:…` or `target:…`"
        return Doubt(f"“{shown}” is not a scope, and nobody knows that name: {remedy}; {everything}", offers, anyway)
    first = near[0]
    meant = f"Did you mean `{first.kind.value}:{first.name}`?"
    return Doubt(f"“{shown}” is not a scope. {meant} Else {everything}", offers, anyway)
