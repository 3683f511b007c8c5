"""Dialogs: why, override, pause, roll back; opened in time, sent back with what is wrong, done once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.local.workspace import View
from bot.policy.file.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.take_override import NOTHING
from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName
from handlers.slack.arrival import Arrived, Kind, recognise
from handlers.slack.routes import FORMS, ROUTES
from tests.handlers.ship import Ship


async def opened(ship: Ship, person: str) -> View:
    await ship.workspace.until(lambda: ship.workspace.open_views(person))
    return ship.workspace.open_views(person)[-1]


async def test_why_opens_the_reasons_and_remembers_who_looked(ship: Ship) -> None:
    card = await ship.question()
    assert (await ship.dave.click(card, "why")).acked
    view = await opened(ship, "dave")
    await ship.settled()
    assert view.callback_id == "why"
    assert "L1 asks" in str(view.blocks)
    async with ship.database.read() as work:
        assert await work.votes.has_opened(1, 1, "U04DAVE")
        assert not await work.votes.has_opened(1, 1, "U01ALICE")


async def test_why_on_an_older_card_shows_the_decision_of_that_card(ship: Ship) -> None:
    card = await ship.question()
    async with ship.database.begin() as work:
        await work.incidents.next_revision(1)
    await ship.alice.click(card, "why")
    view = await opened(ship, "alice")
    assert "question 1" in str(view.blocks)


async def test_override_without_a_choice_or_reason_never_reaches_us_and_a_blank_one_is_sent_back(ship: Ship) -> None:
    card = await ship.question()
    await ship.alice.click(card, "override")
    view = await opened(ship, "alice")
    refused = await ship.alice.submit(view, {"choice": NOTHING, "reason": "   "})
    assert refused.errors == {"reason": "Please say why: the reason is part of the record."}
    assert ship.workspace.open_views("alice") == [view]
    assert await ship.unfinished() == 0
    accepted = await ship.alice.submit(view, {"choice": NOTHING, "reason": "I know better"})
    await ship.settled()
    assert (accepted.acked, accepted.errors) == (True, {})
    assert ship.workspace.open_views("alice") == []
    assert (await ship.action()).state is ActionState.OVERRIDDEN
    (entry,) = await ship.audited("action.overridden")
    assert (entry.actor, entry.body["reason"]) == ("U01ALICE", "I know better")
    assert ship.told("alice") == ["Overridden. Nothing runs by itself for INC-1 any more."]


async def test_override_with_another_runbook_asks_for_a_look_at_it(ship: Ship) -> None:
    card = await ship.question()
    await ship.alice.click(card, "override")
    view = await opened(ship, "alice")
    await ship.alice.submit(view, {"choice": "drain-checkout", "reason": "restarting did not help yesterday"})
    await ship.settled()
    (call,) = ship.enqueuer.calls
    assert call[:2] == (FlowName.CONSIDER, 1)
    assert call[2]["runbook"] == "drain-checkout"


def without_alice(policy: Policy) -> Policy:
    """The same policy, from which alice has been taken out since."""
    document = policy.model_dump(by_alias=True, exclude_unset=True)
    document["people"]["sre-oncall"]["users"] = ["U02BOB"]
    return Policy.model_validate(document)


async def test_override_by_somebody_without_the_right_is_refused_and_recorded(ship: Ship) -> None:
    card = await ship.question()
    await ship.alice.click(card, "override")
    view = await opened(ship, "alice")
    ship.policy = without_alice(ship.policy)
    await ship.alice.submit(view, {"choice": NOTHING, "reason": "please stop"})
    await ship.settled()
    assert (await ship.action()).state is ActionState.WAITING
    (entry,) = await ship.audited("person.refused")
    assert (entry.actor, entry.body["deed"]) == ("U01ALICE", "override")
    assert "You may not override here" in ship.told("alice")[0]


async def test_override_of_a_question_that_has_changed_meanwhile_is_refused(ship: Ship) -> None:
    card = await ship.question()
    await ship.alice.click(card, "override")
    view = await opened(ship, "alice")
    async with ship.database.begin() as work:
        await work.incidents.next_revision(1)
    await ship.alice.submit(view, {"choice": NOTHING, "reason": "I know better"})
    await ship.settled()
    assert (await ship.action()).state is ActionState.WAITING
    assert "This card is out of date" in ship.told("alice")[0]


async def test_pause_offers_what_suits_the_incident_and_holds_what_it_covers(ship: Ship) -> None:
    card = await ship.question()
    await ship.bob.click(card, "pause")
    view = await opened(ship, "bob")
    offered = [o["value"] for block in view.blocks if block["block_id"] == "scope" for o in block["element"]["options"]]
    assert offered == ["service:checkout", "runbook:restart-checkout", "target:supervisor:checkout", "everything:"]
    await ship.bob.submit(view, {"scope": "service:checkout", "duration": "4h", "reason": "deploying"})
    await ship.settled()
    async with ship.database.read() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert (pause.scope, pause.by) == (Scope(kind=ScopeKind.SERVICE, name="checkout"), "U02BOB")
    assert pause.until is not None
    assert timedelta(hours=3, minutes=59) < pause.until - utc_now() <= timedelta(hours=4)
    assert (await ship.question_now()).state is ActionState.HELD
    assert ship.told("bob")[0].startswith("Paused: service checkout, for 4h.")
    (entry,) = await ship.audited("automation.paused")
    assert entry.incident_id == 1
    await ship.workspace.until(lambda: ship.workspace.thread("C01INC", card.ts))


async def test_submitting_again_after_a_time_out_pauses_once(ship: Ship) -> None:
    card = await ship.question()
    await ship.bob.click(card, "pause")
    view = await opened(ship, "bob")
    ship.workspace.misbehave.duplicate_envelopes()
    await ship.bob.submit(view, {"scope": "everything:", "duration": "until_resumed", "reason": "storm"})
    await ship.workspace.until(lambda: len(ship.workspace.deliveries) == 3)
    await ship.settled()
    async with ship.database.read() as work:
        assert len(await work.pauses.active(utc_now())) == 1


async def test_a_modal_that_cannot_be_opened_in_time_is_explained(ship: Ship) -> None:
    card = await ship.question()
    now = utc_now()
    arrived = recognise(
        {
            "type": "block_actions",
            "user": {"id": "U01ALICE"},
            "trigger_id": "long.gone.x",
            "actions": [{"action_id": "why", "value": "a1.1", "action_ts": "1"}],
            "channel": {"id": card.channel},
        },
        now,
    )
    assert arrived is not None
    async with ship.database.begin() as work:
        await work.arrivals.save(arrived.kind, arrived.key, arrived.body, now)
    await ship.inbox.recover()
    await ship.settled()
    assert ship.workspace.open_views("alice") == []
    assert ship.told("alice") == ["That took longer than the three seconds Slack gives. Please try again."]


async def test_when_slack_fails_to_open_a_modal_the_person_is_told(ship: Ship) -> None:
    card = await ship.question()
    ship.workspace.misbehave.fail("views.open")
    assert (await ship.alice.click(card, "why")).acked
    await ship.settled()
    assert ship.told("alice") == ["Slack did not open the dialog. Please try again."]
    await ship.alice.click(card, "why")
    await opened(ship, "alice")


async def test_the_global_shortcut_pauses_everything(ship: Ship) -> None:
    assert (await ship.alice.shortcut("pause_all")).acked
    view = await opened(ship, "alice")
    await ship.alice.submit(view, {"scope": "everything:", "duration": "1h", "reason": "something smells"})
    await ship.settled()
    async with ship.database.read() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert (pause.scope.kind, pause.reason) == (ScopeKind.EVERYTHING, "something smells")
    # A modal from the global menu belongs to no channel: the answer is a direct message.
    assert "Paused: everything, for 1h" in ship.workspace.messages("D01ALICE")[0].text


async def test_the_message_shortcut_explains_the_thread_it_is_used_in(ship: Ship) -> None:
    card = await ship.question()
    reply = await ship.bob.post("C01INC", "why on earth?", thread_ts=card.ts)
    assert (await ship.bob.shortcut("why_this", reply)).acked
    view = await opened(ship, "bob")
    assert view.callback_id == "why"
    assert view.title is not None
    assert view.title["text"] == "Why? INC-1"


async def test_a_message_shortcut_elsewhere_says_that_there_is_no_incident(ship: Ship) -> None:
    elsewhere = await ship.bob.post("C01INC", "lunch?")
    await ship.bob.shortcut("roll_this_back", elsewhere)
    await ship.settled()
    assert "This message belongs to no incident of mine" in ship.told("bob")[0]


async def test_the_message_shortcut_asks_before_it_rolls_back(ship: Ship) -> None:
    card = await ship.question(ActionState.SUCCEEDED)
    await ship.alice.shortcut("roll_this_back", card)
    view = await opened(ship, "alice")
    assert view.title is not None
    assert view.title["text"] == "Roll back INC-1?"
    await ship.alice.submit(view, {"reason": "it made things worse"})
    await ship.settled()
    assert ship.told("alice") == ["This action cannot be rolled back. Please handle it by hand."]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("view", [{}, {"state": None}, {"state": {"values": []}}, {"private_metadata": 7}])
def test_a_form_of_any_shape_is_judged_without_an_error(name: str, view: dict[str, Any]) -> None:
    body = {"type": "view_submission", "user": {"id": "U01ALICE"}, "view": {"callback_id": name, **view}}
    arrived = recognise(body, utc_now())
    assert isinstance(arrived, Arrived)
    assert isinstance(FORMS[name](arrived), dict)


def test_every_modal_is_judged_before_it_is_acknowledged() -> None:
    assert set(FORMS) == set(ROUTES[Kind.MODAL])


async def test_many_people_at_once_are_all_heard(ship: Ship) -> None:
    card = await ship.question()
    outcomes = await asyncio.gather(*(person.click(card, "why") for person in (ship.alice, ship.bob, ship.dave) * 3))
    assert all(outcome.acked for outcome in outcomes)
