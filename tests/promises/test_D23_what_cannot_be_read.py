"""Point 23: what cannot be read as an alert is taken with a substitute where that is safe; else people are told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.response.deadlines.bulletins import UNREADABLE_AT_MOST_EVERY, sweep_bulletins
from bot.response.model.bulletins import BulletinNotice
from bot.slack.cards import render
from bot.slack.limits import check_card
from handlers.alerts.alertmanager import NAMELESS, parse
from handlers.alerts.source import WebhookError
from storage.deliveries import RejectedAlert
from tests.handlers.webhooks import alert, webhook
from tests.response.test_nobody_answers import Clock, chain
from tests.response.world import ALICE, BOB, World, world

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def taken(**changes: Any) -> Any:
    """The one alert with these fields, read."""
    parsed = parse(webhook([alert("a", **changes)]), NOW)
    assert not parsed.rejected
    (read,) = parsed.alerts
    return read


@pytest.mark.parametrize("labels", [{"service": "orders"}, {"alertname": "", "service": "orders"}])
def test_an_alert_without_a_name_is_taken_under_one_that_no_runbook_has(labels: dict[str, str]) -> None:
    assert (taken(labels=labels).facts.name, taken(labels=labels).facts.labels) == (NAMELESS, labels)


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (0.5, "0.5"), (True, "true"), ([1], "[1]"), ({"a": "b"}, '{"a": "b"}')]
)
def test_a_value_that_is_no_text_is_taken_as_it_is_written(value: Any, text: str) -> None:
    assert taken(labels={"alertname": "A", "shard": value}).facts.labels["shard"] == text
    assert taken(annotations={"summary": value}).facts.annotations["summary"] == text


def test_what_is_null_was_not_said() -> None:
    assert "service" not in taken(labels={"alertname": "A", "service": None}).facts.labels


@pytest.mark.parametrize("start", [None, "", "yesterday", "2026-11-23T03:32:47", 5, "0001-01-01T00:00:00Z"])
def test_what_fires_without_a_start_has_begun_by_now(start: object) -> None:
    read = taken(startsAt=start)
    assert (read.facts.starts_at, read.start_untold) == (NOW, True)


def test_without_a_fingerprint_its_labels_tell_an_alert_apart() -> None:
    first, again = taken(fingerprint=None), taken(fingerprint=None, annotations={"summary": "other"})
    assert first.facts.fingerprint == again.facts.fingerprint
    other = taken(fingerprint="", labels={"alertname": "Other"})
    assert other.facts.fingerprint != first.facts.fingerprint


async def test_an_alert_without_a_start_that_is_repeated_is_one_alert_and_its_end_ends_it(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        results = []
        for minutes in (0, 5, 5):
            clock.forward(minutes)
            parsed = parse(webhook([alert("a", startsAt=None)]), clock())
            results.append(await here.intake.accept(parsed.alerts, parsed.rejected))
        assert [(one.accepted, one.duplicates) for one in results] == [(1, 0), (0, 1), (0, 1)]
        ended = parse(webhook([alert("a", status="resolved", startsAt=None, endsAt=None)]), clock())
        assert (await here.intake.accept(ended.alerts, [])).accepted == 1
        again = parse(webhook([alert("a", startsAt=None)]), clock() + timedelta(minutes=1))
        assert (await here.intake.accept(again.alerts, [])).accepted == 1, "it fires anew"


def test_grafanas_own_webhook_is_refused_with_a_remedy_that_its_user_can_follow() -> None:
    body = {"receiver": "x", "status": "firing", "orgId": 1, "version": "1", "alerts": [alert()], "title": "t"}
    with pytest.raises(WebhookError, match=r"Grafana's own webhook.*integration Alertmanager.*webhook_config"):
        parse(body, NOW)


def bulletins(here: World) -> list[BulletinNotice]:
    return [one for one in here.delivered if isinstance(one, BulletinNotice)]


async def test_what_cannot_be_read_is_told_in_slack_to_those_on_call_and_paced(tmp_path: Path) -> None:
    clock = Clock()

    async def unreadable(reason: str) -> None:
        await here.intake.accept([], [RejectedAlert("alertmanager", reason, "{}", clock())])
        await sweep_bulletins(here.context)
        await sweep_bulletins(here.context)
        await here.idle()

    async with world(tmp_path, chain(), now=clock) as here:
        await unreadable("alerts[0].status: 'x' is not a status <!channel>")
        (told,) = bulletins(here)
        assert (told.to, told.channel) == ((ALICE, BOB), "C01INC")
        drawn = str(render(told, 1).blocks)
        assert "is not a status" in drawn
        assert "<!channel>" not in drawn
        for _ in range(20):
            await unreadable("alerts[0].status: 'y' is not a status")
        assert len(bulletins(here)) == 1
        clock.at += UNREADABLE_AT_MOST_EVERY
        await unreadable("alerts[0].status: 'y' is not a status")
        assert bulletins(here)[1].title.startswith("21 signals")
        assert "21 times" in str(bulletins(here)[1].lines)


async def test_ten_thousand_bad_ones_are_two_messages_that_slack_takes_whole(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        for start in (0, 5000):
            bad = [alert(f"f{n}", status=f"{'<&>' * 40}{n % 9}", labels={}) for n in range(start, start + 5000)]
            parsed = parse(webhook(bad), clock())
            assert len(parsed.rejected) == 5000
            await here.intake.accept([], parsed.rejected)
            await sweep_bulletins(here.context)
            await here.idle()
        clock.at += UNREADABLE_AT_MOST_EVERY
        await sweep_bulletins(here.context)
        await here.idle()
        first, second = bulletins(here)
        for told in (first, second):
            message = render(told, 1)
            check_card(message.blocks, message.text)
            assert told.title.startswith("5000 signals")
            assert "an alert.status" in told.lines[1], "which of its request it was says nothing to people"
