"""Which services a plan touches, drawn from what it acts on and not only from what an alert calls itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.situation import AlertFacts


@dataclass(frozen=True, slots=True)
class Services:
    """What a plan touches. ``known`` False: it should be known and is not, so every service may be the one."""

    names: frozenset[str]
    known: bool

    def may_be(self, name: str) -> bool:
        """Whether a prohibition for service ``name`` applies; unknown never means no."""
        return name in self.names or not self.known


def services_of(policy: Policy, alerts: Iterable[AlertFacts], plan: Plan | None) -> Services:
    """The services that ``plan`` (or, without one, these alerts) is about.

    A service counts when its ``targets`` match one of the plan's, when the plan names it, or when an alert does.
    """
    names = {alert.service for alert in alerts} | ({plan.service} if plan is not None else set())
    if plan is not None:
        names |= {
            name
            for name, service in policy.services.items()
            for pattern in service.targets
            if any(fnmatchcase(target.key, pattern) or fnmatchcase(target.label, pattern) for target in plan.targets)
        }
    names -= {""}
    known = bool(names) or (plan is not None and not plan.touches_service)
    return Services(frozenset(names), known)
