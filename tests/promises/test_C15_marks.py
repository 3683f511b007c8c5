"""C15: a mark such as ``billing`` is a yes whatever it says, unless that is clearly a no."""

from pathlib import Path

import pytest

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from tests.policy.calm import calm_alert, calm_policy
from tests.policy.edges import ESCALATES, PASSED, decided, said
from tests.promises.signals import send
from tests.response.world import world, written_policy

YES = (
    "affected",
    "y",
    "on",
    "true ",
    "TRUE",
    "1",
    "yes!",
    "?",
    "unknown",
    "nope",
    "null",
    "-",
    "00",
    "\N{ZERO WIDTH SPACE}",
)
NO = ("", "0", "no", "n", "false", "f", "off", "none", "No", " FALSE\t", "None")
MARKS = ("billing", "data_integrity")


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("word", YES)
def test_whatever_is_not_clearly_a_no_is_a_yes(mark: str, word: str) -> None:
    decision = decided(alert=calm_alert(labels={mark: word}))
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, mark)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("word", NO)
def test_only_clear_words_of_no_are_a_no(mark: str, word: str) -> None:
    assert said(mark, alert=calm_alert(labels={mark: word})).result is PASSED
    assert decided(alert=calm_alert(labels={mark: word})).verdict is Verdict.ACT_UNLESS_STOPPED


@pytest.mark.parametrize("word", ["", "sev0", "P1", "Critical ", "unknown", "no"])
def test_a_severity_of_security_that_nobody_knows_counts_as_high(word: str) -> None:
    assert said("security", alert=calm_alert(labels={"security_severity": word})).result is ESCALATES


@pytest.mark.parametrize("mark", ["billing", "data_integrity", "security_severity"])
def test_one_marked_alert_of_several_is_enough_and_a_muted_one_marks_nothing(mark: str) -> None:
    marked = calm_alert(fingerprint="f2", severity="warning", labels={mark: "critical"})
    rule = mark.removesuffix("_severity")
    assert said(rule, alerts=(calm_alert(), marked)).result is ESCALATES
    muting = calm_policy(mute=[{"when": "alert.severity == 'warning'", "reason": "noise"}])
    assert said(rule, muting, alerts=(calm_alert(), marked)).result is PASSED


async def test_an_incident_marked_with_affected_waits_for_a_person(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        await send(here, labels={"billing": "affected"})
        action = await here.until(ActionState.WAITING)
        assert action.verdict is Verdict.ASK
        assert here.switch.read()["flips"] == 0
