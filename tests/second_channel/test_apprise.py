"""Any service that Apprise knows, shown with its own plain JSON service."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from bot.policy.file.second_channel import AppriseRoute
from bot.second_channel.apprise import Anywhere
from bot.second_channel.route import Delivered, RetryLater
from tests.second_channel.letters import announcement

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""One of Apprise's plugins still asks for it, where it is there."""


@dataclass
class Service:
    """Takes Apprise's ``json://`` notifications."""

    address: str = ""
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.taken.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service, app = Service(), web.Application()
    app.router.add_post("/notify", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.address = f"127.0.0.1:{runner.addresses[0][1]}/notify"
    yield service
    await runner.cleanup()


def route(url: str) -> Anywhere:
    return Anywhere(AppriseRoute(name="teams", url_env="TEAMS_URL"), lambda: url, 5)


async def test_a_letter_is_told_as_plain_text(service: Service) -> None:
    letter = announcement()
    assert await route(f"json://{service.address}").send(letter) == Delivered()
    (told,) = service.taken
    assert (told["title"], told["message"]) == (letter.title, letter.text.rstrip())


async def test_a_service_that_refuses_is_tried_again_later_and_its_password_stays_ours(service: Service) -> None:
    service.status = 500
    outcome = await route(f"json://watch:a-password@{service.address}").send(announcement())
    assert isinstance(outcome, RetryLater)
    assert "a-password" not in outcome.error


async def test_a_url_that_apprise_does_not_understand_is_said_without_showing_it() -> None:
    outcome = await route("nonsense://a-password").send(announcement())
    assert isinstance(outcome, RetryLater)
    assert "none that Apprise understands" in outcome.error
    assert "a-password" not in outcome.error
