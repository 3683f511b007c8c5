"""However much an alert, a plan and a policy have to say, a card asks within sixty words; the rest stands below."""

import typing

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice
from bot.response.model.plan_cards import PlanCard, PlanNote
from bot.slack.cards import render
from bot.slack.cards.leads import WORDS_MAX, count_words
from bot.slack.limits import check_card
from tests.slack.notices import ALICE, BOB, CARDS, CAROL, ON_CALL, card

PROSE = st.lists(
    st.sampled_from(["the", "checkout", "service", "restarted", "database", "until", "answers", "0.67", "because"]),
    min_size=1,
    max_size=120,
).map(" ".join)
PEOPLE = st.lists(st.sampled_from([ALICE, BOB, CAROL]), max_size=3, unique=True).map(tuple)
NOTES = st.builds(PlanNote, label=st.just("Caution"), text=PROSE, warns=st.booleans())
PLANS = st.builds(
    PlanCard,
    summary=PROSE,
    short=st.just("") | PROSE,
    touches=st.just("") | PROSE,
    steps=st.just(("Do it",)),
    blast_radius=st.just("1 target"),
    rollback=PROSE,
    notes=st.lists(st.builds(PlanNote, label=st.just("Caution"), text=PROSE, warns=st.booleans()), max_size=2).map(
        tuple
    ),
)


def before_the_buttons(notice: CardNotice) -> str:
    header, section, *_ = render(notice, 1, known_people={ALICE, BOB, CAROL}).blocks
    return f"{header['text']['text']}\n{section['text']['text']}"


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_there_are_at_most_sixty_words_before_the_buttons(data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(IncidentState))
    notice = card(
        incident_state=state,
        action_state=data.draw(st.none() | st.sampled_from(ActionState)),
        verdict=data.draw(st.sampled_from(Verdict)),
        plan=data.draw(st.none() | PLANS),
        **{name: data.draw(st.just("") | PROSE) for name in ("summary", "outcome", "if_nobody_answers")},
        **{name: data.draw(PROSE) for name in ("headline", "alert_name")},
        **{name: data.draw(PEOPLE) for name in ("approved_by", "decided_by")},
        untaken=state is IncidentState.OPEN and data.draw(st.booleans()),
        asked=(ON_CALL,),
        names=(ALICE, BOB, CAROL),
    )
    message = render(notice, 1, known_people={ALICE, BOB, CAROL})
    check_card(message.blocks, message.text)
    assert count_words(before_the_buttons(notice)) <= WORDS_MAX, before_the_buttons(notice)


def test_what_is_cut_stands_whole_below_the_buttons() -> None:
    long = " ".join(f"reason{number}" for number in range(90))
    for name in ("held", "refused", "failed", "succeeded"):
        field = "headline" if name in ("held", "refused") else "outcome"
        notice = CARDS[name].model_copy(update={field: long})
        above = before_the_buttons(notice)
        assert "reason0" in above
        assert "reason89" not in above
        below: typing.Any = render(notice, 1).blocks[2:]
        assert long in str(below)


def test_a_caution_without_room_stands_below_the_buttons() -> None:
    plan = CARDS["asking_with_what_is_to_be_known"].plan
    assert plan is not None
    wordy = plan.model_copy(update={"touches": "one two three " * 12})
    notice = card(plan=wordy, summary="checkout has not answered anybody for a long while now")
    assert "Caution" not in before_the_buttons(notice)
    assert "A rollout of checkout has been under way for 10 min." in str(render(notice, 1).blocks[3:])


def test_a_date_is_two_words_a_mention_one_and_signs_are_none() -> None:
    assert (
        count_words("🔴 Critical: <@U01ALICE> until <!date^1^{time}|2026-01-01 00:00 UTC> · *bold* `code` (30 min)")
        == 9
    )
