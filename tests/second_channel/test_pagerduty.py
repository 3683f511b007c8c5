"""Events for a receiver that checks them as PagerDuty's Events API v2 does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.policy.file.second_channel import PagerDutyRoute
from bot.second_channel.letters import write
from bot.second_channel.pagerduty import PagerDuty
from bot.second_channel.route import Delivered, Rejected, RetryLater
from bot.second_channel.telling import Kind
from tests.fixtures.incidents import NOW
from tests.fixtures.servers import free_port
from tests.second_channel.letters import announcement, asking, incident, outcome
from tests.second_channel.receivers import ROUTING_KEY, Pager, faults, pager_service


@pytest.fixture
async def pager() -> AsyncIterator[Pager]:
    async with pager_service() as pager:
        yield pager


def route(url: str, key: str = ROUTING_KEY, timeout: float = 10) -> PagerDuty:
    route_settings = PagerDutyRoute.model_validate({"routing_key_env": "PAGERDUTY_KEY", "url": url})
    return PagerDuty(route_settings, lambda: key, "watchkeeper-1", timeout)


async def test_everything_about_an_incident_is_one_alert_that_ends_with_it(pager: Pager) -> None:
    way = route(pager.url)
    question = write(Kind.QUESTION, "k2", incident(), asking(), None, NOW)
    over = write(Kind.OVER, "k3", incident(), None, None, NOW)
    for letter in (announcement(), question, over):
        assert way.takes(letter.kind)
        assert await way.send(letter) == Delivered()
    assert pager.alerts() == {"watchkeeper-1/INC-7": ["trigger", "trigger", "resolve"]}


async def test_an_announcement_carries_what_a_woken_person_needs(pager: Pager) -> None:
    letter = announcement()
    await route(pager.url).send(letter)
    (event,) = pager.events
    assert event["links"] == [{"href": "https://watch.example.com/links/abc", "text": "Stop it"}]
    payload: dict[str, Any] = event["payload"]
    assert payload["summary"] == letter.title
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "checkout", "ServiceDown")
    assert payload["custom_details"]["told"] == letter.text


def test_that_something_went_well_wakes_nobody() -> None:
    way = route("http://127.0.0.1:9/")
    assert [kind for kind in Kind if not way.takes(kind)] == [Kind.HELD, Kind.OUTCOME, Kind.ENDING]


@pytest.mark.parametrize("severity", ["critical", "page", "warning", "info", "", "P1 \u202e!"])
def test_every_severity_and_the_longest_text_make_an_event_that_pagerduty_takes(severity: str) -> None:
    card = asking(summary="s" * 5000, headline="h" * 5000)
    letter = write(Kind.CALL, "k", incident(severity=severity, service=""), card, None, NOW)
    assert faults({"routing_key": ROUTING_KEY, **route("http://127.0.0.1:9/").event(letter)}) == []
    failed = write(Kind.CALL, "k", incident(severity=severity), outcome(title="t" * 900), None, NOW)
    assert faults({"routing_key": ROUTING_KEY, **route("http://127.0.0.1:9/").event(failed)}) == []


async def test_too_many_events_or_a_bad_day_of_pagerduty_are_tried_again(pager: Pager) -> None:
    way, pager.statuses = route(pager.url), [429, 503]
    assert [type(await way.send(announcement())) for _ in range(3)] == [RetryLater, RetryLater, Delivered]


async def test_a_wrong_routing_key_is_said_and_the_key_is_not(pager: Pager) -> None:
    refused = await route(pager.url, key="f" * 32).send(announcement())
    assert isinstance(refused, Rejected)
    assert "Invalid routing key" in refused.error
    assert "f" * 32 not in refused.error


async def test_a_receiver_that_is_not_there_is_tried_again_later() -> None:
    away = await route(f"http://127.0.0.1:{free_port()}/", timeout=2).send(announcement())
    assert isinstance(away, RetryLater)
