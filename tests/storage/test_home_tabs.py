"""Who sees which Home tab, and that only one process draws it at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

from storage.database import Database
from storage.home_tabs import HomeTab

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=30)


async def test_an_opened_tab_is_watched_and_must_be_drawn(database: Database) -> None:
    async with database.begin() as work:
        await work.home_tabs.opened("U01ALICE", NOW - timedelta(days=4))
        await work.home_tabs.opened("U02BOB", NOW)
    async with database.read() as work:
        assert await work.home_tabs.watched(NOW - timedelta(days=3)) == [HomeTab("U02BOB", "", "")]


async def test_one_of_many_draws_it_and_what_it_drew_is_remembered(database: Database) -> None:
    async with database.begin() as work:
        await work.home_tabs.opened("U01ALICE", NOW)

    async def claim() -> HomeTab | None:
        async with database.begin() as work:
            return await work.home_tabs.claim("U01ALICE", NOW, UNTIL)

    claimed = await asyncio.gather(*(claim() for _ in range(5)))
    assert [tab for tab in claimed if tab is not None] == [HomeTab("U01ALICE", "", "")]
    async with database.begin() as work:
        await work.home_tabs.drawn("U01ALICE", "digest", "hash")
    assert await claim() == HomeTab("U01ALICE", "digest", "hash")


async def test_what_its_drawer_left_behind_is_taken_up_when_the_claim_ends(database: Database) -> None:
    async with database.begin() as work:
        await work.home_tabs.opened("U01ALICE", NOW)
        await work.home_tabs.claim("U01ALICE", NOW, UNTIL)
        assert await work.home_tabs.claim("U01ALICE", NOW, UNTIL) is None
        assert await work.home_tabs.claim("U01ALICE", UNTIL, UNTIL) is not None
        await work.home_tabs.put_down("U01ALICE", None)
        assert await work.home_tabs.claim("U01ALICE", NOW, UNTIL) is not None


async def test_opening_it_again_has_it_drawn_anew_whoever_has_it_in_hand(database: Database) -> None:
    async with database.begin() as work:
        await work.home_tabs.opened("U01ALICE", NOW)
        await work.home_tabs.drawn("U01ALICE", "digest", "hash")
        await work.home_tabs.claim("U01ALICE", NOW, UNTIL)
        await work.home_tabs.opened("U01ALICE", NOW)
        assert await work.home_tabs.claim("U01ALICE", NOW, UNTIL) == HomeTab("U01ALICE", "", "hash")
