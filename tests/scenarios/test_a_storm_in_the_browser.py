"""A storm as people see it: one card, some of it chosen, the rest approved, all in the browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.fixtures.servers import Program
from tests.scenarios.conftest import TakePicture
from tests.scenarios.small_stage import small_stage
from tests.scenarios.test_a_storm_of_alerts import two_cards_each
from tests.scenarios.test_in_the_browser import window

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]


async def test_bob_gives_one_a_card_of_its_own_and_alice_approves_the_rest(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    broken = [Program(name) for name in ("cart", "search", "payments", "shipping", "invoices", "reviews")]
    async with (
        small_stage(tmp_path, relaxed_limits=True, others=broken, change_policy=two_cards_each) as here,
        window(chromium, here, "alice") as alice,
        window(chromium, here, "bob") as bob,
    ):
        for number, program in enumerate(broken, start=1):
            await program.crash()
            incident = await here.fire(program.name, program.name)
            if number <= 2:
                await here.card_of(incident, f"Restart {program.name}")
        shared = alice.page.locator("#main").get_by_test_id("message").last
        await expect(shared).to_contain_text("4 questions at once", timeout=40_000)
        await picture(alice.page, "storm-asking")

        await shared.get_by_role("button", name="Why?").click()
        modal = alice.page.get_by_test_id("modal")
        for words in ("Why together?", "Which rule settled it", "invoices", "/watch why INC-"):
            await expect(modal).to_contain_text(words)
        await picture(alice.page, "storm-why")
        await alice.page.get_by_test_id("modal-close").click()

        await bob.page.locator("#main").get_by_test_id("message").last.get_by_role("button", name="Choose…").click()
        modal = bob.page.get_by_test_id("modal")
        await modal.locator("summary").click()
        await modal.get_by_label("INC-6 reviews").check()
        await modal.get_by_label("Give each a card of its own").check()
        await picture(bob.page, "storm-choose")
        await bob.page.get_by_test_id("modal-submit").click()
        await expect(modal).to_be_hidden()
        await here.card_of("INC-6", "Restart reviews")
        shared = alice.page.locator("#main").get_by_test_id("message").filter(has_text="questions at once")
        await expect(shared).to_contain_text("3 questions at once")

        await shared.get_by_role("button", name="Approve all 3").click()
        await expect(alice.page.get_by_test_id("confirm")).to_contain_text("Run all 3?")
        await alice.page.get_by_test_id("confirm-agree").click()
        done = (
            alice.page.locator("#main")
            .get_by_test_id("message")
            .filter(has_text=re.compile("This storm is over|Still not resolved"))
        )
        await expect(done).to_contain_text("3 done and verified", timeout=40_000)
        await done.get_by_test_id("open-thread").first.click()
        thread = alice.page.locator("#thread")
        for words in (
            "Approved: 3 questions",
            "INC-3: Done and verified",
            "INC-5: Done and verified",
            "Rollback: nothing to undo",
        ):
            await expect(thread).to_contain_text(words)
        await picture(alice.page, "storm-thread")
