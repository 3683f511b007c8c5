"""Somebody is woken by a push text, and decides on the first screen of a phone: yes, no, or I'll do it myself."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.scenarios.conftest import TakePicture
from tests.scenarios.stage import INCIDENTS, Scene, stage
from tests.scenarios.test_in_the_browser import until_told, window

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 1,
    "has_touch": True,
    "is_mobile": True,
}

PATIENCE_SECONDS = 30


async def woken(here: Scene, page: Page) -> Locator:
    """The service dies; the push text says what is wrong, what is asked and until when; then the card is opened."""
    await here.service.crash()
    card = page.locator("#main").get_by_test_id("message").first
    await expect(card.get_by_role("button", name="Restart checkout")).to_be_visible(timeout=40_000)
    (message, *_) = here.workspace.messages(INCIDENTS)
    push = message.text
    assert push.startswith("🔴 Critical: ")
    for part in ("checkout", "Restart checkout?", "Answer by <!date^", "(INC-1)"):
        assert part in push, push
    assert len(push) < 300
    return card


async def answer(page: Page, card: Locator, button: str) -> None:
    """With a thumb, without scrolling down: it is in sight once the card's top is."""
    found = card.get_by_role("button", name=button, exact=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:  # news that comes in the very moment of scrolling takes the reader to the newest once more
            await card.evaluate("card => card.scrollIntoView({ block: 'start' })")
            with suppress(AssertionError):
                await expect(found).to_be_in_viewport(ratio=1, timeout=1000)
                break
    await found.tap()


async def test_yes(tmp_path: Path, chromium: Browser, picture: TakePicture) -> None:
    async with stage(tmp_path) as here, window(chromium, here, "alice", **PHONE) as alice:
        card = await woken(here, alice.page)
        await answer(alice.page, card, "Restart checkout")
        confirm = alice.page.get_by_test_id("confirm")
        await expect(confirm).to_contain_text("Restart checkout")
        await alice.page.get_by_test_id("confirm-agree").tap()
        await until_told(here, "Done and verified")
        await expect(card).to_contain_text("Approved by @Alice")
        await expect(card.get_by_role("button", name="Restart checkout")).to_have_count(0)
        await picture(alice.page, "phone-yes")
        assert await here.service.answers()


async def test_no(tmp_path: Path, chromium: Browser, picture: TakePicture) -> None:
    async with stage(tmp_path) as here, window(chromium, here, "bob", color_scheme="dark", **PHONE) as bob:
        card = await woken(here, bob.page)
        await answer(bob.page, card, "Don't")
        await until_told(here, "Stopped before anything was changed")
        await expect(card).to_contain_text("Stopped by @Bob")
        await expect(card).to_contain_text("It will not run.")
        await expect(card.get_by_role("button", name="Don't")).to_have_count(0)
        await picture(bob.page, "phone-no")
        kinds = await here.audit_kinds()
        assert "action.stopped" in kinds
        assert "action.executed" not in kinds


async def test_i_will_do_it(tmp_path: Path, chromium: Browser, picture: TakePicture) -> None:
    async with stage(tmp_path) as here, window(chromium, here, "alice", **PHONE) as alice:
        card = await woken(here, alice.page)
        await answer(alice.page, card, "I'll take it")
        await until_told(here, "On it")
        await expect(card).to_contain_text("@Alice Adeyemi has taken this")
        await picture(alice.page, "phone-taken")
        assert "action.executed" not in await here.audit_kinds()
        await here.supervisord.call("startProcess", here.service.address)
        await expect(card).to_contain_text("Resolved", timeout=60_000)
        await expect(card).to_contain_text("The alerts have ended.")
