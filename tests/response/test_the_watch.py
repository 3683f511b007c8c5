"""From alert to outcome through the durable flows: what happens, what does not, and what people are told."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import PermanentError, TemporaryError
from bot.response.deadlines.reminders import sweep_questions
from bot.response.deadlines.sweep import sweep
from bot.response.interventions import pauses as controls
from bot.response.interventions import take_override as interventions
from bot.response.interventions.clicks import Answer
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Button
from storage.tables import TARGET_LOCKS
from tests.response.clicks import approve, stop
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, CAROL, DAVE, World, world, written_policy

TWO = {"approvals": {"from": ["sre-oncall", "leads"], "needed": 2}}


async def test_an_alert_is_asked_about_approved_done_verified_and_resolved(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        action = await here.until(ActionState.WAITING)
        assert here.switch.read()["flips"] == 0
        await here.until_card(lambda card: Button.APPROVE in card.buttons)
        assert (await approve(here, ALICE)).accepted
        done = await here.until(ActionState.SUCCEEDED)
        assert done.id == action.id
        assert done.decided_by == (ALICE,)
        assert here.switch.read() == {"position": "on", "flips": 1, "restores": 0}
        await here.until_thread("Done and verified")
        await here.resolve()
        await here.until_thread("Resolved")
        assert (await here.incident()).state is IncidentState.RESOLVED
        kinds = [e.kind for e in await audit(here)]
        assert kinds == [
            "incident.opened",
            "alert.received",
            "decision.made",
            "action.vote",
            "action.claimed",
            "action.step_begun",
            "action.step_ended",
            "action.executed",
            "action.succeeded",
            "alert.received",
            "incident.resolved",
        ]


async def test_alerts_that_end_during_the_verification_do_not_look_like_its_end(tmp_path: Path) -> None:
    verify = {"within": "60s", "healthy": "light == 1", "stable": 1}
    async with world(tmp_path, written_policy("L1", verify=verify)) as here:
        here.senses.health = Finding.UNKNOWN
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.VERIFYING)
        await here.resolve()
        resolved = await here.until_thread("Resolved")
        assert resolved.lines[-1] == "“Flip lamp on” goes on (verifying); how it ends will be said here."
        here.senses.health = Finding.SUPPORTS
        await here.until_thread("Done and verified")


async def test_a_licensed_runbook_announces_waits_and_acts_alone(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        here.slack_answers = False
        await here.fire()
        await here.until(ActionState.ANNOUNCING)
        await sweep(here.context)
        assert (await here.action()).state is ActionState.ANNOUNCING  # type: ignore[union-attr]
        here.slack_answers = True
        await here.until(ActionState.VETO_WINDOW)
        assert here.switch.read()["flips"] == 0
        await here.until_card(lambda card: card.buttons[0] is Button.STOP)
        await sweep_until(here, ActionState.SUCCEEDED)
        assert here.switch.read()["flips"] == 1
        assert (await here.action()).decided_by == ()  # type: ignore[union-attr]


async def test_without_a_licence_the_same_runbook_asks(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.fire()
        assert (await here.until(ActionState.WAITING)).verdict is Verdict.ASK


async def test_a_person_stops_it_inside_the_veto_window(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", veto_window="30s")) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.VETO_WINDOW)
        assert (await stop(here, CAROL)).accepted
        assert (await here.action()).state is ActionState.STOPPED  # type: ignore[union-attr]
        await here.fire(fingerprint="f2")
        await here.idle()
        assert (await here.action()).state is ActionState.STOPPED, "a new alert must not ask past a person's no"  # type: ignore[union-attr]
        assert (await here.until_thread("Also firing now")).to == (ALICE, BOB), "but people hear of it"
        assert here.switch.read()["flips"] == 0
        assert not (await stop(here, BOB)).accepted


async def test_when_slack_does_not_take_the_announcement_people_are_asked_instead(tmp_path: Path) -> None:
    policy = written_policy("L3").model_copy()
    policy = policy.model_validate(
        policy.model_dump(by_alias=True)
        | {"defaults": {"approvals": {"from": ["sre-oncall"]}, "announce_within": "5m"}}
    )
    clock = Clock()
    async with world(tmp_path, policy, now=clock) as here:
        await here.license()
        here.slack_answers = False
        await here.fire()
        await here.until(ActionState.ANNOUNCING)
        clock.forward(5)
        await sweep(here.context)
        action = await here.until(ActionState.WAITING)
        assert action.verdict is Verdict.ASK
        here.slack_answers = True
        await here.until_thread("Asking for approval")
        assert here.switch.read()["flips"] == 0


async def test_unhealthy_afterwards_is_rolled_back_paused_and_handed_to_people(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        action = await here.until(ActionState.ROLLED_BACK)
        assert "Not healthy" in action.outcome
        assert here.switch.read() == {"position": "off", "flips": 1, "restores": 1}
        notice = await here.until_thread("Rolled back")
        assert notice.to == (ALICE, BOB)
        async with here.database.read() as work:
            assert [str(p.scope) for p in await work.pauses.active(here.context.now())] == ["runbook flip"]
            assert await work.session.scalar(select(func.count()).select_from(TARGET_LOCKS)) == 0


async def test_two_distinct_people_are_needed_when_the_policy_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **TWO)) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert "One more person" in (await approve(here, ALICE)).text
        assert "already counted" in (await approve(here, ALICE)).text
        assert (await here.action()).state is ActionState.WAITING  # type: ignore[union-attr]
        assert (await approve(here, CAROL)).accepted
        assert (await here.until(ActionState.SUCCEEDED)).decided_by == (ALICE, CAROL)


async def test_somebody_the_policy_does_not_name_is_refused_and_that_is_on_record(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        answer = await approve(here, DAVE)
        assert not answer.accepted
        assert (await here.action()).state is ActionState.WAITING  # type: ignore[union-attr]
        assert (await audit(here))[-1].kind == "person.refused"
        assert (await audit(here))[-1].actor == DAVE


async def test_many_simultaneous_clicks_start_it_once(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        press = {person: await here.press(person) for person in (ALICE, BOB)}
        answers = await asyncio.gather(*(approve(here, p, press=press[p]) for p in [ALICE, BOB] * 5))
        assert sum("starts now" in a.text for a in answers) == 1
        await here.until(ActionState.SUCCEEDED)
        assert here.switch.read()["flips"] == 1


async def test_a_click_on_an_older_question_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        old = await here.press(ALICE)
        here.switch.write(position="half")
        await here.fire(fingerprint="f2")  # looked at again: the plan is another one now
        await here.until_thread("Asking for approval")
        async with asyncio.timeout(30):
            while (await here.incident()).revision == old.revision:
                await asyncio.sleep(0.02)
        answer = await approve(here, ALICE, press=old)
        assert not answer.accepted
        assert "out of date" in answer.text


async def test_a_plan_that_went_stale_after_the_yes_is_asked_anew(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        first = await here.until(ActionState.WAITING)
        here.switch.write(position="half")
        await approve(here, ALICE)
        async with asyncio.timeout(30):
            while (
                (again := await here.action()) is None or again.id == first.id or again.state is not ActionState.WAITING
            ):
                await asyncio.sleep(0.02)
        assert again.plan_digest != first.plan_digest
        assert here.switch.read()["flips"] == 0
        assert "Nothing was run" in (await here.until_thread("Not run")).lines[0]


async def test_a_pause_holds_what_has_not_begun_and_resume_asks_again(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", veto_window="30s")) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.VETO_WINDOW)
        roster, everything = await here.context.roster(), Scope(kind=ScopeKind.EVERYTHING)
        async with here.database.begin() as work:
            answer = await controls.pause(work, here.context, roster, BOB, everything, None, "release", 1)
        assert answer.accepted
        held = await here.until(ActionState.HELD)
        await here.until_card(lambda card: "release" in card.headline)
        async with here.database.begin() as work:
            assert not (await controls.resume(work, here.context, roster, DAVE, everything)).accepted
            assert (await controls.resume(work, here.context, roster, ALICE, everything)).accepted
        again = await here.until(ActionState.VETO_WINDOW)
        assert again.id != held.id


async def test_a_pause_that_is_committed_before_the_effect_keeps_it_from_beginning(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        roster = await here.context.roster()
        async with here.database.begin() as work:
            await controls.pause(
                work, here.context, roster, BOB, Scope(kind=ScopeKind.SERVICE, name="lamp"), None, "no"
            )
        held = await here.until(ActionState.HELD)
        answer = await approve(here, ALICE)
        assert not answer.accepted
        press = await here.press(ALICE)
        async with here.database.begin() as work:
            answer = await interventions.override(
                work, here.context, roster, press, "flip", "customers are in the dark"
            )
        assert answer.accepted, answer.text
        done = await here.until(ActionState.SUCCEEDED)
        assert done.id == held.id
        assert done.by_hand


async def test_a_roll_back_restores_once_and_only_for_approvers(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        roster = await here.context.roster()

        async def roll_back(person: str) -> Answer:
            press = await here.press(person)
            async with here.database.begin() as work:
                return await interventions.roll_back(work, here.context, roster, press)

        assert not (await roll_back(DAVE)).accepted
        answers = [await roll_back(BOB), await roll_back(ALICE)]
        assert all(a.accepted for a in answers)
        await here.until(ActionState.ROLLED_BACK)
        assert here.switch.read() == {"position": "off", "flips": 1, "restores": 1}


async def test_a_new_alert_after_our_act_counts_as_harm(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        await here.fire(name="RoomCold", service="room", fingerprint="f9")  # depends on lamp
        await here.until(ActionState.ROLLED_BACK)
        await here.until_thread("It may have made things worse")
        async with here.database.read() as work:
            assert [str(p.scope) for p in await work.pauses.active(here.context.now())] == ["runbook flip"]
        assert here.switch.read()["restores"] == 1


async def test_override_with_another_way_is_recorded_with_its_reason(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        roster, press = await here.context.roster(), await here.press(ALICE)
        async with here.database.begin() as work:
            no_reason = await interventions.override(work, here.context, roster, press, interventions.BY_HAND, "  ")
            assert not no_reason.accepted
            answer = await interventions.override(work, here.context, roster, press, interventions.BY_HAND, "I know it")
        assert answer.accepted
        assert (await here.action()).state is ActionState.OVERRIDDEN  # type: ignore[union-attr]
        assert (await here.incident()).taken_by == ALICE
        assert (await here.until_thread("Overridden")).lines == ("Reason: I know it",)


async def test_the_requester_of_a_run_cannot_approve_it(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        roster, press = await here.context.roster(), await here.press(ALICE)
        async with here.database.begin() as work:
            await interventions.override(work, here.context, roster, press, "flip", "once more, please")
        async with asyncio.timeout(30):
            while (action := await here.action()) is None or action.requested_by != ALICE:
                await asyncio.sleep(0.02)
        assert not (await approve(here, ALICE)).accepted
        assert (await approve(here, BOB)).accepted
        await here.until(ActionState.SUCCEEDED)


async def test_an_unanswered_question_expires_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    approvals = {"approvals": {"from": ["sre-oncall"], "approve_within": "30m"}}
    async with world(tmp_path, written_policy("L1", **approvals), now=clock) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        clock.forward(30)
        await sweep_questions(here.context)
        assert (await here.action()).state is ActionState.EXPIRED  # type: ignore[union-attr]
        await here.until_thread("Not approved in time")
        assert not (await approve(here, ALICE)).accepted


@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (TemporaryError("the socket is closed", retry_after=3600), ActionState.FAILED, "Nothing was changed"),
        (PermanentError("no such process"), ActionState.ROLLED_BACK, "Not healthy"),
        (ZeroDivisionError("a bug"), ActionState.ROLLED_BACK, "Not healthy"),
    ],
)
async def test_an_execute_that_fails_is_told(tmp_path: Path, error: Exception, state: ActionState, word: str) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        here.switch.breaks = error
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        assert word in (await here.until(state)).outcome


async def test_an_alert_without_a_runbook_goes_to_people(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire(name="SomethingNew")
        await here.until_thread("For people to handle")
        await here.until_card(lambda card: card.verdict is Verdict.OBSERVE)
        assert await here.action() is None


async def test_a_plan_that_cannot_be_made_goes_to_people_with_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        here.switch.refuses_to_plan = "somebody stopped it on purpose"
        await here.fire()
        await here.until_thread("For people to handle")
        await here.until_card(lambda card: "on purpose" in card.headline)


async def test_a_storm_on_one_service_is_one_incident_and_one_question(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await asyncio.gather(*(here.fire(fingerprint=f"f{n}") for n in range(50)))
        await here.until(ActionState.WAITING)
        await here.idle()
        assert (await here.incident()).revision == 1
        assert sum(getattr(n, "title", "") == "Asking for approval" for n in here.delivered) == 1


async def audit(here: World) -> list:  # type: ignore[type-arg]
    async with here.database.read() as work:
        return list(await work.audit.of_incident(1))


async def sweep_until(here: World, state: ActionState) -> None:
    async with asyncio.timeout(20):
        while (await here.action()).state is not state:  # type: ignore[union-attr]
            await sweep(here.context)
            await asyncio.sleep(0.05)
