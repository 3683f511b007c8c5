"""What ``decide`` says for certain stays true, whatever plan, monitoring and database turn out to say.

The situations are those of the decision's own table (``tests/policy/matters.py``): of each, only its alerts, its policy
and its clock are told to ``decide``, and everything else is what may turn out.
"""

from collections.abc import Iterator, Sequence

import pytest

from bot.cli.decision_forms import Foretold, Outcome, Standing
from bot.cli.offline_decisions import foretell
from bot.policy.decide import decide
from bot.policy.decision import Decision, RuleResult
from bot.policy.situation import Situation
from bot.response.model.incidents import Alert, AlertStatus
from tests.policy import space
from tests.policy.matters import MATTERS
from tests.policy.space import GRANTED, Value

PLANNED = space.value("it can be planned", runbook={"with": {"backend": "supervisor", "service": "checkout"}})
FEW = space.representatives(MATTERS)


def possible(values: Sequence[Value]) -> bool:
    """No file says that a person asks, nor whether a card was accepted."""
    return not any({"request", "oversight"} & value.changes.keys() for value in values)


def chosen(matters: space.Matters, many: int) -> Iterator[tuple[Value, ...]]:
    return filter(possible, space.tuples_of(many, matters))


def sent(situation: Situation) -> list[Alert]:
    return [
        Alert(facts=each, status=AlertStatus.FIRING, ends_at=None, generator_url="", received_at=situation.now)
        for each in situation.alerts
    ]


async def held_to(standing: str, values: Sequence[Value]) -> tuple[Foretold, Decision]:
    situation, policy = space.situation_of(GRANTED[standing], (*values, PLANNED))
    decision = decide(situation, policy)
    together = policy.model_copy(update={"group_by": ()})  # all of its alerts are one incident
    [told] = await foretell(together, sent(situation), situation.now)
    about = (standing, [str(value) for value in values])
    for rule in told.rules:
        passed = decision.reason(rule.rule).result is RuleResult.PASSED
        assert rule.standing is not Standing.OBJECTS or not passed, (about, rule)
        assert rule.standing is not Standing.PASSED or passed, (about, rule)
    assert told.outcome not in (Outcome.ACT, Outcome.ACT_UNLESS_STOPPED), about
    if decision.verdict.autonomous:
        assert told.at_best == decision.verdict.value, about
        assert not told.is_certain, about
    return told, decision


@pytest.mark.parametrize("standing", GRANTED)
async def test_of_each_matter_nothing_certain_is_untrue(standing: str) -> None:
    for values in filter(possible, space.singles(MATTERS)):
        await held_to(standing, values)


async def test_of_pairs_of_matters_nothing_certain_is_untrue() -> None:
    told = [await held_to("L3", values) for values in chosen(FEW, 2)]
    assert any(decision.verdict.autonomous for _, decision in told)
    assert {foretold.at_best for foretold, _ in told} >= {Outcome.ACT_UNLESS_STOPPED, Outcome.ASK, Outcome.HOLD}
