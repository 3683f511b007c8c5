"""Slack is away, and somebody opens the link in the mail: one page, one button, and nothing runs."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.local.page.conftest import Window
from tests.scenarios.conftest import TakePicture
from tests.scenarios.outage import ALICE, links_in, take_slack_away, with_second_channel
from tests.scenarios.small_stage import small_stage
from tests.second_channel.receivers import mail_server

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

TABLET: dict[str, Any] = {"viewport": {"width": 720, "height": 520}}


async def test_alice_opens_the_link_in_a_mail_and_stops_what_was_announced(
    tmp_path: Path, chromium: Browser, picture: TakePicture
) -> None:
    async with (
        mail_server() as mailbox,
        small_stage(
            tmp_path,
            level="L3",
            licensed=True,
            with_prometheus=True,
            veto_window="60s",
            change_orders=with_second_channel(mailbox),
        ) as here,
    ):
        take_slack_away(here.workspace)
        await here.service.crash()
        await here.fire()
        (mail,) = await mailbox.until(1, ALICE)
        stop = links_in(mail)[0]
        context = await chromium.new_context(**TABLET)
        try:
            alice = Window(await context.new_page())
            await alice.page.goto(f"{here.bot_url}{stop}")
            await expect(alice.page.get_by_role("heading")).to_contain_text("Stop INC-1?")
            await picture(alice.page, "stop-link")
            await alice.page.get_by_role("button").click()
            await expect(alice.page.locator("main")).to_contain_text("Stopped. Nothing was changed")
            assert alice.complaints == []
        finally:
            await context.close()
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert "action.executed" not in await here.kinds()
