"""A person asks for a runbook: the same judgment as for an alert, and never a way around it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import OPEN, PermanentError
from bot.response.assessment.assess import Brief
from bot.response.deadlines.sweep import sweep
from bot.response.interventions import pauses as controls
from bot.response.interventions.requests import (
    Rehearsal,
    RequestAnswer,
    RequestError,
    Wanted,
    ask_rehearsal,
    end_settled,
    rehearse,
    run,
)
from bot.response.interventions.take_override import override
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.ports.context import Context
from tests.response.clicks import approve
from tests.response.world import ALICE, BOB, CAROL, DAVE, Switch, SwitchParameters, World, world, written_policy

FLIP = Wanted("flip", {"service": "lamp"}, "it looks dark to me")
FOR_THE_LAMP = {"when": "alert.service == 'lamp'"}
"""A runbook that applies to whatever is asked for the lamp, and not only to one alert of a monitor's."""
FIXED = FOR_THE_LAMP | {"with": {"switch": "lamp"}, "evidence": {"dark": "light == 0"}}
"""The same, whose parameters and evidence name no alert."""


async def ask(here: World, wanted: Wanted = FLIP, person: str = ALICE) -> RequestAnswer:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        return await run(work, here.context, roster, person, wanted)


async def rehearsed(here: World, wanted: Wanted = FLIP, person: str = ALICE) -> Rehearsal:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        brief = await ask_rehearsal(work, here.context, roster, person, wanted)
    assert isinstance(brief, Brief)
    return await rehearse(here.context, brief)


async def kinds(here: World) -> list[str]:
    async with here.database.read() as work:
        return [entry.kind async for entry in work.audit.entries()]


async def refused(here: World, wanted: Wanted) -> str:
    with pytest.raises(RequestError) as caught:
        await ask(here, wanted)
    assert await kinds(here) == []
    return str(caught.value)


async def test_a_request_opens_an_incident_and_another_person_must_agree(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        asked = await ask(here)
        assert asked.incident == "INC-1"
        assert "Your own approval does not count" in asked.answer.text
        action = await here.until(ActionState.WAITING)
        assert (action.requested_by, action.verdict) == (ALICE, Verdict.ASK)
        assert "somebody else must approve it" in (await approve(here, ALICE)).text
        assert (await approve(here, BOB)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert here.switch.read()["flips"] == 1


async def test_a_finished_request_ends_and_its_incident_resolves(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await ask(here)
        await here.until(ActionState.WAITING)
        assert await end_settled(here.context) == 0, "a question that waits is not settled"
        await approve(here, BOB)
        await here.until(ActionState.SUCCEEDED)
        assert await end_settled(here.context) == 1
        await here.until_thread("Resolved")
        assert (await here.incident()).state is IncidentState.RESOLVED
        assert await end_settled(here.context) == 0


async def test_a_request_that_went_wrong_stays_open_for_a_day(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        here.switch.refuses_to_plan = "no such switch"
        await ask(here)
        await here.until_card(lambda card: "no such switch" in card.headline)
        assert await end_settled(here.context) == 0
        later = here.context.now() + timedelta(days=2)
        assert await end_settled(at(here, later)) == 1


async def test_a_licensed_runbook_is_announced_for_a_person_as_for_an_alert(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", **FOR_THE_LAMP)) as here:
        await here.license()
        await ask(here)
        await here.until(ActionState.VETO_WINDOW)
        async with asyncio.timeout(20):
            while (await here.action()).state is not ActionState.SUCCEEDED:  # type: ignore[union-attr]
                await sweep(here.context)
                await asyncio.sleep(0.05)


async def test_a_licensed_runbook_that_is_not_for_what_was_asked_takes_somebody_elses_yes(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        await ask(here)
        assert (await here.until(ActionState.WAITING)).verdict is Verdict.ASK
        await here.until_card(lambda card: "its `when` does not hold here" in card.headline)


async def test_changing_what_the_orders_say_always_takes_somebody_elses_yes(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", **FIXED)) as here:
        await here.license()
        await ask(here, Wanted("flip", {"switch": "siren", "service": "lamp"}))
        action = await here.until(ActionState.WAITING)
        assert action.plan.parameters == {"switch": "siren"}
        await here.until_card(lambda card: card.level is Level.L1)
        async with here.database.read() as work:
            stored = await work.decisions.latest(action.incident_id)
        assert stored is not None
        assert "a person changed switch" in stored.decision.headline


class Fixed(SwitchParameters):
    """A switch that only the policy chooses."""

    switch: str
    times: int = Field(default=1, json_schema_extra=OPEN)


async def test_what_only_the_policy_sets_is_not_changed_by_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Switch, "parameters", Fixed)
    async with world(tmp_path, written_policy("L1", **FIXED)) as here:
        text = await refused(here, Wanted("flip", {"switch": "siren", "service": "lamp"}))
        assert text == (
            "flip: “switch” is fixed by the policy as “lamp”, so a request cannot change it. "
            "A request may change times. Leave switch=… out, or have the policy changed."
        )
        assert "It takes: service, times." in await refused(here, Wanted("flip", {"times": "often"}))
        await ask(here, Wanted("flip", {"switch": "lamp", "times": "2"}))
        assert (await here.until(ActionState.WAITING)).plan.parameters == {"switch": "lamp", "times": 2}


async def test_saying_what_the_orders_say_anyway_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", **FIXED)) as here:
        await here.license()
        await ask(here, Wanted("flip", {"switch": "lamp", "service": "lamp"}))
        await here.until(ActionState.VETO_WINDOW)


async def test_changed_parameters_are_still_those_when_it_is_planned_again_before_acting(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **FIXED)) as here:
        await ask(here, Wanted("flip", {"switch": "siren"}))
        await here.until(ActionState.WAITING)
        await approve(here, BOB)
        done = await here.until(ActionState.SUCCEEDED)
        assert done.plan.parameters == {"switch": "siren"}


async def test_a_request_joins_the_incident_of_its_service_where_nothing_waits(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire("SomethingElse")
        await here.until_card(lambda card: card.runbook is None)
        asked = await ask(here)
        assert asked.incident == "INC-1"
        await here.until(ActionState.WAITING)
        await here.until_thread("Asked for: flip service=lamp")


async def test_asking_twice_asks_once(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await ask(here)
        await here.until(ActionState.WAITING)
        again = await ask(here, person=BOB)
        assert not again.incident
        assert "INC-1 is about flip already" in again.answer.text


async def test_a_request_never_pushes_another_question_aside(tmp_path: Path) -> None:
    async with world(tmp_path, two_runbooks()) as here:
        await here.fire()
        first = await here.until(ActionState.WAITING)
        asked = await ask(here, Wanted("flash", {"service": "lamp"}), CAROL)
        assert asked.incident == "INC-2"
        await here.until(ActionState.WAITING, incident_id=2)
        assert (await here.until(ActionState.WAITING)).id == first.id


async def test_what_was_done_instead_is_followed_by_no_question_about_what_it_took_the_place_of(tmp_path: Path) -> None:
    async with world(tmp_path, two_runbooks()) as here:
        await here.fire()
        first = await here.until(ActionState.WAITING)
        press, roster = await here.press(ALICE), await here.context.roster()
        async with here.database.begin() as work:
            assert (await override(work, here.context, roster, press, "flash", "it is the bulb")).accepted
        await here.until_card(lambda card: card.runbook == "flash" and card.subject != first.id)
        assert (await approve(here, BOB)).accepted
        done = await here.until(ActionState.SUCCEEDED)
        await here.idle()
        assert await here.action() == done, "the same alert goes on firing, and that is no news yet"


async def test_a_request_right_after_our_own_act_is_no_sign_of_harm(tmp_path: Path) -> None:
    async with world(tmp_path, two_runbooks()) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, BOB)
        await here.until(ActionState.SUCCEEDED)
        await here.resolve()
        await here.until_thread("Resolved")
        await ask(here, Wanted("flash", {"service": "lamp"}))
        await here.until(ActionState.WAITING, incident_id=2)
        assert here.switch.read()["restores"] == 0


async def test_a_held_request_stays_a_request_when_the_pause_ends(tmp_path: Path) -> None:
    everything = Scope(kind=ScopeKind.EVERYTHING)
    async with world(tmp_path, written_policy("L1")) as here:
        roster = await here.context.roster()
        async with here.database.begin() as work:
            await controls.pause(work, here.context, roster, BOB, everything, None, "storm")
        await ask(here)
        await here.until(ActionState.HELD)
        async with here.database.begin() as work:
            await controls.resume(work, here.context, roster, BOB, everything)
        action = await here.until(ActionState.WAITING)
        assert (action.runbook, action.requested_by) == ("flip", ALICE)


async def test_whom_the_policy_does_not_name_may_not_ask_and_that_is_on_record(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        asked = await ask(here, person=DAVE)
        assert "You may not run here" in asked.answer.text
        assert await kinds(here) == ["person.refused"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted("flipp", {"service": "lamp"}), "Did you mean flip?"),
        (Wanted("restart", {}), "There is: flip."),
        (Wanted("flip", {}), "flip needs service=…"),
        (Wanted("flip", {"service": "lmap"}), "Did you mean service=lamp?"),
        (Wanted("flip", {"service": "lamp", "force": "yes"}), "flip takes no “force”. It takes: service, switch."),
        (Wanted("x" * 10_000, {}), "There is no runbook"),
    ],
)
async def test_what_cannot_be_asked_says_so_and_begins_nothing(tmp_path: Path, wanted: Wanted, says: str) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        text = await refused(here, wanted)
        assert says in text
        assert len(text) < 400


async def test_a_rehearsal_tells_plan_decision_and_why_and_leaves_only_that_it_was_asked(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", **FOR_THE_LAMP)) as here:
        seen = await rehearsed(here)
        plan = seen.situation.plans["flip"].plan
        assert plan is not None
        assert plan.summary == "Flip lamp on"
        assert (seen.decision.verdict, seen.decision.decisive) == (Verdict.ASK, "licence")
        assert (seen.possible, seen.finding) == (True, "The switch can be flipped.")
        assert seen.approvers == (ALICE, BOB)
        assert await kinds(here) == ["runbook.rehearsal_asked"]
        assert not here.switch.path.exists()
        assert await here.action() is None


async def test_a_rehearsal_says_what_would_stand_in_the_way(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:

        async def not_now(plan: object) -> Any:
            raise PermanentError("the switch is taped over")

        here.switch.rehearse = not_now  # type: ignore[method-assign]
        seen = await rehearsed(here)
        assert (seen.possible, seen.finding) == (False, "the switch is taped over")
        here.switch.refuses_to_plan = "no such switch"
        seen = await rehearsed(here)
        assert (seen.possible, seen.finding) == (None, "no such switch")
        assert seen.decision.verdict is Verdict.OBSERVE


def two_runbooks() -> Policy:
    document: Mapping[str, Any] = written_policy("L1").model_dump(by_alias=True)
    flash = document["runbooks"]["flip"] | {"when": "false", "summary": "Flash the lamp"}
    return Policy.model_validate({**document, "runbooks": {**document["runbooks"], "flash": flash}})


def at(here: World, now: datetime) -> Context:
    return replace(here.context, now=lambda: now)
