"""The cause is elsewhere: a dependency in trouble, or many similar incidents at once, is for a person."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.decide import decide
from bot.policy.decision import Decision, Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.rules.causes import burn_queries_of_dependencies, dependencies
from bot.policy.rules.services import Services
from bot.policy.situation import OpenIncident
from tests.policy.calm import BURN, CALM_POLICY, NOW, SUPPORTING, calm_alert, calm_plan, calm_policy
from tests.policy.edges import ESCALATES, PASSED, decided, said
from tests.policy.judging import Case, autonomy, with_
from tests.policy.strategies import cases

DATABASE_BURN = "slo:burn_rate:1h{service='database'}"
NEEDING: dict[str, Any] = {
    "checkout": {**CALM_POLICY["services"]["checkout"], "depends_on": ["orders"]},
    "orders": {"fleet": 3, "depends_on": ["database"]},
    "database": {"fleet": 1},
    "mail": {"fleet": 1},
}
"""Checkout needs orders, and orders need the database."""


def needing(**database: Any) -> Policy:
    return calm_policy(services={**NEEDING, "database": {**NEEDING["database"], **database}})


def opened(
    incident: str, service: str = "mail", *, alert: str = "ServiceDown", seconds_ago: float = 60
) -> OpenIncident:
    return OpenIncident(incident=incident, service=service, alert=alert, opened_at=NOW - timedelta(seconds=seconds_ago))


OWN = opened("INC-7", "checkout", seconds_ago=30)


def beside(*others: OpenIncident, policy: Policy | None = None, **changes: Any) -> Decision:
    return decided(policy or needing(), open_incidents=(*others, OWN), **changes)


# Dependencies


@pytest.mark.parametrize("service", ["orders", "database"])
def test_an_open_incident_of_a_dependency_asks_there_through_any_number_of_hops(service: str) -> None:
    decision = beside(opened("INC-3", service, alert="DiskFull", seconds_ago=9000))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "common_cause")
    assert decision.headline == (
        f"The cause may be elsewhere. INC-3 stands open on what this may depend on: {service}. "
        "A person is asked, at INC-3."
    )
    assert decision.reason("common_cause").inputs["cause"] == "INC-3"


def test_what_needs_this_service_or_has_nothing_to_do_with_it_is_no_cause() -> None:
    assert beside(opened("INC-3", "mail", alert="DiskFull")).verdict is Verdict.ACT_UNLESS_STOPPED
    needed_by = calm_policy(services={**CALM_POLICY["services"], "mail": {"depends_on": ["checkout"]}})
    assert beside(opened("INC-3", alert="x"), policy=needed_by).verdict is Verdict.ACT_UNLESS_STOPPED


def test_the_oldest_of_several_is_where_a_person_is_asked() -> None:
    many = [opened(f"INC-{number}", "orders", alert="x", seconds_ago=1000 - number) for number in range(20, 27)]
    decision = beside(*reversed(many), opened("INC-9", "database", alert="y", seconds_ago=5))
    assert "INC-20, INC-21, INC-22, INC-23, INC-24 and 3 more stands open" in decision.headline
    assert decision.headline.endswith("A person is asked, at INC-20.")


def test_five_are_all_named() -> None:
    many = [opened(f"INC-{number}", "orders", alert="x", seconds_ago=1000 - number) for number in range(20, 25)]
    assert "INC-20, INC-21, INC-22, INC-23, INC-24 stands open" in beside(*many).headline


def test_an_incident_of_a_service_that_nobody_knows_may_be_a_dependencys() -> None:
    unknown = opened("INC-3", "", alert="x")
    assert "an unknown service" in beside(unknown).headline
    assert beside(unknown, policy=calm_policy()).verdict is Verdict.ACT_UNLESS_STOPPED, "where nothing is needed"


def test_where_nobody_knows_the_service_everything_that_any_needs_may_be_the_cause() -> None:
    policy, nobody_knows = needing(), Services(frozenset(), known=False)
    assert dependencies(policy, nobody_knows) == {"orders", "database"}
    assert dependencies(policy, Services(frozenset({"checkout"}), known=True)) == {"orders", "database"}
    assert dependencies(policy, Services(frozenset({"orders", "elsewhere"}), known=True)) == {"database"}
    assert dependencies(policy, Services(frozenset({"mail"}), known=True)) == set()


def test_services_that_need_each_other_are_no_dependencies_of_themselves() -> None:
    ring = calm_policy(services={"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}})
    assert dependencies(ring, Services(frozenset({"a"}), known=True)) == {"b"}
    assert dependencies(ring, Services(frozenset(), known=False)) == {"a", "b"}


# Failing evidence


def burning(*samples: str, **changes: Any) -> Decision:
    answers = SUPPORTING | {BURN: Answer(samples=("0.5",)), DATABASE_BURN: Answer(samples=samples)}
    return beside(policy=needing(slo_burn=DATABASE_BURN), answers=answers, **changes)


def test_a_dependency_that_burns_its_error_budget_asks() -> None:
    assert burning("2").verdict is Verdict.ACT_UNLESS_STOPPED
    decision = burning("2.5")
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "common_cause")
    assert decision.headline == (
        "The cause may be elsewhere. database, which this service depends on, burns its error budget at 2.5 times "
        "its pace. A person is asked."
    )


@pytest.mark.parametrize("samples", [(), ("NaN",), ("+Inf",)])
def test_a_dependency_that_cannot_be_measured_asks(samples: tuple[str, ...]) -> None:
    assert "How database fares, which this service depends on, could not be measured." in burning(*samples).headline


def test_the_queries_of_dependencies_are_known_before_anything_is_asked() -> None:
    policy = needing(slo_burn=DATABASE_BURN)
    found = burn_queries_of_dependencies(policy, Services(frozenset({"checkout"}), known=True))
    assert found == {"database": DATABASE_BURN}
    gone = calm_policy().model_copy(update={"services": {"a": policy.services["checkout"]}})
    assert burn_queries_of_dependencies(gone, Services(frozenset({"a"}), known=True)) == {}


# Similar incidents at once


def others(count: int, **changes: Any) -> list[OpenIncident]:
    return [opened(f"INC-{number}", f"service-{number}", **changes) for number in range(100, 100 + count)]


def test_more_similar_incidents_at_once_than_the_policy_takes_for_chance_ask() -> None:
    assert beside(*others(2)).verdict is Verdict.ACT_UNLESS_STOPPED
    decision = beside(*others(3))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "common_cause")
    assert decision.headline == (
        "The cause may be elsewhere. 4 incidents of the same kind began within 2m of this one, with INC-100, INC-101, "
        "INC-102; more than 3 are taken for one cause. A person is asked, at INC-100."
    )


def test_all_of_them_ask_at_the_same_one() -> None:
    later = beside(*others(3, seconds_ago=10))
    assert later.headline.endswith("A person is asked, at INC-7."), "this one began first"
    together = [OWN, *others(3, seconds_ago=30)]
    asked = set()
    for each in together:
        decision = decided(needing(), incident=each.incident, open_incidents=tuple(together))
        asked.add(decision.reason("common_cause").inputs["cause"])
    assert asked == {"INC-7"}, "they began in the same moment, and still there is one place to ask"


def test_behind_a_dependency_that_burns_without_an_incident_all_of_them_ask_at_the_first() -> None:
    burning = SUPPORTING | {BURN: Answer(samples=("0.5",)), DATABASE_BURN: Answer(samples=("9",))}
    decision = beside(*others(3), policy=needing(slo_burn=DATABASE_BURN), answers=burning)
    assert "database, which this service depends on, burns its error budget" in decision.headline
    assert decision.headline.endswith("A person is asked, at INC-100.")
    alone = beside(policy=needing(slo_burn=DATABASE_BURN), answers=burning)
    assert alone.reason("common_cause").inputs["cause"] == ""


def test_the_policy_says_how_many_and_how_near() -> None:
    near = {"incidents": 1, "within": "10s"}
    policy = calm_policy(common_cause=near)
    assert beside(*others(1, seconds_ago=40), policy=policy).verdict is Verdict.ASK
    assert beside(*others(1, seconds_ago=20), policy=policy).verdict is Verdict.ASK
    assert beside(*others(1, seconds_ago=41), policy=policy).verdict is Verdict.ACT_UNLESS_STOPPED
    assert beside(*others(1, seconds_ago=19), policy=policy).verdict is Verdict.ACT_UNLESS_STOPPED


def test_incidents_about_other_alerts_are_not_similar() -> None:
    assert beside(*others(9, alert="DiskFull")).verdict is Verdict.ACT_UNLESS_STOPPED
    named = OWN.model_copy(update={"alert": "DiskFull"})
    decision = decided(needing(), open_incidents=(*others(3, alert="DiskFull"), named))
    assert decision.decisive == "common_cause", "what the incident was opened for counts, whatever joined it"


def test_an_incident_that_is_not_open_yet_begins_now() -> None:
    assert decided(needing(), open_incidents=tuple(others(3, seconds_ago=120))).decisive == "common_cause"
    assert decided(needing(), open_incidents=tuple(others(3, seconds_ago=121))).verdict.autonomous


def test_what_any_alert_of_the_incident_is_called_is_similar() -> None:
    policy = calm_policy({"when": "alert.name in ['ServiceDown', 'Slow']"})
    joined = calm_alert(name="Slow", fingerprint="f2", starts_at=NOW - timedelta(minutes=9))
    decision = decided(policy, alerts=(calm_alert(), joined), open_incidents=tuple(others(3, seconds_ago=1)))
    assert decision.reason("common_cause").result is ESCALATES


# What it means


def test_what_was_not_read_asks() -> None:
    decision = decided(needing(), open_incidents=None)
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "common_cause")
    assert decision.headline == ("The cause may be elsewhere. What else is open was not read. A person is asked.")


def test_where_a_person_is_asked_in_any_case_the_cause_is_only_said() -> None:
    policy = calm_policy({"level": "L1"}, services=NEEDING)
    reason = said("common_cause", policy, open_incidents=(opened("INC-3", "orders"), OWN))
    assert reason.result is PASSED
    assert reason.text == "INC-3 stands open on what this may depend on: orders. L1 asks in any case."


def test_whatever_would_act_by_itself_asks() -> None:
    policy = calm_policy({"level": "L2"}, services=NEEDING)
    assert decided(policy, open_incidents=(OWN,)).verdict is Verdict.ACT
    decision = decided(policy, open_incidents=(opened("INC-3", "orders"), OWN))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "common_cause")


def test_what_a_plan_touches_counts_and_not_only_what_an_alert_calls_itself() -> None:
    plan = calm_plan(services=frozenset({"orders"}))
    policy = needing()
    reason = said("common_cause", policy, plan=plan, alert=calm_alert(), open_incidents=(opened("INC-3", "database"),))
    assert reason.result is ESCALATES


INCIDENTS = st.builds(
    opened,
    incident=st.sampled_from(("INC-1", "INC-2", "INC-3", "INC-4", "INC-5")),
    service=st.sampled_from(("checkout", "orders", "database", "mail", "")),
    alert=st.sampled_from(("ServiceDown", "Slow")),
    seconds_ago=st.sampled_from((1, 60, 100, 300)),
)


@given(cases(), st.lists(INCIDENTS, max_size=5), INCIDENTS)
def test_one_more_open_incident_never_adds_autonomy(case: Case, known: list[OpenIncident], more: OpenIncident) -> None:
    situation, policy = case
    services = calm_policy(services=NEEDING).services
    policy = policy.model_copy(update={"services": services})
    before = decide(with_(situation, open_incidents=(*known, OWN)), policy)
    after = decide(with_(situation, open_incidents=(*known, more, OWN)), policy)
    assert autonomy(after) <= autonomy(before)
    assert autonomy(decide(with_(situation, open_incidents=None), policy)) <= autonomy(after)
