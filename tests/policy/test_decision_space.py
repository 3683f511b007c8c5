"""The decision over its discrete space, held to the table in ``matters``.

In full: level, organisation, gates, demotion, oversight and what is forbidden. All the others in pairs at L3; at the
levels below in pairs of one value for each thing that can be said; and at every level in triples of one for each kind
of thing. The whole product has more than 10^13 points. As no rule knows of another, two matters at a time show whether
one outvotes or hides another, and three show it of pairs.
"""

from collections.abc import Sequence
from itertools import combinations, product

import pytest

from bot.policy.decide import decide
from bot.policy.decision import Decision
from bot.policy.levels import Level
from bot.policy.situation import Gate, Notification, Situation
from tests.policy import space
from tests.policy.calm import RUNBOOK, calm_policy
from tests.policy.matters import MATTERS
from tests.policy.space import ASK, GRANTED, REFUSE, STRICTEST_FIRST, Standing, Value

FEW, KINDS = space.representatives(MATTERS), space.kinds(MATTERS)


def judged(standing: Standing, values: Sequence[Value]) -> Decision:
    """The decision, held to the table and to everything that must never be."""
    situation, policy = space.situation_of(standing, values)
    decision = decide(situation, policy)
    told = (standing, [str(value) for value in values], decision.headline)
    assert (decision.verdict, decision.decisive) == space.expected(standing, values), told
    held = any(rule in ("controls", "changes") for value in values for rule in value.objections)
    assert decision.level == (Level.L0 if held else standing.granted(values)), told
    _never(situation, standing, values, decision)
    return decision


def _never(situation: Situation, standing: Standing, values: Sequence[Value], decision: Decision) -> None:
    told = (standing, [str(value) for value in values], decision.headline)
    assert decision.level <= max(Level) == 3, told
    if any(value.forbidden for value in values):
        assert not decision.verdict.autonomous, told
        assert decision.approvals_needed >= 2, told
    if any(value.unknown for value in values):
        assert not decision.verdict.autonomous, told
    if decision.verdict.autonomous:
        assert decision.level >= Level.L2, told
        assert standing.gates == frozenset(Gate), told
        assert situation.oversight.audited, told
        assert situation.oversight.notification is not Notification.FAILED, told


def strictness(decision: Decision) -> int:
    return -STRICTEST_FIRST.index(decision.verdict)


@pytest.mark.parametrize("granted", GRANTED)
def test_every_pair_of_matters_has_the_verdict_of_the_table_and_no_objection_makes_another_laxer(granted: str) -> None:
    alone = {values: judged(GRANTED[granted], values) for values in space.singles(MATTERS)}
    for one, other in space.tuples_of(2, MATTERS if granted == "L3" else FEW):
        both = judged(GRANTED[granted], (one, other))
        for added, there in ((one, other), (other, one)):
            if added.objections:
                assert strictness(both) >= strictness(alone[there,]), (granted, one.name, other.name)


@pytest.mark.parametrize("granted", GRANTED)
def test_every_triple_of_kinds_has_the_verdict_of_the_table_and_is_as_strict_as_each_of_its_pairs(granted: str) -> None:
    pairs = {frozenset(values): judged(GRANTED[granted], values) for values in space.tuples_of(2, KINDS)}
    for values in space.tuples_of(3, KINDS):
        all_three = judged(GRANTED[granted], values)
        for pair in combinations(values, 2):
            (added,) = set(values) - set(pair)
            if added.objections:
                assert strictness(all_three) >= strictness(pairs[frozenset(pair)]), [str(value) for value in values]


GATES = (frozenset(Gate), *(frozenset(Gate) - {gate} for gate in Gate), frozenset[Gate]())


@pytest.mark.parametrize("written", Level, ids=str)
def test_the_licence_in_full_with_every_level_gate_demotion_oversight_and_what_is_forbidden(written: Level) -> None:
    irreversible = next(value for value in MATTERS["effects"] if value.name == "it is irreversible")
    agree, refuse = MATTERS["what the policy says of forbidden effects"]
    for highest, gates, demoted_to in product(Level, GATES, (None, *Level)):
        standing = Standing(written, highest, gates, demoted_to)
        for what, overseen in product(((agree,), (irreversible, agree), (irreversible, refuse)), MATTERS["oversight"]):
            judged(standing, (*what, overseen))


def test_a_fourth_level_of_autonomy_can_be_written_nowhere() -> None:
    assert max(Level) == Level.L3
    assert Level(4) is Level.L0
    with pytest.raises(ValueError, match="L4"):
        calm_policy({"level": "L4"})
    for end in ("lowest", "highest"):
        with pytest.raises(ValueError, match="L4"):
            calm_policy(levels={end: "L4"})


def test_the_table_reaches_every_rule_and_every_verdict_with_more_than_one_matter_each() -> None:
    rules = {rule for values in MATTERS.values() for value in values for rule in value.objections}
    assert rules | {"licence", "veto_window", "level"} == set(space.IN_ORDER)
    verdicts = {
        space.expected(standing, values)[0] for standing in GRANTED.values() for values in space.singles(MATTERS)
    }
    assert verdicts == set(STRICTEST_FIRST)
    assert all(not values[0].objections and not values[0].changes for values in MATTERS.values())
    assert {ASK, REFUSE} < verdicts
    assert RUNBOOK in calm_policy().runbooks
