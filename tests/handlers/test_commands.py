"""``/watch`` in a real channel: private, quick, and helpful when it was mistyped."""

import pytest

from bot.policy.situation import ScopeKind
from bot.response.actions import ActionState
from bot.response.watch import utc_now
from tests.handlers.ship import Ship


async def watch(ship: Ship, text: str, person: str = "alice") -> str:
    """What ``/watch text`` is answered with, blocks and all."""
    before = len(ship.workspace.ephemerals(person))
    outcome = await ship.workspace.person(person).slash("/watch", text)
    assert outcome.acked
    await ship.settled()
    (answer,) = ship.workspace.ephemerals(person)[before:]
    return answer.text + str(answer.blocks)


async def test_help_lists_what_there_is_and_nothing_else(ship: Ship) -> None:
    answer = await watch(ship, "help")
    for word in ("status", "incidents", "show INC-1", "why INC-1", "pause", "resume", "rollback"):
        assert f"/watch {word}" in answer
    assert "rehearse" not in answer
    assert (await watch(ship, "")).partition("[")[0] == answer.partition("[")[0]


async def test_status_says_what_is_paused_and_what_waits(ship: Ship) -> None:
    assert "All is well" in await watch(ship, "status")
    await ship.question()
    await watch(ship, "pause runbook:drain-checkout for 2h too risky today")
    answer = await watch(ship, "status")
    assert "1 open · 1 waiting for people · 0 under way · 0 to review" in answer
    assert "runbook drain-checkout" in answer
    assert "too risky today" in answer


async def test_incidents_are_listed_with_a_link_to_their_threads(ship: Ship) -> None:
    assert "No incident is open." in await watch(ship, "incidents")
    card = await ship.question()
    answer = await watch(ship, "incidents")
    assert "INC-1" in answer
    assert f"archives/C01INC/p{card.ts.replace('.', '')}|INC-1>" in answer


async def test_show_and_why_explain_one_incident(ship: Ship) -> None:
    await ship.question()
    shown = await watch(ship, "show inc-1")
    assert "Restart checkout" in shown
    assert "action_id" not in shown  # no buttons outside the thread
    assert "L1 asks" in await watch(ship, "why 1")


@pytest.mark.parametrize("text", ["show INC-7", "why INC-7", "rollback INC-7"])
async def test_an_incident_that_is_not_there_is_said_so(ship: Ship, text: str) -> None:
    assert "There is no incident INC-7" in await watch(ship, text)


async def test_a_brake_holds_what_waits_and_resuming_looks_again(ship: Ship) -> None:
    await ship.question()
    assert "Paused: service checkout, for 30m. 1 open action is held." in await watch(
        ship, "pause service:checkout 30m bad release"
    )
    assert (await ship.question_now()).state is ActionState.HELD
    assert "Resumed: service checkout. 1 held question is looked at again." in await watch(
        ship, "resume service:checkout"
    )
    assert ship.flows() == ["consider.v1"]
    assert "service checkout is not paused." in await watch(ship, "resume service:checkout")


async def test_a_pause_without_a_duration_lasts_until_it_is_resumed(ship: Ship) -> None:
    assert "Paused: everything, until somebody resumes it." in await watch(ship, "pause")
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
    assert says in await watch(ship, text)
    async with ship.database.read() as work:
        assert await work.pauses.active(utc_now()) == ()


async def test_somebody_without_the_right_is_refused_and_recorded(ship: Ship) -> None:
    assert "You may not pause here" in await watch(ship, "pause everything", "dave")
    await watch(ship, "pause everything")
    assert "You may not resume here" in await watch(ship, "resume", "carol")  # leads are not among the approvers
    assert [(e.actor, e.body["deed"]) for e in await ship.audited("person.refused")] == [
        ("U04DAVE", "pause"),
        ("U03CAROL", "resume"),
    ]


async def test_rolling_back_by_word_is_the_same_deed_as_by_button(ship: Ship) -> None:
    await ship.question()
    assert "Nothing to roll back: it is waiting." in await watch(ship, "rollback INC-1 it got worse")
    assert "You may not roll back here" in await watch(ship, "rollback INC-1", "dave")


async def test_ten_thousand_characters_are_answered_in_few(ship: Ship) -> None:
    assert "please say it in at most 1000" in await watch(ship, "pause everything " + "blah " * 2000)
    assert "I do not know" in await watch(ship, "x" * 10_000)


@pytest.mark.parametrize(
    "text", ["<!channel> <@U02BOB>", "show <!here>", "pause service:<!channel>", "`*_~>", "\u202e\u0000\ud83d"]
)
async def test_what_people_type_is_never_markup(ship: Ship, text: str) -> None:
    answer = await watch(ship, text.encode("utf-8", "replace").decode())
    assert "<!" not in answer
    assert "<@U02BOB>" not in answer
