"""How fast we may talk to Slack: one even pace with a small burst per method, or per method and channel.

Pure arithmetic over a clock that is passed in. Slack's own limits: chat.postMessage about one message a second and
channel, chat.update tier 3 (50 a minute). https://docs.slack.dev/apis/web-api/rate-limits

Must not know: what is sent.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """One slot each ``interval_seconds``, with ``burst`` slots saved up while nothing is sent."""

    interval_seconds: float
    burst: int
    blocked_until: float = field(default=0.0, init=False)
    _next: float = field(default=0.0, init=False)

    def reserve(self, now: float) -> float:
        """Take the next free slot; when it is. Slots are handed out in the order they are asked for."""
        slot = max(self._next, self.blocked_until, now - self.interval_seconds * (self.burst - 1))
        self._next = slot + self.interval_seconds
        return max(slot, now)

    def has_spare(self, now: float) -> bool:
        """Whether half of the burst is saved up, so that a slot for what can wait delays nothing else."""
        return max(self._next, self.blocked_until) <= now - self.interval_seconds * (self.burst // 2)

    def block(self, until: float) -> None:
        """Slack has said "not before": slots before ``until`` are void, and nothing is saved up by then."""
        self.blocked_until = max(self.blocked_until, until)
        self._next = max(self._next, until)


@dataclass(slots=True)
class Paces:
    """A pace for every method and channel that is used; a limit on one channel never slows another."""

    post_interval_seconds: float = 1.0
    post_burst: int = 4
    update_interval_seconds: float = 1.5
    update_burst: int = 10
    """Ten at once and then 40 a minute stay within 50 in every minute."""
    _posts: dict[str, Pace] = field(default_factory=dict)
    _updates: Pace | None = None

    def posting(self, channel: str) -> Pace:
        """For new messages in one channel."""
        return self._posts.setdefault(channel, Pace(self.post_interval_seconds, self.post_burst))

    def updating(self) -> Pace:
        """For changing messages, wherever they are: Slack counts these together."""
        if self._updates is None:
            self._updates = Pace(self.update_interval_seconds, self.update_burst)
        return self._updates
