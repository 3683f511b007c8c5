"""Acts whose error budgets are watched: monitoring is asked about all of them together, and what rises is harm.

Each watch is a row, so nothing is forgotten when a process dies, and of all replicas one keeps each answer. Monitoring
is asked outside any transaction and in bounded time. What it cannot say convicts nobody: people are told that nobody
knows.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.policy.burning import Burn, Reading, Watched, burn_after
from bot.policy.evidence import NOT_ASKED, Answer, highest
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.impact import finite
from bot.response.execution.burn_watch import look_again
from bot.response.execution.harm import answer_burn
from bot.response.model.actions import Action, ActionState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import BurnWatch
from bot.response.notices.report import tell
from bot.response.ports.context import Context
from bot.response.ports.patience import NotAnsweredError, Patience
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def watch_burns(context: Context) -> int:
    """Ask about every act that is watched and due; how many are watched no longer after this call."""
    async with context.database.read() as work:
        due = await work.burn_watches.due(context.now())
    if not due:
        return 0
    asked_at = context.now()
    answers = await _asked(context, {one.query for seen in due for one in seen.watched})
    ended = 0
    for seen in due:
        try:
            async with context.database.begin() as work:
                ended += await _weigh(work, context, seen, answers, asked_at)
        except Exception:
            log.exception("what action %s did to error budgets could not be weighed; trying again", seen.action_id)
    return ended


async def _asked(context: Context, queries: Collection[str]) -> Mapping[str, Answer]:
    """What monitoring says; nothing where it does not answer in time, whatever goes wrong."""
    limit = context.timing.plan_timeout_seconds
    try:
        return await Patience().ask("monitoring", lambda: context.evidence.ask(queries), limit)
    except NotAnsweredError:
        return {}
    except Exception:
        log.exception("error budgets could not be asked about")
        return {}


async def _weigh(
    work: Work, context: Context, seen: BurnWatch, answers: Mapping[str, Answer], asked_at: datetime
) -> bool:
    """Keep what was answered, and end where that is clear or the time is over; whether it has ended."""
    now, action = context.now(), await work.actions.get(seen.action_id)
    if action is None or action.state is not ActionState.SUCCEEDED:
        return await work.burn_watches.end(seen, None, now)
    rates = {one.query: Reading(asked_at, finite(highest(answers.get(one.query, NOT_ASKED)))) for one in seen.watched}
    within = seen.until - seen.began_at
    noted = await work.burn_watches.note(seen, rates, now + look_again(context.policy().defaults.watch_after))
    if noted is None:
        return False
    found = {one: burn_after(one.before, noted.readings[one.query], seen.began_at, within) for one in seen.watched}
    risen = [one for one, burn in found.items() if burn is Burn.RISES]
    if risen:
        await work.burn_watches.end(noted, Burn.RISES, now)
        await answer_burn(work, context, action, " ".join(_in_numbers(one, noted.readings[one.query]) for one in risen))
        return True
    if now < seen.until:
        return False
    unknown = [one for one, burn in found.items() if burn is Burn.UNKNOWN]
    await work.burn_watches.end(noted, Burn.UNKNOWN if unknown else Burn.STEADY, now)
    if unknown:
        await _tell_unknown(work, context, action, noted, unknown)
    return True


async def _tell_unknown(
    work: Work, context: Context, action: Action, watch: BurnWatch, unknown: Sequence[Watched]
) -> None:
    names = ", ".join(name for one in unknown for name in one.services)
    measured = min(sum(reading.rate is not None for reading in watch.readings[one.query]) for one in unknown)
    before = "" if all(one.before is not None for one in unknown) else " It was not measured right before the act."
    line = ThreadLine(
        title="Nobody can tell whether the error budget burns faster since",
        lines=(
            f"{action.plan.summary.rstrip('. ')}: within {elapsed_text(watch.until - watch.began_at)} monitoring has "
            f"answered {measured} of {watch.looks} times for {names}.{before}",
            "That is not taken for harm.",
        ),
        tone=Tone.WARNING,
    )
    await tell(work, context, action.incident_id, line)


def _in_numbers(one: Watched, readings: Sequence[Reading]) -> str:
    """How fast the budget burns now and before, as a sentence."""
    now = next((reading.rate for reading in reversed(readings) if reading.rate is not None), 0.0)
    before = "it was not measured right before" if one.before is None else f"{one.before:.3g} times right before"
    return f"The error budget of {' and '.join(one.services)} burns at {now:.3g} times its pace, {before}."
