"""Modals on the page: filling in, being corrected, being updated, and getting out by keyboard."""

import pytest
from playwright.async_api import expect

from tests.local.page.conftest import Harbour, Opener, Window
from tests.local.page.sample_app import CARD

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]


async def open_override(harbour: Harbour, window: Window) -> None:
    """Click the card's Override button and wait for the modal."""
    card = await harbour.post(blocks=CARD)
    await window.message(card.ts).get_by_role("button", name="Override").click()
    await expect(window.page.get_by_test_id("modal")).to_be_visible()


async def test_a_modal_shows_errors_until_they_are_mended(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await open_override(harbour, alice)
    reason = alice.page.get_by_label("Reason")
    error = alice.page.get_by_test_id("input-error")

    await alice.page.get_by_test_id("modal-submit").click()
    await expect(error).to_have_text("Please complete this required field.")
    await expect(reason).to_be_focused()
    await expect(reason).to_have_attribute("aria-invalid", "true")

    await reason.fill("short")
    await alice.page.get_by_test_id("modal-submit").click()
    await expect(error).to_have_text("At least ten characters, please.")
    await expect(reason).to_have_value("short")

    await reason.fill("The node is being replaced anyway.")
    await alice.page.get_by_label("Instead").select_option("roll_back")
    await alice.page.get_by_test_id("modal-submit").click()
    await expect(alice.page.get_by_test_id("modal")).to_be_hidden()
    [(_, values)] = harbour.watch.heard
    assert values["reason"]["reason"]["value"] == "The node is being replaced anyway."
    assert values["choice"]["choice"]["selected_option"]["value"] == "roll_back"


async def test_answers_stay_when_the_app_updates_the_modal(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await open_override(harbour, alice)
    await alice.page.get_by_label("Reason").fill("Half a thought")

    await alice.page.get_by_role("button", name="Explain more").click()

    await expect(alice.page.get_by_test_id("modal")).to_contain_text("The audit will show your reason.")
    await expect(alice.page.get_by_label("Reason")).to_have_value("Half a thought")
    [(_, body)] = harbour.watch.heard
    assert body["view"]["state"]["values"]["reason"]["reason"]["value"] == "Half a thought"


async def test_the_keyboard_stays_in_a_modal_and_escape_leaves_it(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await open_override(harbour, alice)
    await expect(alice.page.get_by_label("Reason")).to_be_focused()

    is_outside = "document.activeElement !== document.body && !document.activeElement.closest('dialog')"
    for _ in range(12):
        await alice.page.keyboard.press("Tab")
        assert not await alice.page.evaluate(is_outside)

    await alice.page.keyboard.press("Escape")
    await expect(alice.page.get_by_test_id("modal")).to_be_hidden()
    assert harbour.workspace.open_views("alice") == []
    await expect(alice.page.locator("[data-action-id=override]")).to_be_focused()


async def test_a_modal_whose_submission_nobody_answers_says_so_and_stays(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await open_override(harbour, alice)
    await alice.page.get_by_label("Reason").fill("The node is being replaced anyway.")
    harbour.workspace.misbehave.lose_envelopes()

    await alice.page.get_by_test_id("modal-submit").click()

    await expect(alice.page.get_by_test_id("trouble")).to_contain_text("trouble connecting")
    await expect(alice.page.get_by_label("Reason")).to_have_value("The node is being replaced anyway.")
    await alice.page.get_by_test_id("modal-submit").click()
    await expect(alice.page.get_by_test_id("modal")).to_be_hidden()
