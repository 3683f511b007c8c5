"""C19: an approval counts as the present policy counts it; a budget counts every act, and one query is one piece."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.situation import LedgerEntry
from bot.response.model.actions import ActionState, By
from tests.policy.calm import CALM_BURN, NOW, QUERY, RUNBOOK, calm_policy
from tests.policy.edges import decided
from tests.promises.moments import Interrupted, from_now_on
from tests.promises.signals import send
from tests.response.clicks import approve
from tests.response.world import ALICE, BOB, CAROL, world, written_policy

# Evidence


def asking(*queries: str) -> Policy:
    return calm_policy({"evidence": {f"q{number}": query for number, query in enumerate(queries)}})


def confidence(policy: Policy, *answered: str) -> float:
    """What evidence contributes to it."""
    decision = decided(policy, answers=CALM_BURN | dict.fromkeys(answered, Answer(samples=("0",))))
    return float(decision.reason("confidence").inputs["parts"]["evidence"])


@pytest.mark.parametrize("again", [QUERY, "up==0", " up  ==\n0 ", "up == 0 # still down?", "(up == 0)", "((up == 0))"])
def test_the_same_query_under_two_names_is_one_piece_of_evidence(again: str) -> None:
    assert confidence(asking(QUERY), QUERY) == confidence(asking(QUERY, again), QUERY, again) == 0.9
    assert confidence(asking(QUERY, "errors > 1"), QUERY, "errors > 1") == 0.95, "another query is another piece"


def test_an_answer_to_a_query_that_the_runbook_does_not_name_counts_for_nothing() -> None:
    named = asking(QUERY)
    assert confidence(named, QUERY, "errors > 1", "latency > 2") == 0.9
    decision = decided(named, answers=CALM_BURN | {"errors > 1": Answer(samples=("9",))})
    assert (decision.confidence, decision.decisive) == (0.0, "confidence"), "and its own is unknown, not absent"


# Budgets


@pytest.mark.parametrize("runbook", [RUNBOOK, "another-runbook"])
def test_the_ledger_does_not_ask_who_let_an_act_act(runbook: str) -> None:
    policy = calm_policy(budgets=[{"scope": "service", "actions": 2, "per": "1h"}])
    used = tuple(
        LedgerEntry(action_id=f"a{number}", runbook=runbook, services=("checkout",), at=NOW) for number in range(2)
    )
    assert decided(policy, ledger=used[:1]).verdict.autonomous
    assert decided(policy, ledger=used).decisive == "budgets"


async def test_an_approved_act_uses_the_budget_up_for_the_next_that_would_act_alone(tmp_path: Path) -> None:
    """Two incidents; the first is acted on because somebody approved it."""
    document = written_policy("L3", veto_window="0s").model_dump(mode="json", by_alias=True)
    document["budgets"] = [{"scope": "all", "actions": 1, "per": "1h"}]
    async with world(tmp_path, Policy.model_validate(document)) as here:
        await here.license()
        await send(here, labels={"billing": "y"})
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        done = await here.until(ActionState.SUCCEEDED)
        assert done.by is By.APPROVED
        here.switch.write(position="off")
        await send(here, service="hall", fingerprint="f2")
        waiting = await here.until(ActionState.WAITING, 2)
        async with here.database.read() as work:
            stored = await work.decisions.at_revision(2, waiting.revision)
            ledger = await work.budgets.ledger(here.context.now(), timedelta(hours=1))
        assert stored is not None
        assert stored.decision.reason("budgets").text == "The action budget is used up: 1 of 1 per 1h for all."
        assert [entry.action_id for entry in ledger] == [done.id]


# Approvals


@pytest.mark.parametrize("moment", ["on_plan", "on_snapshot"])
@pytest.mark.parametrize(
    ("approvals", "answering"),
    [({"from": ["sre-oncall"], "needed": 2}, {ALICE, BOB}), ({"from": ["leads"]}, {CAROL})],
)
async def test_an_approval_counts_as_the_present_policy_counts_it(
    tmp_path: Path, approvals: dict[str, Any], answering: set[str], moment: str
) -> None:
    """Approved under one policy; by the time it would begin another asks for more people, or for others."""
    async with world(tmp_path, written_policy("L1"), remediation=Interrupted) as here:
        assert isinstance(here.switch, Interrupted)
        await here.fire()
        first = await here.until(ActionState.WAITING)
        setattr(here.switch, moment, from_now_on(here, written_policy("L1", approvals=approvals)))
        assert (await approve(here, ALICE)).accepted
        await here.idle()
        again = await here.until(ActionState.WAITING)
        assert again.id != first.id
        assert here.switch.read()["flips"] == 0
        for person in sorted(answering):
            assert (await approve(here, person)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert here.switch.read()["flips"] == 1


@pytest.mark.parametrize("moment", ["on_plan", "on_snapshot"])
@pytest.mark.parametrize("change", [{"level": "L0"}, {"blast_radius": {"targets": 1, "share": 0.1}, "level": "L0"}])
async def test_what_the_present_policy_no_longer_offers_does_not_run(
    tmp_path: Path, change: dict[str, Any], moment: str
) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Interrupted) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        setattr(here.switch, moment, from_now_on(here, written_policy(**change)))
        assert (await approve(here, ALICE)).accepted
        await here.idle()
        assert here.switch.read()["flips"] == 0
        async with here.database.read() as work:
            stored = await work.decisions.latest(1)
            assert stored is not None
            assert stored.decision.verdict.value == "observe"
