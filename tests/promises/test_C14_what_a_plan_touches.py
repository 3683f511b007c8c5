"""C14: a plan's services come from what it touches; one that should be known and is not counts as unknown.

Every service's pause and freeze then applies, and its act is counted once, as an unknown service, not in every budget.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.situation import LedgerEntry, Scope, ScopeKind
from bot.response.interventions.pauses import put_on
from bot.response.model.actions import ActionState
from tests.policy.calm import NOW, calm_alert, calm_plan, calm_policy, entries, pause, targets
from tests.policy.edges import decided
from tests.response.clicks import approve
from tests.response.world import ALICE, BOB, Switch, World, world, written_policy

NAMELESS: dict[str, Any] = {"alert": calm_alert(service="", labels={}), "plan": calm_plan(service="")}
TICKET: dict[str, Any] = NAMELESS | {"plan": calm_plan(service="", touches_service=False)}
"""What a remediation plans that declares that it touches no service."""
ON_A_SERVICE = {"scope": "service", "actions": 1, "per": "1h"}


def test_the_services_of_a_plan_are_those_whose_targets_it_touches() -> None:
    policy = calm_policy(services={"orders": {"targets": ["supervisor:web*"]}, "search": {"targets": ["*:db"]}})
    decision = decided(policy)
    assert decision.services == {"checkout", "orders"}, "as the alert says, and as the targets say"
    for service, verdict in (("orders", Verdict.HOLD), ("search", Verdict.ACT_UNLESS_STOPPED)):
        assert decided(policy, pauses=(pause(ScopeKind.SERVICE, service),)).verdict is verdict


def test_an_alert_that_misnames_its_service_gets_around_no_pause_freeze_or_budget() -> None:
    hour = timedelta(hours=1)
    freeze = {"name": "release", "from": NOW - hour, "until": NOW + hour, "services": ["orders"]}
    policy = calm_policy(services={"orders": {"targets": ["web?"]}}, freezes=[freeze])
    misnamed: dict[str, Any] = {"alert": calm_alert(service="sandbox"), "plan": calm_plan(service="sandbox")}
    assert decided(policy, **misnamed).verdict is Verdict.HOLD
    counted = calm_policy(services={"orders": {"targets": ["web?"]}}, budgets=[ON_A_SERVICE])
    assert decided(counted, **misnamed, ledger=entries(1, services=("orders",))).decisive == "budgets"


@pytest.mark.parametrize("service", ["checkout", "one-that-the-policy-does-not-name"])
def test_an_unknown_service_is_under_every_services_pause(service: str) -> None:
    assert decided(**NAMELESS, pauses=(pause(ScopeKind.SERVICE, service),)).verdict is Verdict.HOLD
    assert decided(**NAMELESS).verdict is Verdict.ACT_UNLESS_STOPPED


def test_where_the_targets_tell_the_service_is_known_although_the_alert_is_silent() -> None:
    policy = calm_policy(services={"orders": {"targets": ["web0"]}})
    assert decided(policy, **NAMELESS).services == {"orders"}
    assert decided(policy, **NAMELESS, pauses=(pause(ScopeKind.SERVICE, "search"),)).verdict.autonomous


def test_an_unknown_service_is_counted_once_and_not_in_every_budget() -> None:
    policy = calm_policy(budgets=[ON_A_SERVICE, {"scope": "all", "actions": 3, "per": "1h"}])
    spent = (LedgerEntry(action_id="a0", runbook="other", services=("",), at=NOW),)
    assert decided(policy, ledger=spent).verdict.autonomous, "checkout's own budget is full still"
    assert decided(policy, **NAMELESS, ledger=spent).decisive == "budgets"


def test_an_unknown_service_may_be_the_one_whose_budget_is_used_up() -> None:
    """Unknown never means yes: it asks, and says which budget it may be."""
    policy = calm_policy(budgets=[ON_A_SERVICE])
    decision = decided(policy, **NAMELESS, ledger=entries(1, services=("orders",)))
    assert (decision.verdict, decision.headline) == (
        Verdict.ASK,
        "The action budget is used up: 1 of 1 per 1h for orders.",
    )


def test_what_touches_no_service_is_under_no_services_pause_and_in_no_services_budget() -> None:
    policy = calm_policy(budgets=[ON_A_SERVICE, {"scope": "tier", "actions": 1, "per": "1h"}])
    assert decided(policy, **TICKET, ledger=entries(3, services=("",))).verdict.autonomous
    assert decided(policy, ledger=entries(3, services=())).verdict.autonomous, "nor does it use anybody's up"
    assert decided(policy, **NAMELESS, ledger=entries(3, services=())).verdict.autonomous
    assert decided(policy, **TICKET, pauses=(pause(ScopeKind.SERVICE, "checkout"),)).verdict.autonomous
    assert decided(policy, **TICKET, pauses=(pause(),)).verdict is Verdict.HOLD


def test_one_nameless_alert_among_others_leaves_the_service_unknown() -> None:
    firing = (calm_alert(service=""), calm_alert(fingerprint="f2", service="orders"))
    decision = decided(alerts=firing, plan=calm_plan(service="", targets=targets(1)))
    assert decision.services == {"", "orders"}
    held = decided(alerts=firing, plan=calm_plan(service=""), pauses=(pause(ScopeKind.SERVICE, "search"),))
    assert held.verdict is Verdict.HOLD


# On the running product

UNNAMED: dict[str, Any] = {"with": {"switch": "lamp"}}


class Ticket(Switch):
    """The same switch, whose author declares that no service feels it."""

    async def plan(self, *asked: Any) -> Any:
        return (await super().plan(*asked)).model_copy(update={"touches_service": False})


async def ledger(here: World) -> list[tuple[str, ...]]:
    async with here.database.read() as work:
        return [entry.services for entry in await work.budgets.ledger(here.context.now(), timedelta(hours=1))]


@pytest.mark.parametrize(("remediation", "recorded"), [(Switch, ("",)), (Ticket, ())])
async def test_the_ledger_tells_nobody_knew_from_nothing_was_touched(
    tmp_path: Path, remediation: type[Switch], recorded: tuple[str, ...]
) -> None:
    async with world(tmp_path, written_policy("L1", **UNNAMED), remediation=remediation) as here:
        await here.fire(service="")
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert await ledger(here) == [recorded]


async def test_a_pause_of_any_service_holds_what_was_approved_for_nobody_knows_which(tmp_path: Path) -> None:
    """The pause comes after the approval: what was recorded of the action must tell that it may be the one."""

    async def held_up() -> None:
        raise AssertionError("it began under a pause")

    policy: Policy = written_policy("L1", **UNNAMED)
    async with world(tmp_path, policy) as here:
        here.switch.before_execute = held_up
        await here.fire(service="")
        waiting = await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            scope = Scope(kind=ScopeKind.SERVICE, name="room")
            await put_on(work, BOB, scope, None, "moving", here.context.now())
        assert (await approve(here, ALICE)).accepted
        held = await here.until(ActionState.HELD)
        assert held.id != waiting.id
        assert here.switch.read()["flips"] == 0
