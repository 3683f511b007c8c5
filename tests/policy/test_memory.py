"""What happened in the incident before, and what a person asked for, decide whether anything acts by itself."""

from datetime import timedelta

import pytest

from bot.policy.decision import Verdict
from bot.policy.situation import Acted, Memory, RefusalKind
from tests.policy.calm import NOW, RUNBOOK, asked_for, calm_alert, calm_policy, refusal
from tests.policy.edges import ESCALATES, PASSED, decided, reaching, said

# Refusals


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (RefusalKind.STOPPED, "stopped automation"),
        (RefusalKind.OVERRIDDEN, "overrode automation"),
        (RefusalKind.TAKEN, "took over"),
    ],
)
def test_after_a_person_has_said_no_nothing_acts_by_itself_in_this_incident(kind: RefusalKind, words: str) -> None:
    decision = decided(memory=Memory(refusals=(refusal(kind),)))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "memory")
    assert decision.headline == f"Somebody {words} in this incident, so nothing acts by itself here."
    assert decision.reason("memory").inputs == {"refusals": [f"{kind.value} by U02BOB"]}


def test_an_alert_that_comes_later_changes_nothing_about_a_refusal() -> None:
    later = calm_alert(starts_at=NOW)
    assert decided(alert=later, memory=Memory(refusals=(refusal(seconds_ago=3600),))).decisive == "memory"


@pytest.mark.parametrize("kind", RefusalKind)
@pytest.mark.parametrize("seconds_ago", [60, 4, -3600])
def test_a_request_answers_the_refusals_that_it_came_after_whatever_clocks_say(
    kind: RefusalKind, seconds_ago: float
) -> None:
    """By the clock of its own host the request came 5 seconds ago."""
    said_no = refusal(kind, seconds_ago=seconds_ago)
    memory = Memory(refusals=(said_no,))
    assert decided(memory=memory, request=asked_for(after=(said_no.key,))).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(memory=memory, request=asked_for()).decisive == "memory"


def test_a_request_must_have_come_after_every_refusal() -> None:
    refusals = (refusal(), refusal(action_id="a2"), refusal(RefusalKind.TAKEN))
    keys = tuple(each.key for each in refusals)
    assert len(set(keys)) == 3
    memory = Memory(refusals=refusals)
    assert decided(memory=memory, request=asked_for(after=keys)).verdict is Verdict.ACT_UNLESS_STOPPED
    for missing in range(3):
        known = keys[:missing] + keys[missing + 1 :]
        assert decided(memory=memory, request=asked_for(after=known)).decisive == "memory"


def test_a_second_take_over_is_another_refusal() -> None:
    first, second = (refusal(RefusalKind.TAKEN, seconds_ago=ago) for ago in (60, 30))
    decision = decided(memory=Memory(refusals=(second,)), request=asked_for(after=(first.key,)))
    assert decision.decisive == "memory"


# The second act


def acted(*keys: str) -> Memory:
    return Memory(acted=(Acted(action_id="a0", runbook=RUNBOOK, targets=keys, at=NOW - timedelta(minutes=5)),))


def test_a_second_act_on_the_same_targets_asks_whichever_runbook_did_the_first() -> None:
    decision = decided(memory=acted("supervisor:web0"))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "again")
    assert decision.headline == "Something was already done to web0 in this incident."


def test_one_target_in_common_is_enough_and_each_is_named_once() -> None:
    several = Memory(acted=(*acted("supervisor:web1", "supervisor:db").acted, *acted("supervisor:web1").acted))
    assert said("again", memory=several, plan=reaching(2)).inputs == {"acted_on": ["supervisor:web1"]}


def test_an_act_on_other_targets_is_no_second_act() -> None:
    assert decided(memory=acted("supervisor:db")).verdict is Verdict.ACT_UNLESS_STOPPED


def test_a_request_for_a_second_act_asks_too() -> None:
    assert decided(memory=acted("supervisor:web0"), request=asked_for()).decisive == "again"


# Requests


def test_a_request_acts_by_itself_where_the_runbook_applies_to_what_was_asked() -> None:
    decision = decided(request=asked_for())
    assert (decision.verdict, decision.reason("request").inputs) == (
        Verdict.ACT_UNLESS_STOPPED,
        {"requested_by": "U01ALICE", "when": "true"},
    )
    assert said("request").text == "Nobody asked for this."


@pytest.mark.parametrize(
    ("when", "said_of_it"),
    [("alert.name == 'Other'", "false"), ("alert.labels.team == 'x'", "undetermined: ")],
)
def test_a_request_for_a_runbook_that_does_not_apply_asks(when: str, said_of_it: str) -> None:
    decision = decided(calm_policy({"when": when}), request=asked_for())
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "request")
    assert decision.reason("request").inputs["when"].startswith(said_of_it)
    assert decision.headline == (
        "restart-checkout was asked for, but its `when` does not hold here, so a person must agree."
    )


def test_whether_it_applies_is_asked_of_what_the_person_gave() -> None:
    policy = calm_policy({"when": "alert.labels.region == 'eu'"})
    assert said("request", policy, request=asked_for()).result is PASSED
    elsewhere = asked_for(parameters={"region": "us"})
    assert said("request", policy, request=elsewhere).result is ESCALATES


def test_a_person_chooses_the_runbook_whatever_else_fires() -> None:
    policy = calm_policy({"when": "alert.severity == 'warning'"}, after={"other": {"when": "true"}})
    firing = (calm_alert(), calm_alert(fingerprint="f2", severity="warning"))
    decision = decided(policy, alerts=firing, request=asked_for())
    assert (decision.runbook, decision.alert, decision.verdict) == (RUNBOOK, 1, Verdict.ACT_UNLESS_STOPPED)
    assert decision.reason("alerts").text == "A person chose the runbook."
    assert decision.others == ("other",)


def test_what_a_person_gives_cannot_take_a_mark_away() -> None:
    marked = calm_alert(labels={"billing": "yes"})
    decision = decided(alert=marked, request=asked_for(parameters={"billing": "no"}))
    assert decision.reason("billing").result is ESCALATES
