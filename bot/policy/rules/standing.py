"""Standing: the highest level a runbook may exercise now, wherever it applies, and everything that keeps it there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.controls import active
from bot.policy.rules.demotion import unwritten
from bot.policy.rules.licence import WITHOUT_ALL_GATES, earned, expiring, licence_of, why_missing
from bot.policy.rules.seal import SERVICE, seal_of
from bot.policy.rules.services import Services
from bot.policy.situation import Evidenced, Pause, ScopeKind
from bot.policy.track_record import Seal


@dataclass(frozen=True, slots=True)
class Cap:
    """One thing that keeps a runbook from a higher level."""

    level: Level
    """The highest it leaves."""
    why: str
    """In words: "the chaos test expired 3 days ago"."""
    service: str = ""
    """Where it caps for this service alone; the level in general is not lowered by it."""

    def __str__(self) -> str:
        return f"{self.level}{f' for {self.service}' if self.service else ''}: {self.why}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a runbook may do by itself, and why not more."""

    level: Level
    caps: tuple[Cap, ...]
    """The strictest first, at one level what no evidence can lift, and those for one service last. None at L3."""
    earned: Level
    """What its licence gives, whatever is written and paused."""
    expiring: str = ""
    """What of the licence soon ends, in words; see ``licence.expiring``."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each cap in words, with the level that it leaves: "L1: the chaos test expired 3 days ago"."""
        return tuple(map(str, self.caps))


def standing(
    policy: Policy, name: str, held: Evidenced, pauses: Sequence[Pause], now: datetime, *, version: int | None
) -> Standing:
    """The highest level the runbook ``name`` may exercise, from everything on record and what is paused or frozen.

    ``version``: of its remediation; None: nobody knows, so it is none that passed a gate. What is paused for one
    service or target alone does not count, and what has changed about one service is told apart.
    """
    seal = seal_of(policy, name, version)
    own = licence_of(held, policy, name, seal, now)
    gates = why_missing(own)
    everywhere = [*_held(policy, name, pauses, now), *_written(policy, name), *_demoted(held, now)]
    everywhere += [Cap(WITHOUT_ALL_GATES, gates)] if gates else _by_service(policy, name, held, seal, now)
    general = [cap for cap in everywhere if not cap.service]
    level = min((cap.level for cap in general), default=max(Level))
    caps = tuple(sorted(everywhere, key=lambda cap: (bool(cap.service), cap.level)))
    return Standing(level, caps, earned(own), expiring(held, policy, name, seal, now))


def _held(policy: Policy, name: str, pauses: Sequence[Pause], now: datetime) -> Iterator[Cap]:
    for pause in active(pauses, now):
        of_all = pause.scope.kind is ScopeKind.EVERYTHING
        if of_all or (pause.scope.kind is ScopeKind.RUNBOOK and pause.scope.name == name):
            yield Cap(Level.L0, f"{pause.scope} is paused" + (f": {pause.reason}" if pause.reason else ""))
    for freeze in policy.freezes:
        if not freeze.services and freeze.since <= now < freeze.until:
            yield Cap(Level.L0, f"the freeze {freeze.name} lasts until {freeze.until:%Y-%m-%d %H:%M} UTC")


def _demoted(held: Evidenced, now: datetime) -> Iterator[Cap]:
    written = [(demotion.level, demotion.reason) for demotion in held.demotions]
    for level, reason in (*written, *((due.level, due.reason) for due in unwritten(held, now))):
        if level < max(Level):
            yield Cap(level, f"demoted to {level}" + (f": {reason}" if reason else ""))


def _written(policy: Policy, name: str) -> Iterator[Cap]:
    highest, written = policy.levels.highest, policy.runbooks[name].level
    if written < max(Level):
        yield Cap(written, f"the policy says {written}")
    if highest < written:
        yield Cap(highest, f"this organisation operates at {highest} at most")


def _by_service(policy: Policy, name: str, held: Evidenced, seal: Seal, now: datetime) -> Iterator[Cap]:
    """Services whose entries were others when the gates were passed, though everything else was as it is."""
    for part, sealed in seal.parts.items():
        as_it_was = all(part in then.parts and then.parts[part].digest == sealed.digest for then in held.seals.values())
        if not part.startswith(SERVICE) or as_it_was:
            continue
        service = part.removeprefix(SERVICE)
        touched = Services(frozenset({service}), known=True)
        if why := why_missing(licence_of(held, policy, name, seal, now, touched=touched)):
            yield Cap(WITHOUT_ALL_GATES, why, service)
