"""ACT and RECOVER, durably: re-check, claim, snapshot, execute, verify, and roll back when it did not help.

``act.v1`` starts once an action is approved, by people or by the end of its veto window. Between approval and effect
everything is checked again: the plan is made anew, controls and (for autonomous acts) the whole decision are judged
anew. The effect itself begins at most once; if the process dies inside it, nobody guesses: verify decides.
"""

import asyncio

from bot.policy.decide import decide
from bot.policy.decision import Decision, Verdict
from bot.policy.situation import Notification
from bot.remediation import PermanentError, RemediationError, Report, Snapshot, TemporaryError
from bot.response.actions import Action, ActionEvent, ActionState
from bot.response.card import refresh_card
from bot.response.consider import build_situation
from bot.response.flow import Flow, Json
from bot.response.incidents import IncidentState
from bot.response.look import Brief, Look, look
from bot.response.outcome import finish, withdraw
from bot.response.ports import AttemptState, Request, Work
from bot.response.roll_back import restore
from bot.response.verify import verify
from bot.response.watch import WATCHKEEPER, Watch

SNAPSHOT_TRIES = 3


async def act(flow: Flow, watch: Watch, action_id: str, attempt: int = 0) -> None:
    """The flow ``act.v1``."""

    async def recheck_brief(work: Work) -> Json:
        action = await work.actions.get(action_id)
        if action is None or action.state is not ActionState.APPROVED:
            return None
        stored = await work.decisions.at_revision(action.incident_id, action.revision)
        if stored is None:
            return None
        asked = stored.situation.oversight.trigger.removeprefix("asked: ")
        request = Request(runbook=action.runbook, by=action.requested_by or WATCHKEEPER, reason=asked)
        brief = Brief(incident=stored.situation.incident, alert=stored.situation.alert, request=request)
        return brief.model_dump(mode="json")

    found = await flow.transaction("brief", recheck_brief)
    if found is None:
        return
    brief = Brief.model_validate(found)

    async def look_again() -> Json:
        return (await look(watch, brief)).model_dump(mode="json")

    seen = Look.model_validate(await flow.step("look again", look_again))

    async def claim(work: Work) -> Json:
        return await _claim(work, watch, action_id, attempt, brief, seen)

    if not await flow.transaction("claim", claim):
        return

    snapshot = await flow.step("snapshot", lambda: _snapshot(watch, action_id))
    if "error" in snapshot:
        await flow.transaction("cannot prepare", lambda work: _cannot(work, watch, action_id, snapshot["error"]))
        return

    async def remember(work: Work) -> Json:
        await work.attempts.claim(f"{action_id}:execute", Snapshot.model_validate(snapshot))

    await flow.transaction("remember snapshot", remember)
    effect = await flow.step("execute", lambda: _execute_once(watch, action_id))
    if effect["result"] == "not begun":
        return
    if not await flow.transaction("executed", lambda work: _executed(work, watch, action_id, effect)):
        return
    health = await flow.step("verify", lambda: verify(watch, action_id))

    async def conclude(work: Work) -> Json:
        return await _conclude(work, watch, action_id, effect, health)

    if await flow.transaction("conclude", conclude) == "roll back":
        await restore(flow, watch, action_id, WATCHKEEPER, health["summary"])


async def _claim(work: Work, watch: Watch, action_id: str, attempt: int, brief: Brief, seen: Look) -> bool:
    """Everything that must still be true, judged in the transaction that claims the targets. True: go on."""
    now, policy = watch.now(), watch.orders()
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.APPROVED:
        return False
    incident = await work.incidents.get(action.incident_id)
    if action.due_at is not None and now > action.due_at:
        await withdraw(work, watch, action, ActionEvent.EXPIRE, "It could not start in time, so the yes has expired.")
        return False
    if incident is None or incident.state is IncidentState.RESOLVED:
        await withdraw(work, watch, action, ActionEvent.SUPERSEDE, "The incident was resolved before it started.")
        return False
    if seen.plan is None or seen.plan.digest != action.plan_digest:
        why = seen.plan_problem or "the targets or their state are not what was agreed to"
        await withdraw(
            work, watch, action, ActionEvent.SUPERSEDE, f"Nothing was run: {why}. Looking again.", look_again=True
        )
        return False
    decision = await _judge_again(work, watch, action, brief, seen)
    if decision.verdict is Verdict.HOLD and not action.by_hand:
        await withdraw(work, watch, action, ActionEvent.HOLD, decision.headline)
        return False
    by_people = bool(action.decided_by)
    if decision.verdict is Verdict.REFUSE or not (by_people or decision.verdict.autonomous):
        await withdraw(
            work, watch, action, ActionEvent.SUPERSEDE, f"Nothing was run: {decision.headline}", look_again=True
        )
        return False
    holder = await work.locks.take([t.key for t in action.plan.targets], action_id)
    if holder is not None:
        await work.queue.act(action, delay_seconds=watch.timing.busy_target_retry_seconds, attempt=attempt + 1)
        return False
    spent = await work.budgets.take(policy, action_id, action.plan.service, action.runbook, now)
    if spent is not None and not by_people:
        await work.locks.release(action_id)
        text = f"Nothing was run: the budget of {spent.limit} actions ({spent.scope}) is used up."
        await withdraw(work, watch, action, ActionEvent.SUPERSEDE, text, look_again=True)
        return False
    if await work.actions.move(action_id, ActionEvent.CLAIM, due_at=None) is None:
        await work.locks.release(action_id)
        return False
    await work.audit.append(
        kind="action.claimed",
        actor=WATCHKEEPER,
        at=now,
        incident_id=action.incident_id,
        body={"action": action_id, "plan": action.plan_digest, "policy": decision.policy_digest},
    )
    await refresh_card(work, policy, action.incident_id, now)
    return True


async def _judge_again(work: Work, watch: Watch, action: Action, brief: Brief, seen: Look) -> Decision:
    """The decision as it would be made now, the card having been accepted."""
    trigger = brief if action.requested_by else brief.model_copy(update={"request": None})
    situation = await build_situation(work, watch, trigger, seen, Notification.ACCEPTED, watch.now())
    return decide(situation, watch.orders())


async def _snapshot(watch: Watch, action_id: str) -> Json:
    """Record the state to return to; a temporary error is tried again a few times."""
    async with watch.database.begin() as work:
        action = await work.actions.get(action_id)
    if action is None:
        raise LookupError(f"action {action_id!r} is not in the database")
    remediation = watch.catalogue[action.plan.remediation]
    for number in range(1, SNAPSHOT_TRIES + 1):
        try:
            return (await remediation.snapshot(action.plan)).model_dump(mode="json")
        except TemporaryError as error:
            if number == SNAPSHOT_TRIES:
                return {"error": str(error)}
            await asyncio.sleep(error.retry_after)
        except PermanentError as error:
            return {"error": str(error)}
    raise AssertionError("unreachable: the last try returns")


async def _execute_once(watch: Watch, action_id: str) -> Json:
    """The external effect, behind its own fence: whoever wins the conditional updates runs it, nobody twice.

    A pause or stop that was committed before this transaction keeps the effect from beginning.
    """
    key = f"{action_id}:execute"
    async with watch.database.begin() as work:
        action = await work.actions.get(action_id)
        attempt = await work.attempts.get(key)
        if action is None or attempt is None:
            raise LookupError(f"action {action_id!r} or its attempt is not in the database")
        if action.state is ActionState.RUNNING:
            if not action.by_hand and (problem := await _paused(work, watch, action)):
                await withdraw(work, watch, action, ActionEvent.HOLD, problem)
                return {"result": "not begun"}
            await work.actions.move(action_id, ActionEvent.BEGIN)
        elif action.state is not ActionState.EXECUTING:
            await work.locks.release(action_id)  # stopped while we prepared
            return {"result": "not begun"}
        if not await work.attempts.start_once(key):
            return {"result": "unknown", "summary": "The process died while it ran; how far it got is unknown."}
    remediation = watch.catalogue[action.plan.remediation]
    try:
        async with asyncio.timeout(watch.timing.execute_timeout_seconds):
            report = await remediation.execute(action.plan, attempt.snapshot or Snapshot())
    except TemporaryError as error:
        return {"result": "unchanged", "summary": f"Nothing was changed: {error}"}
    except TimeoutError:
        seconds = watch.timing.execute_timeout_seconds
        return {"result": "unknown", "summary": f"It did not finish within {seconds:.0f} s; how far it got is unknown."}
    except RemediationError as error:
        return {"result": "failed", "summary": str(error)}
    except Exception as error:
        # An author's bug must reach people as a failed action, never as a silent one.
        return {"result": "failed", "summary": f"Unexpected {type(error).__name__}: {error}"}
    return {"result": "done", **report.model_dump(mode="json")}


async def _paused(work: Work, watch: Watch, action: Action) -> str:
    """The headline of the pause that covers this action now; empty when none does."""
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if stored is None:
        return "its decision is missing"
    now = watch.now()
    fresh = stored.situation.model_copy(update={"now": now, "pauses": await work.pauses.active(now)})
    decision = decide(fresh, watch.orders())
    return decision.headline if decision.verdict is Verdict.HOLD else ""


async def _executed(work: Work, watch: Watch, action_id: str, effect: Json) -> bool:
    """Put the effect on the record. True: go on and verify."""
    now = watch.now()
    done = effect["result"] == "done"
    state = AttemptState.DONE if done else AttemptState.FAILED
    await work.attempts.finish(f"{action_id}:execute", state, effect["summary"])
    if effect["result"] == "unchanged":
        await _cannot(work, watch, action_id, effect["summary"])
        return False
    action = await work.actions.move(action_id, ActionEvent.EXECUTED, outcome=effect["summary"])
    if action is None:
        return False
    await work.audit.append(
        kind="action.executed",
        actor=WATCHKEEPER,
        at=now,
        incident_id=action.incident_id,
        body={"action": action_id, "result": effect["result"], "report": Report(**_report(effect)).model_dump()},
    )
    await refresh_card(work, watch.orders(), action.incident_id, now)
    return True


def _report(effect: Json) -> Json:
    return {"summary": effect["summary"], "details": effect.get("details", {})}


async def _cannot(work: Work, watch: Watch, action_id: str, problem: str) -> Json:
    """Nothing was changed and nothing can be: a person must look."""
    await finish(work, watch, action_id, ActionEvent.CANNOT, problem, call_people=True)


async def _conclude(work: Work, watch: Watch, action_id: str, effect: Json, health: Json) -> str:
    """Healthy: done, and a review is due. Otherwise the way back, by this same flow."""
    now = watch.now()
    action = await work.actions.get(action_id)
    if action is None or action.state is not ActionState.VERIFYING:
        return "over"
    if health["healthy"]:
        summary = f"{effect['summary']} {health['summary']}".strip()
        await finish(work, watch, action_id, ActionEvent.HEALTHY, summary)
        await work.reviews.ask(action_id, now + watch.orders().defaults.review_within)
        return "healthy"
    await work.actions.move(action_id, ActionEvent.ROLL_BACK, outcome=health["summary"])
    await work.audit.append(
        kind="action.unhealthy",
        actor=WATCHKEEPER,
        at=now,
        incident_id=action.incident_id,
        body={"action": action_id, "health": health["summary"], "effect": effect["summary"]},
    )
    await refresh_card(work, watch.orders(), action.incident_id, now)
    return "roll back"
