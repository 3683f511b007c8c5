"""Every pair of alerts that differ in what the policy reads of them: what joins an incident never permits.

The properties of ``decide`` say the same of anything that can be drawn; here it is every combination, because what
goes wrong needs several things at once.
"""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.policy.decide import STRICTEST_FIRST, decide
from bot.policy.decision import Decision, Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.rules.matching import may_be_worse, severity_rank
from bot.policy.situation import AlertFacts, ScopeKind, Situation
from tests.policy.calm import ANOTHER, NOW, QUERY, RUNBOOK, calm_alert, calm_plan, calm_policy, calm_situation, pause

IN_EUROPE = "up{region='eu'} == 0"
POLICIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with a condition on a label": {"conditions": ["alert.labels.region == 'eu'"]},
    "with evidence by a label": {"evidence": {"down": "up{region='${alert.labels.region}'} == 0"}},
}
SEVERITIES = ("critical", "warning", "sev0")
REGIONS, SERVICES = ("eu", "us"), ("checkout", "")
NAMES = ("ServiceDown", "Slow", "Nothing")
"""For the runbook, for another one, for none."""


def an_alert(region: str, service: str, severity: str, **changes: Any) -> AlertFacts:
    return calm_alert(labels={"region": region}, service=service, severity=severity, **changes)


def joining() -> list[AlertFacts]:
    ages = (timedelta(hours=1), timedelta(seconds=1))
    return [
        an_alert(region, service, severity, name=name, starts_at=NOW - age, fingerprint="f2")
        for region, service, severity, name, age in product(REGIONS, SERVICES, SEVERITIES, NAMES, ages)
    ]


FIRST = [an_alert(*each) for each in product(REGIONS, SERVICES, SEVERITIES)]
JOINING = joining()


def situation(policy: Policy, plan_names_service: bool, *alerts: AlertFacts) -> Situation:
    """Where the plan does not say what it is about, another service is paused: then it matters."""
    calm = calm_situation(
        policy,
        alerts=alerts,
        plan=calm_plan(service="checkout" if plan_names_service else ""),
        pauses=() if plan_names_service else (pause(ScopeKind.SERVICE, "orders"),),
    )
    return calm.model_copy(update={"answers": {**calm.answers, IN_EUROPE: calm.answers[QUERY], "none": Answer()}})


def strictness(decision: Decision) -> int:
    return -STRICTEST_FIRST.index(decision.verdict)


@pytest.mark.parametrize("plan_names_service", [True, False])
@pytest.mark.parametrize("what", POLICIES)
def test_an_alert_that_is_no_worse_never_makes_the_verdict_less_strict(what: str, plan_names_service: bool) -> None:
    policy = calm_policy(POLICIES[what], after={ANOTHER: {"when": "alert.name == 'Slow'"}})
    seen: set[Verdict] = set()
    for first in FIRST:
        before = decide(situation(policy, plan_names_service, first), policy)
        seen.add(before.verdict)
        for other in JOINING:
            if severity_rank(other) > severity_rank(first) or may_be_worse(other, first):
                continue
            after = decide(situation(policy, plan_names_service, first, other), policy)
            if after.runbook == RUNBOOK:
                assert strictness(after) >= strictness(before), (first, other, after.headline)
    assert seen & {Verdict.ACT_UNLESS_STOPPED}


def test_a_severity_that_nobody_knows_never_permits_whichever_of_two_alerts_has_it() -> None:
    policy = calm_policy(after={ANOTHER: {"when": "alert.name == 'Slow'"}})
    autonomous: set[bool] = set()
    for first, other in product(FIRST, JOINING):
        known = decide(situation(policy, True, first, other), policy)
        autonomous.add(known.verdict.autonomous)
        for place in (0, 1):
            pair = [first, other]
            pair[place] = pair[place].model_copy(update={"severity": "of nobody knows whom"})
            unknown = decide(situation(policy, True, *pair), policy)
            assert known.verdict.autonomous or not unknown.verdict.autonomous, (first, other, place, unknown.headline)
    assert autonomous == {True, False}


def test_two_alerts_are_judged_alike_in_either_order() -> None:
    policy = calm_policy(after={ANOTHER: {"when": "alert.name == 'Slow'"}})
    for first, other in product(FIRST, JOINING):
        one = decide(situation(policy, True, first, other), policy)
        back = decide(situation(policy, True, other, first), policy)
        assert one.model_copy(update={"alert": 0}) == back.model_copy(update={"alert": 0})
        assert (first, other)[one.alert] == (other, first)[back.alert]
