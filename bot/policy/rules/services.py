"""Which services a plan touches, drawn from what it acts on and not only from what an alert calls itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.situation import AlertFacts

UNKNOWN_SERVICE = ""
"""Stands among the names of services for one that should be known and is not."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a plan touches. ``known`` False: it should be known and is not, so every service may be the one."""

    names: frozenset[str]
    known: bool

    def may_be(self, name: str) -> bool:
        """Whether a prohibition for service ``name`` applies; unknown never means no."""
        return name in self.names or not self.known

    @property
    def counted(self) -> frozenset[str]:
        """What is recorded, and what its budgets are counted for: an unknown service once, as such; none, if none."""
        return self.names if self.known else self.names | {UNKNOWN_SERVICE}

    @classmethod
    def recorded(cls, counted: Collection[str]) -> "Services":
        """The same from what was recorded of it."""
        return cls(frozenset(counted) - {UNKNOWN_SERVICE}, UNKNOWN_SERVICE not in counted)


def services_of(policy: Policy, alerts: Sequence[AlertFacts], plan: Plan | None) -> Services:
    """The services that ``plan`` (or, without one, these alerts) is about.

    A service counts when its ``targets`` match one of the plan's, when the plan names it, or when an alert does. Where
    the plan does not tell, every alert must: what one alert calls itself says nothing of what another one is about.
    """
    touched = touched_by(policy, plan) if plan is not None else frozenset()
    named = {alert.service.strip() for alert in alerts}
    known = bool(touched) or (plan is not None and not plan.touches_service) or UNKNOWN_SERVICE not in named
    return Services((touched | named) - {UNKNOWN_SERVICE}, known)


def touched_by(policy: Policy, plan: Plan) -> frozenset[str]:
    """What the plan itself says: the service it was made for, those the system names, and those of its targets."""
    said = {name.strip() for name in (plan.service, *plan.services)} - {UNKNOWN_SERVICE}
    names = [name for target in plan.targets for name in (target.key, target.label)]
    return frozenset(
        service
        for service, entry in policy.services.items()
        if any(fnmatchcase(name, pattern) for pattern in entry.targets for name in names)
    ).union(said)
