"""What people read of a plan beside its steps, and of how far an effect is: pure functions from facts to words."""

import pytest

from bot.policy.plan import BlastRadius, Exactness, Plan, Remaining, Rollback
from bot.remediation import Step
from bot.response.notices.plan_words import plan_card, plan_notes
from bot.response.notices.progress import got_to_words, under_way_words
from tests.fixtures import incidents as facts


def notes(**changes: object) -> list[str]:
    plan = Plan.model_validate(facts.plan().model_dump(by_alias=True) | changes)
    return [f"{note.label}: {note.text}" for note in plan_notes(plan)]


def test_a_plan_that_says_nothing_more_has_no_notes() -> None:
    assert notes() == []


def test_what_speaks_against_it_stands_first_and_warns() -> None:
    plan = facts.plan().model_copy(update={"cautions": ("A rollout is under way.",), "forecasts": {"pods moved": 3}})
    caution, expected = plan_notes(plan)
    assert (caution.label, caution.text, caution.warns) == ("Caution", "A rollout is under way.", True)
    assert not expected.warns


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"remaining": Remaining(healthy=3, total=3, taken=1)}, ["Stays healthy: 2 of 3"]),
        ({"remaining": Remaining(healthy=2, total=3, taken=1)}, ["Stays healthy: 1 of 3; 1 is down already"]),
        ({"remaining": Remaining(healthy=0, total=0, taken=0)}, []),
        ({"ends_after_seconds": 3600.0}, ["Ends by itself: after 1h"]),
        ({"forecasts": {"pods moved": 12}}, ["Expect: 12 pods moved"]),
        ({"forecasts": {"bytes freed": 1073741824}}, ["Expect: 1,073,741,824 bytes freed"]),
        ({"forecasts": {"blocked until": "04:00 UTC"}}, ["Expect: blocked until 04:00 UTC"]),
        ({"forecasts": {"restarts": True, "details": {"a": 1}}}, ["Expect: restarts"]),
    ],
)
def test_each_thing_is_said_in_a_few_words(changes: dict[str, object], said: list[str]) -> None:
    assert notes(**changes) == said


@pytest.mark.parametrize(
    ("remaining", "touched"),
    [
        (None, "1 target"),
        (Remaining(healthy=0, total=0, taken=0), "1 target"),
        (Remaining(healthy=0, total=1, taken=0), "The only instance"),
        (Remaining(healthy=3, total=3, taken=1), "1 of 3 instances, 2 of 3 stay healthy"),
        (Remaining(healthy=2, total=3, taken=1), "1 of 3 instances, 1 of 3 stay healthy"),
    ],
)
def test_what_a_plan_touches_is_said_with_what_stays_healthy(remaining: Remaining | None, touched: str) -> None:
    plan = facts.plan().model_copy(update={"remaining": remaining, "blast_radius": BlastRadius(targets=1)})
    exact = plan.model_copy(update={"rollback": Rollback(summary="It is put back", exactness=Exactness.EXACT)})
    assert plan_card(exact).touches == f"{touched}."
    lost = Rollback(summary="What it held in memory is gone.", exactness=Exactness.NOTHING_TO_UNDO)
    gone = plan.model_copy(update={"rollback": lost})
    assert plan_card(gone).touches == f"{touched}. What it held in memory is gone."


def test_what_a_button_says_is_short_and_the_summary_where_a_remediation_says_nothing() -> None:
    plan = facts.plan().model_copy(update={"summary": "Flip lamp on through the wall."})
    assert plan_card(plan).verb == "Flip lamp on through the wall"
    assert plan_card(plan.model_copy(update={"short": "Flip lamp on"})).verb == "Flip lamp on"


def test_how_far_it_is_names_the_step_under_way_and_counts_what_is_done() -> None:
    first, second = Step(words="Evict a (1 of 2)", ended=True), Step(words="Evict b (2 of 2)")
    assert under_way_words([]) == ""
    assert under_way_words([first.model_copy(update={"ended": False})]) == "Evict a (1 of 2)"
    assert under_way_words([first, second]) == "Evict b (2 of 2), 1 done so far"
    assert under_way_words([first]) == "1 step done, at last: Evict a (1 of 2)"


def test_how_far_it_got_says_what_is_not_done_and_why() -> None:
    first = Step(words="Evict a (1 of 3)", ended=True)
    refused = Step(words="Evict b (2 of 3)", problem="a budget lets no pod go now.")
    assert got_to_words([]) == ""
    assert got_to_words([first]) == "Done: the one step that began, at last “Evict a (1 of 3)”"
    assert got_to_words([first, first]).startswith("Done: all 2 steps that began")
    assert got_to_words([first, refused]) == (
        "Done: 1 of the 2 steps that began. Not done: “Evict b (2 of 3)” (a budget lets no pod go now)"
    )
    lost = Step(words="Evict c (3 of 3)")
    assert got_to_words([lost]) == "Done: 0 of the 1 step that began. Not done: “Evict c (3 of 3)” (how far is unknown)"
