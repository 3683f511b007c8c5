"""What must hold of a licence whatever is on record: only evidence raises it, and only as long as it is fresh."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.decide import decide
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.licence import earned, licence_of, why_missing
from bot.policy.rules.seal import digest_of_seal, seal_of, slim
from bot.policy.rules.services import Services
from bot.policy.rules.standing import standing
from bot.policy.situation import Demotion, Evidenced, Gate, GatePass, Situation
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import BOB, CALM_POLICY, CAROL, NOW, RUNBOOK, calm_policy, past_case, sealed_evidenced
from tests.policy.judging import Case, with_
from tests.policy.strategies import cases

POLICY = calm_policy({"authors": [BOB]})
SEAL = seal_of(POLICY, RUNBOOK, 1)
OTHER_RUNBOOK = seal_of(calm_policy({"authors": [BOB], "summary": "Else"}), RUNBOOK, 1)
OTHER_SERVICE = seal_of(
    calm_policy({"authors": [BOB]}, services={**CALM_POLICY["services"], "orders": {"fleet": 9}}), RUNBOOK, 1
)
SEALS = {digest_of_seal(seal): seal for seal in (SEAL, OTHER_RUNBOOK, OTHER_SERVICE)}
CHECKOUT = Services(frozenset({"checkout"}), known=True)
BOTH = Services(frozenset({"checkout", "orders"}), known=True)
NOBODY_KNOWS = Services(frozenset(), known=False)
DAY = timedelta(days=1)


def level_of(
    held: Evidenced, *, later: timedelta = timedelta(0), touched: Services = CHECKOUT, changed: Sequence[str] = ()
) -> Level:
    return earned(licence_of(held, POLICY, RUNBOOK, SEAL, NOW + later, touched=touched, changed=changed))


# Everything that can be on record

moments = st.integers(-100, 100).map(lambda days: NOW + days * DAY)


@st.composite
def rows(draw: st.DrawFn) -> GatePass:
    gate = draw(st.sampled_from(Gate))
    fresh = NOW - draw(st.integers(0, 20)) * DAY
    return GatePass(
        gate=gate,
        digest=draw(st.sampled_from((POLICY.runbooks[RUNBOOK].digest, "another"))),
        passed_at=draw(st.one_of(st.just(fresh), moments)),
        until=draw(st.one_of(st.just(NOW + DAY), moments)),
        seal=draw(st.sampled_from((digest_of_seal(SEAL), *SEALS, "", "lost"))),
        by=draw(st.sampled_from((CAROL, BOB, ""))),
    )


@st.composite
def past_cases(draw: st.DrawFn) -> tuple[PastCase, ...]:
    some = st.tuples(
        st.sampled_from((Ending.VERIFIED, Ending.VERIFIED, *Ending)),
        st.sampled_from((None, *Judged)),
        st.sampled_from((None, NOW - DAY, NOW + DAY)),
        st.booleans(),
    )
    drawn = draw(st.lists(some, max_size=14))
    return tuple(
        past_case(number, ending, judged=judged, review_due=due, staging=staging)
        for number, (ending, judged, due, staging) in enumerate(drawn)
    )


KEYS = [
    f"{cause}:a{number}" for cause in ("failed", "harmed", "harmful", "overridden", "overdue") for number in (0, 1, 2)
]


@st.composite
def records(draw: st.DrawFn) -> Evidenced:
    """What may be on record: often everything that earns L3, and something else beside it."""
    whole = sealed_evidenced(POLICY)
    kept = draw(st.one_of(st.just(whole.gates), st.lists(st.sampled_from(whole.gates), unique=True).map(tuple)))
    more = draw(st.lists(rows(), max_size=6))
    demotions = st.builds(Demotion, level=st.sampled_from(Level), at=st.just(NOW), cause=st.sampled_from(("", *KEYS)))
    return Evidenced(
        gates=draw(st.permutations([*kept, *more])),
        seals=SEALS,
        demotions=draw(st.one_of(st.just(()), st.lists(demotions, max_size=2))),
        lifted=draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True)),
        cases=draw(st.one_of(st.just(()), past_cases())),
    )


def without(held: Evidenced, row: int) -> Evidenced:
    return held.model_copy(update={"gates": held.gates[:row] + held.gates[row + 1 :]})


def with_case(held: Evidenced, place: int, **changes: object) -> Evidenced:
    cases = held.cases or ()
    altered = cases[place].model_copy(update=changes)
    return held.model_copy(update={"cases": (*cases[:place], altered, *cases[place + 1 :])})


@given(records(), st.data())
def test_nothing_but_gates_raises_above_l1(held: Evidenced, data: st.DataObject) -> None:
    assert level_of(held.model_copy(update={"gates": ()})) <= Level.L1
    lacking = data.draw(st.sampled_from(Gate))
    assert (
        level_of(held.model_copy(update={"gates": [row for row in held.gates if row.gate is not lacking]})) <= Level.L1
    )


@given(records(), st.data())
def test_taking_evidence_away_never_raises(held: Evidenced, data: st.DataObject) -> None:
    if held.gates:
        assert level_of(without(held, data.draw(st.integers(0, len(held.gates) - 1)))) <= level_of(held)
    lost = data.draw(st.sampled_from(sorted(held.seals)))
    fewer = {digest: seal for digest, seal in held.seals.items() if digest != lost}
    assert level_of(held.model_copy(update={"seals": fewer})) <= level_of(held)


@given(records(), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_time_that_passes_never_raises(held: Evidenced, later: timedelta) -> None:
    assert level_of(held, later=later) <= level_of(held)


@given(records())
def test_after_a_year_nothing_is_left_of_what_was_sealed(held: Evidenced) -> None:
    sealed = [row for row in held.gates if row.seal]
    assert level_of(held.model_copy(update={"gates": sealed}), later=timedelta(days=200)) <= Level.L1


@given(records().filter(lambda held: bool(held.cases)), st.sampled_from((None, *Judged)), st.data())
def test_a_review_that_says_harmful_never_raises(held: Evidenced, other: Judged | None, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(held.cases or ()) - 1))
    harmful = level_of(with_case(held, place, judged=Judged.HARMFUL))
    assert harmful <= level_of(with_case(held, place, judged=other))
    assert harmful <= level_of(held)


@given(records().filter(lambda held: bool(held.cases)), st.data())
def test_a_review_that_is_asked_for_and_not_done_never_raises(held: Evidenced, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(held.cases or ()) - 1))
    asked, unasked = (with_case(held, place, judged=None, review_due=due) for due in (NOW, None))
    assert level_of(asked) <= level_of(unasked)


@given(records(), st.sampled_from((Ending.FAILED, Ending.HARMED, Ending.UNKNOWN)))
def test_what_goes_wrong_leaves_l1_at_most(held: Evidenced, ending: Ending) -> None:
    bad = held.model_copy(update={"cases": (past_case(99, ending), *(held.cases or ()))})
    assert level_of(bad) <= min(Level.L1, level_of(held))


@given(records(), st.sampled_from(Level))
def test_a_demotion_never_raises(held: Evidenced, level: Level) -> None:
    row = Demotion(level=level, at=NOW)
    assert level_of(held.model_copy(update={"demotions": (*held.demotions, row)})) <= min(level, level_of(held))


@given(records())
def test_that_a_row_says_so_already_changes_nothing_about_what_a_cause_takes(held: Evidenced) -> None:
    bad = held.model_copy(update={"cases": (past_case(99, Ending.HARMED), *(held.cases or ()))})
    row = Demotion(level=Level.L1, at=NOW, cause="harmed:a99")
    assert level_of(bad) == level_of(bad.model_copy(update={"demotions": (*held.demotions, row)}))


@given(records())
def test_touching_more_services_never_raises(held: Evidenced) -> None:
    nothing = Services(frozenset(), known=True)
    levels = [level_of(held, touched=each) for each in (NOBODY_KNOWS, BOTH, CHECKOUT, nothing)]
    assert levels == sorted(levels)


@given(records())
def test_what_a_person_changed_is_outside_every_licence(held: Evidenced) -> None:
    assert level_of(held, changed=("command",)) <= min(Level.L1, level_of(held))


@given(records())
def test_documents_only_give_words(held: Evidenced) -> None:
    bare = held.model_copy(update={"seals": {digest: slim(seal, SEAL) for digest, seal in held.seals.items()}})
    assert level_of(bare) == level_of(held)


@given(records())
def test_whatever_keeps_it_down_is_said(held: Evidenced) -> None:
    licence = licence_of(held, POLICY, RUNBOOK, SEAL, NOW)
    assert bool(why_missing(licence)) is (licence.gates != set(Gate))
    found = standing(POLICY, RUNBOOK, held, (), NOW, version=1)
    assert found.level is level_of(held, touched=Services(frozenset(), known=True))
    assert (found.level is Level.L3) is all(cap.service for cap in found.caps)


# The whole table of what one row of each gate can be

FRESH = ("counts", "expired", "void", "lost")


def row_that(gate: Gate, state: str) -> GatePass:
    row = next(one for one in sealed_evidenced(POLICY).gates if one.gate is gate)
    changes: dict[str, dict[str, Any]] = {
        "counts": {},
        "expired": {"until": NOW},
        "void": {"seal": digest_of_seal(OTHER_RUNBOOK)},
        "lost": {"seal": "lost"},
    }
    return row.model_copy(update=changes[state])


@pytest.mark.parametrize("demoted", [None, *Level])
def test_of_every_state_of_every_gate_only_all_five_that_count_earn_l3(demoted: Level | None) -> None:
    demotions = () if demoted is None else (Demotion(level=demoted, at=NOW),)
    made = {(gate, state): row_that(gate, state) for gate in Gate for state in FRESH}
    for states in product((*FRESH, ""), repeat=len(Gate)):
        gates = [made[gate, state] for gate, state in zip(Gate, states, strict=True) if state]
        held = Evidenced(gates=gates, seals=SEALS, demotions=demotions)
        by_gates = Level.L3 if set(states) == {"counts"} else Level.L1
        assert level_of(held) is (by_gates if demoted is None else min(by_gates, demoted))


# Decided


@given(cases())
@settings(max_examples=150)
def test_without_gates_nothing_ever_acts_alone(case: Case) -> None:
    situation, policy = case
    bare = {name: held.model_copy(update={"gates": ()}) for name, held in situation.evidenced.items()}
    decision = decide(with_(situation, evidenced=bare), policy)
    assert (decision.verdict.autonomous, decision.level <= Level.L1) == (False, True)


@given(cases(), st.timedeltas(timedelta(0), timedelta(days=400)))
@settings(max_examples=100)
def test_what_is_decided_later_has_no_higher_licence(case: Case, later: timedelta) -> None:
    situation, policy = case
    now, then = (earned_in(at, policy) for at in (situation, with_(situation, now=NOW + later)))
    if now is not None and then is not None:
        assert Level[then] <= Level[now]


def earned_in(situation: Situation, policy: Policy) -> str | None:
    """What the licence came to; None where there was nothing to judge."""
    return decide(situation, policy).reason("licence").inputs.get("earned")
