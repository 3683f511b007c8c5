"""E31: a full disk is noticed, told by other ways than the database, costs no alert, and is over when there is room."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from storage.writing import FULL
from tests.fixtures.small_disk import SmallDisk, small_disk
from tests.scenarios.outage import ALICE, with_second_channel
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.second_channel.receivers import PASSWORD, Pager, mail_server, pager_service


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


async def asked(here: SmallStage, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{here.bot_url}{path}") as response:
        return response.status, await response.text()


async def until_answered(here: SmallStage, path: str, status: int, *words: str) -> None:
    found: tuple[int, str] = 0, ""
    try:
        async with asyncio.timeout(60):
            while found[0] != status or not all(word in found[1] for word in words):
                await asyncio.sleep(0.2)
                found = await asked(here, path)
    except TimeoutError:
        raise AssertionError(f"{path} answers {found}, not {status} {words}") from None


async def until_refused(here: SmallStage) -> str:
    """Fire one alert after the other until one finds no room; its fingerprint. A monitor would send it again."""
    number = 0

    async def fire_on() -> None:
        nonlocal number
        async with asyncio.timeout(60):
            while True:
                number += 1
                await here.fire(f"shop-{number}", f"f{number}")

    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await fire_on()
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) > 0
    return f"f{number}"


async def test_a_full_disk_is_told_and_heals_by_itself(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_MAIL_PASSWORD", PASSWORD)
    monkeypatch.setenv("TEST_PAGERDUTY_KEY", "canary-routing-key-of-the-pagers")

    async with (
        mail_server() as mailbox,
        pager_service() as pager,
        small_stage(
            tmp_path, disk=disk.folder, change_policy=with_second_channel(mailbox, pager), relaxed_limits=True
        ) as here,
    ):
        await until_answered(here, "/readyz", 200, '"storing": "ok"')
        disk.fill()
        refused = await until_refused(here)
        await until_answered(here, "/readyz", 503, FULL)
        status, figures = await asked(here, "/metrics")
        assert status == 200
        assert "watchkeeper_database_writable 0.0" in figures
        assert (await asked(here, "/healthz"))[0] == 200, "a restart would mend nothing"
        told = [str(letter["Subject"]) for letter in await mailbox.until(1, ALICE)]
        assert any("Watchkeeper can store nothing" in subject for subject in told), told
        await until_paged(pager, "trigger")

        disk.make_room()
        await until_answered(here, "/readyz", 200, '"storing": "ok"')
        await until_answered(here, "/metrics", 200, "watchkeeper_database_writable 1.0")
        await here.card_of(await here.fire("shop-again", refused), "shop-again")
        await until_paged(pager, "resolve")
        async with asyncio.timeout(30):
            while not any("can store again" in str(letter["Subject"]) for letter in mailbox.to(ALICE)):
                await asyncio.sleep(0.1)
        async with here.rows() as work:
            assert (await work.audit.verify()).intact
    [noticed] = [each for each in caplog.messages if "cannot be written, for its disk is full: make room" in each]
    assert "watch.db" in noticed


async def until_paged(pager: Pager, action: str) -> None:
    def of_storage() -> list[Json]:
        return [event for event in pager.events if event["dedup_key"].endswith("/storage")]

    async with asyncio.timeout(30):
        while not any(event["event_action"] == action for event in of_storage()):
            await asyncio.sleep(0.1)
