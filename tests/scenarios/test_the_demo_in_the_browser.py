"""The demo as a newcomer meets it: a button that breaks a real service, a card, an approval; then all five acts."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bot.local.servers import until
from tests.fixtures.servers import require_binary
from tests.local.demo.running import RunningDemo, running_demo
from tests.local.page.conftest import Window
from tests.scenarios.conftest import TakePicture

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(900),
]

WIDE_DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 860}}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
A_PHONE: Any = {"width": 400, "height": 860}
PATIENCE_MS = 60_000
GATES_MS = 500_000
"""About a minute where nothing else runs."""
TRIED = re.compile(r"Chaos test: (Injected|Disturbed)")
"""While it is tried, or afterwards: what stands there for a moment only may be gone when one looks again."""


async def test_a_newcomer_breaks_the_service_and_has_it_repaired(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    async with demo_with_monitors(tmp_path) as demo, opened(chromium, demo, **WIDE_DESK) as page:
        await expect(page.get_by_test_id("message").first).to_contain_text("This is a demo of Watchkeeper")
        await demo.until_service_is("answering")
        await page.get_by_role("button", name="Break checkout (hang)").click()
        approve = page.locator("#main").get_by_role("button", name=re.compile("^Restart"))
        await expect(approve).to_be_visible(timeout=PATIENCE_MS)
        await approve.evaluate("button => button.scrollIntoView({ block: 'center' })")  # also while it is drawn anew
        await demo.until_service_is("hanging")
        await picture(page, "demo-asking")

        await press(page, approve)
        await demo.until_service_is("answering")
        repaired = page.locator("#main").get_by_test_id("message").filter(has_text="Done and verified")
        await expect(repaired.first).to_be_visible(timeout=PATIENCE_MS)
        await page.locator("#main").get_by_test_id("open-thread").first.click()
        await expect(page.locator("#thread")).to_contain_text("Done and verified")
        await picture(page, "demo-repaired")


async def test_it_is_tried_signed_off_acts_alone_does_harm_and_is_demoted(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    async with demo_with_monitors(tmp_path) as demo, opened(chromium, demo, **DESK) as page:
        main = page.locator("#main")
        await page.get_by_role("button", name="Break checkout (hang)").click()
        await press(page, main.get_by_role("button", name=re.compile("^Restart")), within=PATIENCE_MS)

        gates = main.get_by_test_id("message").filter(has_text="Gates of restart-service")
        await expect(gates).to_contain_text(TRIED, timeout=GATES_MS)
        async with looking(page, gates, phone=True):
            await picture(page, "demo-gates-phone")
        sign_off = gates.get_by_role("button", name="Sign off")
        await expect(sign_off).to_be_visible(timeout=GATES_MS)
        await expect(page.locator("#panel")).to_contain_text("press Sign off")
        async with looking(page, gates):
            await picture(page, "demo-sign-off")
        async with looking(page, gates, phone=True, dark=True):
            await picture(page, "demo-sign-off-phone-dark")
        await sign_off.click()
        await expect(gates).to_contain_text("It may act at L3 now", timeout=PATIENCE_MS)

        alone = main.get_by_test_id("message").filter(has=page.get_by_role("button", name="Stop"))
        await expect(alone).to_contain_text("checkout", timeout=PATIENCE_MS)
        async with looking(page, alone):
            await picture(page, "demo-alone")
        async with looking(page, alone, dark=True):
            await picture(page, "demo-alone-dark")
        await demo.until_printed("Act 5 of 5")
        assert demo.printed.count("Approved, by Alice Adeyemi") == 1

        harmed = main.get_by_test_id("message").filter(has_text=re.compile("Resolved: .*basket"))
        await until_story(demo, "That was all five acts")
        await expect(page.locator("#panel")).to_contain_text("storefront")
        await harmed.get_by_test_id("open-thread").first.click()
        thread = page.locator("#thread")
        for words in ("It may have made things worse", "paused until a person resumes it", "asks first from now on"):
            await expect(thread).to_contain_text(words, timeout=PATIENCE_MS)
        async with looking(page, harmed):
            await picture(page, "demo-harm")

        await page.get_by_role("button", name="Mend it by hand").click()
        await until_story(demo, "storefront is answering")

        policy = await asyncio.to_thread((demo.state / "policy.yml").read_text)
        now = await runbooks(demo, policy)
        assert "demoted to L1: it did harm in INC-3" in now
        assert "void" not in now
        changed = await runbooks(demo, policy.replace("stopped answering", "stopped answerimg", 1))
        assert "every gate is void: the runbook changed (summary: …pped answering -> …pped answerimg)" in changed


@asynccontextmanager
async def demo_with_monitors(folder: Path) -> AsyncIterator[RunningDemo]:
    """It ends in order, or the test fails."""
    require_binary("prometheus")
    require_binary("prometheus-alertmanager")
    async with running_demo(folder / "state") as demo:
        yield demo
        assert await demo.end(signal.SIGINT) == 0


@asynccontextmanager
async def opened(chromium: Browser, demo: RunningDemo, **look: Any) -> AsyncIterator[Page]:
    """The page as Alice sees it; nothing on it complains."""
    context = await chromium.new_context(**look)
    try:
        window = Window(await context.new_page())
        window.page.set_default_timeout(PATIENCE_MS)
        await window.page.goto(demo.url)
        yield window.page
        assert window.complaints == []
    finally:
        await context.close()


async def press(page: Page, button: Locator, within: float = PATIENCE_MS) -> None:
    """Press it and agree."""
    await button.click(timeout=within)
    await page.get_by_test_id("confirm-agree").click()


@asynccontextmanager
async def looking(page: Page, shown: Locator, *, phone: bool = False, dark: bool = False) -> AsyncIterator[None]:
    """The page as it is on a phone or in the dark, with this in sight; it fits in either case."""
    desk = page.viewport_size
    assert desk is not None
    await page.emulate_media(color_scheme="dark" if dark else "light")
    await page.set_viewport_size(A_PHONE if phone else desk)
    await shown.evaluate("card => card.scrollIntoView({ block: 'center' })")  # also while it is being drawn anew
    assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    yield
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(desk)


async def until_story(demo: RunningDemo, text: str) -> None:
    """Wait as long as a story may take on a busy machine."""

    async def seen() -> bool:
        return await asyncio.to_thread(lambda: text in demo.printed)

    await until(seen, f"the demo prints {text!r}", within_seconds=GATES_MS / 1000)


async def runbooks(demo: RunningDemo, policy: str) -> str:
    """What the command line says of every licence, with this text as the policy."""
    file = demo.state.with_name("policy-to-ask-with.yml")
    await asyncio.to_thread(file.write_text, policy)
    environment = {
        "COLUMNS": "400",
        "DATABASE_URL": f"sqlite+aiosqlite:///{demo.state / 'watchkeeper.db'}",
        "WATCHKEEPER_AUDIT_KEY_FILE": str(demo.state / "audit-key"),
        "WATCHKEEPER_POLICY": str(file),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "runbooks"), env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
