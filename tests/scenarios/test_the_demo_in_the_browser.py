"""The demo as a newcomer meets it: one page, a button that breaks a real service, a card, an approval, a repair."""

import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.fixtures.servers import require_binary
from tests.local.demo.running import running_demo
from tests.local.page.conftest import Window
from tests.scenarios.conftest import TakePicture

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
]

WIDE_DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 860}}


async def test_a_newcomer_breaks_the_service_and_has_it_repaired(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    require_binary("prometheus")
    require_binary("prometheus-alertmanager")
    async with running_demo(tmp_path / "state") as demo:
        context = await chromium.new_context(**WIDE_DESK)
        try:
            newcomer = Window(await context.new_page())
            page = newcomer.page
            page.set_default_timeout(60_000)
            await page.goto(demo.url)
            await expect(page.get_by_test_id("message").first).to_contain_text("This is a demo of Watchkeeper")
            await demo.until_service_is("answering")
            await page.get_by_role("button", name="Break it (hang)").click()
            approve = page.locator("#main").get_by_role("button", name="Approve")
            await expect(approve).to_be_visible(timeout=60_000)
            await approve.scroll_into_view_if_needed()
            await demo.until_service_is("hanging")
            await picture(page, "demo-asking")

            await approve.click()
            await page.get_by_test_id("confirm-agree").click()
            await demo.until_service_is("answering")
            repaired = page.locator("#main").get_by_test_id("message").filter(has_text="Done and verified")
            await expect(repaired.first).to_be_visible(timeout=60_000)
            await page.locator("#main").get_by_test_id("open-thread").first.click()
            await expect(page.locator("#thread")).to_contain_text("Done and verified")
            await picture(page, "demo-repaired")
            assert newcomer.complaints == []
        finally:
            await context.close()
        assert await demo.end(signal.SIGINT) == 0
