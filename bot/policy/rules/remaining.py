"""What must remain: how much of a service stays healthy while a plan is carried out, against the policy's floor.

The plan counts live, from the system itself, what is healthy now and what it takes away; what other actions take away
at the same time comes off as well, even where it is down already: too careful, never too bold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.policy.file.document import Policy
from bot.policy.plan import Plan, Remaining
from bot.policy.rules.case import Case, Ruling, escalates, passed
from bot.policy.rules.services import Services, touched_by
from bot.policy.situation import UnderWay

APPROVERS_BELOW_THE_FLOOR = 2
"""Distinct persons who must approve a plan that leaves less healthy than the policy wants."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What would remain of one service, and what should."""

    service: str
    least: int | None
    """Instances that must stay healthy; None where nobody knows of how many."""
    left: int | None
    """Those that would; None when that cannot be told."""
    total: int | None
    elsewhere: int = 0
    """Healthy instances that other actions take away at the same time."""

    @property
    def below(self) -> bool:
        """Whether it is known that too little would remain."""
        return self.left is not None and self.least is not None and self.left < self.least


def floors_of(
    policy: Policy, plan: Plan, services: Services | None, under_way: Sequence[UnderWay] | None
) -> tuple[Floor, ...]:
    """Every floor of the policy that the plan may break, by service.

    A plan counts for one service: where it touches several, or does not say which, what remains of each is unknown.
    ``services`` count only where the plan itself does not tell what it touches; None: any service may be it.
    """
    if not plan.touches_service or (plan.remaining is not None and plan.remaining.taken == 0):
        return ()
    own = touched_by(policy, plan)
    touched = Services(own, known=True) if own else services or Services(frozenset(), known=False)
    return tuple(
        _floor(policy, name, plan.remaining if own == {name} else None, under_way)
        for name, entry in policy.services.items()
        if entry.leave_healthy is not None and touched.may_be(name)
    )


def below_the_floor(policy: Policy, plan: Plan, under_way: Sequence[UnderWay] | None) -> bool:
    """Whether it is known that the plan leaves less healthy than the policy wants."""
    return any(floor.below for floor in floors_of(policy, plan, None, under_way))


def leave_healthy(case: Case) -> Ruling:
    """Below the floor two people must agree; where nobody can tell what would remain, one."""
    remaining, under_way = case.plan.remaining, case.situation.under_way
    floors = floors_of(case.policy, case.plan, case.services, under_way)
    inputs = _inputs(remaining, floors)
    below = [floor for floor in floors if floor.below]
    if below:
        told = " ".join(_told(floor) for floor in below)
        return escalates(f"{told} {APPROVERS_BELOW_THE_FLOOR} people must agree.", inputs)
    unknown = [floor.service for floor in floors if floor.left is None or floor.least is None]
    if unknown:
        return escalates(
            f"How much of {', '.join(unknown)} would stay healthy cannot be told; the policy wants some of it left.",
            inputs,
        )
    if remaining is not None and remaining.taken == 0:
        return passed("It takes away nothing that is healthy.", inputs)
    if not floors:
        return passed("The policy does not say how much must stay healthy here.", inputs)
    return passed(" ".join(_told(floor) for floor in floors), inputs)


def _floor(policy: Policy, name: str, remaining: Remaining | None, under_way: Sequence[UnderWay] | None) -> Floor:
    wanted = policy.services[name].leave_healthy
    if wanted is None or remaining is None or under_way is None or remaining.total == 0:
        return Floor(name, wanted.count if wanted is not None else None, left=None, total=None)
    elsewhere = sum(each.taken for each in under_way if Services.recorded(each.services).may_be(name))
    left = max(0, remaining.left - elsewhere)
    return Floor(name, wanted.least(remaining.total), left, remaining.total, elsewhere)


def _told(floor: Floor) -> str:
    meanwhile = f" ({floor.elsewhere} more taken by other actions)" if floor.elsewhere else ""
    return (
        f"{floor.left} of {floor.total} of {floor.service} would stay healthy{meanwhile}; "
        f"the policy wants at least {floor.least}."
    )


def _inputs(remaining: Remaining | None, floors: Sequence[Floor]) -> dict[str, Any]:
    return {
        "healthy": remaining.healthy if remaining is not None else None,
        "taken": remaining.taken if remaining is not None else None,
        "floors": {
            floor.service: {"least": floor.least, "left": floor.left, "elsewhere": floor.elsewhere} for floor in floors
        },
    }
