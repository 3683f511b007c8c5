"""Where the cause may be elsewhere, people are asked once, there: the other cards point to it and call nobody."""

from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.situation import Situation
from bot.response.model.actions import ENDED, ActionState
from bot.response.model.incidents import Incident, IncidentState, incident_number, names_of
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.card import current_action, refresh_card
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

OF_ITSELF = frozenset({"forbidden_effects", "leave_healthy", "billing", "data_integrity", "security"})
"""Rules that call people for an incident wherever its cause is."""
_ABOUT_TO_ACT = frozenset({ActionState.ANNOUNCING, ActionState.VETO_WINDOW})


def cause_named(decision: Decision) -> str:
    """The incident at which a person is asked because the cause may be there, be it this one; empty without any."""
    reason = next((each for each in decision.reasons if each.rule == "common_cause"), None)
    if reason is None or reason.result is not RuleResult.ESCALATES:
        return ""
    return str(reason.inputs.get("cause") or "")


async def point_to_cause(
    work: Work, context: Context, incident: Incident, situation: Situation, decision: Decision
) -> Incident | None:
    """Note where people are asked about this incident from now on; None: here.

    To be called in the transaction that records the decision, after its audit entry: whoever writes that stands in
    line, so no two incidents can come to point at each other.
    """
    now, policy = situation.now, context.policy()
    before = await work.causes.of(incident.id)
    await work.causes.point(incident.id, None)
    cause = await _cause(work, incident, situation, decision)
    if cause is not None:
        await work.causes.point(incident.id, cause.id)
    for changed in {each.id for each in (before, cause) if each is not None and before != cause}:
        await refresh_card(work, policy, changed, now)
    if cause is not None:
        action = await current_action(work, cause)
        if action is not None and action.state in _ABOUT_TO_ACT:
            await work.queue.consider(cause.id)  # what others say of it by now is no part of what was decided then
        await call_for_others(work, context, cause)
    return cause


async def call_for_others(work: Work, context: Context, cause: Incident) -> None:
    """Call people to an incident at which nobody is asked anything (it has no runbook), for those behind it.

    Once, and only where its card is there already.
    """
    if cause.state is not IncidentState.OPEN or not cause.revision:
        return
    own = await current_action(work, cause)
    behind = await work.causes.behind(cause.id)
    if not behind or (own is not None and own.state not in ENDED):
        return
    now = context.now()
    if not await work.causes.call_once(cause.id, now):
        return
    called: dict[str, None] = {}
    for incident in behind:
        action = await current_action(work, incident)
        asked = action.asked if action is not None else ()
        called |= dict.fromkeys(callable_people(context.policy(), asked, incident.severity, now))
    line = ThreadLine(
        title="Others may have their cause here",
        lines=(f"{names_of(behind)}.", "They are not asked about one by one: nothing acts there by itself meanwhile."),
        tone=Tone.BAD,
        to=tuple(called),
        broadcast=True,
    )
    await tell(work, context, cause.id, line, at=now)


async def _cause(work: Work, incident: Incident, situation: Situation, decision: Decision) -> Incident | None:
    number = incident_number(cause_named(decision))
    if number is None or decision.verdict is not Verdict.ASK or situation.request is not None:
        return None
    if any(each.rule in OF_ITSELF and each.result is not RuleResult.PASSED for each in decision.reasons):
        return None
    named = await work.incidents.get(number)
    if named is None or named.state is IncidentState.RESOLVED:
        return None
    cause = await work.causes.of(number) or named
    return None if cause.id == incident.id else cause
