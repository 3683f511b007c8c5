"""Did it help? Polls the runbook's own measure until it is healthy for long enough, or out of time."""

import asyncio

from bot.policy.file.templates import substitute_query
from bot.policy.plan import Facts
from bot.policy.situation import Finding
from bot.remediation import RemediationError
from bot.response.ports.context import Context


class Verification(Facts):
    """Whether the act has helped, as the step that looked remembers."""

    healthy: bool
    summary: str
    """One sentence for people."""


async def verify(context: Context, action_id: str) -> Verification:
    """Ask until it is healthy, or for too long. Asking twice does no harm, so after a crash it is asked anew.

    The monitor's answer counts; the remediation's own view of its targets can only say no.
    """
    async with context.database.read() as work:
        action = await work.actions.get(action_id)
        stored = await work.decisions.at_revision(action.incident_id, action.revision) if action else None
    policy = context.policy()
    runbook = policy.runbooks.get(action.runbook) if action else None
    if action is None or stored is None or runbook is None:
        text = "The runbook is not in the policy any more, so nobody knows how to verify."
        return Verification(healthy=False, summary=text)
    promql = substitute_query(runbook.verify.healthy, stored.situation.alert) if runbook.verify.healthy else None
    url = runbook.verify.http
    started = context.now()
    streak = 0
    while True:
        last = await context.evidence.healthy(promql, url)
        streak = streak + 1 if last.finding is Finding.SUPPORTS else 0
        elapsed = (context.now() - started).total_seconds()
        if streak >= runbook.verify.stable:
            break
        if elapsed >= runbook.verify.within.total_seconds():
            return Verification(healthy=False, summary=f"Not healthy after {elapsed:.0f} s: {last.detail}")
        await asyncio.sleep(context.timing.verify_interval_seconds)
    try:
        own = await context.catalogue[action.plan.remediation].health(action.plan)
    except RemediationError as error:
        text = f"The monitor says healthy, but the targets cannot be seen: {error}"
        return Verification(healthy=False, summary=text)
    if own.healthy is False:
        return Verification(healthy=False, summary=f"The monitor says healthy, but: {own.summary}")
    return Verification(healthy=True, summary=f"Healthy after {elapsed:.0f} s.")
