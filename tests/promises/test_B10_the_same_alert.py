"""Point 10: an alert is identified by source and fingerprint; its start tells episodes apart.

A resolve ends it whatever start it names, unless its end precedes the present episode. What a monitor leaves out is
seen by people, and the count on the card is true.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice
from handlers.alerts.alertmanager import parse
from tests.handlers import webhooks
from tests.promises.incoming import alert, policy_with, said, send
from tests.response.world import World, world

STARTED = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
GO_ZERO = "0001-01-01T00:00:00Z"


async def webhook(here: World, *alerts: dict[str, Any], **changes: Any) -> None:
    """A webhook of Alertmanager, through the parser."""
    parsed = parse(webhooks.webhook(list(alerts), **changes), here.context.now())
    assert not parsed.rejected
    await here.intake.accept(parsed.alerts, parsed.rejected, parsed.truncated)


def lamp(fingerprint: str, **changes: Any) -> dict[str, Any]:
    labels = {"alertname": "SwitchOff", "service": "lamp", "severity": "critical"}
    return webhooks.alert(fingerprint, labels=labels, startsAt=STARTED.isoformat(), **changes)


async def counted(here: World, firing: int) -> CardNotice:
    """The card once it counts so many alerts."""
    return await here.until_card(lambda card: card.alerts_firing == firing)


@pytest.mark.parametrize("starts_at", [STARTED.isoformat(), (STARTED + timedelta(hours=1)).isoformat(), GO_ZERO, None])
async def test_a_resolve_ends_the_alert_whatever_start_it_names(tmp_path: Path, starts_at: str | None) -> None:
    async with world(tmp_path, policy_with()) as here:
        await webhook(here, lamp("f1"))
        await here.until(ActionState.WAITING)
        ended = {"status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        await webhook(here, lamp("f1") | ended | {"startsAt": starts_at})
        await here.until_thread("Resolved")
        assert (await here.incident()).state is IncidentState.RESOLVED


async def test_a_resolve_without_a_time_of_its_own_ends_the_alert(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await webhook(here, lamp("f1"))
        await here.until(ActionState.WAITING)
        await webhook(here, lamp("f1") | {"status": "resolved", "startsAt": GO_ZERO, "endsAt": GO_ZERO})
        await here.until_thread("Resolved")


async def test_the_end_of_an_earlier_episode_does_not_end_the_present_one(tmp_path: Path) -> None:
    again = STARTED + timedelta(minutes=10)
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1", started=STARTED))
        await send(here, alert("f1", started=again))
        await send(here, alert("f1", started=STARTED, ended=again - timedelta(minutes=1)))
        await here.until(ActionState.WAITING)
        await here.idle()
        assert (await here.incident()).state is IncidentState.OPEN
        assert (await counted(here, 1)).alerts_firing == 1, "a new episode is not another alert"
        await send(here, alert("f1", started=STARTED, ended=again + timedelta(minutes=1)))
        await here.until_thread("Resolved")


async def test_another_monitor_with_the_same_fingerprint_speaks_of_another_alert(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"), alert("f1", source="elsewhere"))
        await counted(here, 2)
        await send(here, alert("f1", source="elsewhere", ended=datetime.now(UTC)))
        await counted(here, 1)
        assert (await here.incident()).state is IncidentState.OPEN


async def test_the_count_on_the_card_is_true_when_some_have_ended(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"), alert("f2"), alert("f3"))
        await counted(here, 3)
        await send(here, alert("f2", ended=datetime.now(UTC)))
        await counted(here, 2)


async def test_what_a_monitor_left_out_is_counted_and_said_and_never_twice(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await webhook(here, lamp("f1"), lamp("f2"), truncatedAlerts=3)
        assert (await counted(here, 5)).truncated == 3
        await webhook(here, lamp("f1"), lamp("f2"), lamp("f3"), lamp("f4"), truncatedAlerts=2)
        assert (await counted(here, 6)).truncated == 2
        # All that it leaves out now are alerts that we know.
        await webhook(here, lamp("f1"), truncatedAlerts=3)
        assert (await counted(here, 4)).truncated == 0


async def test_an_incident_does_not_end_in_silence_about_what_was_left_out(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await webhook(here, lamp("f1"), truncatedAlerts=2)
        await counted(here, 3)
        ended = {"status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        await webhook(here, lamp("f1") | ended, truncatedAlerts=2)
        await here.until_thread("Resolved")
        (told,) = said(here, "Resolved")
        assert any("left 2 more out" in line for line in told.lines)


async def test_an_incident_whose_alert_goes_on_in_another_one_is_over_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        await send(here, alert("f1", ended=datetime.now(UTC)), alert("f1", service="lantern"))
        notice = await here.until_thread("Resolved")
        async with here.database.read() as work:
            first, second = [await work.incidents.get(number) for number in (1, 2)]
        assert "goes on in another incident" in notice.lines[0]
        assert first is not None
        assert second is not None
        assert (first.state, second.service) == (IncidentState.RESOLVED, "lantern")
