"""What a route to a recipient can do, and what may come of one attempt. Outcomes are returned, not raised."""

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol

from bot.redaction import redacted
from bot.remediation import PermanentError
from bot.second_channel.letters import Letter
from bot.second_channel.telling import Kind

SEND_TIMEOUT_SECONDS = 15.0
"""After this a server counts as silent."""
ATTEMPT_TIMES = 2.0
"""How many of these times an attempt may take with all that it reads before; then it is over, whatever it waits for."""
ERROR_MAX_CHARACTERS = 300

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has accepted the message."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not accepted, or nobody knows: to be tried again, with the same words and the same key."""

    error: str
    others_may_go: bool = False
    """Whether it is about this message, so that others on this route may fare better."""


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


class Attempting(ABC):
    """Base of every route: whatever an attempt comes to is an outcome, in time and in words that can be stored."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds

    async def send(self, letter: Letter) -> Outcome:
        """One attempt, whose outcome is returned whatever happens; only being cancelled is raised."""
        within = ATTEMPT_TIMES * self._timeout_seconds
        try:
            async with asyncio.timeout(within):
                outcome = await self._attempt(letter)
        except PermanentError as error:  # a credential is not where the policy says
            outcome = RetryLater(str(error))
        except TimeoutError:
            outcome = RetryLater(f"no end to it within {within:g} s")
        except Exception as error:  # text that nobody foresaw, or what a library makes of a broken answer
            log.exception("a message about %s could not be made or sent", letter.incident)
            outcome = RetryLater(f"the message could not be made or sent ({type(error).__name__})", others_may_go=True)
        if isinstance(outcome, Delivered):
            return outcome
        return replace(outcome, error=printable(outcome.error))

    @abstractmethod
    async def _attempt(self, letter: Letter) -> Outcome:
        """One attempt; may raise what it cannot tell in words of its own."""


def printable(text: str, limit: int = ERROR_MAX_CHARACTERS) -> str:
    """Words of the other side as one line that can be stored, logged and shown, without the secrets it repeats."""
    line = " ".join("".join(one if one.isprintable() else " " for one in redacted(text)).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
