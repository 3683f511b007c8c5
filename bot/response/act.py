"""ACT and RECOVER, durably: re-check, claim, snapshot, execute, verify, and roll back when it did not help.

``act.v1`` starts once an action is approved, by people or by the end of its veto window. Between approval and effect
everything is checked again: the plan is made anew, controls and (for autonomous acts) the whole decision are judged
anew. The effect itself begins at most once; if the process dies inside it, nobody guesses: verify decides.
"""

import asyncio

from bot.policy.plan import Exactness
from bot.remediation import PermanentError, Snapshot, TemporaryError
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.record import judge_anew
from bot.response.assessment.situation import request_of
from bot.response.execution.effects import EffectReport, EffectResult, SnapshotReport, died, run_effect
from bot.response.execution.outcome import finish, withdraw
from bot.response.execution.recheck import Objection, objection, pause_in_force
from bot.response.execution.verify import Verification, verify
from bot.response.model.actions import Action, ActionEvent, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import AttemptState, Request
from bot.response.notices.card import refresh_card
from bot.response.notices.report import report
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, StepName, fact_of_step, fact_of_transaction
from bot.response.ports.rows import Work
from bot.response.roll_back import restore

SNAPSHOT_TRIES = 3


async def act(flow: Flow, context: Context, action_id: str, attempt: int = 0) -> None:
    """The flow ``act.v1``."""
    brief = await fact_of_transaction(flow, StepName.ACT_BRIEF, Brief, lambda work: _brief(work, action_id))
    if brief is None:
        return
    assessment = await fact_of_step(flow, StepName.ACT_ASSESS, Assessment, lambda: assess(context, brief))
    if not await flow.transaction(
        StepName.ACT_CLAIM, lambda work: _claim(work, context, action_id, attempt, brief, assessment)
    ):
        return
    snapshot = await fact_of_step(flow, StepName.ACT_SNAPSHOT, SnapshotReport, lambda: _snapshot(context, action_id))
    if not await flow.transaction(StepName.ACT_REMEMBER, lambda work: _remember(work, context, action_id, snapshot)):
        return
    effect = await fact_of_step(flow, StepName.ACT_EXECUTE, EffectReport, lambda: _execute_once(context, action_id))
    if not await flow.transaction(StepName.ACT_EXECUTED, lambda work: _executed(work, context, action_id, effect)):
        return
    health = await fact_of_step(flow, StepName.ACT_VERIFY, Verification, lambda: verify(context, action_id))
    if await flow.transaction(StepName.ACT_CONCLUDE, lambda work: _conclude(work, context, action_id, effect, health)):
        await restore(flow, context, action_id, WATCHKEEPER, health.summary)


async def _brief(work: Work, action_id: str) -> Brief | None:
    """What the second look starts from: the same alert, the same runbook. None when it was settled otherwise."""
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.APPROVED:
        return None
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if stored is None:
        return None
    request = request_of(stored.situation) or Request(runbook=action.runbook, by=WATCHKEEPER, reason="approved")
    voters = tuple(vote.person for vote in await work.votes.of(action_id))
    return Brief(incident=stored.situation.incident, alert=stored.situation.alert, request=request, voters=voters)


async def _claim(
    work: Work, context: Context, action_id: str, attempt: int, brief: Brief, assessment: Assessment
) -> bool:
    """Check everything, lock the targets, take the budget, in one transaction. True: go on."""
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.APPROVED:
        return False
    incident = await work.incidents.get(action.incident_id)
    against = await objection(work, context, action, incident, brief, assessment)
    if against is None:
        if await work.locks.take([t.key for t in action.plan.targets], action_id) is not None:
            await work.queue.act(action, delay_seconds=context.timing.busy_target_retry_seconds, attempt=attempt + 1)
            return False
        against = await _take_budget(work, context, action)
    if against is not None:
        await _yield(work, context, action, against)
        return False
    await work.actions.move(action_id, ActionEvent.CLAIM, due_at=None)
    body = {"action": action_id, "plan": action.plan_digest}
    await report(work, context, action.incident_id, AuditKind.ACTION_CLAIMED, body=body)
    return True


async def _yield(work: Work, context: Context, action: Action, against: Objection) -> None:
    """What becomes of an action that may not run: held by a pause, or withdrawn with the reason."""
    if against.paused:
        await judge_anew(work, context, action)
    else:
        await withdraw(work, context, action, against.event, against.reason, assess_again=against.assess_again)


async def _take_budget(work: Work, context: Context, action: Action) -> Objection | None:
    """Count this action in the shared ledger. An empty budget stops what acts by itself, not what people approved."""
    spent = await work.budgets.take(context.policy(), action.id, action.plan.service, action.runbook, context.now())
    if spent is None or action.decided_by:
        return None
    text = f"Nothing was run: the budget of {spent.limit} actions ({spent.scope}) is used up."
    return Objection(ActionEvent.SUPERSEDE, text, assess_again=True)


async def _snapshot(context: Context, action_id: str) -> SnapshotReport:
    """Record the state to return to; a temporary error is tried again a few times."""
    async with context.database.read() as work:
        action = await work.actions.get(action_id)
    if action is None:
        raise LookupError(f"action {action_id!r} is not in the database")
    remediation = context.catalogue[action.plan.remediation]
    problem = ""
    for _ in range(SNAPSHOT_TRIES):
        try:
            return SnapshotReport(state=(await remediation.snapshot(action.plan)).state)
        except TemporaryError as error:
            problem = str(error)
            await asyncio.sleep(error.retry_after)
        except PermanentError as error:
            problem = str(error)
            break
    return SnapshotReport(problem=problem)


async def _remember(work: Work, context: Context, action_id: str, taken: SnapshotReport) -> bool:
    """Store the snapshot with the claim on the effect. Without one there is no rollback, so nothing is begun."""
    if taken.snapshot is None:
        text = f"Nothing was changed: the state to return to could not be recorded. {taken.problem}"
        await finish(work, context, action_id, ActionEvent.CANNOT, text, call_people=True, changed=False)
        return False
    await work.attempts.claim(f"{action_id}:execute", taken.snapshot)
    return True


async def _execute_once(context: Context, action_id: str) -> EffectReport:
    """The external effect, behind its own fence: whoever wins the conditional updates runs it, nobody twice.

    A pause or stop that was committed before this transaction keeps the effect from beginning.
    """
    async with context.database.begin() as work:
        action = await work.actions.get(action_id)
        attempt = await work.attempts.get(f"{action_id}:execute")
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its attempt is not in the database")
        if not await _may_begin(work, context, action):
            return EffectReport(result=EffectResult.NOT_BEGUN)
        if not await work.attempts.start_once(attempt.key):
            return died()
    remediation, plan, snapshot = (
        context.catalogue[action.plan.remediation],
        action.plan,
        attempt.snapshot or Snapshot(),
    )
    return await run_effect(lambda: remediation.execute(plan, snapshot), context.timing.execute_timeout_seconds)


async def _may_begin(work: Work, context: Context, action: Action) -> bool:
    """The last word of people: a stop or a pause that is already committed wins over the effect."""
    if action.state is ActionState.EXECUTING:
        return True  # begun before a crash; the fence will tell
    if action.state is not ActionState.RUNNING:
        await work.locks.release(action.id)  # stopped while it was being prepared
        return False
    if not action.by_hand and await pause_in_force(work, context, action):
        await judge_anew(work, context, action)
        return False
    return await work.actions.move(action.id, ActionEvent.BEGIN) is not None


async def _executed(work: Work, context: Context, action_id: str, effect: EffectReport) -> bool:
    """Put the effect on the record. True: go on and verify."""
    if effect.result is EffectResult.NOT_BEGUN:
        return False
    state = AttemptState.DONE if effect.result is EffectResult.DONE else AttemptState.FAILED
    await work.attempts.finish(f"{action_id}:execute", state, effect.summary)
    if effect.result is EffectResult.UNCHANGED:
        await finish(work, context, action_id, ActionEvent.CANNOT, effect.summary, call_people=True, changed=False)
        return False
    action = await work.actions.move(action_id, ActionEvent.EXECUTED, outcome=effect.summary)
    if action is None:
        return False
    body = {"action": action_id, **effect.model_dump(mode="json")}
    await report(work, context, action.incident_id, AuditKind.ACTION_EXECUTED, body=body)
    return True


async def _conclude(work: Work, context: Context, action_id: str, effect: EffectReport, health: Verification) -> bool:
    """Healthy: done, and a review is due. Otherwise True: roll back, in this same flow."""
    now, policy = context.now(), context.policy()
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.VERIFYING:
        return False
    if health.healthy:
        await finish(work, context, action_id, ActionEvent.HEALTHY, f"{effect.summary} {health.summary}")
        return False
    entry = {"action": action_id, "health": health.summary, "effect": effect.summary}
    await work.audit.append(
        kind=AuditKind.ACTION_UNHEALTHY, actor=WATCHKEEPER, at=now, incident_id=action.incident_id, body=entry
    )
    if action.plan.rollback.exactness is Exactness.NONE:
        text = f"{health.summary} There is no way back for this action."
        await finish(work, context, action_id, ActionEvent.CANNOT, text, call_people=True)
        return False
    await work.actions.move(action_id, ActionEvent.ROLL_BACK, outcome=health.summary)
    await refresh_card(work, policy, action.incident_id, now)
    return True
