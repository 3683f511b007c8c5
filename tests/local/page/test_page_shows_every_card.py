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
from playwright.async_api import Locator, expect

from tests.local.page.conftest import Harbour, Opener
from tests.local.page.sample_app import CARD, INCIDENTS

pytestmark = pytest.mark.xdist_group("browser")
on_the_page = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[3]
GOLDEN = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "tests/slack/golden").glob("*.json")}
MESSAGES = sorted(name for name, one in GOLDEN.items() if "text" in one)
MODALS = sorted(name for name, one in GOLDEN.items() if one.get("type") == "modal")
HOMES = sorted(name for name, one in GOLDEN.items() if one.get("type") == "home")
DESK: dict[str, Any] = {"viewport": {"width": 1100, "height": 1400}}


def test_nothing_golden_is_left_out() -> None:
    assert sorted(GOLDEN) == sorted([*MESSAGES, *MODALS, *HOMES])
    gallery = (ROOT / "docs" / "cards.md").read_text("utf-8")
    assert sorted(re.findall(r"\(images/cards/(\w+)\.jpg\)", gallery)) == sorted(GOLDEN)


@pytest.fixture
def photograph(tmp_path: Path) -> Any:
    """Take a picture of a part of the page: for the documentation when asked to, else only to see that it can be."""
    folder = ROOT / "docs" / "images" / "cards" if os.environ.get("WATCHKEEPER_WRITE_IMAGES") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    async def take(part: Locator, name: str) -> None:
        assert await part.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=65, animations="disabled")

    return take


@on_the_page
async def test_every_message_is_shown_whole(harbour: Harbour, open_page: Opener, photograph: Any) -> None:
    alice = await open_page(**DESK)
    for name in MESSAGES:
        golden = GOLDEN[name]
        posted = await harbour.post(text=golden["text"], blocks=golden["blocks"])
        shown = alice.message(posted.ts)
        await expect(shown).to_be_visible()
        assert not missing(golden["blocks"], await shown.inner_text()), name
        await photograph(shown, name)
        await harbour.watch.client.chat_delete(channel=INCIDENTS, ts=posted.ts)
        await expect(shown).to_have_count(0)
    assert alice.complaints == []


@on_the_page
async def test_every_dialog_is_shown_whole(harbour: Harbour, open_page: Opener, photograph: Any) -> None:
    views = iter(MODALS)

    async def show(ack: Any, body: Any) -> None:
        await ack()
        await harbour.watch.client.views_open(trigger_id=body["trigger_id"], view=GOLDEN[next(views)])

    harbour.watch.bolt.action("silence")(show)
    alice = await open_page(**DESK)
    card = await harbour.post(blocks=CARD)
    modal = alice.page.get_by_test_id("modal")
    for name in MODALS:
        await alice.message(card.ts).get_by_role("button", name="Never answers").click()
        await expect(modal).to_contain_text(GOLDEN[name]["title"]["text"])
        unseen: set[str] = set()
        with suppress(TimeoutError):
            async with asyncio.timeout(15):  # the last dialog, which may have the same title, is drawn over meanwhile
                while unseen := missing(GOLDEN[name]["blocks"], await words_shown(modal)):
                    await asyncio.sleep(0.05)
        assert not unseen, name
        await photograph(modal, name)
        await alice.page.get_by_test_id("modal-close").click()
        await expect(modal).to_be_hidden()
    assert alice.complaints == []


@on_the_page
async def test_every_home_tab_is_shown_whole(harbour: Harbour, open_page: Opener, photograph: Any) -> None:
    alice = await open_page(**DESK)
    await alice.page.get_by_test_id("home-tab").click()
    home = alice.page.get_by_test_id("home")
    await expect(home).to_contain_text("Autonomy is on")  # the app draws it when it is opened; only then do we
    for name in HOMES:
        await harbour.watch.client.views_publish(user_id="U01ALICE", view=GOLDEN[name])
        async with asyncio.timeout(15):  # it is drawn anew while we look
            while missing(GOLDEN[name]["blocks"], await home.inner_text()):
                await asyncio.sleep(0.05)
        await photograph(home, name)
    assert alice.complaints == []


async def words_shown(modal: Locator) -> str:
    """What the dialog says, its menus opened and what may be chosen included."""
    for menu in await modal.locator("details").all():
        if await menu.get_attribute("open") is None:
            await menu.locator("summary").click()
    options = "modal => [...modal.querySelectorAll('option')].map(one => one.textContent).join(' ')"
    return await modal.inner_text() + str(await modal.evaluate(options))


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
