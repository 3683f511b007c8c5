"""PagerDuty's Events API v2: one alert for each incident, whatever is told of it, resolved when the incident is.

https://developer.pagerduty.com/docs/send-alert-event
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bot.http_client import NoAnswerError, answer_of
from bot.policy.file.second_channel import PagerDutyRoute
from bot.second_channel.letters import Letter
from bot.second_channel.route import SEND_TIMEOUT_SECONDS, Attempting, Delivered, Outcome, Rejected, RetryLater
from bot.second_channel.telling import Kind

SUMMARY_MAX_CHARACTERS = 1024
ANSWER_READ_BYTES = 4_000
"""What is beyond is no explanation for anybody."""
_SEVERITIES = {"critical": "critical", "page": "critical", "error": "error", "high": "error", "warning": "warning"}
_WAKING = frozenset({Kind.ANNOUNCEMENT, Kind.QUESTION, Kind.CALL})
"""PagerDuty is for waking people; that something went well wakes nobody."""
_EVENT_ACTIONS = dict.fromkeys(_WAKING, "trigger") | {Kind.OVER: "resolve"}
_ROUTE = "pagerduty"


class PagerDuty(Attempting):
    """The one route to a PagerDuty service."""

    name = recipient = _ROUTE
    in_words = "PagerDuty"

    def __init__(
        self,
        route_settings: PagerDutyRoute,
        routing_key: Callable[[], str | None],
        dedup_prefix: str,
        timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        """Connect to nothing yet.

        Args:
            routing_key: reads it where the policy says it is, anew for each event; it may block.
            dedup_prefix: keeps our incidents apart from those of another Watchkeeper on the same service.
        """
        super().__init__(timeout_seconds)
        self._settings = route_settings
        self._routing_key = routing_key
        self._dedup_prefix = dedup_prefix

    def takes(self, kind: Kind) -> bool:
        """What triggers its alert or resolves it."""
        return kind in _EVENT_ACTIONS

    async def _attempt(self, letter: Letter) -> Outcome:
        """PagerDuty recognises a repetition by the incident."""
        routing_key = await asyncio.to_thread(self._routing_key)
        event = {"routing_key": routing_key, **self.event(letter)}
        try:
            answer = await answer_of(
                "POST",
                self._settings.url,
                within_seconds=self._timeout_seconds,
                limit_bytes=ANSWER_READ_BYTES,
                cut=True,
                data=json.dumps(event).encode(),
                headers={"Content-Type": "application/json"},
            )
        except NoAnswerError as error:
            return RetryLater(f"PagerDuty does not answer: {error}")
        said = answer.body.decode(errors="replace")
        match answer.status:
            case 202:
                return Delivered()
            case 400:
                return Rejected(f"PagerDuty refuses the event: {said}")
            case status:
                return RetryLater(f"PagerDuty answered {status}: {said}")

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
