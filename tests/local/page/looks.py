"""One thing as four readers see it: at a desk and on a phone, in the light and in the dark, on one sheet."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, Locator, Page

from tests.local.page.conftest import Opener, Window

DESK_WIDE, PHONE_WIDE = 1026, 390
"""At a desk a card is as wide as it ever gets, with little beside it that is empty."""
LOOKS = tuple(
    (f"{place}, {scheme}", wide, scheme)
    for scheme in ("light", "dark")
    for place, wide in (("desk", DESK_WIDE), ("phone", PHONE_WIDE))
)
QUALITY = 10
"""Letters stay sharp at the lowest, and all pictures together stay small."""
SHEET = """<!doctype html><title>Four looks</title><style>
body { margin: 0; background: #8d979c; }
main { display: grid; grid-template-columns: auto auto; place-items: start; gap: 10px; width: max-content;
  padding: 10px; }
img { display: block; }
</style><main>%s</main>"""
WHOLE = """part => {
  for (const time of part.querySelectorAll(".byline .time")) time.textContent = "03:02";
  document.documentElement.style.caretColor = "transparent";
  part.style.maxHeight = "none";
  const { x, y, width, height } = part.getBoundingClientRect();
  const frames = [];
  for (let frame = part.parentElement; frame; frame = frame.parentElement)
    if (getComputedStyle(frame).overflowY !== "visible") frames.push(frame.getBoundingClientRect());
  const whole = frames.every((frame) => y >= frame.top && y + height <= frame.bottom + 0.5);
  return { whole, clip: { x, y, width, height, scale: 1 } };
}"""
NIGHT = datetime(2026, 11, 23, 3, 5, tzinfo=UTC)
"""When the pictures are looked at, so that each looks alike whenever it is taken."""
TOO_WIDE = Path(__file__).with_name("too_wide.js").read_text(encoding="utf-8")


class Look:
    """One of the four, open on a page."""

    def __init__(self, name: str, window: Window, devtools: CDPSession) -> None:
        self.name = name
        self.window = window
        self._devtools = devtools

    async def too_wide(self, part: Locator) -> list[str]:
        """What is wider than the page or than what it stands in, or cut off there; empty where all is well."""
        found: list[str] = await part.evaluate(TOO_WIDE)
        return found

    async def picture(self, part: Locator) -> str:
        """The whole of it, as base64 of a PNG."""
        seen = await part.evaluate(WHOLE)
        assert seen["whole"], f"{self.name}: has to be scrolled"
        # By the browser's own means: quicker than Playwright's, which waits for what never moves here.
        options = {"format": "png", "optimizeForSpeed": True, "clip": seen["clip"]}
        return str((await self._devtools.send("Page.captureScreenshot", options))["data"])


class Looks:
    """The same person's four pages, and the sheet on which they are laid out."""

    def __init__(self, looks: list[Look], table: Page, devtools: CDPSession) -> None:
        self.all = looks
        self._table = table
        self._devtools = devtools

    async def sheet(self, parts: list[Locator]) -> bytes:
        """One part of each page as a WebP picture: light above dark, and the phone beside the desk."""
        taken = await asyncio.gather(*(look.picture(part) for look, part in zip(self.all, parts, strict=True)))
        await self._table.set_content(SHEET % "".join(f'<img src="data:image/png;base64,{one}">' for one in taken))
        laid_out = self._table.locator("main")
        await laid_out.evaluate("main => Promise.all([...main.children].map(one => one.decode()))")
        clip: Any = (await laid_out.evaluate(WHOLE))["clip"]
        options = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
        picture = base64.b64decode((await self._devtools.send("Page.captureScreenshot", options))["data"])
        assert picture[8:12] == b"WEBP"
        return picture

    @property
    def complaints(self) -> list[str]:
        """What any of the pages complained of."""
        return [complaint for look in self.all for complaint in look.window.complaints]


@asynccontextmanager
async def four_looks(chromium: Browser, open_page: Opener, high: int) -> AsyncIterator[Looks]:
    """Open the four pages, each ``high`` enough that nothing has to be scrolled."""
    looks = []
    for name, wide, scheme in LOOKS:
        window = await open_page(viewport={"width": wide, "height": high}, color_scheme=scheme, timezone_id="UTC")
        await window.page.clock.set_fixed_time(NIGHT)
        looks.append(Look(name, window, await window.page.context.new_cdp_session(window.page)))
    context = await chromium.new_context(viewport={"width": DESK_WIDE + PHONE_WIDE, "height": 800})
    table = await context.new_page()
    try:
        yield Looks(looks, table, await context.new_cdp_session(table))
    finally:
        await context.close()
