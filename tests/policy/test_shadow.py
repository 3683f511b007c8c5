"""What a runbook without its licence would have done, beside what people did."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings

from bot.policy.decide import as_if_licensed, decide
from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.rules.demotion import causes
from bot.policy.shadow import Agreement, People, Shadow, agreement, in_shadow
from bot.policy.situation import Evidenced
from bot.policy.track_record import Ending
from tests.policy.calm import (
    NOW,
    RUNBOOK,
    calm_plan,
    calm_policy,
    calm_situation,
    evidenced,
    past_case,
    pause,
    sealed_evidenced,
)
from tests.policy.judging import Case, planning, strictness, with_
from tests.policy.strategies import cases

POLICY = calm_policy()
NOTHING_EARNED = {RUNBOOK: Evidenced(cases=())}


@pytest.mark.parametrize(
    "held",
    [
        Evidenced(cases=()),
        evidenced(POLICY, demoted_to=Level.L0, reason="it did harm")[RUNBOOK],
        Evidenced(cases=(past_case(1, Ending.HARMED, at=NOW - timedelta(days=40)),)),
        sealed_evidenced(POLICY, days_ago=200),
    ],
)
def test_without_a_licence_it_would_have_acted_where_only_that_was_lacking(held: Evidenced) -> None:
    situation = calm_situation(POLICY, evidenced={RUNBOOK: held})
    assert not decide(situation, POLICY).verdict.autonomous
    assert as_if_licensed(situation, POLICY).verdict is Verdict.ACT_UNLESS_STOPPED


def test_what_else_speaks_against_it_speaks_against_it_in_shadow() -> None:
    without = calm_situation(POLICY, evidenced=NOTHING_EARNED)
    assert as_if_licensed(with_(without, pauses=(pause(),)), POLICY).verdict is Verdict.HOLD
    assert as_if_licensed(with_(without, ledger=None), POLICY).verdict is Verdict.ASK
    assert as_if_licensed(with_(without, answers={}), POLICY).verdict is Verdict.ASK
    assert as_if_licensed(without, calm_policy({"level": "L1"})).verdict is Verdict.ASK


def test_what_a_person_changed_of_its_parameters_is_outside_any_licence() -> None:
    situation = calm_situation(POLICY, changed=("command",))
    assert as_if_licensed(situation, POLICY).verdict is Verdict.ASK


def test_what_it_would_have_done_stands_beside_the_decision_where_the_licence_alone_is_lacking() -> None:
    without = calm_situation(POLICY, evidenced=NOTHING_EARNED)
    assert decide(without, POLICY).shadow is Verdict.ACT_UNLESS_STOPPED
    assert decide(with_(without, answers={}), POLICY).shadow is Verdict.ASK
    assert decide(calm_situation(POLICY), POLICY).shadow is None, "it has its licence"
    assert decide(without, calm_policy({"level": "L1"})).shadow is None, "it is written to ask"
    assert as_if_licensed(without, POLICY).shadow is None, "it is the shadow"


@given(cases())
@settings(max_examples=100)
def test_a_licence_is_all_that_shadow_adds(case: Case) -> None:
    situation, policy = case
    shadow, real = as_if_licensed(situation, policy), decide(situation, policy)
    assert strictness(shadow) <= strictness(real)
    known = {name: held.cases for name, held in situation.evidenced.items()}
    lifted = {name: tuple(due.key for due in causes(held, NOW)) for name, held in situation.evidenced.items()}
    earned = {
        name: held.model_copy(update={"cases": known[name], "lifted": lifted[name]})
        for name, held in evidenced(policy).items()
    }
    nothing = {name: Evidenced(cases=held) for name, held in known.items()}
    whole, bare = (with_(situation, evidenced=held) for held in (earned, nothing))
    assert as_if_licensed(whole, policy) == as_if_licensed(bare, policy) == shadow
    assert decide(whole, policy).verdict is shadow.verdict


def test_shadow_needs_a_plan_like_every_judgement() -> None:
    situation = planning(calm_situation(POLICY), calm_situation(POLICY, problem="connection refused").plans[RUNBOOK])
    assert as_if_licensed(situation, POLICY).verdict is Verdict.OBSERVE
    assert as_if_licensed(calm_situation(POLICY, plan=calm_plan(targets=())), POLICY).verdict is Verdict.REFUSE


@pytest.mark.parametrize(("written", "highest", "earned"), list(product(Level, Level, Level)))
def test_it_runs_in_shadow_where_the_licence_alone_keeps_it_from_acting(
    written: Level, highest: Level, earned: Level
) -> None:
    alone = {Level.L2, Level.L3}
    expected = written in alone and highest in alone and earned not in alone
    assert in_shadow(written, highest, earned) is expected


@pytest.mark.parametrize(("verdict", "people"), list(product(Verdict, People)))
def test_there_is_something_to_compare_where_it_would_have_acted_and_people_answered(
    verdict: Verdict, people: People
) -> None:
    one = Shadow(verdict, people)
    acts, answered = verdict in {Verdict.ACT, Verdict.ACT_UNLESS_STOPPED}, people is not People.SILENT
    assert one.comparable is (acts and answered)
    assert one.agrees is (acts and people is People.APPROVED)


def test_the_rate_of_agreement_is_told_in_a_sentence() -> None:
    seen = [
        *[Shadow(Verdict.ACT, People.APPROVED)] * 11,
        Shadow(Verdict.ACT_UNLESS_STOPPED, People.DECLINED),
        Shadow(Verdict.ACT, People.SILENT),
        Shadow(Verdict.ASK, People.APPROVED),
        Shadow(Verdict.HOLD, People.DECLINED),
    ]
    found = agreement(seen)
    assert found == Agreement(questions=15, would_have_acted=13, compared=12, agreed=11)
    assert found.rate == pytest.approx(11 / 12)
    assert found.text == "In shadow it would have acted in 13 of 15 questions; people did the same in 11 of 12 (92 %)."


def test_where_there_is_nothing_to_compare_that_is_told() -> None:
    assert agreement([]).text == "In shadow; nothing has come up yet."
    silent = agreement([Shadow(Verdict.ACT, People.SILENT)])
    assert silent.rate is None
    assert silent.text == (
        "In shadow it would have acted in 1 of 1 question; there is no answer of people to compare with yet."
    )


def test_an_answer_that_only_a_newer_release_knows_is_none() -> None:
    assert People("nodded") is People.SILENT


def test_the_calm_runbook_acts_with_its_licence() -> None:
    assert decide(calm_situation(POLICY), POLICY).verdict is Verdict.ACT_UNLESS_STOPPED
    assert calm_situation(POLICY).now == NOW
