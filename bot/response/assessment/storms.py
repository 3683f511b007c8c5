"""When one storm of alerts would become a storm of messages: the questions beyond the first few share one card.

What Watchkeeper is about to do by itself is never hidden among others, nor what a person has asked for, nor a plan
with an effect that is never done without people, nor the incident at which people are asked for all that have their
cause there: each gets a card of its own.
"""

from datetime import datetime

from bot.policy.decision import Decision, Verdict
from bot.policy.rules.forbidden import forbidden_in
from bot.policy.situation import Planned, Situation
from bot.response.assessment.causes import cause_named
from bot.response.model.incidents import Incident
from bot.response.notices.bundle_card import refresh_bundle
from bot.response.ports.context import Context
from bot.response.ports.work import Work

ON_ITS_OWN = frozenset({Verdict.ACT, Verdict.ACT_UNLESS_STOPPED})


async def ask_together(
    work: Work, context: Context, incident: Incident, situation: Situation, decision: Decision, revision: int
) -> None:
    """Find the place of the incident's new question, ``revision``: a card of its own, or one that it shares.

    To be called in the transaction that records the decision, after its audit entry: whoever writes that stands in
    line, so two replicas never count the same storm at the same time.
    """
    now, policy, runbook = situation.now, context.policy(), decision.runbook or ""
    plan = situation.plans.get(runbook, Planned()).plan
    forbidden = plan is not None and bool(forbidden_in(plan))
    is_cause = cause_named(decision) == incident.name
    alone = decision.verdict in ON_ITS_OWN or situation.request is not None or forbidden or is_cause
    shared = await work.bundles.of(incident.id)
    if shared is not None:
        if alone or shared.runbook != runbook:
            await work.bundles.leave(incident.id)
            await refresh_bundle(work, policy, shared, now)
        else:
            await work.bundles.renew(shared, incident.id, decision.headline)
        return
    if alone or revision > 1:
        return  # people know its card by now
    await _join(work, context, incident, runbook, decision, now)


async def _join(
    work: Work, context: Context, incident: Incident, runbook: str, decision: Decision, now: datetime
) -> None:
    storm = context.policy().storm
    since = now - storm.within
    lately = await work.bundles.asked_since(runbook, since)
    await work.bundles.ask(incident.id, runbook, decision.headline, now)
    if lately < storm.after:
        return
    # A card that has stood there for longer is one that people have read: they would not see what joins it.
    bundle = await work.bundles.with_room(runbook, since)
    if bundle is None:
        bundle = await work.bundles.open(context.new_id(), runbook, incident.id, now)
    await work.bundles.join(bundle, incident.id)
