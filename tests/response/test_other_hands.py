"""Other hands at work: what somebody deploys, drains or maintains is left alone until it is over."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.policy.situation import Change
from bot.remediation import About, Parameters
from bot.response.deadlines.sweep import sweep
from bot.response.interventions import other_hands
from bot.response.interventions import take_override as interventions
from bot.response.interventions.other_hands import Reported
from bot.response.interventions.pauses import PauseFollower
from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from tests.response.clicks import approve
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, Switch, World, world, written_policy

ROLLOUT = "A rollout of lamp (generation 7) is under way."


class Rolling(Switch):
    """Its system shows what a test wants it to show at that moment."""

    shows: tuple[str, ...] = ()

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        return (await super().plan(parameters, about)).model_copy(update={"changing": type(self).shows})


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """To be called with what the system shows to be changing from then on."""

    def set_to(*sentences: str) -> None:
        monkeypatch.setattr(Rolling, "shows", sentences)

    return set_to


async def reported(here: World, change_id: str = "d-1", lasts: timedelta = timedelta(hours=1), **more: Any) -> None:
    now = here.context.now()
    said: Mapping[str, Any] = {"services": ("lamp",), "begins": now, "expires": now + lasts, **more}
    change = Change(change_id=change_id, what="deploy of lamp 2", by="argo", **said)
    async with here.database.begin() as work:
        assert await other_hands.begin(work, here.context, change) is Reported.BEGUN


async def over(here: World, change_id: str = "d-1") -> None:
    async with here.database.begin() as work:
        assert await other_hands.end(work, here.context, change_id) is Reported.ENDED


async def kinds(here: World) -> list[str]:
    async with here.database.read() as work:
        return [entry.kind async for entry in work.audit.entries()]


async def test_while_a_change_stands_nothing_is_asked_and_when_it_is_over_it_is_assessed_anew(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await reported(here)
        await here.fire()
        held = await here.until(ActionState.HELD)
        card = await here.until_card(lambda card: card.verdict is Verdict.HOLD)
        assert card.headline.startswith("Others are at work here: deploy of lamp 2 on lamp, reported by argo, until ")
        assert held.due_at is None
        follower = PauseFollower(here.context)
        await follower.follow()
        await here.idle()
        assert (await here.action()) == held, "while it stands, nothing is looked at again"
        await over(here)
        await follower.follow()
        await here.until(ActionState.WAITING)
        made = (await kinds(here)).count(AuditKind.DECISION_MADE)
        await follower.follow()
        await here.idle()
        assert (await kinds(here)).count(AuditKind.DECISION_MADE) == made == 2


async def test_an_open_question_is_held_when_a_change_begins_and_asked_again_when_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        follower = PauseFollower(here.context)
        await follower.follow()
        await reported(here, begins=clock() + timedelta(minutes=1), lasts=timedelta(minutes=5))
        await follower.follow()
        assert (await here.until(ActionState.WAITING)).revision == 1, "it is to begin in a minute"
        clock.forward(minutes=1)
        await follower.follow()
        await here.until(ActionState.HELD)
        clock.forward(minutes=4)
        await follower.follow()
        await here.until(ActionState.WAITING)


async def test_what_was_approved_does_not_begin_once_a_change_stands(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        async with here.database.begin() as work:  # the approval and the change are one commit: no follower is between
            now = here.context.now()
            change = Change(
                change_id="d-1",
                what="drain",
                by="kubectl",
                begins=now,
                expires=now + timedelta(hours=1),
                targets=("sw*",),
            )
            await other_hands.begin(work, here.context, change)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.HELD)
        assert here.switch.read()["flips"] == 0


async def test_a_person_may_act_by_hand_under_the_change_that_they_were_shown(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await reported(here)
        await here.fire()
        await here.until(ActionState.HELD)
        press = await here.press(ALICE)
        roster = await here.context.roster()
        async with here.database.begin() as work:
            answer = await interventions.override(work, here.context, roster, press, "flip", "the deploy hangs")
        assert answer.accepted, answer.text
        await here.until(ActionState.SUCCEEDED)


async def test_a_change_of_something_else_holds_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await reported(here, services=("room",), targets=("switch:fan",))
        await here.fire()
        await here.until(ActionState.WAITING)


async def test_a_rollout_that_the_system_shows_holds_and_is_looked_at_again_until_it_is_over(
    tmp_path: Path, shows: Any
) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock, remediation=Rolling) as here:
        shows(ROLLOUT)
        await here.fire()
        held = await here.until(ActionState.HELD)
        card = await here.until_card(lambda card: card.verdict is Verdict.HOLD)
        assert card.headline == f"Others are at work here: {ROLLOUT}"
        assert await sweep(here.context) == 0, "it was looked at just now"
        clock.forward(minutes=1)
        assert await sweep(here.context) == 1
        await here.idle()
        still = await here.until(ActionState.HELD)
        assert still.id == held.id
        shows()
        clock.forward(minutes=1)
        assert await sweep(here.context) == 1
        await here.until(ActionState.WAITING)


async def test_a_rollout_that_begins_after_the_approval_holds(tmp_path: Path, shows: Any) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Rolling) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        shows(ROLLOUT)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.HELD)
        assert here.switch.read()["flips"] == 0


async def test_whoever_has_taken_over_is_not_left_with_a_question_that_waits_for_a_rollout(
    tmp_path: Path, shows: Any
) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock, remediation=Rolling) as here:
        shows(ROLLOUT)
        await here.fire()
        await here.until(ActionState.HELD)
        press, roster = await here.press(BOB), await here.context.roster()
        async with here.database.begin() as work:
            assert (await interventions.take(work, here.context, roster, press)).accepted
        clock.forward(minutes=1)
        await sweep(here.context)
        await here.until(ActionState.WAITING)
