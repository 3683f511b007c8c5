"""Who may send: whoever signs with the secret that both sides know, and lately.

As Slack signs: the time and the raw body are sealed together, so that neither can be changed, and what was overheard
is of no use a few minutes later. Nothing of a body is read before this has passed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

AGE_MAX = timedelta(minutes=5)
"""How far the sender's clock may be from ours, and how long a request is good for."""


class SignatureError(ValueError):
    """The request is not signed as it must be; the text says what is wrong and how it is done."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One sender's way of signing; they differ in names alone."""

    version: str
    timestamp_header: str
    signature_header: str
    how: str
    """The end of what is told to whoever signs wrongly."""

    def signature(self, secret: bytes, timestamp: str, body: bytes) -> str:
        """What the signature's header must say of this body."""
        sealed = f"{self.version}:{timestamp}:".encode("utf-8", "surrogateescape") + body
        return f"{self.version}={hmac.new(secret, sealed, hashlib.sha256).hexdigest()}"

    def check(self, secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Let pass what is signed as it must be.

        Raises:
            SignatureError: it is not.
        """
        timestamp, given = headers.get(self.timestamp_header, ""), headers.get(self.signature_header, "")
        if not timestamp or not given:
            raise SignatureError(f"{self.timestamp_header} or {self.signature_header} is missing; {self.how}")
        right = self.signature(secret, timestamp, body)
        # Compared in constant time, so that no sender learns from our pace how much of a guess was right.
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode()):
            raise SignatureError(f"{self.signature_header} does not fit; {self.how}")
        try:
            at = datetime.fromtimestamp(int(timestamp), UTC)
        except (ValueError, OverflowError, OSError):
            raise SignatureError(f"{self.timestamp_header} is no time in seconds since 1970; {self.how}") from None
        if abs(now - at) > AGE_MAX:
            raise SignatureError(
                f"{self.timestamp_header} is {abs(now - at).total_seconds():.0f} s from our clock, and at most "
                f"{AGE_MAX.total_seconds():.0f} s are taken; set the clock, or sign the request anew"
            )
