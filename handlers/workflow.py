"""The workflow step "Request a remediation": a form or a schedule asks for a runbook, on behalf of a person.

Slack does not say who filled in the form: the workflow's author names the person as an input. So a request that came
this way can do no more than any other (it is judged like an alert), and the record says which way it came.
Must not know: who may ask; the deed decides, and records refusals.
"""

import asyncio
import logging

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.response.answers import Answer, Roster
from bot.response.parameters import SERVICE
from bot.response.requests import Asked, RequestError, Wanted, run
from bot.response.watch import Watch
from bot.slack.failures import error_word
from handlers.arrival import Arrived
from handlers.bridge import Bridge
from handlers.watch_words import REASON_MAX_CHARACTERS, RUNBOOK_MAX_CHARACTERS, VALUE_MAX_CHARACTERS
from storage.unit_of_work import UnitOfWork

FUNCTION = "request_remediation"
"""The ``callback_id`` of the manifest's function."""
INCIDENT = "incident"
"""The step's output: the name of the incident that carries the request."""
VIA = "workflow"
RETRY_DELAYS_SECONDS = (1.0, 5.0, 15.0)
OVER = frozenset({"execution_not_in_running_state", "function_execution_not_found"})

log = logging.getLogger(__name__)


async def step_reached(bridge: Bridge, arrived: Arrived) -> None:
    """Make the request that the step describes, and tell the workflow what came of it."""
    execution = arrived.text("event", "function_execution_id")
    wanted = Wanted(
        runbook=_input(arrived, "runbook", RUNBOOK_MAX_CHARACTERS),
        parameters={SERVICE: service} if (service := _input(arrived, SERVICE, VALUE_MAX_CHARACTERS)) else {},
        reason=_input(arrived, "reason", REASON_MAX_CHARACTERS),
    )
    person = _input(arrived, "requested_by", 30)

    async def act(work: UnitOfWork, watch: Watch, roster: Roster) -> Asked:
        callback_id = arrived.text("event", "function", "callback_id")
        if callback_id != FUNCTION:
            return Asked(Answer(False, f"I have no step {callback_id[:80]!r} any more; please edit the workflow."))
        try:
            return await run(work, watch, roster, person, wanted, via=VIA)
        except RequestError as error:
            return Asked(Answer(False, str(error)))

    asked = await bridge.settle(arrived, act)
    if asked is not None:
        bridge.metrics.answers.labels(arrived.name, str(asked.answer.accepted).lower()).inc()
        await _tell(bridge, execution, asked)


def _input(arrived: Arrived, name: str, limit: int) -> str:
    return arrived.text("event", "inputs", name, limit=limit).strip()


async def _tell(bridge: Bridge, execution: str, asked: Asked) -> None:
    """What came of it; the request stands whether or not the workflow hears of it."""
    for delay_seconds in (*RETRY_DELAYS_SECONDS, None):
        try:
            if asked.incident:
                await bridge.client.functions_completeSuccess(
                    function_execution_id=execution, outputs={INCIDENT: asked.incident}
                )
            else:
                await bridge.client.functions_completeError(function_execution_id=execution, error=asked.answer.text)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            word = error_word(error) if isinstance(error, SlackApiError) else ""
            log.warning("the workflow's step %s could not be told what came of it: %s", execution, word or error)
            if word in OVER or delay_seconds is None:
                return
            await asyncio.sleep(delay_seconds)
        else:
            return
