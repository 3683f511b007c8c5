"""The workspace being difficult on command, so a bot can be shown to survive what Slack does on bad days.

This module only holds what was asked for. The Web API, socket mode and deliveries ask it at the moment that matters.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

EVERY_METHOD = "*"
DisconnectReason = Literal["warning", "refresh_requested"]


class Trouble(StrEnum):
    """What happens to a call."""

    RATE_LIMITED = "rate_limited"
    """Slack answers 429 and does nothing."""
    FAILED = "failed"
    """Slack answers with an HTTP error and does nothing."""
    REQUEST_LOST = "request_lost"
    """It has no effect, and the caller's connection breaks."""
    ANSWER_LOST = "answer_lost"
    """It takes effect, but the caller never hears so."""


class Nuisance(StrEnum):
    """What happens to an envelope on its way to the app."""

    DUPLICATED = "duplicated"
    DELAYED = "delayed"
    LOST = "lost"


@dataclass(slots=True)
class CallFault:
    """One injected fault; `times_left` None means until lifted."""

    method: str
    trouble: Trouble
    times_left: int | None
    retry_after_seconds: int = 1
    status: int = 500
    hold_seconds: float = 0.0


@dataclass(slots=True)
class DeliveryFault:
    """One injected fault; `times_left` None means until lifted."""

    nuisance: Nuisance
    times_left: int | None
    delay_seconds: float = 0.0


class Sockets(Protocol):
    """Whoever holds the open sockets and can maltreat them."""

    def deafen(self, answer_pings: bool) -> None:
        """Stop listening and sending on the sockets open now."""

    def disconnect(self, reason: DisconnectReason) -> None:
        """Send each a `disconnect` frame."""

    def drop(self) -> None:
        """Cut each without a word."""


@dataclass(slots=True)
class Misbehaviour:
    """The faults in force. Each applies to the next `times` occasions, or (`times=None`) until `lift`.

    What is asked for sockets happens at once, to those open then.
    """

    sockets: Sockets

    calls: list[CallFault] = field(default_factory=list)
    deliveries: list[DeliveryFault] = field(default_factory=list)

    def rate_limit(self, method: str = EVERY_METHOD, times: int | None = 1, retry_after: int = 1) -> None:
        """Answer 429 with this `Retry-After` (seconds)."""
        self.calls.append(CallFault(method, Trouble.RATE_LIMITED, times, retry_after_seconds=retry_after))

    def fail(self, method: str = EVERY_METHOD, times: int | None = 1, status: int = 500) -> None:
        """Answer this HTTP status, without any effect."""
        self.calls.append(CallFault(method, Trouble.FAILED, times, status=status))

    def lose_request(self, method: str = EVERY_METHOD, times: int | None = 1, hold: float = 0.0) -> None:
        """No effect and no answer; the connection breaks after `hold` seconds."""
        self.calls.append(CallFault(method, Trouble.REQUEST_LOST, times, hold_seconds=hold))

    def lose_answer(self, method: str = EVERY_METHOD, times: int | None = 1, hold: float = 0.0) -> None:
        """The effect happens but the answer never comes; the connection breaks after `hold` seconds."""
        self.calls.append(CallFault(method, Trouble.ANSWER_LOST, times, hold_seconds=hold))

    def duplicate_envelopes(self, times: int | None = 1) -> None:
        """Deliver each envelope twice."""
        self.deliveries.append(DeliveryFault(Nuisance.DUPLICATED, times))

    def delay_envelopes(self, seconds: float, times: int | None = 1) -> None:
        """Deliver each envelope this many seconds late."""
        self.deliveries.append(DeliveryFault(Nuisance.DELAYED, times, seconds))

    def lose_envelopes(self, times: int | None = 1) -> None:
        """Never deliver the envelope, as when it went to a connection nobody reads."""
        self.deliveries.append(DeliveryFault(Nuisance.LOST, times))

    def deafen_sockets(self, answer_pings: bool = False) -> None:
        """Keep the sockets open but neither send on them nor listen; new connections are healthy."""
        self.sockets.deafen(answer_pings)

    def disconnect(self, reason: DisconnectReason = "refresh_requested") -> None:
        """Send every socket a `disconnect` frame, as Slack does when it moves connections."""
        self.sockets.disconnect(reason)

    def drop_sockets(self) -> None:
        """Cut every socket without a word."""
        self.sockets.drop()

    def lift(self, method: str | None = None) -> None:
        """Behave again: for one method's calls, or (`None`) altogether."""
        if method is not None:
            self.calls = [fault for fault in self.calls if fault.method != method]
            return
        self.calls.clear()
        self.deliveries.clear()

    def next_for_call(self, method: str) -> CallFault | None:
        """Use up and return the oldest fault for this method, if any."""
        for fault in self.calls:
            if fault.method in (method, EVERY_METHOD):
                if fault.times_left is not None:
                    fault.times_left -= 1
                    if fault.times_left == 0:
                        self.calls.remove(fault)
                return fault
        return None

    def next_for_delivery(self) -> DeliveryFault | None:
        """Use up and return the oldest fault for an envelope, if any."""
        if not self.deliveries:
            return None
        fault = self.deliveries[0]
        if fault.times_left is not None:
            fault.times_left -= 1
            if fault.times_left == 0:
                self.deliveries.pop(0)
        return fault
