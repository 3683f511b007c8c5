"""PagerDuty's Events API v2: one alert for each incident, whatever is told of it, resolved when the incident is.

https://developer.pagerduty.com/docs/send-alert-event
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from bot.policy.file.second_channel import PagerDutyRoute
from bot.remediation import PermanentError
from bot.second_channel.letters import Letter
from bot.second_channel.route import SEND_TIMEOUT_SECONDS, Delivered, Outcome, Rejected, RetryLater
from bot.second_channel.telling import Kind

SUMMARY_MAX_CHARACTERS = 1024
ERROR_MAX_CHARACTERS = 300
_SEVERITIES = {"critical": "critical", "page": "critical", "error": "error", "high": "error", "warning": "warning"}
_WAKING = frozenset({Kind.ANNOUNCEMENT, Kind.QUESTION, Kind.CALL})
"""PagerDuty is for waking people; that something went well wakes nobody."""
_EVENT_ACTIONS = dict.fromkeys(_WAKING, "trigger") | {Kind.OVER: "resolve"}
_ROUTE = "pagerduty"


class PagerDuty:
    """The one route to a PagerDuty service."""

    name = recipient = _ROUTE
    in_words = "PagerDuty"

    def __init__(
        self,
        route_settings: PagerDutyRoute,
        routing_key: Callable[[], str | None],
        session: aiohttp.ClientSession,
        dedup_prefix: str,
        timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        """Speak through ``session``, which its maker closes.

        Args:
            routing_key: reads it where the policy says it is, anew for each event; it may block.
            dedup_prefix: keeps our incidents apart from those of another Watchkeeper on the same service.
        """
        self._settings = route_settings
        self._routing_key = routing_key
        self._session = session
        self._dedup_prefix = dedup_prefix
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    def takes(self, kind: Kind) -> bool:
        """What triggers its alert or resolves it."""
        return kind in _EVENT_ACTIONS

    async def send(self, letter: Letter) -> Outcome:
        """One attempt; PagerDuty recognises a repetition by the incident."""
        try:
            routing_key = await asyncio.to_thread(self._routing_key)
        except PermanentError as error:
            return RetryLater(str(error))
        event = {"routing_key": routing_key, **self.event(letter)}
        try:
            async with self._session.post(
                self._settings.url, json=event, timeout=self._timeout, allow_redirects=False
            ) as response:
                body = (await response.text())[:ERROR_MAX_CHARACTERS]
        except (aiohttp.ClientError, TimeoutError) as error:
            return RetryLater(f"PagerDuty does not answer: {type(error).__name__} {error}".rstrip())
        match response.status:
            case 202:
                return Delivered()
            case 400:
                return Rejected(f"PagerDuty refuses the event: {body}")
            case status:
                return RetryLater(f"PagerDuty answered {status}: {body}")

    def event(self, letter: Letter) -> dict[str, Any]:
        """The event without its routing key."""
        action = _EVENT_ACTIONS[letter.kind]
        event: dict[str, Any] = {"event_action": action, "dedup_key": f"{self._dedup_prefix}/{letter.incident}"}
        if action == "resolve":
            return event
        return event | {
            "client": "Watchkeeper",
            "payload": {
                "summary": letter.title[:SUMMARY_MAX_CHARACTERS],
                "source": letter.service or "watchkeeper",
                "severity": _SEVERITIES.get(letter.severity, "warning"),
                "timestamp": letter.written_at.isoformat(),
                "component": letter.service or "unknown",
                "class": letter.alert_name,
                "custom_details": {"incident": letter.incident, "told": letter.text},
            },
            "links": [{"href": link.address, "text": link.label} for link in letter.links],
        }
