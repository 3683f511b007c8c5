"""C18: a request acts by itself only where the runbook's ``when`` holds for what was asked."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy.decide import decide
from bot.policy.decision import Verdict
from bot.policy.situation import Memory, RefusalKind
from bot.response.assessment.situation import memory_of
from bot.response.interventions.requests import Wanted, run
from bot.response.model.actions import ActionState
from tests.policy.calm import NOW, RUNBOOK, asked_for, calm_alert, calm_policy, refusal
from tests.policy.edges import decided
from tests.promises.signals import send
from tests.response.clicks import stop
from tests.response.world import ALICE, BOB, World, world, written_policy

# As the policy judges it


def test_where_when_holds_for_what_was_asked_it_acts_like_for_an_alert() -> None:
    assert decided(request=asked_for()).verdict is Verdict.ACT_UNLESS_STOPPED


@pytest.mark.parametrize(
    "when",
    ["alert.name == 'Other'", "false", "alert.labels.team == 'nobody said'", "alert.severity == 'warning'"],
)
def test_where_it_does_not_hold_or_cannot_be_told_a_person_must_agree(when: str) -> None:
    decision = decided(calm_policy({"when": when}), request=asked_for())
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "request")


def test_what_was_asked_is_what_the_person_gave_not_what_the_alert_says() -> None:
    policy = calm_policy({"when": "alert.labels.region == 'eu'"})
    assert decided(policy, request=asked_for()).verdict.autonomous
    assert decided(policy, request=asked_for(parameters={"region": "us"})).decisive == "request"


def test_of_several_alerts_it_must_hold_for_each_that_fills_the_runbook() -> None:
    policy = calm_policy({"when": "alert.name == 'ServiceDown' || alert.labels.region == 'eu'"})
    others = (calm_alert(name="Other"), calm_alert(name="Other", fingerprint="f2", labels={"region": "us"}))
    assert decided(policy, alerts=others[:1], request=asked_for()).verdict.autonomous
    assert decided(policy, alerts=others[1:], request=asked_for()).decisive == "request"


def test_a_request_is_no_way_around_anything_else() -> None:
    assert decided(
        calm_policy(budgets=[]), request=asked_for(), alert=calm_alert(labels={"billing": "on"})
    ).decisive == ("billing")
    later_no = Memory(refusals=(refusal(RefusalKind.STOPPED),))
    assert decided(request=asked_for(), memory=later_no).decisive == "memory"
    assert decided(calm_policy({"level": "L1"}), request=asked_for(runbook=RUNBOOK)).verdict is Verdict.ASK


# On the running product

ALONE = {"with": {"switch": "lamp"}, "veto_window": "0s"}


async def ask(here: World, person: str = ALICE) -> str:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        answer = await run(work, here.context, roster, person, Wanted("flip", {"service": "lamp"}, "it looks dark"))
    assert answer.answer.accepted, answer.answer.text
    return answer.incident


async def test_asked_for_out_of_the_blue_it_waits_for_another_person(tmp_path: Path) -> None:
    """No alert fires, so ``when`` (the alert SwitchOff) holds for nothing."""
    async with world(tmp_path, written_policy("L3", **ALONE)) as here:
        await here.license()
        assert await ask(here) == "INC-1"
        waiting = await here.until(ActionState.WAITING)
        assert (waiting.verdict, here.switch.read()["flips"]) == (Verdict.ASK, 0)


async def test_asked_for_where_its_alert_fires_it_acts_by_itself_even_after_a_stop(tmp_path: Path) -> None:
    """Somebody stopped it; a person asks afterwards, and a monitor that agrees lets it act."""
    async with world(tmp_path, written_policy("L3", **ALONE | {"veto_window": "1h"})) as here:
        await here.license()
        await send(here)
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, BOB)).accepted
        await here.idle()
        assert await ask(here) == "INC-1"
        again = await here.until(ActionState.VETO_WINDOW)
        assert again.verdict is Verdict.ACT_UNLESS_STOPPED


async def test_a_stop_that_comes_after_the_request_outlives_it(tmp_path: Path) -> None:
    """What was asked for before somebody said no does not act afterwards, however often it is judged again."""
    async with world(tmp_path, written_policy("L3", **ALONE | {"veto_window": "1h"})) as here:
        await here.license()
        await send(here, severity="warning")
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, BOB)).accepted
        await here.idle()
        await ask(here)
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, BOB)).accepted
        await here.idle()
        await send(here, fingerprint="f2")  # critical: it is asked about anew
        waiting = await here.until(ActionState.WAITING)
        assert waiting.verdict is Verdict.ASK
        assert here.switch.read()["flips"] == 0


@pytest.mark.parametrize("set_by", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
async def test_what_came_first_is_told_by_commits_and_by_no_clock(tmp_path: Path, set_by: timedelta) -> None:
    """Between the stop and the request the clock is set back, stands still, or is put forward."""
    moved = [timedelta(0)]
    patient = written_policy("L3", **ALONE | {"veto_window": "1d"})
    async with world(tmp_path, patient, now=lambda: NOW + moved[0]) as here:
        await here.license()
        await send(here)
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, BOB)).accepted
        await here.idle()
        moved[0] = set_by
        await ask(here)
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, BOB)).accepted
        await here.idle()
        async with here.database.read() as work:
            stored = await work.decisions.latest(1)
            memory = await memory_of(work, await here.incident())
        assert stored is not None
        judged = stored.situation.model_copy(update={"memory": memory})
        assert decide(judged, here.context.policy()).reason("memory").result.value == "escalates"
