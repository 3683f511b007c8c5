"""The workflow step "Request a remediation": a form or a schedule asks for a runbook, on behalf of a person.

Slack does not say who filled in the form: the workflow's author names the person as an input. So a request that came
this way can do no more than any other (it is judged like an alert), and the record says which way it came.
The reply to the workflow is an arrival of our own, saved with the request and unfinished until Slack has accepted it.
Must not know: who may ask; the intervention decides, and records refusals.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.response.assessment.parameters import SERVICE
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import Answer
from bot.response.interventions.requests import RequestAnswer, RequestError, Wanted, run
from bot.response.ports.context import Context
from bot.slack.failures import error_word
from bot.slack.text import Mrkdwn
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge
from handlers.slack.inbox import LATE_AFTER
from handlers.slack.watch_words import REASON_MAX_CHARACTERS, RUNBOOK_MAX_CHARACTERS, VALUE_MAX_CHARACTERS
from storage.unit_of_work import UnitOfWork

FUNCTION = "request_remediation"
"""The ``callback_id`` of the manifest's function."""
INCIDENT = "incident"
"""The step's output: the name of the incident that carries the request."""
ERROR = "error"
VIA = "workflow"
REPLY = "owed"
"""Where an arrival of our own, stored under an older name, says what the workflow is to be told: incident, or error."""
REPLY_TRIED_FOR = timedelta(days=1)
"""What Slack has not accepted by then it never will."""
AGAIN_AT_MOST = timedelta(minutes=10)
OVER = frozenset({"execution_not_in_running_state", "function_execution_not_found"})
"""Slack's words for "this step has ended": somebody has told it already, or stopped the workflow."""

log = logging.getLogger(__name__)


async def step_reached(bridge: Bridge, arrived: Arrived) -> None:
    """Make the request that the step describes, then tell the workflow what came of it; a saved reply is only told."""
    reply = arrived if REPLY in arrived.body else await _ask(bridge, arrived)
    if reply is not None:
        await _deliver(bridge, reply)


async def end_in_vain(bridge: Bridge, arrived: Arrived, text: Mrkdwn) -> None:
    """Nobody will try this again: the workflow is told the saved reply, or else why nothing was done."""
    await _tell(bridge, arrived, _result(arrived) or {ERROR: text})


async def _ask(bridge: Bridge, arrived: Arrived) -> Arrived | None:
    """Make the request; the saved reply to the workflow. None when somebody else has made it."""
    wanted = Wanted(
        runbook=_input(arrived, "runbook", RUNBOOK_MAX_CHARACTERS),
        parameters={SERVICE: service} if (service := _input(arrived, SERVICE, VALUE_MAX_CHARACTERS)) else {},
        reason=_input(arrived, "reason", REASON_MAX_CHARACTERS),
    )
    person = _input(arrived, "requested_by", 30)

    async def request(work: UnitOfWork, context: Context, roster: Roster) -> RequestAnswer:
        callback_id = arrived.text("event", "function", "callback_id")
        if callback_id != FUNCTION:
            return RequestAnswer(
                Answer(False, f"I have no step {callback_id[:80]!r} any more; please edit the workflow.")
            )
        if context.now() - arrived.received_at > LATE_AFTER:
            since = f"{arrived.received_at:%Y-%m-%d %H:%M} UTC"
            return RequestAnswer(
                Answer(False, f"I was away at {since} and did nothing; please run the workflow again.")
            )
        try:
            return await run(work, context, roster, person, wanted, via=VIA)
        except RequestError as error:
            return RequestAnswer(Answer(False, str(error)))

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> tuple[RequestAnswer, Arrived]:
        asked = await request(work, context, roster)
        result = {INCIDENT: asked.incident} if asked.incident else {ERROR: asked.answer.text}
        reply = replace(
            arrived, key=f"{arrived.key}:{REPLY}", body={**arrived.body, REPLY: result}, received_at=context.now()
        )
        await work.arrivals.save(reply.kind, reply.key, reply.body, reply.received_at)
        return asked, reply

    done = await bridge.settle(arrived, act)
    if done is None:
        return None
    asked, reply = done
    bridge.metrics.answers.labels(arrived.name, str(asked.answer.accepted).lower()).inc()
    return reply


def _input(arrived: Arrived, name: str, limit: int) -> str:
    return arrived.text("event", "inputs", name, limit=limit).strip()


async def _deliver(bridge: Bridge, reply: Arrived) -> None:
    """Tell the workflow; where Slack cannot be told now, the inbox comes back to it."""
    accepted, now = await _tell(bridge, reply, _result(reply)), bridge.context.now()
    waited = now - reply.received_at
    async with bridge.database.begin() as work:
        if accepted or waited > REPLY_TRIED_FOR:
            await work.arrivals.done(reply.key, now)
        else:
            await work.arrivals.put_off(reply.key, now + min(waited, AGAIN_AT_MOST))


def _result(arrived: Arrived) -> Mapping[str, str]:
    return {name: text for name in (INCIDENT, ERROR) if (text := arrived.text(REPLY, name))}


async def _tell(bridge: Bridge, arrived: Arrived, result: Mapping[str, str]) -> bool:
    """End the step; False when Slack did not accept it. A step that has ended stays as it is."""
    execution = arrived.text("event", "function_execution_id")
    try:
        if ERROR in result:
            await bridge.client.functions_completeError(function_execution_id=execution, error=result[ERROR])
        else:
            await bridge.client.functions_completeSuccess(function_execution_id=execution, outputs=dict(result))
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        word = error_word(error) if isinstance(error, SlackApiError) else ""
        log.warning("the workflow's step %s could not be told what came of it: %s", execution, word or error)
        return word in OVER
    return True
