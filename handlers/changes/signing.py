"""Who may report a change: whoever signs with the secret that both sides know, and lately.

As Slack signs: the time and the body are sealed together, so that neither can be changed, and what was overheard is of
no use a few minutes later.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

TIMESTAMP_HEADER = "X-Watchkeeper-Timestamp"
SIGNATURE_HEADER = "X-Watchkeeper-Signature"
VERSION = "v1"
AGE_MAX = timedelta(minutes=5)
"""How far the sender's clock may be from ours, and how long a request is good for. What is over is remembered longer,
so nothing that was overheard begins anew."""
HOW = (
    f"sign with WATCHKEEPER_CHANGES_SECRET: {TIMESTAMP_HEADER} is the time in seconds since 1970, {SIGNATURE_HEADER} "
    f'is "{VERSION}=" and the HMAC-SHA256, in hexadecimal, of "{VERSION}:<that time>:<the body>"'
)


class SignatureError(ValueError):
    """The request is not signed as it must be; the text says what is wrong and how it is done."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What ``SIGNATURE_HEADER`` must say of this body."""
    sealed = f"{VERSION}:{timestamp}:".encode() + body
    return f"{VERSION}={hmac.new(secret, sealed, hashlib.sha256).hexdigest()}"


def check(secret: bytes, timestamp: str, given: str, body: bytes, now: datetime) -> None:
    """Let pass what is signed as it must be.

    Raises:
        SignatureError: it is not.
    """
    if not timestamp or not given:
        raise SignatureError(f"{TIMESTAMP_HEADER} or {SIGNATURE_HEADER} is missing; {HOW}")
    # Compared in constant time, so that no sender learns from our pace how much of a guess was right.
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), signature(secret, timestamp, body).encode()):
        raise SignatureError(f"{SIGNATURE_HEADER} does not fit; {HOW}")
    try:
        at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise SignatureError(f"{TIMESTAMP_HEADER} is no time in seconds since 1970; {HOW}") from None
    if abs(now - at) > AGE_MAX:
        raise SignatureError(
            f"{TIMESTAMP_HEADER} is {abs(now - at).total_seconds():.0f} s from our clock, and at most "
            f"{AGE_MAX.total_seconds():.0f} s are taken; set the clock, or sign the request anew"
        )
