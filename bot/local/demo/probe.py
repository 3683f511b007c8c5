"""A monitor of our own, for machines without Prometheus: turns health checks into alerts, told as Alertmanager does."""

import logging
from datetime import UTC, datetime

import aiohttp

from bot.local.demo.alerts import FiringAlert, Receiver, moment, send, webhook
from bot.local.demo.health import Health

FAILURES_UNTIL_FIRING = 2
"""One bad check may be a hiccup of a busy machine."""

log = logging.getLogger(__name__)


class ProbeMonitor:
    """Fires ``ServiceDown`` after two bad checks in a row, and resolves it with the first good one.

    What the receiver has not accepted is posted again with the next check, in order.
    """

    def __init__(self, service: str, url: str, receiver: Receiver) -> None:
        self._labels = {"alertname": "ServiceDown", "service": service, "instance": url, "severity": "critical"}
        self._service = service
        self._receiver = receiver
        self._failures = 0
        self._untold: list[tuple[FiringAlert, datetime | None]] = []
        self.firing: FiringAlert | None = None

    async def checked(self, found: Health) -> None:
        """Take in what one check found."""
        now = datetime.now(UTC)
        if found is Health.ANSWERING:
            self._failures = 0
            if self.firing is not None:
                self._untold.append((self.firing, now))
                self.firing = None
        else:
            self._failures += 1
            if self._failures >= FAILURES_UNTIL_FIRING and self.firing is None:
                self.firing = self._alert(found, now)
                self._untold.append((self.firing, None))
        await self._tell()

    def _alert(self, found: Health, now: datetime) -> FiringAlert:
        annotations = {
            "summary": f"{self._service} does not answer",
            "description": f"The demo's probe found it {found} {FAILURES_UNTIL_FIRING} times in a row.",
        }
        return FiringAlert(self._labels, annotations, moment(now), self._labels["instance"])

    async def _tell(self) -> None:
        while self._untold:
            alert, resolved_at = self._untold[0]
            body = webhook(alert, resolved_at=resolved_at, external_url=self._labels["instance"])
            try:
                await send(self._receiver, body)
            except (aiohttp.ClientError, OSError) as error:
                log.warning("The alert was not accepted, and is sent again: %s", error)
                return
            self._untold.pop(0)
