"""What came of an action as a case of its runbook: drawn when it ends, and never made better by a rollback."""

from itertools import product

import pytest

from bot.policy.track_record import Ending
from bot.response.model.actions import Result
from bot.response.model.endings import ending_of
from tests.fixtures.incidents import action

CHANGED = [result for result in Result if result is not Result.NOTHING_CHANGED]
NOT_WELL = [ending for ending in Ending if ending is not Ending.VERIFIED]


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        (Result.NOTHING_CHANGED, None),
        (Result.VERIFIED, Ending.VERIFIED),
        (Result.ROLLED_BACK, Ending.FAILED),
        (Result.NOT_RESTORED, Ending.FAILED),
        (Result.INTERRUPTED, Ending.UNKNOWN),
        (Result.UNKNOWN, Ending.UNKNOWN),
    ],
)
def test_an_act_comes_to_what_its_result_says(result: Result, ending: Ending | None) -> None:
    assert ending_of(action(1), result) is ending


def test_what_people_interrupted_they_have_overridden() -> None:
    assert ending_of(action(1, halted_by="U01ALICE"), Result.INTERRUPTED) is Ending.OVERRIDDEN
    assert ending_of(action(1), Result.INTERRUPTED, by_people=True) is Ending.OVERRIDDEN


def test_an_act_that_did_not_help_has_failed_whoever_interrupts_its_rollback() -> None:
    rolling = action(1, rollbacks=1, halted_by="U01ALICE")
    assert ending_of(rolling, Result.INTERRUPTED, by_people=True) is Ending.FAILED


@pytest.mark.parametrize("result", [Result.ROLLED_BACK, Result.NOT_RESTORED, Result.INTERRUPTED])
def test_what_was_verified_and_is_rolled_back_by_a_person_is_overridden(result: Result) -> None:
    assert ending_of(action(1, ending=Ending.VERIFIED, rollbacks=1), result) is Ending.OVERRIDDEN


def test_of_a_rollback_that_nobody_knows_the_end_of_nothing_is_known() -> None:
    assert ending_of(action(1, ending=Ending.VERIFIED, rollbacks=1), Result.UNKNOWN) is Ending.UNKNOWN


@pytest.mark.parametrize(("before", "result"), list(product(NOT_WELL, CHANGED)))
def test_nothing_that_comes_later_makes_it_better(before: Ending, result: Result) -> None:
    assert ending_of(action(1, ending=before, rollbacks=1), result) is before
