"""The situation a decision rests on: the assessment, with what only rows know, read in one transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.policy.file.document import Runbook
from bot.policy.levels import Level
from bot.policy.situation import Licence, Notification, Oversight, Situation, Trigger
from bot.response.assessment.assess import Assessment, Brief
from bot.response.assessment.parameters import changes
from bot.response.model.records import Request
from bot.response.ports.context import Context
from bot.response.ports.work import Work

ASKED = "asked: "
"""How the trigger of a person's request begins; what follows is their reason."""


def request_of(situation: Situation) -> Request | None:
    """The request that a stored situation came from; None when it came from an alert."""
    if situation.requested_by is None or situation.runbook is None:
        return None
    return Request(
        runbook=situation.runbook,
        by=situation.requested_by,
        reason=situation.oversight.trigger.removeprefix(ASKED),
        parameters=situation.requested_with,
    )


async def build_situation(
    work: Work, context: Context, brief: Brief, assessment: Assessment, notification: Notification, now: datetime
) -> Situation:
    """The assessment, with what only rows know: controls, budgets, licence and history, read in this transaction."""
    policy, alert, name = context.policy(), brief.alert, assessment.runbook
    runbook = policy.runbooks.get(name) if name else None
    request = brief.request
    since = now - timedelta(days=context.timing.history_days)
    situation = Situation(
        now=now,
        incident=brief.incident,
        trigger=Trigger.ALERT if request is None else Trigger.PERSON,
        requested_by=request.by if request else None,
        requested_with=request.parameters if request else {},
        alert=alert,
        runbook=name,
        plan=assessment.plan,
        plan_problem=assessment.plan_problem,
        evidence=assessment.evidence,
        impact=assessment.impact,
        pauses=await work.pauses.active(now),
        oversight=Oversight(
            trigger=f"alert {alert.name} from {alert.source}" if request is None else f"{ASKED}{request.reason}",
            audited=True,
            notification=notification,
        ),
    )
    if name is None or runbook is None:
        return situation
    return situation.model_copy(
        update={
            "history": await work.actions.history(name, alert.service, since),
            "budgets": await work.budgets.states(policy, alert.service, name, now),
            "licence": as_written(
                await work.licences.of(name, runbook.digest, now), _changed(context, runbook, request)
            ),
        }
    )


def _changed(context: Context, runbook: Runbook, request: Request | None) -> Mapping[str, str]:
    """What the person wants otherwise than the policy says."""
    remediation = context.catalogue.get(runbook.remediation)
    return (
        {} if request is None or remediation is None else changes(remediation.parameters, runbook, request.parameters)
    )


def as_written(licence: Licence, changed: Mapping[str, str]) -> Licence:
    """A licence is earned for the parameters as they are written: with others a person must agree."""
    if not changed or (licence.demoted_to is not None and licence.demoted_to <= Level.L1):
        return licence
    reason = f"it earned its licence with the parameters as written, and a person changed {', '.join(sorted(changed))}"
    return licence.model_copy(update={"demoted_to": Level.L1, "demotion_reason": reason})
