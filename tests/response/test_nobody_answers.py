"""When nobody answers: reminded once, handed over, left to sleep, expired. Time is the story's own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.policy.file.document import Policy
from bot.response.deadlines.reminders import sweep_questions
from bot.response.model.actions import Action, ActionState
from bot.response.model.notices import CardNotice, DirectNotice, ThreadNotice
from bot.response.model.records import AuditEntry
from tests.response.clicks import approve, take
from tests.response.world import ALICE, BOB, CAROL, World, world, written_policy

EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
NIGHT = {"quiet_hours": {"from": "22:00", "until": "07:00", "timezone": "UTC"}}
NIGHT_BUT_CRITICAL = {"quiet_hours": {**NIGHT["quiet_hours"], "except": ["critical"]}}
CHAIN = {"from": ["sre-oncall"], "escalation": ["leads"], "approve_within": "30m"}


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = EVENING

    def __call__(self) -> datetime:
        return self.at

    def forward(self, minutes: float) -> None:
        self.at += timedelta(minutes=minutes)


def chain(oncall: dict[str, Any] | None = None, leads: dict[str, Any] | None = None, **approvals: Any) -> Policy:
    """On call first, then the leads, 30 minutes each."""
    written = written_policy("L1").model_dump(by_alias=True, mode="json")
    written["people"]["sre-oncall"] |= oncall or {}
    written["people"]["leads"] |= leads or {}
    written["defaults"]["approvals"] = CHAIN | approvals
    return Policy.model_validate(written)


async def asked(here: World) -> Action:
    await here.fire()
    return await here.until(ActionState.WAITING)


async def settled(here: World) -> None:
    """Wait until everything that was said has been delivered."""
    async with asyncio.timeout(20):
        while True:
            async with here.database.read() as work:
                if not await work.outbox.undelivered():
                    return
            await asyncio.sleep(0.01)


async def after(here: World, clock: Clock, minutes: float) -> None:
    """Time goes on, and the sweep comes round; twice, because nothing may happen twice."""
    clock.forward(minutes)
    await sweep_questions(here.context)
    await sweep_questions(here.context)
    await settled(here)


def direct(here: World) -> list[DirectNotice]:
    return [notice for notice in here.delivered if isinstance(notice, DirectNotice)]


def thread(here: World, title: str) -> list[ThreadNotice]:
    return [n for n in here.delivered if isinstance(n, ThreadNotice) and n.title.startswith(title)]


def card(here: World) -> CardNotice:
    return [notice for notice in here.delivered if isinstance(notice, CardNotice)][-1]


async def question(here: World) -> Action:
    action = await here.action()
    assert action is not None
    return action


async def entries(here: World, kind: str) -> Sequence[AuditEntry]:
    async with here.database.read() as work:
        return [entry for entry in await work.audit.of_incident(1) if entry.kind == kind]


async def test_those_who_may_answer_are_reminded_once_at_half_of_the_time(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await asked(here)
        await after(here, clock, 14)
        assert not direct(here), "it is not half time yet"
        await after(here, clock, 1)
        (entry,) = thread(here, "Still waiting")
        assert entry.to == (ALICE, BOB)
        assert [notice.to for notice in direct(here)] == [ALICE, BOB]
        assert direct(here)[0].answer_by == EVENING + timedelta(minutes=30)
        assert direct(here)[0].if_nobody_answers == "leads will be asked as well."
        await after(here, clock, 10)
        assert len(direct(here)) == 2
        (recorded,) = await entries(here, "action.reminded")
        assert recorded.body["people"] == [ALICE, BOB]


async def test_whoever_has_answered_or_asked_for_it_is_not_reminded(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(needed=2), now=clock) as here:
        await asked(here)
        assert (await approve(here, ALICE)).accepted
        await after(here, clock, 15)
        assert [notice.to for notice in direct(here)] == [BOB]


async def test_the_next_people_are_asked_when_the_time_is_over_and_it_starts_anew(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await asked(here)
        early = await approve(here, CAROL)
        assert not early.accepted
        assert "Not yet: leads may answer once it is asked, and others have until 2026-11-23 20:30 UTC." in early.text
        await after(here, clock, 15)
        await after(here, clock, 15)
        action = await question(here)
        assert action.state is ActionState.WAITING
        assert action.due_at == clock.at + timedelta(minutes=30)
        assert [one.group for one in card(here).asked] == ["sre-oncall", "leads"]
        assert card(here).approvers == (ALICE, BOB, CAROL)
        assert "nothing happens" in card(here).if_nobody_answers
        (entry,) = thread(here, "Now asking leads as well")
        assert entry.to == (CAROL,)
        assert [notice.to for notice in direct(here)] == [ALICE, BOB, CAROL]
        await after(here, clock, 15)
        assert [notice.to for notice in direct(here)][3:] == [ALICE, BOB, CAROL], (
            "everybody asked is reminded once more"
        )
        assert (await approve(here, CAROL)).accepted
        assert (await here.until(ActionState.SUCCEEDED)).decided_by == (CAROL,)


async def test_at_the_end_of_the_chain_the_question_expires_and_says_what_that_means(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(needed=2), now=clock) as here:
        await asked(here)
        await approve(here, ALICE)
        for _ in range(4):
            await after(here, clock, 15)
        action = await question(here)
        assert action.state is ActionState.EXPIRED
        assert action.outcome == (
            "Only 1 of 2 approved in time; sre-oncall and leads were asked. Nothing was done. The incident stays open."
        )
        assert card(here).outcome == action.outcome
        assert here.switch.read()["flips"] == 0
        assert not (await approve(here, BOB)).accepted


async def test_a_yes_after_the_time_is_over_counts_for_nothing_even_before_the_sweep(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await asked(here)
        clock.forward(30)
        answer = await approve(here, ALICE)
        assert not answer.accepted
        assert "run out" in answer.text
        assert (await question(here)).state is ActionState.WAITING


async def test_two_replicas_remind_and_hand_over_once(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await asked(here)
        for minutes, sent in ((15, 2), (15, 3)):
            clock.forward(minutes)
            moved = await asyncio.gather(*(sweep_questions(here.context) for _ in range(4)))
            await settled(here)
            assert sum(moved) == 1
            assert len(direct(here)) == sent


async def test_what_was_due_while_nobody_kept_the_watch_is_made_up_for_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await asked(here)
        await settled(here)
    clock.forward(180)
    async with world(tmp_path, chain(), now=clock) as here:
        await after(here, clock, 0)
        assert [notice.to for notice in direct(here)] == [CAROL]
        assert (await question(here)).due_at == clock.at + timedelta(minutes=30)


async def test_in_quiet_hours_the_next_people_are_asked_at_once_and_nobody_is_woken(tmp_path: Path) -> None:
    clock = Clock(EVENING.replace(hour=23))
    async with world(tmp_path, chain(oncall=NIGHT), now=clock) as here:
        action = await asked(here)
        await settled(here)
        assert [one.group for one in action.asked] == ["sre-oncall", "leads"]
        assert card(here).approvers == (CAROL,)
        assert card(here).asked[0].quiet_until == EVENING.replace(day=24, hour=7)
        assert [notice.to for notice in direct(here)] == [CAROL]
        (decided,) = thread(here, "Asking for approval")
        assert "In quiet hours, so not called: sre-oncall until 2026-11-24 07:00 UTC." in decided.lines
        await after(here, clock, 15)
        assert thread(here, "Still waiting")[0].to == (CAROL,)
        assert (await approve(here, ALICE)).accepted, "who sleeps keeps the right to answer"


async def test_a_severity_that_is_excepted_wakes_people(tmp_path: Path) -> None:
    clock = Clock(EVENING.replace(hour=23))
    async with world(tmp_path, chain(oncall=NIGHT_BUT_CRITICAL), now=clock) as here:
        action = await asked(here)
        assert [one.group for one in action.asked] == ["sre-oncall"]
        await after(here, clock, 15)
        assert [notice.to for notice in direct(here)] == [ALICE, BOB]


async def test_quiet_hours_that_begin_meanwhile_hand_over_at_half_time(tmp_path: Path) -> None:
    clock = Clock(EVENING.replace(hour=21, minute=50))
    async with world(tmp_path, chain(oncall=NIGHT), now=clock) as here:
        await asked(here)
        await after(here, clock, 15)
        (entry,) = thread(here, "Now asking leads as well")
        assert entry.lines[0] == "In quiet hours, so not called: sre-oncall until 2026-11-24 07:00 UTC."
        assert [notice.to for notice in direct(here)] == [CAROL]


async def test_a_message_is_worth_nothing_once_its_reader_is_left_to_sleep(tmp_path: Path) -> None:
    clock = Clock(EVENING.replace(hour=21, minute=35))
    async with world(tmp_path, chain(oncall=NIGHT), now=clock) as here:
        await asked(here)
        await after(here, clock, 15)
        assert {notice.until for notice in direct(here)} == {EVENING.replace(hour=22)}


async def test_when_everybody_sleeps_they_are_called_as_soon_as_the_night_is_over(tmp_path: Path) -> None:
    clock = Clock(EVENING.replace(hour=23))
    async with world(tmp_path, chain(oncall=NIGHT, leads=NIGHT, approve_within="12h"), now=clock) as here:
        await asked(here)
        await after(here, clock, 0)
        assert not direct(here)
        assert card(here).approvers == ()
        await after(here, clock, 7 * 60 + 59)
        assert not direct(here)
        await after(here, clock, 1)
        assert [notice.to for notice in direct(here)] == [ALICE, BOB, CAROL]


async def test_once_somebody_is_on_it_nobody_else_is_called(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await asked(here)
        assert (await take(here, BOB)).accepted
        for _ in range(2):
            await after(here, clock, 15)
        assert not direct(here)
        action = await question(here)
        assert action.state is ActionState.EXPIRED
        assert "a person has taken it over" in action.outcome
        assert not await entries(here, "action.handed_over")


async def test_a_group_that_nobody_is_in_is_passed_over(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        here.people.groups["sre-oncall"] = ()
        action = await asked(here)
        await settled(here)
        assert [one.group for one in action.asked] == ["sre-oncall", "leads"]
        assert card(here).approvers == (CAROL,)
