"""How this process hears from Slack: Socket Mode, HTTP, or both, when somebody moves from one to the other."""

from collections.abc import Callable
from datetime import datetime

from bot.slack.connection import Connection
from bot.slack.replies import ProcessFacts
from handlers.slack.inbox import Inbox


class SlackTransport:
    """Knows how it goes, from what it is given once that is built."""

    def __init__(self, replica: str, now: Callable[[], datetime], *, socket_mode: bool, http: bool) -> None:
        ways = {"Socket Mode": socket_mode, "HTTP": http}
        self._in_words = " and ".join(way for way, is_used in ways.items() if is_used)
        self._replica = replica
        self._now = now
        self.inbox: Inbox | None = None
        self.connection: Connection | None = None
        """None without Socket Mode."""

    def problem(self) -> str:
        """In words; empty when all is well. HTTP has no connection that could be lost."""
        return self.connection.state.problem if self.connection else ""

    def process(self) -> ProcessFacts:
        """For ``/readyz`` and ``/watch status``."""
        state = self.connection.state if self.connection else None
        signs = [state.seconds_since_sign] if state and state.seconds_since_sign is not None else []
        if self.inbox is not None and self.inbox.heard_at is not None:
            signs.append((self._now() - self.inbox.heard_at).total_seconds())
        return ProcessFacts(
            replica=self._replica,
            transport=self._in_words,
            connected_since=state.connected_since if state else None,
            seconds_since_sign=round(min(signs), 1) if signs else None,
            rebuilds=state.rebuilds if state else 0,
        )
