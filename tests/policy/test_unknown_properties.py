"""Whatever is unknown never permits, whichever input it is; and nobody's request is an exception."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.policy.decide import decide
from bot.policy.decision import Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.plan import Effect
from bot.policy.situation import Evidenced, Notification, Planned, ScopeKind, Situation
from bot.policy.track_record import Ending
from tests.policy.calm import (
    BURN,
    asked_for,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    pause,
)
from tests.policy.judging import Case, autonomy, planning, with_
from tests.policy.strategies import cases


def _plan_of(situation: Situation, **changes: Any) -> Situation:
    plans = {
        name: one if one.plan is None else one.model_copy(update={"plan": one.plan.model_copy(update=changes)})
        for name, one in situation.plans.items()
    }
    return with_(situation, plans=plans)


def _unknown_share(situation: Situation) -> Situation:
    radii = {
        name: one.plan.blast_radius.model_copy(update={"share": None})
        for name, one in situation.plans.items()
        if one.plan is not None
    }
    return _plan_of(situation, blast_radius=next(iter(radii.values()))) if radii else situation


def _unknown_effect(situation: Situation) -> Situation:
    effects = next((one.plan.effects for one in situation.plans.values() if one.plan is not None), frozenset())
    return _plan_of(situation, effects=effects | {Effect.UNKNOWN})


def _alerts_of(situation: Situation, **changes: Any) -> Situation:
    return with_(situation, alerts=tuple(alert.model_copy(update=changes) for alert in situation.alerts))


def _unknown_service(situation: Situation) -> Situation:
    """Budgets aside: an action on nobody knows what is counted once, as such."""
    ledger = None if situation.ledger is None else ()
    return with_(_plan_of(_alerts_of(situation, service=""), service="", services=frozenset()), ledger=ledger)


def _labelled(situation: Situation, label: str, value: str) -> Situation:
    labelled = tuple(
        alert.model_copy(update={"labels": {**alert.labels, label: value}}) if label in alert.labels else alert
        for alert in situation.alerts
    )
    return with_(situation, alerts=labelled)


def _answering(situation: Situation, answer: Answer, *queries: str) -> Situation:
    return with_(situation, answers={**situation.answers, **dict.fromkeys(queries, answer)})


def _outcomes(situation: Situation, outcome: str) -> Situation:
    actions = tuple(action.model_copy(update={"outcome": outcome}) for action in situation.history.actions)
    return with_(situation, history=situation.history.model_copy(update={"actions": actions}))


def _unknown_results(situation: Situation) -> Situation:
    def unknown(held: Evidenced) -> Evidenced:
        cases = [case.model_copy(update={"ending": Ending("?")}) for case in held.cases or ()]
        return held.model_copy(update={"cases": None if held.cases is None else tuple(cases)})

    return with_(situation, evidenced={name: unknown(held) for name, held in situation.evidenced.items()})


def _overseeing(situation: Situation, **changes: Any) -> Situation:
    return with_(situation, oversight=situation.oversight.model_copy(update=changes))


UNKNOWN: dict[str, Callable[[Situation], Situation]] = {
    "plan": lambda s: planning(s, Planned(problem="it is not known")),
    "ledger": lambda s: with_(s, ledger=None),
    "share of the fleet": _unknown_share,
    "effect": _unknown_effect,
    "exactness of the rollback": lambda s: _plan_of(
        s, rollback=calm_plan().rollback.model_validate({"summary": "x", "exactness": "of a newer release"})
    ),
    "service": _unknown_service,
    "burn rate": lambda s: _answering(s, Answer(error="no answer"), BURN),
    "burn rate was not asked for": lambda s: with_(s, answers={q: a for q, a in s.answers.items() if q != BURN}),
    "security severity": lambda s: _labelled(s, "security_severity", "?"),
    "evidence": lambda s: _answering(s, Answer(error="no answer"), *s.answers),
    "evidence is incomplete": lambda s: with_(
        s, answers={q: a.model_copy(update={"warnings": ("one store is silent",)}) for q, a in s.answers.items()}
    ),
    "evidence is no number": lambda s: _answering(s, Answer(samples=("much",)), *s.answers),
    "evidence was not gathered": lambda s: with_(s, answers={}),
    "outcomes of the past": lambda s: _outcomes(s, "?"),
    "what remains": lambda s: _plan_of(s, remaining=None),
    "what else is under way": lambda s: with_(s, under_way=None),
    "gates": lambda s: with_(s, evidenced={}),
    "how it ended before": lambda s: with_(
        s, evidenced={name: held.model_copy(update={"cases": None}) for name, held in s.evidenced.items()}
    ),
    "results of the past": _unknown_results,
    "what else is open": lambda s: with_(s, open_incidents=None),
    "what services of open incidents are": lambda s: with_(
        s,
        open_incidents=None
        if s.open_incidents is None
        else tuple(each.model_copy(update={"service": ""}) for each in s.open_incidents),
    ),
    "when monitoring was asked": lambda s: with_(s, answered_at=None),
    "audit": lambda s: _overseeing(s, audited=False),
    "notification": lambda s: _overseeing(s, notification=Notification("of a newer release")),
    "after which refusals it was asked for": lambda s: (
        s if s.request is None else with_(s, request=s.request.model_copy(update={"after": ()}))
    ),
}
NEED_SOMETHING_TO_FORGET = {
    "security severity",
    "outcomes of the past",
    "after which refusals it was asked for",
    "what remains",
    "what else is under way",
    "results of the past",
    "what services of open incidents are",
}
"""The calm case has none of these, and its policy sets no floor and no dependency."""


@pytest.mark.parametrize("what", UNKNOWN)
@given(cases())
@settings(max_examples=40)
def test_unknown_never_permits(what: str, case: Case) -> None:
    situation, policy = case
    known = with_(situation, ledger=()) if what == "service" and situation.ledger else situation
    assert autonomy(decide(UNKNOWN[what](situation), policy)) <= autonomy(decide(known, policy))


@given(cases(), st.integers(0, 3))
@settings(max_examples=150)
def test_a_severity_that_nobody_knows_never_permits_whichever_alert_has_it(case: Case, place: int) -> None:
    situation, policy = case
    several = list(situation.alerts)
    place %= len(several)
    several[place] = several[place].model_copy(update={"severity": "severity of nobody knows whom"})
    before, after = decide(situation, policy), decide(with_(situation, alerts=tuple(several)), policy)
    assume(before.runbook == after.runbook)
    assert autonomy(after) <= autonomy(before)


@pytest.mark.parametrize("what", [what for what in UNKNOWN if what not in NEED_SOMETHING_TO_FORGET])
def test_what_is_unknown_in_the_calm_case_calls_people(what: str) -> None:
    paused = what == "service"
    situation = calm_situation(pauses=(pause(ScopeKind.SERVICE, "anything"),) if paused else ())
    assert decide(situation, calm_policy()).verdict.autonomous
    assert not decide(UNKNOWN[what](situation), calm_policy()).verdict.autonomous


def test_a_persons_request_takes_the_same_path_as_an_alert() -> None:
    asked: dict[str, Any] = {"request": asked_for()}

    def verdict(policy: Policy, **changes: Any) -> Verdict:
        return decide(calm_situation(policy, **asked, **changes), policy).verdict

    assert verdict(calm_policy()) is Verdict.ACT_UNLESS_STOPPED
    assert verdict(calm_policy(), answers={}) is Verdict.ASK
    assert verdict(calm_policy({"level": "L1"})) is Verdict.ASK
    assert verdict(calm_policy({"level": "L0"})) is Verdict.OBSERVE
    assert verdict(calm_policy(), alert=calm_alert(name="Other")) is Verdict.ASK
