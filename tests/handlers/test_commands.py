"""``/watch`` in a real channel: private, quick, and helpful when it was mistyped."""

import json
from datetime import timedelta

import pytest

from bot.policy.situation import ScopeKind
from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName
from handlers.slack.watch_words import SUBCOMMANDS
from tests.fixtures.cases import carried_out
from tests.handlers.ship import Ship


async def slash(ship: Ship, text: str, person: str = "alice") -> str:
    """What ``/watch text`` is answered with, blocks and all."""
    before = len(ship.workspace.ephemerals(person))
    outcome = await ship.workspace.person(person).slash("/watch", text)
    assert outcome.acked
    await ship.settled()
    (answer,) = ship.workspace.ephemerals(person)[before:]
    return answer.text + str(answer.blocks)


async def test_help_lists_what_there_is_and_nothing_else(ship: Ship) -> None:
    answer = await slash(ship, "help")
    for word in SUBCOMMANDS:
        assert f"/watch {word}" in answer
    assert (await slash(ship, "")).partition("[")[0] == answer.partition("[")[0]


async def test_status_says_what_is_paused_and_what_waits(ship: Ship) -> None:
    assert "No incident is open. ⚙️ Watchkeeper itself is working" in await slash(ship, "status")
    await ship.question()
    await slash(ship, "pause runbook:drain-checkout for 2h too risky today")
    answer = await slash(ship, "status")
    assert "1 question waits for an answer" in answer
    assert "runbook drain-checkout" in answer
    assert "too risky today" in answer


async def test_incidents_are_listed_with_a_link_to_their_threads(ship: Ship) -> None:
    assert "No incident is open." in await slash(ship, "incidents")
    card = await ship.question()
    answer = await slash(ship, "incidents")
    assert "INC-1" in answer
    assert f"archives/C01INC/p{card.ts.replace('.', '')}|INC-1>" in answer


async def test_show_and_why_explain_one_incident(ship: Ship) -> None:
    await ship.question()
    shown = await slash(ship, "show inc-1")
    assert "Restart checkout" in shown
    assert "action_id" not in shown  # no buttons outside the thread
    assert "L1 asks" in await slash(ship, "why 1")


@pytest.mark.parametrize("text", ["show INC-7", "why INC-7", "rollback INC-7"])
async def test_an_incident_that_is_not_there_is_said_so(ship: Ship, text: str) -> None:
    assert "There is no incident INC-7" in await slash(ship, text)


async def test_a_brake_holds_what_waits_and_resuming_looks_again(ship: Ship) -> None:
    await ship.question()
    assert "Paused: service checkout, for 30m. 1 open action is held." in await slash(
        ship, "pause service:checkout 30m bad release"
    )
    assert (await ship.question_now()).state is ActionState.HELD
    assert "Resumed: service checkout. 1 held question is looked at again." in await slash(
        ship, "resume service:checkout"
    )
    assert ship.flows() == [FlowName.CONSIDER]
    assert "Not paused: service checkout." in await slash(ship, "resume service:checkout")


async def test_a_pause_without_a_duration_lasts_until_it_is_resumed(ship: Ship) -> None:
    assert "Paused: everything, until somebody resumes it." in await slash(ship, "pause")
    async with ship.database.read() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert (pause.scope.kind, pause.until) == (ScopeKind.EVERYTHING, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pause service:chekout", "Did you mean 'service:checkout'?"),
        ("pause service:mars", "I know: checkout."),
        ("pause runbook:restart-chekout", "Did you mean 'runbook:restart-checkout'?"),
        ("pause checkout because", "Did you mean the service? Then write '/watch pause service:checkout'"),
        ("puase everything", "Did you mean '/watch pause'?"),
    ],
)
async def test_a_brake_on_a_misspelt_name_is_refused_instead_of_feigned(ship: Ship, text: str, says: str) -> None:
    assert says in await slash(ship, text)
    async with ship.database.read() as work:
        assert await work.pauses.active(utc_now()) == ()


@pytest.mark.parametrize(
    ("text", "scope", "reason"),
    [
        ("pause chekout for 2h bad release", "service checkout", "bad release"),
        ("pause —for 2h chekout bad release", "service checkout", "bad release"),
        ("pause service:mars 2h bad release", "service mars", "bad release"),
        ("pause bad release 2h", "everything", "bad release 2h"),
    ],
)
async def test_one_click_pauses_what_was_meant_or_the_name_anyway(
    ship: Ship, text: str, scope: str, reason: str
) -> None:
    before = len(ship.workspace.ephemerals("alice"))
    await ship.workspace.person("alice").slash("/watch", text)
    await ship.settled()
    (doubted,) = ship.workspace.ephemerals("alice")[before:]
    async with ship.database.read() as work:
        assert await work.pauses.active(utc_now()) == ()
    buttons = [
        (block["block_id"], one) for block in doubted.blocks for one in block.get("elements", ()) if "value" in one
    ]
    wanted = {"name": scope.partition(" ")[2], "kind": scope.partition(" ")[0]}
    block_id = next(block for block, one in buttons if wanted.items() <= json.loads(one["value"]).items())
    assert (await ship.alice.click(doubted, "pause_anyway", block_id=block_id)).acked
    await ship.settled()
    async with ship.database.read() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert (str(pause.scope), pause.reason, pause.by) == (scope, reason, "U01ALICE")
    assert f"Paused: {scope}, " in ship.told("alice")[-1]


async def test_one_click_of_somebody_without_the_right_pauses_nothing(ship: Ship) -> None:
    await ship.dave.slash("/watch", "pause chekout")
    await ship.settled()
    (doubted,) = ship.workspace.ephemerals("dave")
    await ship.dave.click(doubted, "pause_anyway", block_id=doubted.blocks[1]["block_id"])
    await ship.settled()
    assert "You may not pause here" in ship.told("dave")[-1]
    async with ship.database.read() as work:
        assert await work.pauses.active(utc_now()) == ()


async def test_somebody_without_the_right_is_refused_and_recorded(ship: Ship) -> None:
    assert "You may not pause here" in await slash(ship, "pause everything", "dave")
    await slash(ship, "pause everything")
    assert "You may not resume here" in await slash(ship, "resume", "carol")  # leads are not among the approvers
    assert [(e.actor, e.body["deed"]) for e in await ship.audited("person.refused")] == [
        ("U04DAVE", "pause"),
        ("U03CAROL", "resume"),
    ]


async def test_rolling_back_by_word_is_the_same_deed_as_by_button(ship: Ship) -> None:
    await ship.question()
    assert "Nothing to roll back: waiting for approval." in await slash(ship, "rollback INC-1 it got worse")
    assert "You may not roll back here" in await slash(ship, "rollback INC-1", "dave")


async def test_a_request_opens_an_incident_and_is_considered_like_an_alert(ship: Ship) -> None:
    answer = await slash(ship, "run restart-checkout service=checkout because it hangs")
    assert "INC-1 is opened for it" in answer
    ((flow, incident_id, request, *_),) = ship.enqueuer.calls
    assert (flow, incident_id) == (FlowName.CONSIDER, 1)
    (entry,) = await ship.audited("runbook.requested")
    assert request == {
        "runbook": "restart-checkout",
        "by": "U01ALICE",
        "reason": "it hangs",
        "parameters": {"service": "checkout"},
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "after": [],
    }
    assert [entry.actor for entry in await ship.audited("runbook.requested")] == ["U01ALICE"]


async def test_the_same_command_delivered_twice_is_one_request(ship: Ship) -> None:
    ship.workspace.misbehave.duplicate_envelopes()
    await slash(ship, "run restart-checkout service=checkout")
    await ship.settled()
    assert len(await ship.audited("runbook.requested")) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("run", "Which runbook? For example: '/watch run restart-checkout service=checkout"),
        ("run restart-chekout service=checkout", "Did you mean restart-checkout?"),
        ("run restart-checkout", "restart-checkout needs service=…"),
        ("run restart-checkout service=chekout", "Did you mean service=checkout?"),
        ("run restart-checkout service=checkout colour=red", "takes no “colour”. It takes: service."),
        ("run restart-checkout checkout", "“checkout” is not key=value"),
        ("rehearse restart-checkout service=", "“service” needs a value"),
        ("audit INC-99", "There is no incident INC-99"),
        ("runbooks please", "takes nothing more"),
    ],
)
async def test_a_request_that_cannot_be_is_answered_with_what_to_write(ship: Ship, text: str, says: str) -> None:
    assert says in await slash(ship, text)
    assert ship.enqueuer.calls == []
    async with ship.database.read() as work:
        assert await work.incidents.unresolved() == []


async def test_whom_the_policy_does_not_name_may_neither_run_nor_rehearse(ship: Ship) -> None:
    for order in ("run", "rehearse"):
        assert "You may not run here" in await slash(ship, f"{order} restart-checkout service=checkout", "dave")
    assert ship.enqueuer.calls == []
    assert [entry.actor for entry in await ship.audited("person.refused")] == ["U04DAVE", "U04DAVE"]


async def test_runbooks_are_listed_with_the_level_in_force_and_why_it_is_not_higher(ship: Ship) -> None:
    answer = await slash(ship, "runbooks")
    assert "`restart-checkout` · *L1 assisted*" in answer
    assert "not higher: the policy says L1" in answer
    await slash(ship, "pause runbook:restart-checkout for 2h too risky")
    answer = await slash(ship, "runbooks")
    assert "`restart-checkout` · *L0 manual*" in answer
    assert "runbook restart-checkout is paused: too risky" in answer


async def test_whether_confidence_means_what_it_says_is_told_once_there_are_cases_enough(ship: Ship) -> None:
    async with ship.database.begin() as work:
        for number in range(19):
            await carried_out(work, f"a{number}", 0.9, at=utc_now())
    assert "Brier score" not in await slash(ship, "runbooks")
    async with ship.database.begin() as work:
        await carried_out(work, "a19", 0.9, worked=False, at=utc_now())
    told = "In 20 cases confidence was 90 % on average, and 95 % worked (Brier score 0.050; "
    assert told in await slash(ship, "runbooks")


async def test_what_is_left_to_review_is_listed_with_whose_it_is(ship: Ship) -> None:
    assert "Nothing is left to review" in await slash(ship, "review")
    await ship.question(ActionState.SUCCEEDED, finished_at=utc_now(), decided_by=("U02BOB",))
    async with ship.database.begin() as work:
        await work.reviews.ask("a1", utc_now() - timedelta(minutes=1))
    answer = await slash(ship, "review")
    assert "*INC-1* · Restart checkout · for <@U02BOB> · *⏰ overdue since*" in answer


async def test_the_record_is_shown_newest_first_of_all_and_of_one_incident(ship: Ship) -> None:
    assert "The record is empty" in await slash(ship, "audit")
    await ship.question()
    await slash(ship, "run restart-checkout service=orders")
    await slash(ship, "pause everything for 1h")
    everything = await slash(ship, "audit")
    assert everything.index("automation.paused") < everything.index("runbook.requested")
    of_one = await slash(ship, "audit INC-2")
    assert "runbook.requested" in of_one
    assert "automation.paused" not in of_one


async def test_a_pause_never_fails_for_a_long_reason(ship: Ship) -> None:
    assert "Paused: everything, for 2h. The reason was shortened" in await slash(
        ship, "pause everything 2h " + "blah " * 1900
    )
    async with ship.database.begin() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert len(pause.reason) == 1000
    assert pause.reason.endswith("blah…")


async def test_ten_thousand_characters_are_answered_in_few(ship: Ship) -> None:
    assert "please say it in at most 1000" in await slash(ship, "rollback INC-1 " + "blah " * 1900)
    assert "I do not know" in await slash(ship, "x" * 10_000)


@pytest.mark.parametrize(
    "text", ["<!channel> <@U02BOB>", "show <!here>", "pause service:<!channel>", "`*_~>", "\u202e\u0000\ud83d"]
)
async def test_what_people_type_is_never_markup(ship: Ship, text: str) -> None:
    answer = await slash(ship, text.encode("utf-8", "replace").decode())
    assert "<!" not in answer
    assert "<@U02BOB>" not in answer
