"""What every kind of monitor has in common: a parser from its webhook's JSON to alerts.

A second monitor is one more module with such a parser, and one more line in ``handlers.alerts``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.response.model.incidents import Alert
from storage.deliveries import RejectedAlert

ALERTS_MAX = 10_000
"""In one request. A monitor with more to say says it in several."""


class WebhookError(ValueError):
    """The request as a whole cannot be read; the text names the field, its value and the remedy."""


class ForeignWebhookError(WebhookError):
    """It is known whose webhook that is, and that it is not read here; the text has the way to have its alerts read."""


class TooManyAlertsError(WebhookError):
    """More than ``ALERTS_MAX`` alerts in one request."""


@dataclass(slots=True)
class Parsed:
    """What one request brought."""

    alerts: list[Alert] = field(default_factory=list)
    rejected: list[RejectedAlert] = field(default_factory=list)
    """Alerts that could not be read; they do not cost the others anything."""
    truncated: int = 0
    """How many alerts the monitor says it left out."""


Parse = Callable[[object, datetime], Parsed]
"""``(the decoded JSON, now)``; raises ``WebhookError``."""


def shown(value: object) -> str:
    """A value from outside for an error text: short, on one line, quoted."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
