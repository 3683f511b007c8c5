"""The page on narrow screens, in the dark, and for people who use a keyboard or need contrast."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.local.page.conftest import Harbour, Opener
from tests.local.page.sample_app import CARD

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

PHONE = {"width": 400, "height": 800}
LEAST_CONTRAST = 4.5

FAINT_TEXTS = Path(__file__).with_name("faint_texts.js").read_text(encoding="utf-8")
OVERFLOWS = """() =>
  document.documentElement.scrollWidth > innerWidth ||
  [...document.querySelectorAll(".stream-scroller")].some((each) => each.scrollWidth > each.clientWidth)
"""


async def test_on_a_narrow_screen_the_sidebar_is_a_drawer(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page(viewport=PHONE)
    side = alice.page.locator("#side")
    await expect(side).to_be_hidden()

    await alice.page.get_by_test_id("open-drawer").click()
    await expect(side).to_be_visible()
    await side.get_by_test_id("channel-audit").click()

    await expect(side).to_be_hidden()
    await expect(alice.page.get_by_role("heading", level=1)).to_have_text("audit")


async def test_on_a_narrow_screen_a_thread_covers_the_list_and_nothing_overflows(
    harbour: Harbour, open_page: Opener
) -> None:
    alice = await open_page(viewport=PHONE)
    card = await harbour.post(blocks=CARD)
    await harbour.post("x" * 300 + " https://example.com/" + "y" * 300, thread_ts=card.ts)

    await expect(alice.message(card.ts).get_by_role("button", name="Approve")).to_be_in_viewport()
    assert not await alice.page.evaluate(OVERFLOWS)
    await alice.message(card.ts).get_by_test_id("open-thread").click()

    await expect(alice.page.locator("#thread")).to_contain_text("xxx")
    await expect(alice.page.locator("#main")).to_be_hidden()
    assert not await alice.page.evaluate(OVERFLOWS)
    await alice.page.get_by_test_id("close-thread").click()
    await expect(alice.message(card.ts)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_enough_contrast(harbour: Harbour, open_page: Opener, scheme: str) -> None:
    alice = await open_page(color_scheme=scheme)
    card = await harbour.post(blocks=CARD)
    await harbour.post("<@U01ALICE> `code` <https://example.com|link>", thread_ts=card.ts)
    await harbour.workspace.person("alice").slash("/watch", "status")
    await harbour.workspace.person("bob").post("C02AUD", "Unread.")
    await alice.message(card.ts).get_by_test_id("open-thread").click()
    await expect(alice.page.get_by_test_id("ephemeral")).to_be_visible()
    await expect(alice.page.locator("#thread")).to_contain_text("code")

    assert await alice.page.evaluate(FAINT_TEXTS, LEAST_CONTRAST) == []


async def test_everything_that_can_be_pressed_has_a_name(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    card = await harbour.post(blocks=CARD)
    await expect(alice.message(card.ts)).to_be_visible()

    for control in await alice.page.locator(":is(button, a[href], input, select, textarea, summary):visible").all():
        accessible = await control.aria_snapshot()
        assert '"' in accessible, f"{accessible} of class {await control.get_attribute('class')} has no name"
