"""A fixed share of ``make fuzz``: the same requests each time, on each database."""

from pathlib import Path

from tests.fuzz.drive import bot, run

SEED, ALERTS, SLACK = 1, 1_500, 300


async def test_whatever_is_sent_is_answered_and_what_was_taken_is_stored(tmp_path: Path, database_url: str) -> None:
    async with bot(tmp_path, database_url) as here:
        figures = await run(here, database_url, SEED, ALERTS, SLACK)
    print(figures.table())
    assert figures.answers.total() == ALERTS + SLACK
    assert [(number, status) for number, status, _ in figures.broken] == []
    assert figures.stored
    assert figures.lost == []
