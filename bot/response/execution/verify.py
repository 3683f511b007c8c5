"""Did it help? Polls the runbook's own measure until it is healthy for long enough, or out of time."""

import asyncio
import logging

from bot.policy.evidence import Evidence, Finding
from bot.policy.file.document import Policy, Runbook
from bot.policy.rules.matching import facts_for
from bot.policy.stored import AlteredError
from bot.remediation import Condition, Record, RemediationError, Snapshot
from bot.response.assessment.assess import prepared_verification
from bot.response.execution.effects import AsSaid
from bot.response.model.actions import Action
from bot.response.ports.context import Context

log = logging.getLogger(__name__)


class Verification(AsSaid):
    """Whether the act has helped, as the step that looked remembers."""

    healthy: bool
    summary: str
    """One sentence for people."""
    known: bool = True
    """False where nobody can tell whether it helped."""


async def verify(context: Context, action_id: str) -> Verification:
    """Ask until it is healthy, or for too long. Asking twice does no harm, so after a crash it is asked anew.

    The monitor's answer counts; the remediation's own view of its targets can only say no. Whatever goes wrong in
    asking means "cannot tell", never yes.
    """
    try:
        async with context.database.read() as work:
            action = await work.actions.get(action_id)
            stored = await work.decisions.at_revision(action.incident_id, action.revision) if action else None
            then = await work.decisions.policy(stored.policy_digest) if stored else None
    except AlteredError as error:
        return _cannot_tell(str(error))
    if action is None or stored is None:
        return _cannot_tell("what it was done for is not on record")
    runbook = _runbook(context.policy(), then, action)
    if runbook is None:
        return _cannot_tell("the runbook is not in the policy any more")
    try:
        promql = prepared_verification(runbook, facts_for(stored.alert, stored.situation.request))
    except ValueError as error:
        return _cannot_tell(f"the alert cannot fill the runbook's `verify`: {error}")
    found = await _until_healthy(context, runbook, promql)
    return await _seconded(context, action, found) if found.healthy else found


async def _until_healthy(context: Context, runbook: Runbook, promql: str | None) -> Verification:
    started, streak = context.now(), 0
    while True:
        last = await _ask(context, promql, runbook.verify.http)
        streak = streak + 1 if last.finding is Finding.SUPPORTS else 0
        elapsed = (context.now() - started).total_seconds()
        if streak >= runbook.verify.stable:
            return Verification(healthy=True, summary=f"Healthy after {elapsed:.0f} s.")
        if elapsed >= runbook.verify.within.total_seconds():
            known = last.finding is Finding.CONTRADICTS
            text = f"Not healthy after {elapsed:.0f} s: {last.detail}"
            return Verification(healthy=False, summary=text, known=known)
        await asyncio.sleep(context.timing.verify_interval_seconds)


async def _ask(context: Context, promql: str | None, url: str | None) -> Evidence:
    """One answer; an error in asking is an answer that nobody can read."""
    try:
        return await context.evidence.healthy(promql, url)
    except Exception as error:
        log.exception("verification could not be asked")
        detail = f"asking failed ({type(error).__name__})"
        return Evidence(name="verify", query=promql or url or "", finding=Finding.UNKNOWN, detail=detail)


async def _seconded(context: Context, action: Action, found: Verification) -> Verification:
    """The monitor says healthy: the remediation's own view of its targets can still say no."""
    limit = context.timing.plan_timeout_seconds
    try:
        async with asyncio.timeout(limit):
            own = await context.catalogue[action.plan.remediation].health(action.plan, Record(snapshot=Snapshot()))
    except RemediationError as error:
        text = f"The monitor says healthy, but the targets cannot be seen: {error}"
        return Verification(healthy=False, summary=text, known=False)
    except Exception as error:  # an author's bug or a system that hangs is no yes
        log.exception("the targets of action %s could not be asked", action.id)
        text = f"The monitor says healthy, but the targets cannot be seen ({type(error).__name__})."
        return Verification(healthy=False, summary=text, known=False)
    if own.condition is Condition.UNHEALTHY:
        return Verification(healthy=False, summary=f"The monitor says healthy, but: {own.summary}")
    return found


def _runbook(now: Policy, then: Policy | None, action: Action) -> Runbook | None:
    """As the policy has it, else as it was when the action was decided."""
    return now.runbooks.get(action.runbook) or (then.runbooks.get(action.runbook) if then is not None else None)


def _cannot_tell(why: str) -> Verification:
    return Verification(healthy=False, summary=f"Nobody can tell whether it helped: {why}.", known=False)
