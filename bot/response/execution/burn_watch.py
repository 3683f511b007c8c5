"""After an act that nobody was asked about, the error budgets of whoever may feel it are watched for a while.

What they are compared with is what its decision rests on, the answers of right before it acted. It is a row from the
commit on that says the act has helped.
"""

from datetime import timedelta

from bot.policy.burning import to_watch
from bot.response.execution.controls import services_touched
from bot.response.model.actions import Action, By
from bot.response.model.records import BurnWatch
from bot.response.ports.context import Context
from bot.response.ports.work import Work

LOOKS = 10
"""So often monitoring is asked within ``watch_after``, unless that would be too often or too seldom."""
SELDOM, OFTEN = timedelta(seconds=30), timedelta(seconds=0.5)


async def begin_burn_watch(work: Work, context: Context, action: Action) -> None:
    """Watch what this act does to error budgets; nothing is watched where the policy measures none."""
    policy, now = context.policy(), context.now()
    if action.by is not By.ALONE or action.begun_at is None:
        return
    judged = await work.decisions.claims_of(action.id)
    watched = to_watch(policy, services_touched(action), judged[-1].situation.answers if judged else {})
    if not watched:
        return
    after = policy.defaults.watch_after
    watch = BurnWatch(action.id, action.begun_at, now + after, now + look_again(after), watched)
    await work.burn_watches.begin(watch)


def look_again(watch_after: timedelta) -> timedelta:
    """How long until monitoring is asked again, where acts are watched so long altogether."""
    return min(SELDOM, max(OFTEN, watch_after / LOOKS))
