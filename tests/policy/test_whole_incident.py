"""Every firing alert of an incident counts: the worst one's runbook, every mark, each mute for its own alert only."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision, Verdict
from bot.policy.file.document import Policy
from bot.policy.rules.matching import match_incident, worst_severity
from bot.policy.situation import AlertFacts, Planned
from tests.policy.calm import ANOTHER, NOW, RUNBOOK, asked_for, calm_alert, calm_plan, calm_policy, calm_situation
from tests.policy.edges import ESCALATES, PASSED, decided, said

SLOW = {"when": "alert.name == 'Slow'", "summary": "Restart what is slow"}
BY_INSTANCE = {"with": {"instance": "${alert.labels.instance}"}}


def other(name: str = "Slow", severity: str = "critical", **changes: Any) -> AlertFacts:
    """A second alert of the incident."""
    return calm_alert(**{"fingerprint": "f2", "name": name, "severity": severity, **changes})


def two_runbooks(**document: Any) -> Policy:
    """restart-checkout for ServiceDown, then another runbook for Slow."""
    return calm_policy(after={ANOTHER: SLOW}, **document)


def together(policy: Policy, *alerts: AlertFacts, **changes: Any) -> Decision:
    return decided(policy, alerts=(calm_alert(), *alerts), **changes)


# Which runbook


@pytest.mark.parametrize("severity", ["error", "warning", "info"])
def test_the_runbook_of_the_worst_alert_counts(severity: str) -> None:
    assert together(two_runbooks(), other(severity=severity)).runbook == RUNBOOK
    assert decided(two_runbooks(), alerts=(calm_alert(severity=severity), other())).runbook == ANOTHER


def test_a_milder_alert_for_another_runbook_is_offered_and_does_not_ask() -> None:
    decision = together(two_runbooks(), other(severity="warning"))
    assert (decision.verdict, decision.others) == (Verdict.ACT_UNLESS_STOPPED, (ANOTHER,))


def test_equally_bad_alerts_for_two_runbooks_ask_about_the_first_in_the_file_and_offer_the_other() -> None:
    decision = together(two_runbooks(), other())
    assert (decision.verdict, decision.decisive, decision.runbook) == (Verdict.ASK, "alerts", RUNBOOK)
    assert decision.others == (ANOTHER,)
    assert decision.headline == (
        "Alerts as bad as this one are for other runbooks: another-runbook. A person must choose."
    )
    first = calm_policy(before={ANOTHER: SLOW})
    assert (together(first, other()).runbook, together(first, other()).others) == (ANOTHER, (RUNBOOK,))


def test_rivals_are_offered_before_what_milder_alerts_are_for() -> None:
    policy = calm_policy(
        before={"restart-full": {"when": "alert.name == 'Full'"}},
        after={ANOTHER: SLOW, "restart-old": {"when": "alert.name == 'Old'"}},
    )
    firing = (other("Full", "info"), other(fingerprint="f3"), other("Old", "warning", fingerprint="f4"))
    decision = together(policy, *firing)
    assert decision.others == (ANOTHER, "restart-full", "restart-old")
    assert decision.reason("alerts").inputs["rivals"] == [ANOTHER]


def test_a_warning_that_turns_critical_is_for_the_critical_runbook() -> None:
    policy = calm_policy(
        {"when": "alert.severity == 'warning'"}, after={ANOTHER: {"when": "alert.severity == 'critical'"}}
    )
    warning, critical = calm_alert(severity="warning"), other("ServiceDown")
    assert decided(policy, alerts=(warning,)).runbook == RUNBOOK
    both = decided(policy, alerts=(warning, critical))
    assert (both.runbook, both.alert, both.others) == (ANOTHER, 1, (RUNBOOK,))


def test_a_worse_alert_that_no_runbook_matches_asks() -> None:
    decision = decided(alerts=(calm_alert(severity="warning"), other("DiskGone")))
    assert (decision.verdict, decision.decisive, decision.unmatched) == (Verdict.ASK, "alerts", ("DiskGone",))
    assert decision.headline == "No runbook covers a worse alert of this incident: DiskGone."


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_an_alert_no_worse_that_no_runbook_matches_is_said(severity: str) -> None:
    decision = decided(
        alerts=(calm_alert(), other("DiskGone", severity), other("DiskGone", severity, fingerprint="f3"))
    )
    assert (decision.verdict, decision.unmatched) == (Verdict.ACT_UNLESS_STOPPED, ("DiskGone",))
    assert decision.reason("alerts").text == "Also firing, without a runbook: DiskGone."


def test_the_plan_that_is_missing_is_that_of_the_runbook_that_matches_now() -> None:
    policy = two_runbooks()
    situation = calm_situation(policy)
    unplanned = situation.model_copy(update={"plans": {RUNBOOK: situation.plans[RUNBOOK]}})
    assert decide(unplanned, policy).runbook == RUNBOOK
    joined = unplanned.model_copy(update={"alerts": (calm_alert(severity="warning"), other())})
    with pytest.raises(PlanMissingError, match="no plan for the runbook 'another-runbook'") as caught:
        decide(joined, policy)
    assert caught.value.runbook == ANOTHER


def test_a_stored_situation_is_matched_again_under_another_policy() -> None:
    stored = calm_situation(two_runbooks())
    page_first = calm_policy(before={"page": {"level": "L0"}})
    with pytest.raises(PlanMissingError):
        decide(stored, page_first)
    planned = stored.model_copy(update={"plans": {**stored.plans, "page": stored.plans[RUNBOOK]}})
    assert decide(planned, page_first).verdict is Verdict.OBSERVE


# How bad


@pytest.mark.parametrize(
    ("mine", "its", "result"),
    [
        ("critical", "sev0", PASSED),  # at most as bad
        ("error", "sev0", ESCALATES),
        ("sev0", "error", ESCALATES),
        ("sev0", "info", ESCALATES),
        ("sev0", "debug", PASSED),  # at least as bad
        ("sev0", "sev1", ESCALATES),
        ("sev0", " SEV0 ", PASSED),  # the same word
        ("", "", ESCALATES),  # no word at all
        ("Warning", "minor", PASSED),
        ("warning", "HIGH", ESCALATES),
    ],
)
def test_a_severity_that_nobody_knows_may_be_any(mine: str, its: str, result: str) -> None:
    firing = (calm_alert(severity=mine), other("DiskGone", its))
    assert said("alerts", alerts=firing).result is result


@pytest.mark.parametrize(
    ("mine", "its", "rivals"),
    [
        ("critical", "critical", [ANOTHER]),
        ("critical", "page", [ANOTHER]),
        ("critical", "sev0", [ANOTHER]),
        ("critical", "", [ANOTHER]),
        ("critical", "error", []),
        ("sev0", "warning", [ANOTHER]),
        ("warning", "info", []),
    ],
)
def test_an_alert_that_may_be_as_bad_makes_its_runbook_a_rival(mine: str, its: str, rivals: list[str]) -> None:
    firing = (calm_alert(severity=mine), other(severity=its))
    reason = said("alerts", two_runbooks(), alerts=firing)
    assert (reason.inputs["rivals"], reason.result is ESCALATES) == (rivals, bool(rivals))


def test_the_worst_severity_is_told_as_its_monitor_writes_it() -> None:
    assert worst_severity((calm_alert(severity="warning"), other(severity="Page"))) == "Page"
    assert worst_severity(()) == ""


# What fills it


def test_several_alerts_that_fill_the_runbook_alike_are_one_case() -> None:
    alike = other("ServiceDown", labels={"instance": "web1", "job": "x"})
    decision = decided(calm_policy(BY_INSTANCE), alerts=(calm_alert(labels={"instance": "web1"}), alike))
    assert decision.verdict is Verdict.ACT_UNLESS_STOPPED


@pytest.mark.parametrize("severity", ["critical", "info"])
@pytest.mark.parametrize("labels", [{"instance": "web2"}, {}])
@pytest.mark.parametrize(
    "waiting",
    [
        {"with": {"deep": [{"of": "${alert.labels.instance}"}]}},
        {"evidence": {"down": "up{instance='${alert.labels.instance}'} == 0"}},
        {"verify": {"within": "2m", "healthy": "up{instance='${alert.labels.instance}'} == 1"}},
    ],
    ids=["with", "evidence", "verify"],
)
def test_alerts_that_would_fill_the_runbook_differently_ask(
    waiting: dict[str, Any], labels: dict[str, str], severity: str
) -> None:
    firing = (calm_alert(labels={"instance": "web1"}), other("ServiceDown", severity, labels=labels))
    reason = said("alerts", calm_policy(waiting), alerts=firing)
    named = labels.get("instance", "?")
    assert (reason.result, reason.text) == (
        ESCALATES,
        "Alerts of this incident ask the same runbook for different things: this plan is for instance=web1, "
        f"not for instance={named}. What it leaves out is considered when it has ended.",
    )
    assert reason.inputs["fillings"] == ["instance=web1", f"instance={named}"]


def test_what_many_alerts_ask_for_is_named_and_counted() -> None:
    many = tuple(calm_alert(fingerprint=f"f{n}", labels={"instance": f"web{n}", "job": "x"}) for n in range(9))
    policy = calm_policy({"with": {"instance": "${alert.labels.instance}", "job": "${alert.labels.job}"}})
    reason = said("alerts", policy, alerts=(*many, many[3]))
    assert "this plan is for instance=web0, not for instance=web1; instance=web2;" in reason.text
    assert "instance=web5 and 3 more. What it leaves out" in reason.text
    assert len(reason.inputs["fillings"]) == 9
    assert decided(policy, alerts=many).left_out == tuple(f"instance=web{n}" for n in range(1, 9))
    assert decided().left_out == ()


def attacked(*addresses: str) -> tuple[AlertFacts, ...]:
    return tuple(calm_alert(fingerprint=f"f{address}", labels={"instance": address}) for address in addresses)


def test_the_alert_that_was_planned_fills_the_runbook_though_an_older_one_is_done() -> None:
    policy = calm_policy(BY_INSTANCE | {"evidence": {"down": "up{instance='${alert.labels.instance}'} == 0"}})
    first, second = attacked("a", "b")
    planned = Planned(plan=calm_plan(), alert=second.key)
    decision = decided(policy, alerts=(first, second), plans={RUNBOOK: planned})
    assert (decision.alert, decision.decisive) == (1, "alerts")
    assert decision.evidence[0].query == "up{instance='b'} == 0"
    assert "this plan is for instance=b, not for instance=a." in decision.headline
    ended = decided(policy, alerts=(first,), plans={RUNBOOK: planned})
    assert ended.alert == 0


def test_what_is_as_wanted_already_is_no_failure() -> None:
    planned = Planned(problem="198.51.100.7 is blocked since 12:00.", nothing_to_do=True)
    decision = decided(plans={RUNBOOK: planned})
    assert (decision.verdict, decision.decisive) == (Verdict.OBSERVE, "plan")
    assert decision.headline == (
        "Nothing to do: 198.51.100.7 is blocked since 12:00. If it is not well all the same, look there."
    )


def test_what_a_person_gives_makes_alerts_fill_it_alike() -> None:
    policy = calm_policy(BY_INSTANCE)
    firing = (calm_alert(labels={"instance": "web1"}), other("ServiceDown", labels={"instance": "web2"}))
    named = asked_for(parameters={"instance": "web2"})
    assert said("alerts", policy, alerts=firing, request=named).result is PASSED
    assert said("alerts", policy, alerts=firing, request=asked_for()).result is ESCALATES


def test_of_equally_bad_alerts_the_oldest_fills_the_runbook() -> None:
    policy = calm_policy()
    young, old = calm_alert(starts_at=NOW), other("ServiceDown", starts_at=NOW - timedelta(hours=1))
    milder = other("ServiceDown", "info", starts_at=NOW - timedelta(hours=9), fingerprint="f3")
    assert match_incident(policy, (young, old, milder)).alert == 1
    assert match_incident(policy, (young, old, milder)).filling == (1, 0)
    assert match_incident(policy, (milder, young, old)).fillers == (2, 1, 0)


# What cannot be known of other entries


def test_a_runbook_whose_when_could_not_be_evaluated_may_be_the_one_so_a_person_chooses() -> None:
    policy = calm_policy(before={"ask-the-team": {"when": "alert.labels.team == 'x'", "level": "L1"}})
    decision = decided(policy)
    assert (decision.verdict, decision.decisive, decision.runbook) == (Verdict.ASK, "alerts", RUNBOOK)
    assert decision.headline == (
        "Whether these runbooks are for it could not be evaluated: ask-the-team. A person must choose."
    )
    known = calm_alert(labels={"team": "y"})
    assert decided(policy, alert=known).verdict is Verdict.ACT_UNLESS_STOPPED


@pytest.mark.parametrize(
    "before",
    [
        {"never": {"when": "alert.labels.team == 'x' && alert.name == 'Other'"}},  # false, whatever the team
        {"careful": {"when": "'team' in alert.labels && alert.labels.team == 'x'"}},
    ],
)
def test_what_is_false_whatever_is_unknown_is_no_doubt(before: dict[str, Any]) -> None:
    assert decided(calm_policy(before=before)).verdict is Verdict.ACT_UNLESS_STOPPED


def test_what_comes_after_the_match_in_the_file_is_no_doubt() -> None:
    policy = calm_policy(after={"later": {"when": "alert.labels.team == 'x'"}})
    assert decided(policy).verdict is Verdict.ACT_UNLESS_STOPPED


def test_a_mute_that_could_not_be_evaluated_does_not_mute_and_is_no_doubt() -> None:
    policy = calm_policy(mute=[{"when": "alert.labels.team == 'x'", "reason": "not theirs"}])
    decision = decided(policy)
    assert decision.verdict is Verdict.ACT_UNLESS_STOPPED
    assert len(decision.reason("runbook").inputs["undetermined"]) == 1


def test_doubt_about_a_milder_alert_is_none_about_the_worst() -> None:
    policy = calm_policy(before={"ask-the-team": {"when": "alert.labels.team == 'x'"}})
    worst, mild = calm_alert(labels={"team": "y"}), other("DiskGone", "info")
    assert decided(policy, alerts=(worst, mild)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(policy, alerts=(worst, other("DiskGone"))).decisive == "alerts"


# Marks and mutes


@pytest.mark.parametrize("mark", ["billing", "data_integrity", "security_severity"])
@pytest.mark.parametrize("name", ["Slow", "DiskGone", "ServiceDown"])
def test_a_mark_on_any_alert_asks_whatever_runbook_it_is_for(mark: str, name: str) -> None:
    decision = together(two_runbooks(), other(name, "info", labels={mark: "high"}))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, mark.removesuffix("_severity"))


def muting(**document: Any) -> Policy:
    return calm_policy(mute=[{"when": "alert.labels.env == 'staging'", "reason": "staging is for trying"}], **document)


STAGING: dict[str, Any] = {
    "labels": {"env": "staging", "billing": "yes", "security_severity": "critical"},
    "service": "staging",
}


def test_a_muted_alert_takes_only_itself_away() -> None:
    decision = together(muting(), other("ServiceDown", **STAGING))
    assert (decision.verdict, decision.runbook, decision.alert) == (Verdict.ACT_UNLESS_STOPPED, RUNBOOK, 0)
    assert decision.services == {"checkout"}
    assert decision.reason("alerts").inputs["muted"] == ["staging is for trying"]
    assert decision.reason("alerts").inputs["firing"] == 2


def test_an_incident_of_muted_alerts_alone_is_muted() -> None:
    decision = decided(muting(), alerts=(calm_alert(**STAGING), other(**STAGING)))
    assert (decision.verdict, decision.runbook) == (Verdict.OBSERVE, None)
    assert decision.headline == "Muted by the policy: staging is for trying."
    assert match_incident(muting(), (calm_alert(**STAGING),)).all_muted


def test_a_muted_alert_beside_one_without_a_runbook_leaves_that_to_people() -> None:
    decision = decided(muting(), alerts=(calm_alert(**STAGING), other("DiskGone")))
    assert (decision.headline, decision.alert) == ("No runbook matches this alert: people must handle it.", 1)
    assert decision.unmatched == ("DiskGone",)


def test_a_person_may_ask_although_every_alert_is_muted() -> None:
    muted = calm_alert(labels={"env": "staging"})
    decision = decided(muting(), alert=muted, request=asked_for())
    assert (decision.runbook, decision.verdict) == (RUNBOOK, Verdict.ACT_UNLESS_STOPPED)


def test_an_incident_without_an_alert_cannot_be_matched() -> None:
    with pytest.raises(ValueError, match="pass the last one that fired"):
        match_incident(calm_policy(), ())


def test_an_incident_of_one_alert_says_that_it_is_covered() -> None:
    assert said("alerts").text == "Every alert of this incident is covered."
