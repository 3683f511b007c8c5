"""How often an app may call: Slack's rate tiers per method, and a message a second per channel."""

from collections import deque
from collections.abc import Callable
from math import ceil

from bot.local.workspace.facts import MethodFacts
from bot.local.workspace.refusal import Refusal

TIER_WINDOW_SECONDS = 60.0
# "t5" is Slack's "special": its own limit for posting (below), generous for everything else.
CALLS_PER_MINUTE = {"t1": 1, "t2": 20, "t3": 50, "t4": 100, "t5": 600}
POSTS_PER_SECOND = 1.0
POST_BURST = 5


class RateLimits:
    """Counts calls and refuses those over the limit.

    Args:
        clock: seconds since the epoch.
        relaxed: never refuse; for tests that are not about limits.
    """

    def __init__(self, clock: Callable[[], float], relaxed: bool) -> None:
        self._clock = clock
        self._relaxed = relaxed
        self._calls: dict[str, deque[float]] = {}
        self._post_credit: dict[str, tuple[float, float]] = {}

    def spend(self, facts: MethodFacts, channel: str) -> None:
        """Count one call.

        Raises:
            RateLimited: it is over the method's tier, or over the channel's rate for posting.
        """
        if self._relaxed:
            return
        now = self._clock()
        calls = self._calls.setdefault(facts.name, deque())
        while calls and now - calls[0] >= TIER_WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= CALLS_PER_MINUTE[facts.tier]:
            raise RateLimited(TIER_WINDOW_SECONDS - (now - calls[0]))
        if facts.name == "chat.postMessage":
            self._spend_post(channel, now)
        calls.append(now)

    def _spend_post(self, channel: str, now: float) -> None:
        credit, since = self._post_credit.get(channel, (float(POST_BURST), now))
        credit = min(float(POST_BURST), credit + (now - since) * POSTS_PER_SECOND)
        if credit < 1:
            raise RateLimited((1 - credit) / POSTS_PER_SECOND)
        self._post_credit[channel] = (credit - 1, now)


class RateLimited(Refusal):
    """HTTP 429 with `Retry-After`.

    Args:
        wait_seconds: how long until a call would pass; rounded up to whole seconds, at least one.
    """

    def __init__(self, wait_seconds: float) -> None:
        super().__init__("ratelimited")
        self.retry_after_seconds = max(1, ceil(wait_seconds))
