"""Point 13: assessments are coalesced, without a worse alert, a person or an act ever waiting for that.

While one waits, news joins it; a busy incident is assessed about once a second; a claim judges everything stored.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.situation import Request
from bot.response.deadlines.sweep import sweep
from bot.response.model.actions import ActionState
from bot.response.model.incidents import AlertStatus
from storage.database import Database
from storage.intake import Intake
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.incidents import NOW
from tests.promises.incoming import alert, policy_with, send
from tests.response.test_nobody_answers import Clock
from tests.response.world import world

POLICY = Policy.model_validate({"version": 1, "channels": {"incidents": "C01INC"}, "people": {}})


@dataclass
class Delays:
    """The durable engine's place, noting after how many seconds each assessment may begin."""

    asked: list[float] = field(default_factory=list)

    def enqueue(self, session: Any, flow: str, *arguments: Any, delay_seconds: float = 0, **options: Any) -> None:
        self.asked.append(delay_seconds)


@dataclass
class Door:
    """Where alerts come in, at a time that the story sets."""

    database: Database
    intake: Intake
    delays: Delays
    clock: Clock

    async def fires(self, fingerprint: str, severity: str = "warning") -> list[float]:
        """One more alert of the incident; the assessments that it asked for."""
        before = len(self.delays.asked)
        await self.intake.accept([alert(fingerprint, severity=severity)])
        return self.delays.asked[before:]

    async def ends(self, fingerprint: str) -> list[float]:
        before = len(self.delays.asked)
        ended = alert(fingerprint, severity="warning", ended=self.clock())
        assert ended.status is AlertStatus.RESOLVED
        await self.intake.accept([ended])
        return self.delays.asked[before:]

    async def assessed(self) -> None:
        """The assessment that was asked for begins."""
        async with self.database.begin() as work:
            await work.incidents.begin_consideration(1, self.clock())

    def later(self, seconds: float) -> datetime:
        self.clock.at += timedelta(seconds=seconds)
        return self.clock.at


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    delays, clock = Delays(), Clock(datetime.now(UTC))
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}", delays, AUDIT_KEY)
    await database.open()
    await migrate(database)
    intake = Intake(database, lambda: POLICY, clock)
    yield Door(database, intake, delays, clock)
    await intake.close()
    await database.close()


async def test_the_first_alert_is_assessed_at_once_and_news_joins_what_waits(door: Door) -> None:
    assert await door.fires("f1") == [0]
    assert [await door.fires(f"more {number}") for number in range(20)] == [[]] * 20


async def test_a_busy_incident_is_assessed_again_a_second_after_the_last_time_and_once(door: Door) -> None:
    await door.fires("f1")
    await door.assessed()
    door.later(0.25)
    assert await door.fires("f2") == [0.75]
    assert (await door.fires("f3"), await door.ends("f1")) == ([], [])
    door.later(0.75)
    await door.assessed()
    door.later(1)
    assert await door.ends("f2") == [0], "nothing has happened for a second: it is not busy"


async def test_a_clock_that_was_set_back_makes_nobody_wait(door: Door) -> None:
    await door.fires("f1")
    await door.assessed()
    door.later(-3600)
    assert await door.fires("f2") == [0]


async def test_a_worse_alert_waits_for_nothing(door: Door) -> None:
    await door.fires("f1")
    await door.assessed()
    assert await door.fires("f2") == [1]
    assert await door.fires("f3", "critical") == [0]
    assert await door.fires("f4", "critical") == [], "it joins what begins at once"


async def test_a_person_and_our_own_flows_wait_for_nothing(door: Door) -> None:
    await door.fires("f1")
    await door.assessed()
    assert await door.fires("f2") == [1]
    asked = len(door.delays.asked)
    async with door.database.begin() as work:
        await work.queue.consider(1, Request(runbook="flip", by="U01ALICE", reason="it is dark"))
        await work.queue.consider(1)
        await work.queue.consider(1)
    assert door.delays.asked[asked:] == [0, 0]


async def test_nothing_is_lost_in_a_burst_and_the_card_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(), now=Clock(NOW)) as here:
        await send(here, alert("f0"))
        await here.until(ActionState.WAITING)
        await asyncio.gather(*(send(here, alert(f"f{number}")) for number in range(1, 30)))
        await here.until_card(lambda card: card.alerts_firing == 30)
        told = await here.until_thread("Also firing now")
        assert told.lines == ("SwitchOff on lamp",)


async def test_the_claim_judges_what_is_stored_although_its_assessment_still_waits(tmp_path: Path) -> None:
    clock = Clock(NOW)
    async with world(tmp_path, policy_with("L3", {"veto_window": "10s"}), now=clock) as here:
        await here.license()
        await send(here, alert("f1"))
        await here.until(ActionState.VETO_WINDOW)
        await here.idle()
        # By this clock it was assessed this very second, so the assessment of what comes is put off.
        await send(here, alert("f2", billing="true"))
        clock.at += timedelta(seconds=11)
        await sweep(here.context)
        await here.until(ActionState.WAITING)
        assert here.switch.read()["flips"] == 0
