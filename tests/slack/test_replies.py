import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.policy.situation import Pause, Scope, ScopeKind
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.slack import replies
from bot.slack.limits import check_card
from bot.slack.replies import IncidentLine, ProcessFacts, StatusFacts, World
from tests.slack.conftest import Golden
from tests.slack.facts import CHANGE, INCIDENT, explanation
from tests.slack.notices import ALICE, BOB, CARDS, CAROL, OPENED

PAUSE = Pause(
    pause_id="p1",
    scope=Scope(kind=ScopeKind.SERVICE, name="checkout"),
    by=CAROL,
    reason="release",
    since=OPENED,
    until=OPENED + timedelta(hours=1),
)
WELL = StatusFacts(
    problems=(),
    pauses=(),
    world=World(),
    under_way=0,
    reviews_open=0,
    policy_digest="5d41402abc4b2a76",
    now=OPENED,
    process=ProcessFacts("watch-1-4711-1f2e3d4c", "Socket Mode", OPENED, 2.4, rebuilds=0),
)
LINE = IncidentLine(INCIDENT, ActionState.WAITING, "https://slack.example/archives/C01INC/p1")
ANSWERS = {
    "answer_status": replies.status(WELL),
    "answer_status_troubled": replies.status(
        replace(
            WELL,
            problems=("not_in_channel: invite the app to the channel with /invite",),
            pauses=(PAUSE,),
            changes=(
                CHANGE,
                CHANGE.model_copy(update={"what": "migration of orders", "services": ("orders",), "targets": ()}),
            ),
            under_way=1,
            world=World(1, OPENED - timedelta(minutes=4)),
        )
    ),
    "answer_status_with_nobody_on_it": replies.status(
        replace(WELL, world=World(9, OPENED - timedelta(minutes=40), untaken=5, questions=1))
    ),
    "answer_status_with_nobody_woken": replies.status(
        replace(WELL, world=World(1, OPENED - timedelta(minutes=40), questions=1, nobody_woken=True))
    ),
    "answer_status_rebuilt": replies.status(
        replace(WELL, process=ProcessFacts("watch-2-4712-5a6b7c8d", "Socket Mode and HTTP", None, None, rebuilds=3))
    ),
    "answer_incidents": replies.incidents(
        [
            LINE,
            IncidentLine(replace(INCIDENT, id=8, state=IncidentState.TAKEN, taken_by=BOB), None),
            IncidentLine(replace(INCIDENT, id=9), ActionState.LAPSED),
        ],
        3,
    ),
    "answer_no_incidents": replies.incidents([], 0),
    "answer_show": replies.show(CARDS["asking"], {ALICE}),
    "answer_why": replies.why(explanation(), {ALICE}),
    "answer_mistake": replies.mistake("There is no incident INC-99.", "The open ones are in /watch incidents."),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, {"text": ANSWERS[name].text, "blocks": ANSWERS[name].blocks})


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_within_slacks_limits(name: str) -> None:
    check_card(ANSWERS[name].blocks, ANSWERS[name].text)


def seen(name: str) -> str:
    return json.dumps(ANSWERS[name].blocks, ensure_ascii=False)


def test_status_shows_who_paused_what_until_when_and_why() -> None:
    shown = seen("answer_status_troubled")
    for part in ("service checkout", "until <!date^", "by <@U03CAROL>", "release"):
        assert part in shown


def test_the_reason_of_a_pause_is_no_markup() -> None:
    told = replies.status(replace(WELL, pauses=(PAUSE.model_copy(update={"reason": "release <!here>"}),)))
    assert "release &lt;!here&gt;" in json.dumps(told.blocks)


def test_status_says_what_is_wrong_in_its_first_words() -> None:
    assert ANSWERS["answer_status"].text.startswith("🟢 No incident is open. ⚙️ Watchkeeper itself is working.")
    assert ANSWERS["answer_status_troubled"].text.startswith("⚠️ Watchkeeper itself has trouble")


def test_that_watchkeeper_works_is_never_said_of_the_world() -> None:
    nobody = ANSWERS["answer_status_with_nobody_on_it"].text
    assert nobody.startswith(
        "🔴 9 incidents open, 5 taken by nobody, the oldest for 40 min; 1 question waits for an answer."
    )
    assert "⚙️ Watchkeeper itself is working." in nobody
    taken = replies.status(replace(WELL, world=World(1, OPENED))).text
    assert taken.startswith("🟡 1 incident open for 0 s; nobody is waited for.")
    asleep = ANSWERS["answer_status_with_nobody_woken"].text
    assert asleep.startswith("🌙 Nobody has been woken: everybody who was asked is in quiet hours.")
    for answer in ANSWERS.values():
        assert "well" not in answer.text.lower()


def test_incidents_link_to_their_threads_and_say_how_they_stand() -> None:
    assert "<https://slack.example/archives/C01INC/p1|INC-7>" in seen("answer_incidents")
    assert "waiting for approval" in seen("answer_incidents")
    assert "taken by <@U02BOB>" in seen("answer_incidents")


def test_a_long_list_of_incidents_is_cut_and_says_so() -> None:
    answer = replies.incidents([LINE] * 15, 200)
    check_card(answer.blocks, answer.text)
    assert "and 185 more" in json.dumps(answer.blocks, ensure_ascii=False)


def test_a_shown_card_has_no_buttons_and_no_mark_of_the_courier() -> None:
    assert "actions" not in {block["type"] for block in ANSWERS["answer_show"].blocks}
    assert ANSWERS["answer_show"].metadata == {}


def test_why_in_short_shows_what_stood_in_the_way() -> None:
    assert "this settled it" in seen("answer_why")
    assert "*Action budgets*" in seen("answer_why")
    assert "*Pauses and freezes*" not in seen("answer_why")


def test_every_state_of_an_action_has_words() -> None:
    for state in ActionState:
        replies.incidents([replace(LINE, action_state=state)], 1)
