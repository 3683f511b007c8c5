"""``watchkeeper confidence``: of what was held for 80 % likely, did 80 % work?"""

from bot.response.ports.context import utc_now
from storage.database import Database
from tests.cli.shell import Shell
from tests.fixtures.cases import carried_out
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer


async def happened(shell: Shell, *cases: tuple[float, bool]) -> None:
    database = Database(shell.url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            for number, (confidence, worked) in enumerate(cases):
                await carried_out(work, f"a{number}", confidence, worked=worked, at=utc_now())
    finally:
        await database.close()


async def test_the_curve_is_drawn_from_stored_cases_with_its_score(shell: Shell) -> None:
    await happened(shell, *[(0.83, True)] * 17, *[(0.83, False)] * 3, *[(0.97, True)] * 4)
    code, said = await shell.run("confidence")
    assert code == 0, said
    heading, eighty, ninety, told = said.splitlines()
    assert heading.split() == ["confidence", "cases", "stated", "worked", "0", "%", "100", "%"]
    assert eighty.split()[:8] == ["80", "to", "90", "%", "20", "83", "%", "85"]
    assert eighty.endswith("%   " + "█" * 41 + "│" + "·" * 8), "it ends where it was to end"
    assert ninety.split()[:8] == ["90", "to", "100", "%", "4", "97", "%", "100"]
    assert told == (
        "In 24 cases confidence was 85 % on average, and 88 % worked (Brier score 0.107; always saying 88 % scores "
        "0.109)."
    )


async def test_without_cases_that_is_told(shell: Shell) -> None:
    code, said = await shell.run("confidence")
    assert (code, said) == (0, "Nothing has been carried out yet that confidence could be compared with.\n")


async def test_a_database_that_is_not_there_is_told_with_the_remedy(shell: Shell) -> None:
    shell.url = "sqlite+aiosqlite:///elsewhere.db"
    code, said = await shell.run("confidence")
    assert code == 2
    assert "There is no database at 'elsewhere.db'" in said
