"""Signed links to stop and to pause: who holds one may do that one thing, once, until it expires. Never to approve.

A link carries everything that is asked of it and a seal over that, so nothing about it needs to be stored before it is
used. The key is made from the audit key and useless for anything else.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

TOKEN_MAX_CHARACTERS = 1200
PATH = "links"
_PURPOSE = b"watchkeeper action links, version 1"


class LinkIntervention(StrEnum):
    """What a link can do. Nothing that lets anything run will ever stand here."""

    STOP = "stop"
    PAUSE = "pause"


class LinkError(ValueError):
    """The link is not one of ours, or was changed on its way."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one link offers to whoever opens it."""

    intervention: LinkIntervention
    incident_id: int
    recipient: str
    """Whom it was sent to: an address, or the name of a route."""
    expires_at: datetime
    nonce: str

    @property
    def actor(self) -> str:
        """Who the record says did it."""
        return f"link:{self.recipient}"


class Links:
    """Seals offers into addresses, and reads them back."""

    def __init__(self, audit_key: bytes, base_url: str) -> None:
        self._key = hmac.new(audit_key, _PURPOSE, hashlib.sha256).digest()
        self._base_url = base_url.rstrip("/")

    def address(self, offer: Offer) -> str:
        """The link."""
        return f"{self._base_url}/{PATH}/{self.token(offer)}"

    def token(self, offer: Offer) -> str:
        """The last part of the link's path."""
        facts = [offer.intervention, offer.incident_id, offer.recipient, int(offer.expires_at.timestamp()), offer.nonce]
        text = json.dumps(facts, separators=(",", ":")).encode()
        return f"{_encoded(text)}.{_encoded(self._seal(text))}"

    def nonce(self, key: str, intervention: LinkIntervention) -> str:
        """The nonce of a message's link: unguessable, and the same when the message has to be sent again."""
        return _encoded(hmac.new(self._key, f"nonce {intervention} {key}".encode(), hashlib.sha256).digest()[:16])

    def read(self, token: str) -> Offer:
        """What a token offers; whether it has expired or was used is the caller's question.

        Raises:
            LinkError: it is none of ours.
        """
        text, _, seal = token[:TOKEN_MAX_CHARACTERS].partition(".")
        try:
            facts, given = _decoded(text), _decoded(seal)
        except ValueError as error:
            raise LinkError(f"the link cannot be read: {error}") from error
        if not hmac.compare_digest(given, self._seal(facts)):
            raise LinkError("the link's seal does not fit")
        intervention, incident_id, recipient, expires, nonce = json.loads(facts)
        return Offer(
            LinkIntervention(intervention), incident_id, recipient, datetime.fromtimestamp(expires, UTC), nonce
        )

    def _seal(self, text: bytes) -> bytes:
        return hmac.new(self._key, b"offer " + text, hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encoded(data) != text:
        raise ValueError("it is written in an unusual way")
    return data
