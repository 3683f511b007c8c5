"""What takes a runbook's autonomy away gets its row once, by itself: at the outcome, or by the sweep."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import delete, insert, update

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.licence import earned, licence_of
from bot.policy.rules.seal import seal_of
from bot.policy.situation import Gate
from bot.policy.track_record import Ending, Judged
from bot.response.execution.demotions import sweep_demotions
from bot.response.interventions.reviews import Judgement, submit
from bot.response.interventions.take_override import NOTHING, override
from bot.response.model.actions import ActionState
from bot.response.model.bulletins import BulletinNotice
from bot.response.model.notices import Button, ThreadNotice
from storage.tables import ACTIONS, LICENCES, REVIEWS
from tests.fixtures.incidents import action as an_action
from tests.fixtures.licences import license_runbook
from tests.promises.signals import send
from tests.response.clicks import approve, pressed, stop
from tests.response.test_burn_watches import NothingToUndo
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, World, world, written_policy

ALONE = {"level": "L3", "veto_window": "0s"}


async def causes(here: World) -> list[str]:
    """Keys of the demotions in force."""
    async with here.database.read() as work:
        return [demotion.cause for demotion in (await work.licences.of("flip")).demotions]


async def recorded(here: World, incident_id: int = 1) -> list[str]:
    """What the record says demoted it, in this incident."""
    async with here.database.read() as work:
        entries = await work.audit.of_incident(incident_id)
    return [str(entry.body["reason"]) for entry in entries if entry.kind == "licence.demoted"]


def told(here: World) -> list[ThreadNotice]:
    return [one for one in here.delivered if isinstance(one, ThreadNotice) and "asks first" in one.title]


async def level(here: World) -> Level:
    policy = here.context.policy()
    async with here.database.read() as work:
        held = await work.licences.of("flip")
    return earned(licence_of(held, policy, "flip", seal_of(policy, "flip", 1), here.context.now()))


async def is_over(here: World, action_id: str, ending: Ending = Ending.VERIFIED, runbook: str = "flip") -> None:
    """The row of an act that is over, as a process leaves it that dies right then."""
    now = here.context.now()
    made = an_action(1, action_id, runbook=runbook, begun_at=now, finished_at=now, due_at=None)
    async with here.database.begin() as work:
        await work.actions.add(made)
        over = {"state": ActionState.SUCCEEDED, "ending": ending}
        await work.session.execute(update(ACTIONS).where(ACTIONS.c.id == action_id).values(over))


async def due(here: World, action_id: str, at: datetime) -> None:
    """A review of the act is asked for until then."""
    async with here.database.begin() as work:
        await work.session.execute(insert(REVIEWS).values(action_id=action_id, due_at=at))


async def test_an_act_that_did_not_help_demotes_at_once_and_says_what_is_lost(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(**ALONE)) as here:
        await here.license()
        assert await level(here) is Level.L3
        here.senses.health = Finding.CONTRADICTS
        await here.fire()
        action = await here.until(ActionState.ROLLED_BACK)
        assert (await level(here), await causes(here)) == (Level.L1, [f"failed:{action.id}"])
        assert await recorded(here) == ["it did not help in INC-1"]
        await here.idle()
        (line,) = told(here)
        assert line.title == "Demoted: flip asks first from now on"
        assert line.lines == (
            "It could act at L3; it may act at L1 at most, because it did not help in INC-1.",
            "Until people promote it again.",
        )
        assert line.to == (ALICE, BOB)
        assert len(line.audit) == 1
        assert await sweep_demotions(here.context) == 0


async def test_an_end_that_nobody_knows_demotes(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L2"), remediation=NothingToUndo) as here:
        await here.license()
        here.senses.health = Finding.UNKNOWN
        await here.fire()
        action = await here.until(ActionState.FAILED)
        assert (await level(here), await causes(here)) == (Level.L1, [f"unknown:{action.id}"])
        await here.idle()
        (line,) = told(here)
        assert line.lines[0].endswith("it may act at L1 at most, because nobody knows how it ended in INC-1.")


async def test_what_had_no_autonomy_loses_none_so_it_is_recorded_without_a_word(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.license()
        here.senses.health = Finding.CONTRADICTS
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        action = await here.until(ActionState.ROLLED_BACK)
        await here.idle()
        assert (await causes(here), await recorded(here)) == ([f"failed:{action.id}"], ["it did not help in INC-1"])
        assert told(here) == []


async def test_a_second_cause_is_recorded_and_not_told_again(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(**ALONE)) as here:
        await here.license()
        await send(here, "Elsewhere", "moon")
        await here.idle()
        for number in (1, 2):
            await is_over(here, f"a{number}", Ending.FAILED)
        assert await sweep_demotions(here.context) == 2
        await here.idle()
        assert len(await recorded(here)) == 2
        assert len(told(here)) == 1


async def test_what_a_crash_has_left_is_written_by_the_sweep_and_capped_before(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(**ALONE)) as here:
        await here.license()
        await send(here, "Elsewhere", "moon")
        await here.idle()
        await is_over(here, "a1", Ending.HARMED)
        assert (await level(here), await causes(here)) == (Level.L1, []), "it caps before anybody writes it"
        assert sum(await asyncio.gather(*(sweep_demotions(here.context) for _ in range(6)))) == 1
        assert await causes(here) == ["harmed:a1"]
        assert await recorded(here) == ["it did harm in INC-1"]


async def test_a_review_that_is_overdue_demotes_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy(**ALONE), now=clock) as here:
        async with here.database.begin() as work:
            await license_runbook(work, here.context.policy(), "flip", clock.at, clock.at + timedelta(days=30))
        await send(here, "Elsewhere", "moon")
        await here.idle()
        await is_over(here, "a1")
        await due(here, "a1", clock.at + timedelta(days=5))
        assert await sweep_demotions(here.context) == 0
        clock.forward(5 * 24 * 60)
        assert await sweep_demotions(here.context) == 1
        assert await causes(here) == ["overdue:a1"]
        await here.idle()
        (line,) = told(here)
        assert line.title == "Review overdue: flip asks first from now on"
        assert line.lines == (
            "It ended 5 days ago and nobody has said whether it was right.",
            "It could act at L3; it may act at L1 at most, because the review of INC-1 is overdue. "
            "That ends with the review.",
        )
        assert Button.REVIEW in line.buttons
        assert await sweep_demotions(here.context) == 0


async def test_a_review_that_says_harmful_demotes_with_its_commit(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(**ALONE)) as here:
        await here.license()
        await here.fire()
        action = await here.until(ActionState.SUCCEEDED)
        said = Judgement(Judged.HARMFUL, surprising=False, text="It must ask.")
        assert (await pressed(partial(submit, said=said), here, BOB)).accepted
        assert await causes(here) == [f"harmful:{action.id}"]
        assert await recorded(here) == ["the review of INC-1 says that it was harmful"]
        await here.idle()
        assert len(told(here)) == 1


async def test_three_overrides_in_ten_demote_with_the_third(tmp_path: Path) -> None:
    overridden = partial(pressed, partial(override, choice=NOTHING, reason="not tonight"))
    written = written_policy("L3", veto_window="1h").model_dump(mode="json", by_alias=True)
    written["services"] = {f"lamp{number}": {"fleet": 4} for number in (1, 2, 3)}
    async with world(tmp_path, Policy.model_validate(written)) as here:
        await here.license()
        for number, says_no in enumerate((stop, overridden, stop), start=1):
            await send(here, service=f"lamp{number}", fingerprint=f"f{number}")
            asked = await here.until(ActionState.VETO_WINDOW, number)
            assert await causes(here) == []
            assert (await says_no(here, ALICE, number)).accepted
        assert await causes(here) == [f"overridden:{asked.id}"]
        assert await recorded(here, 3) == ["people decided otherwise 3 times in its last 3 cases"]
        await here.idle()
        assert len(told(here)) == 1


async def test_a_cause_that_people_have_lifted_demotes_never_again(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(**ALONE)) as here:
        await here.license()
        await send(here, "Elsewhere", "moon")
        await here.idle()
        await is_over(here, "a1", Ending.FAILED)
        await sweep_demotions(here.context)
        async with here.database.begin() as work:
            assert await work.licences.promote("flip", ALICE, here.context.now()) == ("failed:a1",)
        assert await level(here) is Level.L3
        assert await sweep_demotions(here.context) == 0
        assert await level(here) is Level.L3
        await is_over(here, "a2", Ending.UNKNOWN)
        assert await sweep_demotions(here.context) == 1
        assert await causes(here) == ["unknown:a2"]


async def test_what_the_policy_has_no_more_is_demoted_on_record_when_its_review_is_overdue(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await send(here, "Elsewhere", "moon")
        await here.idle()
        await is_over(here, "a1", runbook="gone")
        await due(here, "a1", here.context.now())
        assert await sweep_demotions(here.context) == 1
        await here.idle()
        async with here.database.read() as work:
            assert [one.cause for one in (await work.licences.of("gone")).demotions] == ["overdue:a1"]
        assert told(here) == []


async def test_a_gate_that_expires_is_put_on_record_once_and_passing_it_anew_gives_everything_back(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy(**ALONE), now=clock) as here:
        await here.license()  # for a day
        assert await sweep_demotions(here.context) == 0
        clock.forward(24 * 60)
        assert sum(await asyncio.gather(*(sweep_demotions(here.context) for _ in range(4)))) == len(Gate)
        assert (await level(here), await causes(here)) == (Level.L1, [])
        async with here.database.read() as work:
            told_of = [entry.body for entry in await work.audit.latest(20) if entry.kind == "licence.demoted"]
        assert {body["action"] for body in told_of} == {None}
        assert f"the chaos test expired at {clock.at:%Y-%m-%d %H:%M} UTC" in {body["reason"] for body in told_of}
        assert await sweep_demotions(here.context) == 0
        await here.idle()
        (told_once,) = [one for one in here.delivered if isinstance(one, BulletinNotice)]
        assert told_once.title == "flip asks first from now on"
        lost, why = told_once.lines[0].split(": the staging dry run expired at ")
        assert (lost, why.count("expired")) == ("It could act at L3; it may act at L1 at most", len(Gate) - 1)
        async with here.database.begin() as work:
            await work.session.execute(update(LICENCES).values(until=clock.at + timedelta(days=1)))
        assert await level(here) is Level.L3


async def test_where_the_policy_gives_no_autonomy_or_another_gate_is_lacking_no_gate_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "asks").mkdir()
    async with world(tmp_path / "asks", written_policy("L1"), now=clock) as here:
        await here.license()
        clock.forward(24 * 60)
        assert await sweep_demotions(here.context) == 0
    (tmp_path / "lacks").mkdir()
    async with world(tmp_path / "lacks", written_policy(**ALONE), now=clock) as here:
        await here.license()
        async with here.database.begin() as work:
            await work.session.execute(delete(LICENCES).where(LICENCES.c.gate == Gate.CHAOS_TEST))
        clock.forward(24 * 60)
        assert await sweep_demotions(here.context) == 0
