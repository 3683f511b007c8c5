"""A fixed share of ``make fuzz``: the same requests and answers each time."""

from pathlib import Path
from random import Random

from tests.fuzz import answers, bodies, clicks
from tests.fuzz.drive import bot, made, run
from tests.scenarios.stage import ALERT_TOKEN

SEED, ALERTS, SLACK, ANSWERS = 1, 1_500, 300, 500
STALL_MAX_SECONDS = 5.0
"""What reads a word anew at each of its characters stands still for longer; a machine that is busy does not."""


async def test_whatever_is_sent_is_answered_and_what_is_taken_is_stored(
    tmp_path: Path, empty_database_url: str
) -> None:
    async with bot(tmp_path, empty_database_url) as here:
        figures = await run(here, empty_database_url, SEED, ALERTS, SLACK)
    print(figures.table())
    assert figures.answers.total() == ALERTS + SLACK
    assert figures.stored
    assert figures.faults(STALL_MAX_SECONDS) == []


async def test_whatever_answers_us_it_is_a_result_or_an_error_in_our_words() -> None:
    told = await answers.run(SEED, ANSWERS)
    assert told.faults == []
    assert told.outcomes.total() == ANSWERS


def test_the_same_seed_makes_the_same_requests() -> None:
    assert [made(7, number, 200, "secret") for number in range(200)] == [
        bodies.request(Random(f"7-{number}"), ALERT_TOKEN) for number in range(200)
    ]
    one, other = (clicks.request(Random("7-1"), "secret", 1_700_000_000) for _ in range(2))
    assert one == other
