"""Whether our clock is right, as far as those whom we ask say what time it is.

A clock that is off makes signatures of Slack too old, evidence of the wrong minute, and windows that end too soon.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.doctor.diagnosis import ANSWER_SECONDS, Check, Diagnosis, Grade, Once
from bot.http_client import NoAnswerError, answer_of
from bot.slack.questions import Reply

CLOCK = "clock"
TOLERATED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Ours, compared with those of Slack and of Prometheus; ``None`` where one of them is not asked."""

    slack: Once[Reply] | None
    prometheus_url: str | None
    now: Callable[[], datetime]

    def check(self) -> Check:
        """One line for all of them."""
        return Check(CLOCK, self._ask)

    async def _ask(self) -> Sequence[Diagnosis]:
        prometheus, slack = await asyncio.gather(self._of_prometheus(), self._of_slack())
        ahead = {}
        if prometheus is not None:
            ahead["Prometheus"] = prometheus
        if slack is not None:
            ahead["Slack"] = slack
        if not ahead:
            return [Diagnosis(CLOCK, Grade.UNKNOWN, "neither Slack nor Prometheus says the time", "mend one of them")]
        off = {whose: seconds for whose, seconds in ahead.items() if abs(seconds) > TOLERATED_SECONDS}
        if not off:
            widest = max(abs(seconds) for seconds in ahead.values())
            return [Diagnosis(CLOCK, Grade.OK, f"within {widest:.0f} s of {' and '.join(sorted(ahead))}")]
        return [Diagnosis(CLOCK, Grade.BROKEN, _in_words(off), _remedy(off, ahead))]

    async def _of_slack(self) -> float | None:
        if self.slack is None:
            return None
        reply = await self.slack()
        said = _time(reply.date)
        return None if said is None else (reply.at - said).total_seconds()

    async def _of_prometheus(self) -> float | None:
        """Seconds that we are ahead of it; None where it does not say."""
        if self.prometheus_url is None:
            return None
        url = f"{self.prometheus_url.rstrip('/')}/api/v1/query?query=1"
        try:
            answer = await answer_of("GET", url, within_seconds=ANSWER_SECONDS, limit_bytes=0, cut=True)
        except NoAnswerError:
            return None
        said = _time(answer.date)
        return None if said is None else (self.now() - said).total_seconds()


def _time(date: str) -> datetime | None:
    try:
        said = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def _in_words(off: dict[str, float]) -> str:
    told = (f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {whose}" for whose, seconds in off.items())
    return f"ours is {' and '.join(told)}"


def _remedy(off: dict[str, float], ahead: dict[str, float]) -> str:
    """Who is alone with its time is wrong; where nobody can tell, it is ours that can be set."""
    if len(off) == 1 and len(ahead) > 1 and "Prometheus" in off:
        return "set the clock of Prometheus' machine, with `timedatectl set-ntp true` there"
    return "set the clock of this machine, with `timedatectl set-ntp true`"
