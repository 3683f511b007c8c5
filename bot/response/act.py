"""ACT and RECOVER, durably: assess again, claim, snapshot, execute, verify, and roll back when it did not help.

``act.v2`` starts once an action is approved, by people or by the end of its veto window. Between approval and effect
everything is checked again, in the transaction that claims the targets, once more in the one in which the effect
begins, and before each of its steps. No step begins twice; if the process dies inside one, nobody guesses: verify
decides. An effect of which no step has begun has changed nothing, and may be tried again.
"""

import asyncio
import logging
from datetime import timedelta
from functools import partial

from bot.policy.stored import sealed
from bot.remediation import PermanentError, TemporaryError
from bot.response.assessment.assess import Assessment, Brief, assess
from bot.response.assessment.record import judge_anew
from bot.response.execution.burn_watch import begin_burn_watch
from bot.response.execution.controls import held_by_people
from bot.response.execution.effects import EffectReport, EffectResult, SnapshotReport, died, run_effect
from bot.response.execution.may_begin import Judgement, Objection, objection
from bot.response.execution.outcome import end_stopped, finish, withdraw
from bot.response.execution.record import record_of, what_is_there
from bot.response.execution.recorded import RecordedExecution, told
from bot.response.execution.verify import Verification, verify
from bot.response.model.actions import NOT_HALTED, REVERSIBLE, Action, ActionEvent, ActionState, Result
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import AttemptState, ClaimJudgement, execute_key
from bot.response.notices.card import refresh_card
from bot.response.notices.report import report
from bot.response.notices.rollback_words import rollback_line
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.flow import Flow, StepName, fact_of_step, fact_of_transaction
from bot.response.ports.work import Work
from bot.response.roll_back import restore

SNAPSHOT_TRIES = 3

log = logging.getLogger(__name__)


async def act(flow: Flow, context: Context, action_id: str, attempt: int = 0) -> None:
    """The flow ``act.v2``, and what older releases have queued as ``act.v1``: its steps are the same."""
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
    effect = await fact_of_step(flow, StepName.ACT_EXECUTE, EffectReport, lambda: _execute(context, action_id, brief))
    if not await flow.transaction(StepName.ACT_EXECUTED, lambda work: _executed(work, context, action_id, effect)):
        return
    halted = effect.result is EffectResult.HALTED
    health = await fact_of_step(
        flow,
        StepName.ACT_VERIFY,
        Verification,
        lambda: verify(context, action_id, finished=effect.result is EffectResult.DONE, once=halted),
    )
    if await flow.transaction(StepName.ACT_CONCLUDE, lambda work: _conclude(work, context, action_id, effect, health)):
        await restore(flow, context, action_id, WATCHKEEPER, health.summary)


async def _brief(work: Work, action_id: str) -> Brief | None:
    """What the second assessment starts from: the runbook that was agreed to. None when it was settled otherwise."""
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.APPROVED:
        return None
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if stored is None:
        return None
    return Brief(
        incident=stored.situation.incident,
        alerts=stored.situation.alerts,
        request=stored.situation.request,
        runbook=action.runbook,
        voters=tuple(vote.person for vote in await work.votes.of(action_id)),
    )


async def _claim(
    work: Work, context: Context, action_id: str, attempt: int, brief: Brief, assessment: Assessment
) -> bool:
    """Check everything, lock the targets, enter the ledger, in one transaction. True: go on."""
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.APPROVED:
        return False
    judged = await objection(work, context, action, brief, assessment)
    if isinstance(judged, Objection):
        await _yield(work, context, action, judged)
        return False
    if await work.locks.take([t.key for t in action.plan.targets], action_id) is not None:
        await work.queue.act(action, delay_seconds=context.timing.busy_target_retry_seconds, attempt=attempt + 1)
        return False
    await work.budgets.enter(context.policy(), action.id, action.services, action.runbook, context.now())
    await work.actions.move(action_id, ActionEvent.CLAIM)
    await _record_claim(work, context, action, judged)
    return True


async def _record_claim(work: Work, context: Context, action: Action, judged: Judgement) -> None:
    """The judgement that lets it act is kept and can be explained like the first."""
    decision = judged.decision
    body = {
        "action": action.id,
        "plan": action.plan_digest,
        "policy": decision.policy_digest,
        "verdict": decision.verdict,
        "headline": decision.headline,
        "situation_sha256": sealed(judged.situation)[1],
    }
    entry = await report(work, context, action.incident_id, AuditKind.ACTION_CLAIMED, body=body)
    await work.decisions.keep(context.policy(), context.now())
    await work.decisions.add_claim(
        ClaimJudgement(action.id, judged.situation, decision, audit_entry=entry, at=context.now())
    )


async def _yield(work: Work, context: Context, action: Action, against: Objection) -> None:
    """What becomes of an action that may not run: held by a pause, or withdrawn with the reason.

    Where a newer decision stands already, there is nothing to hold: it is withdrawn, and considered anew.
    """
    if against.paused and await judge_anew(work, context, action):
        return
    again = against.assess_again or against.paused
    await withdraw(work, context, action, against.event, against.reason, assess_again=again)


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
            async with asyncio.timeout(context.timing.plan_timeout_seconds):
                return SnapshotReport(state=(await remediation.snapshot(action.plan)).state)
        except TemporaryError as error:
            problem = str(error)
            await asyncio.sleep(error.retry_after)
        except PermanentError as error:
            problem = str(error)
            break
        except TimeoutError:
            problem = f"{action.plan.remediation} did not answer in time."
        except Exception as error:
            log.exception("a snapshot of action %s failed in a way that its author did not foresee", action_id)
            problem = told(error)
            break
    return SnapshotReport(problem=problem)


async def _remember(work: Work, context: Context, action_id: str, taken: SnapshotReport) -> bool:
    """Store the snapshot with the claim on the effect. Without one it could not be rolled back, so nothing is begun."""
    if taken.snapshot is None:
        text = f"Nothing was changed: the state to return to could not be recorded. {taken.problem}"
        await finish(
            work, context, action_id, ActionEvent.CANNOT, text, Result.NOTHING_CHANGED, must_look=True, changed=False
        )
        return False
    await work.attempts.claim(execute_key(action_id), taken.snapshot)
    return True


async def _execute(context: Context, action_id: str, brief: Brief) -> EffectReport:
    """The external effect, behind its own fence: whoever wins the conditional updates runs it, nobody twice.

    Where nothing was changed, and it may work later, it is tried again for as long as it may begin.
    """
    while True:
        action = await _begin(context, action_id, brief)
        if not isinstance(action, Action):
            return action
        async with context.database.read() as work:
            record = await record_of(work, action)
        execution = RecordedExecution(context, action, execute_key(action_id))
        remediation, plan = context.catalogue[action.plan.remediation], action.plan
        limit = plan.limit_seconds or context.timing.execute_timeout_seconds
        effect = await run_effect(execution, partial(remediation.execute, plan, record.snapshot, execution), limit)
        if effect.result is not EffectResult.UNCHANGED:
            await _note_what_we_left(context, action)
            return effect
        if not await _returned(context, action, effect, execution):
            return effect
        if await context.closing.wait(0 if execution.halted else effect.retry_after or 0):
            raise asyncio.CancelledError  # nothing was changed: it goes on from here after the restart


async def _begin(context: Context, action_id: str, brief: Brief) -> Action | EffectReport:
    """Begin the effect, unless something that is committed by now speaks against it; then what is to be reported.

    Whatever was committed before this transaction (a stop, a pause, a take-over, another alert) is weighed in it. The
    plan is made once more just before, so that it is as fresh as it can be.
    """
    fresh = await assess(context, brief)
    async with context.database.begin() as work:
        action = await work.actions.get(action_id)
        attempt = await work.attempts.get(execute_key(action_id))
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its attempt is not in the database")
        if action.state is not ActionState.EXECUTING:  # or it was begun before a crash; the fence will tell
            begun = await _begun(work, context, action, brief, fresh)
            if begun is None:
                return EffectReport(result=EffectResult.NOT_BEGUN)
        if not await work.attempts.start_once(attempt.key):
            return died()
    return action


async def _begun(work: Work, context: Context, action: Action, brief: Brief, fresh: Assessment) -> Action | None:
    """Move the action to its effect; None where something speaks against that by now."""
    if action.state is not ActionState.RUNNING:
        await work.locks.release(action.id)  # stopped while it was being prepared
        return None
    if action.halted_by is not None:
        await end_stopped(work, context, action, action.halted_by)
        return None
    judged = await objection(work, context, action, brief, fresh)
    if isinstance(judged, Objection):
        await _yield(work, context, action, judged)
        return None
    runbook = context.policy().runbooks[action.runbook]
    return await work.actions.move(
        action.id, ActionEvent.BEGIN, due_at=None, begun_at=context.now(), runbook_digest=runbook.digest
    )


async def _returned(context: Context, action: Action, effect: EffectReport, execution: RecordedExecution) -> bool:
    """Give the effect back, of which no step has begun, where it may be tried again or must be settled otherwise.

    ``action``: as it was before it began.
    """
    if not execution.halted:
        if effect.retry_after is None:
            return False
        again = context.now() + timedelta(seconds=effect.retry_after)
        if action.due_at is not None and again >= action.due_at:
            return False
    async with context.database.begin() as work:
        if not await work.attempts.give_back(execute_key(action.id)):
            return False
        returned = await work.actions.move(action.id, ActionEvent.RETURN, due_at=action.due_at, begun_at=None)
        if returned is None:
            return False
        body = {"action": action.id, "of": "execute", "text": effect.summary}
        await report(work, context, action.incident_id, AuditKind.ACTION_RETURNED, body=body)
    return True


async def _note_what_we_left(context: Context, action: Action) -> None:
    """Record the state right after the effect: a later rollback must not overwrite what somebody did since."""
    after = await what_is_there(context, action)
    if after is None:
        return  # what its steps must have left is compared instead, where that can be told
    async with context.database.begin() as work:
        await work.attempts.left_behind(execute_key(action.id), after)


async def _executed(work: Work, context: Context, action_id: str, effect: EffectReport) -> bool:
    """Put the effect on the record. True: go on and verify."""
    if effect.result is EffectResult.NOT_BEGUN:
        return False
    state = AttemptState.DONE if effect.result is EffectResult.DONE else AttemptState.FAILED
    await work.attempts.finish(execute_key(action_id), state, effect.summary, effect.details)
    if effect.result is EffectResult.UNCHANGED:
        await finish(
            work,
            context,
            action_id,
            ActionEvent.CANNOT,
            effect.summary,
            Result.NOTHING_CHANGED,
            must_look=True,
            changed=False,
        )
        return False
    action = await work.actions.move(action_id, ActionEvent.EXECUTED, outcome=effect.summary)
    if action is None:
        return False
    body = {"action": action_id, **effect.model_dump(mode="json")}
    await report(work, context, action.incident_id, AuditKind.ACTION_EXECUTED, body=body)
    return True


async def _conclude(work: Work, context: Context, action_id: str, effect: EffectReport, health: Verification) -> bool:
    """Healthy: done, and a review is due. Otherwise True: roll back, in this same flow."""
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.VERIFYING:
        return False
    if effect.result is EffectResult.HALTED:
        text = f"{effect.summary} {health.summary} Nothing was rolled back."
        people = action.halted_at is not None or bool(await held_by_people(work, context, action))
        await finish(
            work, context, action_id, ActionEvent.CANNOT, text, Result.INTERRUPTED, must_look=True, by_people=people
        )
        return False
    if health.healthy:
        text = f"{effect.summary} {health.summary}"
        await finish(work, context, action_id, ActionEvent.HEALTHY, text, Result.VERIFIED)
        await _expect_its_end(work, context, action)
        await begin_burn_watch(work, context, action)
        return False
    entry = {"action": action_id, "health": health.summary, "effect": effect.summary}
    await work.audit.append(
        kind=AuditKind.ACTION_UNHEALTHY,
        actor=WATCHKEEPER,
        at=context.now(),
        incident_id=action.incident_id,
        body=entry,
    )
    reversible = action.plan.rollback.exactness in REVERSIBLE
    held = await _for_people(work, context, action, effect) if reversible else ""
    if reversible and not held:
        await work.actions.move(
            action_id, ActionEvent.ROLL_BACK, outcome=health.summary, rollbacks=action.rollbacks + 1, **NOT_HALTED
        )
        await refresh_card(work, context.policy(), action.incident_id, context.now())
        return True
    offered = f"Not rolled back by itself: {held}. Roll back is offered." if held else ""
    why = offered or rollback_line(action.plan)
    unknown = effect.result is EffectResult.UNKNOWN or not health.known
    result = Result.INTERRUPTED if effect.interrupted else Result.UNKNOWN if unknown else Result.NOT_RESTORED
    text = f"{health.summary} {why}"
    because = f"its last action did not help: {health.summary}"
    await finish(work, context, action_id, ActionEvent.CANNOT, text, result, must_look=True, pause_because=because)
    return False


async def _for_people(work: Work, context: Context, action: Action, effect: EffectReport) -> str:
    """Why it is not rolled back by itself, in words; empty when it is."""
    remediation = context.catalogue[action.plan.remediation]
    if effect.interrupted and remediation.asks_after_crash:
        return "its process died inside, and how far it got is for a person to see"
    if action.halted_at is not None:
        return action.halted_why
    return await held_by_people(work, context, action)


async def _expect_its_end(work: Work, context: Context, action: Action) -> None:
    """Where the effect ends by itself, somebody looks then whether it has."""
    if action.plan.ends_after_seconds is not None and action.begun_at is not None:
        ends = context.now() + timedelta(seconds=action.plan.ends_after_seconds)
        await work.wear_offs.expect(action.id, ends)
