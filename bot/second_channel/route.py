"""What a route to a recipient can do, and what may come of one attempt. Outcomes are returned, not raised."""

from dataclasses import dataclass
from typing import Protocol

from bot.second_channel.letters import Letter
from bot.second_channel.telling import Kind

SEND_TIMEOUT_SECONDS = 15.0
"""After this a server counts as silent; every route keeps to it by itself."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has accepted the message."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not accepted, or nobody knows: to be tried again, with the same words and the same key."""

    error: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The other side will not take this message, however often it is sent."""

    error: str


Outcome = Delivered | RetryLater | Rejected


class Route(Protocol):
    """One recipient, reached in one way."""

    @property
    def name(self) -> str:
        """Stands in rows and in the record: ``email:alice@example.com``."""
        ...

    @property
    def recipient(self) -> str:
        """Whom its links are for, in the record: ``alice@example.com``."""
        ...

    @property
    def in_words(self) -> str:
        """For people: "e-mail to alice@example.com"."""
        ...

    def takes(self, kind: Kind) -> bool:
        """Whether this kind is told here at all."""
        ...

    async def send(self, letter: Letter) -> Outcome:
        """One attempt."""
        ...
