"""C20: conditions, where a runbook writes them, must hold for any autonomous act, at L2 and at L3."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.response.deadlines.sweep import sweep
from bot.response.model.actions import ActionState
from tests.policy.calm import NOW, asked_for, burning, calm_alert, calm_policy
from tests.policy.edges import decided, reaching
from tests.promises.signals import send
from tests.response.world import world, written_policy

AUTONOMOUS = {"L2": Verdict.ACT, "L3": Verdict.ACT_UNLESS_STOPPED}
AT_NIGHT: dict[str, Any] = {"now": NOW.replace(hour=3)}


@pytest.mark.parametrize("level", AUTONOMOUS)
def test_a_condition_that_holds_lets_it_act_and_one_that_does_not_asks(level: str) -> None:
    policy = calm_policy({"level": level, "conditions": ["hour >= 6"]})
    assert decided(policy).verdict is AUTONOMOUS[level]
    decision = decided(policy, **AT_NIGHT)
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "conditions")


@pytest.mark.parametrize("level", AUTONOMOUS)
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_every_condition_must_hold(level: str, failing: int) -> None:
    conditions = ["hour >= 6", "targets < 9", "confidence > 0.5"]
    conditions[failing] = "trigger == 'person'"
    assert decided(calm_policy({"level": level, "conditions": conditions})).decisive == "conditions"


@pytest.mark.parametrize("level", AUTONOMOUS)
@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ("slo_burn < 1.0", {"answers": {**burning("NaN")}}),
        ("share < 0.5", {"plan": reaching(1, share=None)}),
        ("alert.labels.team == 'shop'", {}),
        ("alert.annotations.size > '1'", {}),
    ],
)
def test_a_condition_that_cannot_be_evaluated_does_not_hold(
    level: str, condition: str, changes: dict[str, Any]
) -> None:
    policy = calm_policy({"level": level, "conditions": [condition], "blast_radius": {"targets": 2}})
    reason = decided(policy, **changes).reason("conditions")
    assert (reason.result.value, reason.inputs[condition].split(":")[0]) == ("escalates", "undetermined")


@pytest.mark.parametrize("level", AUTONOMOUS)
def test_it_must_hold_for_every_alert_that_is_as_bad_as_the_one_acted_on(level: str) -> None:
    policy = calm_policy({"level": level, "conditions": ["alert.labels.region == 'eu'"]})
    other = calm_alert(fingerprint="f2", labels={"region": "us"}, starts_at=NOW)
    assert decided(policy, alerts=(calm_alert(), other)).decisive == "conditions"
    assert decided(policy, request=asked_for(parameters={"region": "us"})).decisive == "conditions"


def test_losing_a_level_loses_no_condition() -> None:
    """Written for L3 and capped to L2: it is judged by its conditions all the same."""
    policy = calm_policy({"conditions": ["hour >= 6"]}, levels={"highest": "L2"})
    assert decided(policy).verdict.autonomous
    assert decided(policy, **AT_NIGHT).decisive == "conditions"


def test_where_it_asks_anyway_a_person_decides_and_conditions_stand_in_no_way() -> None:
    policy = calm_policy({"level": "L1", "conditions": ["hour >= 6"]})
    assert decided(policy, **AT_NIGHT).verdict is Verdict.ASK
    assert decided(policy, **AT_NIGHT).reason("conditions").result.value == "passed"


# On the running product


@pytest.mark.parametrize("level", AUTONOMOUS)
async def test_a_condition_is_judged_again_when_it_is_about_to_begin(tmp_path: Path, level: str) -> None:
    """It held when it was decided; by the time the effect would begin it does not, and a person is asked."""
    moved = [timedelta(0)]
    start = NOW.replace(hour=21, minute=59, second=59)

    async with world(tmp_path, written_policy(level, conditions=["hour < 22"]), now=lambda: start + moved[0]) as here:
        await here.license()
        here.slack_answers = False
        await send(here)
        await here.until(ActionState.ANNOUNCING)
        moved[0] = timedelta(seconds=2)
        here.slack_answers = True
        if level == "L3":
            await here.until(ActionState.VETO_WINDOW)
            moved[0] = timedelta(seconds=9)
            await sweep(here.context)
        waiting = await here.until(ActionState.WAITING)
        assert waiting.verdict is Verdict.ASK
        assert here.switch.read()["flips"] == 0
