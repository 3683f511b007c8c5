"""The story as people see it: a real browser on the workspace's page, with the whole production behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.local.page.conftest import Window
from tests.scenarios.conftest import TakePicture
from tests.scenarios.stage import INCIDENTS, Scene, Stage, stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

DESK = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 400, "height": 860}, "device_scale_factor": 1, "has_touch": True, "is_mobile": True}


@asynccontextmanager
async def window(chromium: Browser, here: Scene, person: str, **look: Any) -> AsyncIterator[Window]:
    """The page as this person sees it; it must not have complained by the end."""
    context = await chromium.new_context(**(DESK | look))
    try:
        opened = Window(await context.new_page())
        opened.page.set_default_timeout(30_000)
        await opened.page.goto(f"{here.page_url}?as={here.workspace.person(person).id}&channel={INCIDENTS}")
        await expect(opened.page.get_by_test_id("connection")).to_have_count(0)
        yield opened
        assert opened.complaints == []
    finally:
        await context.close()


async def test_alice_is_woken_reads_why_approves_takes_it_back_and_pauses_in_the_browser(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    async with stage(tmp_path) as here, window(chromium, here, "alice") as alice:
        page = alice.page
        card = page.locator("#main").get_by_test_id("message")
        await here.service.hang()
        await expect(card).to_contain_text("Restart checkout?", timeout=40_000)
        await expect(card.get_by_role("button", name="Restart checkout")).to_be_visible()
        await until_told(here, "Asking for approval")
        await picture(page, "card-asking")
        async with window(chromium, here, "bob", color_scheme="dark") as bob:
            await expect(bob.page.locator("#main").get_by_test_id("message")).to_contain_text("Restart checkout?")
            await picture(bob.page, "card-asking-dark")
        async with window(chromium, here, "bob", **PHONE) as phone:
            await expect(phone.page.locator("#main").get_by_test_id("message")).to_contain_text("Restart checkout?")
            assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 400
            await picture(phone.page, "card-asking-phone")

        await card.get_by_role("button", name="Why?").click()
        modal = page.get_by_test_id("modal")
        for words in (
            "Why? INC-1",
            "Asking for approval",
            "this settled it",
            "Evidence",
            "still_down",
            "Plan",
            "Record",
        ):
            await expect(modal).to_contain_text(words)
        await picture(page, "why")
        await page.get_by_test_id("modal-close").click()
        await expect(modal).to_be_hidden()

        await page.get_by_test_id("home-tab").click()
        await expect(page.get_by_test_id("home")).to_contain_text("Waits for you")
        await picture(page, "home")
        await page.get_by_test_id("channel-incidents").click()

        await refused_privately(chromium, here, "Restart checkout", "may not approve")
        await card.get_by_role("button", name="Restart checkout").click()
        confirm = page.get_by_test_id("confirm")
        await expect(confirm).to_contain_text("Restart checkout")
        await picture(page, "confirm")
        await page.get_by_test_id("confirm-agree").click()
        await until_told(here, "Done and verified")
        await expect(card.first.get_by_role("button", name="Restart checkout")).to_have_count(0)
        await card.first.get_by_test_id("open-thread").first.click()
        thread = page.locator("#thread")
        for words in ("Asking for approval", "Approved", "Done and verified", "Rollback: nothing to undo"):
            await expect(thread).to_contain_text(words)
        await expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
        await picture(page, "thread")
        assert await here.service.answers()


async def test_alice_is_told_what_a_rollback_would_do_before_it_begins(
    tmp_path: Path, chromium: Browser, start_service: str
) -> None:
    async with stage(tmp_path, remediation=start_service) as here, window(chromium, here, "alice") as alice:
        page = alice.page
        card = page.locator("#main").get_by_test_id("message").first
        await here.service.crash()
        await card.get_by_role("button", name="Restart checkout").click(timeout=40_000)
        await page.get_by_test_id("confirm-agree").click()
        await until_told(here, "Done and verified")
        await card.get_by_role("button", name="Roll back").click()
        confirm = page.get_by_test_id("confirm")
        for words in ("It has helped, so the problem may come back.", "you are asked first", "Stop checkout again"):
            await expect(confirm).to_contain_text(words)
        await page.get_by_test_id("confirm-agree").click()
        await until_told(here, "Rolled back")


async def test_bob_overrides_and_pauses_in_the_browser(tmp_path: Path, chromium: Browser, picture: TakePicture) -> None:
    async with stage(tmp_path) as here, window(chromium, here, "bob") as bob:
        page = bob.page
        card = page.locator("#main").get_by_test_id("message").first
        modal = page.get_by_test_id("modal")
        await here.service.hang()
        await expect(card).to_contain_text("Restart checkout?", timeout=40_000)

        await card.get_by_role("button", name="Pause…").click()
        await expect(modal).to_contain_text("Pause automation")
        await page.get_by_label("Why?").fill("The database is being moved to another host.")
        await picture(page, "pause")
        await page.get_by_label("Why?").fill("")
        await page.get_by_test_id("modal-submit").click()
        await expect(page.get_by_test_id("input-error")).to_be_visible()
        await page.get_by_label("Why?").fill("The database is being moved to another host.")
        await page.get_by_test_id("modal-submit").click()
        await expect(modal).to_be_hidden()
        await expect(card).to_contain_text("On hold")
        await expect(page.get_by_test_id("ephemeral").last).to_contain_text("Paused: service checkout")

        await card.get_by_role("button", name="Override…").click()
        await modal.get_by_label("I'll do it by hand").check()
        await page.get_by_label("Why?").fill("It is quicker if I do it.")
        await picture(page, "override")
        await page.get_by_test_id("modal-submit").click()
        await expect(modal).to_be_hidden()
        await expect(card).to_contain_text("has taken this")
        await picture(page, "card-taken")
        assert "action.executed" not in await here.audit_kinds()


async def refused_privately(chromium: Browser, here: Stage, button: str, words: str) -> None:
    """Dave presses the button, and is told in private that he may not."""
    async with window(chromium, here, "dave") as dave:
        card = dave.page.locator("#main").get_by_test_id("message")
        await card.get_by_role("button", name=button).click()
        await dave.page.get_by_test_id("confirm-agree").click()
        hint: Locator = dave.page.get_by_test_id("ephemeral")
        await expect(hint).to_contain_text(words)
        await expect(hint).to_contain_text("Only visible to you")


async def until_told(here: Stage, words: str) -> None:
    """Wait until the thread says it."""
    await here.thread(words, timeout=60)
