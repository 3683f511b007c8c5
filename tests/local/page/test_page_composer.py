"""Writing on the page: slash commands by keyboard, mentions, and text that cannot smuggle markup."""

import pytest
from playwright.async_api import expect

from tests.local.page.conftest import Harbour, Opener
from tests.local.page.sample_app import INCIDENTS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]


async def test_a_slash_command_is_found_by_keyboard_and_answers_the_asker_only(
    harbour: Harbour, open_page: Opener
) -> None:
    alice, bob = await open_page("alice"), await open_page("bob")
    box = alice.page.get_by_test_id("composer-box")
    chosen = alice.page.locator("[role=option][aria-selected=true]")

    await box.press_sequentially("/wa")
    await expect(chosen).to_contain_text("/watch")
    await box.press("ArrowDown")
    await expect(chosen).to_contain_text("/wait")
    await box.press("ArrowUp")
    await box.press("Enter")
    await expect(box).to_have_value("/watch ")
    await expect(alice.page.get_by_test_id("composer").get_by_test_id("usage-hint")).to_contain_text(
        "status | incidents"
    )
    await box.press_sequentially("status")
    await box.press("Enter")

    await expect(alice.page.get_by_test_id("ephemeral")).to_contain_text("The watch is on. You asked status.")
    await expect(bob.page.get_by_test_id("ephemeral")).to_have_count(0)
    assert harbour.workspace.messages(INCIDENTS) == []


async def test_escape_puts_the_suggestions_away_and_keeps_the_text(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    box = alice.page.get_by_test_id("composer-box")

    await box.press_sequentially("/wa")
    await box.press("Escape")

    await expect(alice.page.get_by_test_id("composer").get_by_test_id("suggestions")).to_be_hidden()
    await expect(box).to_have_value("/wa")


async def test_a_command_that_nobody_answers_is_reported_and_can_be_dismissed(
    harbour: Harbour, open_page: Opener
) -> None:
    alice = await open_page()

    await alice.page.get_by_test_id("composer-box").fill("/wait")
    await alice.page.keyboard.press("Enter")

    notice = alice.page.get_by_test_id("notice")
    await expect(notice).to_contain_text("operation_timeout")
    await notice.get_by_role("button", name="Dismiss").click()
    await expect(notice).to_have_count(0)
    await harbour.workspace.until(lambda: not harbour.workspace.warnings("alice"))


async def test_a_typed_name_reaches_the_app_as_a_mention(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    box = alice.page.get_by_test_id("composer-box")

    await box.press_sequentially("@wat")
    await box.press("Tab")
    await box.press_sequentially("is <this> & that @alice fine?")
    await box.press("Enter")

    await harbour.workspace.until(lambda: harbour.watch.heard)
    [(kind, event)] = harbour.watch.heard
    assert kind == "mention"
    assert event["text"] == "<@UWATCH> is &lt;this&gt; &amp; that <@U01ALICE> fine?"
    await expect(alice.page.locator("#main")).to_contain_text("@Watchkeeper is <this> & that @Alice Adeyemi fine?")


async def test_an_unsent_text_waits_in_its_channel(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    box = alice.page.get_by_test_id("composer-box")

    await box.fill("Half a thought")
    await alice.page.get_by_test_id("channel-audit").click()
    await expect(box).to_have_value("")
    await alice.page.get_by_test_id("channel-incidents").click()

    await expect(box).to_have_value("Half a thought")
