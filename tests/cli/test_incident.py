"""``watchkeeper incident``: the short story, the document, and what it says where there is nothing to tell."""

import asyncio

import pytest

from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from storage.database import Database
from tests.cli.shell import Shell
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW, action, decision, open_incident


@pytest.fixture
async def shell_with_an_incident(shell: Shell) -> Shell:
    database = Database(shell.url, RecordingEnqueuer(), AUDIT_KEY)
    async with database.begin() as work:
        number = await open_incident(work, revision=1)
        await work.decisions.add(decision(number))
        done = action(number, "a1", ActionState.SUCCEEDED, begun_at=NOW, finished_at=NOW, outcome="It answers again.")
        await work.actions.add(done)
        await work.reviews.ask("a1", NOW, assigned_to="U02BOB")
        await work.audit.append(
            kind=AuditKind.ACTION_SUCCEEDED,
            actor="watchkeeper",
            at=NOW,
            incident_id=number,
            body={"action": "a1", "runbook": done.runbook, "text": done.outcome},
        )
    await database.close()
    return shell


async def test_the_short_story_is_a_few_lines(shell_with_an_incident: Shell) -> None:
    code, said = await shell_with_an_incident.run("incident", "INC-1")
    assert code == 0, said
    assert said.splitlines()[0] == "INC-1: ServiceDown on checkout (critical). Waiting for a person."
    assert "Done and verified: Restart checkout. It answers again." in said
    assert "To be reviewed by U02BOB until 2026-11-23 12:00 UTC." in said
    assert len(said.splitlines()) < 15


async def test_the_document_goes_to_standard_output_or_into_a_file_and_is_the_same(
    shell_with_an_incident: Shell,
) -> None:
    shell = shell_with_an_incident
    code, printed = await shell.run("incident", "1", "--report")
    assert code == 0, printed
    assert printed.startswith("# INC-1: ServiceDown on checkout\n")
    assert "Audit entries 1. The last of them, 1, is sealed `" in printed
    code, said = await shell.run("incident", "INC-1", "--report", "--output", "inc.md")
    assert code == 0, said
    written = await asyncio.to_thread((shell.folder / "inc.md").read_text)
    assert without_the_hour(written) == without_the_hour(printed)


async def test_the_seal_is_the_one_that_the_record_has(shell_with_an_incident: Shell) -> None:
    shell = shell_with_an_incident
    _, printed = await shell.run("incident", "INC-1", "--report")
    _, exported = await shell.run("audit", "export")
    seal = printed.partition("is sealed `")[2].partition("`")[0]
    assert len(seal) == 64
    assert seal in exported


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["INC-9"], 1, "There is no incident INC-9 in this database."),
        (["checkout"], 2, "'checkout' is not an incident's name. Write it as INC-7."),
        (["INC-1", "--output", "x.md"], 2, "--output is for the document. Add --report."),
        (["INC-1", "--report", "--output", "no/where.md"], 2, "cannot be written: No such file or directory"),
    ],
)
async def test_what_cannot_be_done_is_said(
    shell_with_an_incident: Shell, words: list[str], code: int, told: str
) -> None:
    ended, said = await shell_with_an_incident.run("incident", *words)
    assert (ended, told in said) == (code, True), said


def without_the_hour(document: str) -> list[str]:
    """The document without the lines that say when it was written, and for how long by then."""
    return [line for line in document.splitlines() if not line.startswith(("Written ", "- **When:** since"))]
