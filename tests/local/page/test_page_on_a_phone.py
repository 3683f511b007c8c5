"""Whoever is woken decides from the first screen of a phone: problem, what silence means and the answers are on it.

``WATCHKEEPER_WRITE_IMAGES=1`` writes the pictures to ``docs/images/phone`` anew; ``docs/cards.md`` shows them.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.local.page.conftest import Harbour, Opener
from tests.local.page.test_page_shows_every_card import GOLDEN, ROOT
from tests.slack.notices import CARDS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

WIDE, HIGH = 390, 844
PHONE: dict[str, Any] = {"viewport": {"width": WIDE, "height": HIGH}}
WITH_SILENCE = (
    "asking",
    "asking_a_group",
    "partly_approved",
    "handed_over",
    "calling",
    "held_and_called",
)
PICTURES = ("asking", "veto_window", "calling", "succeeded", "resolved", "bundle_asking", "direct_reminder")
DEEPEST = "parts => Math.max(...parts.map(part => part.getBoundingClientRect().bottom))"
OVERFLOWS = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: into the documentation when asked to."""
    folder = ROOT / "docs" / "images" / "phone" if os.environ.get("WATCHKEEPER_WRITE_IMAGES") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def posted(harbour: Harbour, window: Any, name: str) -> tuple[Locator, str]:
    """The card by its name, its top at the top of the screen."""
    golden = GOLDEN[name]
    message = await harbour.post(text=golden["text"], blocks=golden["blocks"])
    card: Locator = window.message(message.ts)
    await expect(card).to_be_visible()
    await card.evaluate("card => card.scrollIntoView({ block: 'start' })")
    return card, message.ts


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_answers_of_every_card_are_on_the_first_screen(
    harbour: Harbour, open_page: Opener, scheme: str
) -> None:
    phone = await open_page(color_scheme=scheme, **PHONE)
    for name in CARDS:
        card, ts = await posted(harbour, phone, name)
        box = await card.bounding_box()
        assert box is not None
        first_row = card.locator(".actions").first.locator("button")
        deepest = await first_row.evaluate_all(DEEPEST)
        composer = await phone.page.locator("#main form").first.bounding_box()
        room = (composer["y"] if composer else HIGH) - box["y"]
        assert deepest - box["y"] <= room, (name, deepest - box["y"], room)
        assert not await phone.page.evaluate(OVERFLOWS), name
        await harbour.watch.client.chat_delete(channel="C01INC", ts=ts)
        await expect(card).to_have_count(0)
    assert phone.complaints == []


@pytest.mark.parametrize("name", WITH_SILENCE)
async def test_what_silence_means_stands_before_the_answers(harbour: Harbour, open_page: Opener, name: str) -> None:
    phone = await open_page(**PHONE)
    card, _ = await posted(harbour, phone, name)
    said = await card.inner_text()
    words = ("No answer by", "Not taken by")
    silence = min(said.index(one) for one in words if one in said)
    first = await card.locator(".actions").first.locator("button").first.inner_text()
    assert silence < said.rindex(first.strip())


async def test_yes_and_no_stand_beside_each_other(harbour: Harbour, open_page: Opener) -> None:
    phone = await open_page(**PHONE)
    card, _ = await posted(harbour, phone, "asking")
    row = card.locator(".actions").first.locator("button")
    assert await row.all_inner_texts() == ["Restart checkout", "Don't", "I'll take it"]
    yes, no, _take = await row.evaluate_all("buttons => buttons.map(button => button.getBoundingClientRect().top)")
    assert yes == no


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures_of_a_phone_are_taken(harbour: Harbour, open_page: Opener, pictures: Path, scheme: str) -> None:
    phone = await open_page(color_scheme=scheme, **PHONE)
    for name in PICTURES:
        card, ts = await posted(harbour, phone, name)
        path = pictures / f"{name}_{scheme}.jpg"
        assert await phone.page.screenshot(path=path, type="jpeg", quality=65, animations="disabled")
        await harbour.watch.client.chat_delete(channel="C01INC", ts=ts)
        await expect(card).to_have_count(0)
