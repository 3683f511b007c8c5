"""Short-lived permissions handed out with each interaction: trigger ids and response URLs."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.local.workspace.refusal import Refusal

TRIGGER_LIVES_SECONDS = 3.0
RESPONSE_URL_LIVES_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


@dataclass(slots=True)
class Trigger:
    """The right to open one modal for one person; `view_id` is the modal the interaction came from."""

    user: str
    expires_at: float
    view_id: str | None = None
    is_used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """The right to answer one interaction a few times. `message_ts` is the message it came from, if any."""

    user: str
    channel: str
    expires_at: float
    message_ts: str | None = None
    uses_left: int = RESPONSE_URL_USES


class Triggers:
    """Issues trigger ids and lets each be used once, within three seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lives_seconds = TRIGGER_LIVES_SECONDS
        """A test that is not about it may lengthen it."""
        self._clock = clock
        self._issued: dict[str, Trigger] = {}

    def issue(self, user: str, view_id: str | None = None) -> str:
        """A new trigger id for this person."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._issued[trigger_id] = Trigger(user, self._clock() + self.lives_seconds, view_id)
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Use the trigger up.

        Raises:
            Refusal: `invalid_trigger_id`, `exchanged_trigger_id` or `expired_trigger_id`.
        """
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.is_used:
            raise Refusal("exchanged_trigger_id")
        if self._clock() > trigger.expires_at:
            raise Refusal("expired_trigger_id")
        trigger.is_used = True
        return trigger


class ResponseUrls:
    """Issues response URL keys and counts their uses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, user: str, channel: str, message_ts: str | None = None) -> str:
        """A new key, the last part of a response URL."""
        key = secrets.token_urlsafe(18)
        expires_at = self._clock() + RESPONSE_URL_LIVES_SECONDS
        self._issued[key] = ResponseUrl(user, channel, expires_at, message_ts)
        return key

    def use(self, key: str) -> ResponseUrl:
        """Count one use.

        Raises:
            Refusal: `invalid_url`, `expired_url` or `used_url`.
        """
        slip = self._issued.get(key)
        if slip is None:
            raise Refusal("invalid_url")
        if self._clock() > slip.expires_at:
            raise Refusal("expired_url")
        if slip.uses_left == 0:
            raise Refusal("used_url")
        slip.uses_left -= 1
        return slip
