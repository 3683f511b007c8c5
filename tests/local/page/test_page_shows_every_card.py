"""Every card, entry, answer, dialog and Home tab that the bot draws is shown whole on the page, and photographed.

``WATCHKEEPER_WRITE_IMAGES=1`` writes the pictures to ``docs/images/cards`` anew; ``docs/cards.md`` shows them.
"""

import asyncio
import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from bot.local.workspace import Channel
from tests.local.page.conftest import Harbour, Opener
from tests.local.page.looks import Looks, four_looks
from tests.local.page.sample_app import CARD, INCIDENTS

pytestmark = pytest.mark.xdist_group("browser")
on_the_page = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[3]
GOLDEN = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "tests/slack/golden").glob("*.json")}
MESSAGES = sorted(name for name, one in GOLDEN.items() if "text" in one)
BATCHES = [MESSAGES[at : at + 20] for at in range(0, len(MESSAGES), 20)]
"""Few enough for the time that one test has, on a machine that is busy."""
MODALS = sorted(name for name, one in GOLDEN.items() if one.get("type") == "modal")
HOMES = sorted(name for name, one in GOLDEN.items() if one.get("type") == "home")
PATIENCE_SECONDS = 15
HIGH_MESSAGE, HIGH_MODAL, HIGH_HOME = 1700, 2600, 2600
"""High enough that the longest of them is seen without scrolling; whatever is not, fails."""


def test_nothing_golden_is_left_out() -> None:
    assert sorted(GOLDEN) == sorted([*MESSAGES, *MODALS, *HOMES])
    gallery = (ROOT / "docs" / "cards.md").read_text("utf-8")
    assert sorted(re.findall(r"\(images/cards/(\w+)\.webp\)", gallery)) == sorted(GOLDEN)


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """Where the pictures go: into the documentation when asked to."""
    folder = ROOT / "docs" / "images" / "cards" if os.environ.get("WATCHKEEPER_WRITE_IMAGES") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@on_the_page
@pytest.mark.parametrize("names", BATCHES, ids=[names[0] for names in BATCHES])
async def test_every_message_is_shown_whole(
    harbour: Harbour, chromium: Browser, open_page: Opener, sheets: Path, names: list[str]
) -> None:
    harbour.workspace.team.add(Channel("C07OWN", "inc-7-checkout"))
    async with four_looks(chromium, open_page, HIGH_MESSAGE) as looks:
        for name in names:
            golden = GOLDEN[name]
            posted = await harbour.post(text=golden["text"], blocks=golden["blocks"])
            parts = [look.window.message(posted.ts) for look in looks.all]
            await photographed(looks, parts, name, sheets)
            await harbour.watch.client.chat_delete(channel=INCIDENTS, ts=posted.ts)
            for part in parts:
                await expect(part).to_have_count(0)
        assert looks.complaints == []


@on_the_page
async def test_every_dialog_is_shown_whole(
    harbour: Harbour, chromium: Browser, open_page: Opener, sheets: Path
) -> None:
    views = iter(MODALS)

    async def show(ack: Any, body: Any) -> None:
        await ack()
        await harbour.watch.client.views_open(trigger_id=body["trigger_id"], view=GOLDEN[next(views)])

    harbour.watch.bolt.action("silence")(show)
    async with four_looks(chromium, open_page, HIGH_MODAL) as looks:
        card = await harbour.post(blocks=CARD)
        first = looks.all[0].window
        parts = [look.window.page.get_by_test_id("modal") for look in looks.all]
        for name in MODALS:
            await first.message(card.ts).get_by_role("button", name="Never answers").press("Enter")
            await photographed(looks, parts, name, sheets)
            await first.page.get_by_test_id("modal-close").click()
            for part in parts:
                await expect(part).to_be_hidden()
        assert looks.complaints == []


@on_the_page
async def test_every_home_tab_is_shown_whole(
    harbour: Harbour, chromium: Browser, open_page: Opener, sheets: Path
) -> None:
    async with four_looks(chromium, open_page, HIGH_HOME) as looks:
        for look in looks.all:
            page = look.window.page
            if await page.get_by_test_id("open-drawer").is_visible():
                await page.get_by_test_id("open-drawer").click()
            await page.get_by_test_id("home-tab").click()
            # The app draws it whenever it is opened; only then do we.
            await expect(page.get_by_test_id("home")).to_contain_text("Autonomy is on")
        parts = [look.window.page.locator(".home-body") for look in looks.all]
        for name in HOMES:
            await harbour.watch.client.views_publish(user_id="U01ALICE", view=GOLDEN[name])
            await photographed(looks, parts, name, sheets)
        assert looks.complaints == []


async def photographed(looks: Looks, parts: list[Locator], name: str, folder: Path) -> None:
    """All words are there, in all four looks, nothing is too wide, and here is the picture."""
    blocks = GOLDEN[name]["blocks"]
    for look, part in zip(looks.all, parts, strict=True):
        await expect(part).to_be_visible()
        unseen: set[str] = set()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):  # what stood there last is drawn over meanwhile
                while unseen := missing(blocks, await words_shown(part)):
                    await asyncio.sleep(0.05)
        assert not unseen, (name, look.name)
        assert await look.too_wide(part) == [], (name, look.name)
    picture = await looks.sheet(parts)
    await asyncio.to_thread((folder / f"{name}.webp").write_bytes, picture)


async def words_shown(part: Locator) -> str:
    """What it says, its menus opened and what may be chosen included."""
    for menu in await part.locator("details").all():
        if await menu.get_attribute("open") is None:
            await menu.locator("summary").click()
    options = "part => [...part.querySelectorAll('option')].map(one => one.textContent).join(' ')"
    return await part.inner_text() + str(await part.evaluate(options))


def missing(blocks: list[dict[str, Any]], seen: str) -> set[str]:
    """The words of the blocks that are not on the page."""
    return {word for word in words_of(blocks) if word not in seen}


def words_of(part: Any) -> Iterator[str]:
    """Every word a reader should see, without markup, mentions, times and emoji."""
    if isinstance(part, list):
        for one in part:
            yield from words_of(one)
    elif isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield from re.findall(r"[A-Za-z0-9][A-Za-z0-9.'-]*[A-Za-z0-9]", _bare(part["text"]))
        for key, value in part.items():
            if key not in ("confirm", "placeholder", "initial_option", "metadata"):
                yield from words_of(value)


def _bare(text: str) -> str:
    text = re.sub(r"<!date[^>]*>|<[@#][^>]*>", " ", text)
    text = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", text)
    return html.unescape(re.sub(r"[*_~`>]", " ", text))
