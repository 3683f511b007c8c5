"""The audit chain in real databases: gapless under concurrency, append-only, and damage is found."""

import asyncio
import json
from enum import StrEnum

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.response.model.audit_kinds import AuditKind
from storage.audit import PAGE_ENTRIES, AuditKeyError, NewEntry
from storage.audit_chain import Damage, Head
from storage.audit_export import export_lines, verify_export
from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW


class NewerKind(StrEnum):
    """What a release to come may write."""

    PLANET_MOVED = "planet.moved"


async def speak(database: Database, times: int = 1, actor: str = "U01ALICE") -> None:
    async with database.begin() as work:
        await work.audit.append_all(
            [NewEntry(AuditKind.RUNBOOK_REQUESTED, actor, NOW, {"n": n, "words": "é \0 \ud83d"}) for n in range(times)]
        )


async def tamper(database: Database, *statements: str) -> None:
    """What somebody does who owns the database: takes the guards away first."""
    async with database.outside_the_line() as connection:
        if database.is_sqlite:
            for name in ("update", "delete"):
                await connection.execute(text(f"DROP TRIGGER audit_entries_refuse_{name}"))
        else:
            await connection.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
        for statement in statements:
            await connection.execute(text(statement))


async def damages(database: Database, *published: Head) -> list[tuple[int, Damage]]:
    async with database.read() as work:
        found = await work.audit.verify(published)
    return [(problem.number, problem.damage) for problem in found.problems]


async def test_what_was_written_verifies_page_by_page(database: Database) -> None:
    await speak(database, PAGE_ENTRIES + 2)
    async with database.read() as work:
        found = await work.audit.verify()
        assert found.intact
        assert found.entries == PAGE_ENTRIES + 2
        assert [entry.number for entry in await work.audit.latest(2)] == [PAGE_ENTRIES + 2, PAGE_ENTRIES + 1]


async def test_numbers_have_no_gaps_however_many_write_and_fail_at_once(database: Database) -> None:
    async def give_up() -> None:
        async with database.begin() as work:
            await work.audit.append(kind=AuditKind.RUNBOOK_REQUESTED, actor="U02BOB", at=NOW, body={})
            raise ZeroDivisionError

    results = await asyncio.gather(
        *(give_up() if number % 4 == 0 else speak(database, 2) for number in range(40)), return_exceptions=True
    )
    assert sum(isinstance(result, ZeroDivisionError) for result in results) == 10
    assert sum(result is None for result in results) == 30
    async with database.read() as work:
        assert [entry.number async for entry in work.audit.entries()] == list(range(1, 61))
        assert (await work.audit.verify()).intact


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'X' WHERE number = 2",
        "DELETE FROM audit_entries WHERE number = 2",
        "UPDATE audit_anchors SET hash = 'X'",
        "DELETE FROM audit_anchors",
    ],
)
async def test_the_database_itself_refuses_changes(database: Database, statement: str) -> None:
    await speak(database, 3)
    async with database.begin() as work:
        await work.audit.anchor(NOW)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.outside_the_line() as connection:
            await connection.execute(text(statement))
    assert await damages(database) == []


async def test_the_database_itself_refuses_to_truncate(database: Database) -> None:
    if database.is_sqlite:
        return  # has no TRUNCATE
    await speak(database, 3)
    for table in ("audit_entries", "audit_anchors"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.outside_the_line() as connection:
                await connection.execute(text(f"TRUNCATE {table}"))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE audit_entries SET actor = 'X' WHERE number = 3", [(3, Damage.CHANGED)]),
        ("UPDATE audit_entries SET body = '{}' WHERE number = 3", [(3, Damage.CHANGED)]),
        ("UPDATE audit_entries SET at = '2026-11-23 12:00:00.000001+00' WHERE number = 3", [(3, Damage.CHANGED)]),
        ("DELETE FROM audit_entries WHERE number = 3", [(4, Damage.REMOVED)]),
        ("DELETE FROM audit_entries WHERE number > 3", [(4, Damage.CUT_OFF)]),
        ("DELETE FROM audit_entries", [(1, Damage.CUT_OFF)]),
    ],
)
async def test_an_owner_of_the_database_cannot_hide_what_he_did(
    database: Database, statement: str, expected: list[tuple[int, Damage]]
) -> None:
    await speak(database, 5)
    if database.is_sqlite:
        statement = statement.replace("+00'", "'")
    await tamper(database, statement)
    assert await damages(database) == expected


async def test_a_cut_that_also_resets_the_head_is_found_by_what_was_published(database: Database) -> None:
    await speak(database, 5)
    async with database.begin() as work:
        published = await work.audit.anchor(NOW)
    assert published is not None
    await tamper(
        database,
        "DELETE FROM audit_entries WHERE number > 3",
        "UPDATE audit_head SET number = 3, hash = (SELECT hash FROM audit_entries WHERE number = 3)",
        "DROP TABLE audit_anchors",
        "CREATE TABLE audit_anchors (number BIGINT, hash TEXT, at TIMESTAMP)",
    )
    assert await damages(database) == []
    assert await damages(database, published) == [(4, Damage.CUT_OFF)]


async def test_an_entry_of_a_newer_release_is_read_verified_and_exported(database: Database) -> None:
    await speak(database)
    async with database.begin() as work:
        body = {"planet": "Venus"}
        await work.audit.append(kind=NewerKind.PLANET_MOVED, actor="U01ALICE", at=NOW, body=body)  # type: ignore[arg-type]
    async with database.read() as work:
        newest = (await work.audit.latest(1))[0]
        assert (newest.kind, newest.body) == ("planet.moved", {"planet": "Venus"})
        assert (await work.audit.verify()).intact
        lines = [line async for line in export_lines(work.audit, AUDIT_KEY, NOW)]
    assert verify_export(lines, AUDIT_KEY).intact


async def test_an_anchor_is_given_once_per_head(database: Database) -> None:
    async with database.begin() as work:
        assert await work.audit.anchor(NOW) is None
    await speak(database, 2)
    async with database.begin() as work:
        anchor = await work.audit.anchor(NOW)
        assert anchor == await work.audit.head()
        assert await work.audit.anchor(NOW) is None
    await speak(database)
    async with database.begin() as work:
        assert await work.audit.anchor(NOW) == await work.audit.head()
        assert [kept.number for kept in await work.audit.anchors()] == [2, 3]


async def test_another_key_is_refused_before_it_can_spoil_the_chain(database: Database) -> None:
    await speak(database)
    stranger = Database(database.url, RecordingEnqueuer(), b"another key than the first one")
    await stranger.open()
    with pytest.raises(AuditKeyError, match="WATCHKEEPER_AUDIT_KEY"):
        await speak(stranger)
    await stranger.close()
    assert await damages(database) == []


async def test_an_export_verifies_offline_and_shows_every_damage(database: Database) -> None:
    await speak(database, 5)
    async with database.read() as work:
        lines = [line async for line in export_lines(work.audit, AUDIT_KEY, NOW)]
        head = await work.audit.head()
    assert verify_export(lines, AUDIT_KEY, [head]).intact
    assert len(lines) == 7

    def found(changed: list[str], key: bytes = AUDIT_KEY) -> list[Damage]:
        return [problem.damage for problem in verify_export(changed, key, [head]).problems]

    third = json.loads(lines[3])
    assert found([*lines[:3], json.dumps({**third, "actor": "X"}), *lines[4:]]) == [Damage.CHANGED]
    assert found([*lines[:3], *lines[4:]]) == [Damage.REMOVED]
    assert found([*lines[:3], "not JSON", *lines[4:]]) == [Damage.REMOVED, Damage.UNREADABLE]
    assert found(lines[:-1]) == [Damage.CUT_OFF]
    assert found([*lines[:-2], lines[-1]]) == [Damage.CUT_OFF]
    assert found([*lines, lines[-1]]) == [Damage.UNREADABLE]
    assert found([*lines[:-1], json.dumps({**json.loads(lines[-1]), "exported_at": "then"})]) == [Damage.CHANGED]
    assert found(lines, b"another key than the first one") == [Damage.WRONG_KEY]
    assert found(["{}", *lines[1:]]) == [Damage.UNREADABLE]
    assert found([lines[0].replace('"version":1', '"version":2'), *lines[1:]]) == [Damage.UNREADABLE]
    assert found([]) == [Damage.CUT_OFF, Damage.CUT_OFF]
