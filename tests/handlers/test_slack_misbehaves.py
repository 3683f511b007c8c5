"""Slack answers 429, 500 or nothing: the person gets a clear answer or a second try, and nothing is lost."""

import asyncio
from collections.abc import Callable

import pytest

from bot.local.workspace.misbehave import Misbehaviour
from bot.local.workspace.slips import RESPONSE_URL_LIVES_SECONDS, RESPONSE_URL_USES
from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from handlers.slack.arrival import recognise
from tests.handlers.ship import Ship

Trouble = Callable[[Misbehaviour, str], None]
TROUBLES: dict[str, Trouble] = {
    "429": lambda misbehave, method: misbehave.rate_limit(method),
    "500": lambda misbehave, method: misbehave.fail(method),
    "503": lambda misbehave, method: misbehave.fail(method, status=503),
    "request lost": lambda misbehave, method: misbehave.lose_request(method),
    "answer lost": lambda misbehave, method: misbehave.lose_answer(method),
}


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest) -> Trouble:
    return TROUBLES[str(request.param)]


@pytest.mark.parametrize("button", ["why", "override", "pause"])
async def test_a_dialog_that_slack_does_not_open_is_explained_and_opens_at_the_next_click(
    ship: Ship, trouble: Trouble, button: str
) -> None:
    card = await ship.question()
    trouble(ship.workspace.misbehave, "views.open")
    assert (await ship.alice.click(card, button)).acked
    await ship.settled()
    assert ship.told("alice") == ["Slack did not open the dialog. Please try again."]
    assert (await ship.alice.click(card, button)).acked
    await ship.workspace.until(lambda: ship.workspace.open_views("alice"))
    await ship.settled()
    assert await ship.unfinished() == 0


async def test_a_home_tab_that_slack_does_not_take_is_drawn_when_it_is_opened_again(
    ship: Ship, trouble: Trouble
) -> None:
    trouble(ship.workspace.misbehave, "views.publish")
    for times in (1, 2):
        await ship.bob.open_home()
        while len(calls(ship, "views.publish")) < times:
            await asyncio.sleep(0.01)
    await ship.settled()
    assert ship.workspace.home("bob") is not None
    assert await ship.unfinished() == 0


async def test_an_approval_counts_though_slack_does_not_say_who_people_are(ship: Ship, trouble: Trouble) -> None:
    card = await ship.question()
    for _ in range(3):
        trouble(ship.workspace.misbehave, "users.info")
    assert (await ship.alice.click(card, "approve")).acked
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED
    assert ship.told("alice") == ["Approved. It starts now; the thread will say how it goes."]


async def test_a_list_of_incidents_comes_without_links_when_slack_does_not_say_where_it_is(
    ship: Ship, trouble: Trouble
) -> None:
    await ship.question()
    await ship.alice.slash("/watch", "status")  # Bolt has asked who it is, and remembers it
    await ship.settled()
    trouble(ship.workspace.misbehave, "auth.test")
    assert (await ship.alice.slash("/watch", "incidents")).acked
    await ship.settled()
    assert "1 open incident" in ship.told("alice")[-1]


@pytest.mark.parametrize("spent", ["expired", "used up"])
async def test_when_a_response_url_is_spent_the_answer_comes_all_the_same(ship: Ship, spent: str) -> None:
    await ship.question()
    urls = ship.workspace.state.response_urls
    key = urls.issue("U01ALICE", "C01INC")
    if spent == "expired":
        urls._issued[key].expires_at -= RESPONSE_URL_LIVES_SECONDS + 1
    else:
        for _ in range(RESPONSE_URL_USES):
            urls.use(key)
    await heard(ship, f"{ship.workspace.state.base_url}/response/{key}")
    assert ship.told("alice") == ["Approved. It starts now; the thread will say how it goes."]
    assert len(calls(ship, "chat.postEphemeral")) == 1


@pytest.mark.parametrize("method", ["chat.postEphemeral", "conversations.open"])
async def test_a_private_answer_waits_out_a_short_limit(ship: Ship, method: str) -> None:
    ship.workspace.misbehave.rate_limit(method)
    await ship.dave.shortcut("pause_all")
    await ship.settled()
    (answer,) = ship.workspace.messages("D04DAVE")
    assert "You may not pause here" in answer.text


async def test_what_was_done_stays_done_when_it_cannot_be_told(ship: Ship) -> None:
    await ship.question()
    ship.workspace.misbehave.fail("chat.postEphemeral", times=None)
    await heard(ship, "")
    assert (await ship.action()).state is ActionState.APPROVED
    assert ship.told("alice") == []
    assert await ship.unfinished() == 0


async def heard(ship: Ship, response_url: str) -> None:
    """Alice's approval takes effect, with this response URL."""
    body = {
        "type": "block_actions",
        "user": {"id": "U01ALICE"},
        "trigger_id": "1.2.x",
        "channel": {"id": "C01INC"},
        "response_url": response_url,
        "actions": [{"action_id": "approve", "value": "a1.1", "action_ts": "1"}],
    }
    arrived = recognise(body, utc_now())
    assert arrived is not None
    async with ship.database.begin() as work:
        await work.arrivals.save(arrived.kind, arrived.key, arrived.body, arrived.received_at)
    await ship.inbox.recover()
    await ship.settled()


def calls(ship: Ship, method: str) -> list[object]:
    """Every call of this method so far."""
    return [call for call in ship.workspace.calls if call.method == method]
