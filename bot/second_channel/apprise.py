"""Any service that Apprise knows: Teams, Telegram, ntfy, SMS and many more, named by one URL.

Apprise loads its plugins and speaks to services in a blocking way, so all of it happens in a thread; see decision 6.
"""

import asyncio
from collections.abc import Callable

from bot.policy.file.second_channel import AppriseRoute
from bot.second_channel.letters import Letter
from bot.second_channel.route import SEND_TIMEOUT_SECONDS, Attempting, Delivered, Outcome, RetryLater
from bot.second_channel.telling import Kind


class Anywhere(Attempting):
    """One Apprise URL."""

    def __init__(
        self, route_settings: AppriseRoute, url: Callable[[], str | None], timeout_seconds: float = SEND_TIMEOUT_SECONDS
    ) -> None:
        """``url`` reads it where the policy says it is, anew for each message; it may block."""
        super().__init__(timeout_seconds)
        self._url = url
        self.name = self.recipient = f"apprise:{route_settings.name}"
        self.in_words = route_settings.name

    def takes(self, kind: Kind) -> bool:
        """Everything but that an incident is over: nothing stays open at the other side."""
        return kind is not Kind.OVER

    async def _attempt(self, letter: Letter) -> Outcome:
        """In a thread of its own, because Apprise blocks; whatever fails is to be tried again."""
        return await asyncio.to_thread(self._send, letter)

    def _send(self, letter: Letter) -> Outcome:
        # Slow to import, with more than a hundred plugins behind it: only where the policy names such a route.
        from apprise import Apprise, NotifyFormat

        service = Apprise()
        if not service.add(self._url() or ""):
            return RetryLater("the URL is none that Apprise understands; see its documentation for the service's form")
        with service.notify(
            body=letter.text, title=letter.title, body_format=NotifyFormat.TEXT, timeout=self._timeout_seconds
        ) as result:
            if result:
                return Delivered()
            return RetryLater(f"the service did not take it ({result.status.name.lower()}); Apprise's log says why")
