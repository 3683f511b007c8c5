"""What goes on firing although its question is over: people are told of it again, once in each ``still_firing_after``.

An act that was verified, or a question that nobody answered, leaves nothing that waits. If the monitor does not agree
that it is over, silence would be the wrong answer. When people were last told is a column of the incident, so a restart
forgets nothing, and of all replicas one tells.
"""

import logging
from collections.abc import Sequence

from bot.policy.file.fields import duration_text, elapsed_text
from bot.policy.rules.matching import match
from bot.response.assessment.situation import firing_facts
from bot.response.model.actions import Action, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Incident
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import PERSON
from bot.response.model.state_words import state_words
from bot.response.notices.bundle_card import may_call
from bot.response.notices.calling import call_people
from bot.response.notices.card import current_action
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import report
from bot.response.ports.context import Context
from bot.response.ports.work import Work

_S = ActionState
LEFT_ALONE = frozenset({_S.SUCCEEDED, _S.ROLLED_BACK, _S.FAILED, _S.EXPIRED, _S.LAPSED})
"""Ends after which nothing waits and nobody is on it; whoever stopped, overrode or took over knows what fires."""

log = logging.getLogger(__name__)


async def still_firing(work: Work, context: Context) -> Sequence[Incident]:
    """Incidents that go on firing with nothing under way, of which people have not been told for a period."""
    return await work.incidents.still_firing(LEFT_ALONE, context.now() - context.policy().defaults.still_firing_after)


async def tell_still_firing(context: Context, found: Sequence[Incident]) -> int:
    """Tell people of each of them; how many this call told of."""
    told = 0
    for incident in found:
        try:
            async with context.database.begin() as work:
                told += await _tell(work, context, incident)
        except Exception:
            log.exception("that %s goes on firing could not be told; trying again at the next sweep", incident.name)
    return told


async def _tell(work: Work, context: Context, seen: Incident) -> bool:
    now, policy = context.now(), context.policy()
    if not await work.incidents.tell_firing(seen, now):
        return False
    incident = await work.incidents.get(seen.id)
    action = await current_action(work, incident) if incident is not None else None
    if incident is None or action is None or action.finished_at is None or action.state not in LEFT_ALONE:
        return False
    facts = [alert for alert in await firing_facts(work, incident) if alert.source != PERSON]
    heard = [alert for alert in facts if match(policy, alert).mute is None]
    if not heard:
        return False  # whatever fires is muted
    names = tuple(dict.fromkeys(f"{alert.name} on {alert.service or 'an unnamed service'}" for alert in heard))
    period = policy.defaults.still_firing_after
    times = int((now - action.finished_at) / period)
    because = f"{', '.join(names)} goes on firing."
    call = await call_people(work, policy, incident, action.runbook, action.asked, because, now, told_again=True)
    called = await may_call(work, incident.id, f"still firing, {times} times {duration_text(period)}")
    line = ThreadLine(
        title="Still firing, and nothing is under way",
        lines=(f"{', '.join(names)}.", _since(action, elapsed_text(now - action.finished_at))),
        tone=Tone.BAD,
        to=callable_people(policy, call.asked, incident.severity, now) if called and call is not None else (),
        broadcast=True,
    )
    body = {"action": action.id, "alerts": len(heard), "since": action.finished_at.isoformat()}
    await report(work, context, incident.id, AuditKind.INCIDENT_STILL_FIRING, body=body, line=line, at=now)
    return True


def _since(action: Action, elapsed: str) -> str:
    said = state_words(action.state, action.result).within
    return (
        f"“{action.plan.summary}” ended {elapsed} ago ({said}), and the monitor does not say that it is over. "
        "Override has another runbook tried; “I'll take it” ends these reminders."
    )
