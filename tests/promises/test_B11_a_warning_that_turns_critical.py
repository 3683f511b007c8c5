"""Point 11: a warning that turns critical wakes people, opens the channel it should, and gets the critical runbook."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.policy.file.document import Policy
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice
from bot.response.notices.channel_moves import want_channel
from tests.promises.incoming import STAGING, alert, card, policy_with, said, send, two_runbooks
from tests.response.clicks import approve, take
from tests.response.test_nobody_answers import NIGHT_BUT_CRITICAL, Clock
from tests.response.world import ALICE, BOB, World, world

ROSE = "Severity rose from warning to critical"
NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def by_severity() -> Policy:
    return two_runbooks("L1", "alert.severity == 'warning'", "alert.severity == 'critical'")


async def warned(here: World) -> None:
    await send(here, alert("f1", severity="warning"))
    await here.until(ActionState.WAITING)
    await here.until_card(lambda card: card.severity == "warning")


@pytest.mark.parametrize("fingerprint", ["f2", "f1"])
async def test_it_is_judged_for_the_critical_runbook_and_those_asked_are_called(
    tmp_path: Path, fingerprint: str
) -> None:
    """As Alertmanager does it, with another fingerprint; and as a monitor that says it of the very same alert."""
    async with world(tmp_path, by_severity()) as here:
        await warned(here)
        await send(here, alert(fingerprint))
        told = await here.until_thread(ROSE)
        assert (told.to, told.broadcast) == ((ALICE, BOB), True)
        shown = await here.until_card(lambda card: card.severity == "critical")
        assert (shown.runbook, shown.action_state) == ("flip-hard", ActionState.WAITING)
        assert (await here.incident()).severity == "critical"
        await send(here, alert(fingerprint))
        await here.idle()
        assert len(said(here, ROSE)) == 1


async def test_it_wakes_those_who_sleep_unless_it_is_critical(tmp_path: Path) -> None:
    policy = by_severity().model_dump(by_alias=True, mode="json")
    policy["people"]["sre-oncall"] |= NIGHT_BUT_CRITICAL
    async with world(tmp_path, Policy.model_validate(policy), now=Clock(NIGHT)) as here:
        await warned(here)
        assert card(here).approvers == ()
        await send(here, alert("f2"))
        assert (await here.until_thread(ROSE)).to == (ALICE, BOB)


async def test_the_incident_gets_the_channel_that_a_critical_one_should_have(tmp_path: Path) -> None:
    channels = {"incidents": "C01INC", "own_channel": {"severities": ["critical"]}}
    async with world(tmp_path, policy_with(channels=channels)) as here:
        await warned(here)
        await accepted(here, card(here))
        assert not await has_channel(here)
        await send(here, alert("f2"))
        await accepted(here, await here.until_card(lambda card: card.severity == "critical"))
        assert await has_channel(here)


async def accepted(here: World, notice: CardNotice) -> None:
    """What Slack's answer to the card leads to."""
    async with here.database.begin() as work:
        await want_channel(work, here.context, 1, notice)


async def has_channel(here: World) -> bool:
    async with here.database.read() as work:
        return await work.channels.get(1) is not None


async def test_people_hear_at_once_while_an_act_for_the_warning_is_under_way(tmp_path: Path) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    async with world(tmp_path, by_severity()) as here:
        here.switch.before_execute = hold
        await warned(here)
        assert (await approve(here, ALICE)).accepted
        async with asyncio.timeout(20):
            await reached.wait()
        await send(here, alert("f2"))
        assert (await here.until_thread(ROSE)).to == (ALICE, BOB)
        go_on.set()
        await here.until_card(lambda card: card.runbook == "flip-hard")


async def test_whoever_has_taken_it_hears_as_well(tmp_path: Path) -> None:
    async with world(tmp_path, by_severity()) as here:
        await warned(here)
        assert (await take(here, ALICE)).accepted
        await send(here, alert("f2"))
        await here.until_thread(ROSE)
        assert (await here.incident()).state is IncidentState.TAKEN


async def test_what_is_muted_or_milder_raises_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(mute=[STAGING])) as here:
        await warned(here)
        await send(here, alert("f2", env="staging"), alert("f3", severity="info"))
        await here.until_thread("Also firing now")
        await here.idle()
        assert (await here.incident()).severity == "warning"
        assert said(here, "Severity rose") == []
