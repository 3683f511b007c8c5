"""Who may answer under the present policy, and what the votes on record amount to."""

from collections.abc import Mapping

from bot.policy.approval import Intervention, Tally, approvals_needed, groups_for, tally
from bot.policy.plan import Plan
from bot.response.assessment.situation import under_way_now
from bot.response.model.actions import Action
from bot.response.model.records import Ballot
from bot.response.ports.context import Context
from bot.response.ports.work import Work

Roster = Mapping[str, frozenset[str]]
"""Policy group -> its present members (Slack user ids)."""


def authorised(
    context: Context, roster: Roster, intervention: Intervention, runbook: str = "", action: Action | None = None
) -> frozenset[str]:
    """Everybody who may do ``intervention`` under the present policy.

    ``action``: the question it is about; the groups of the escalation chain that it was put to may answer, too.
    """
    asked = {one.group for one in action.asked} if action else ()
    groups = groups_for(intervention, context.policy(), runbook, asked)
    return frozenset().union(*(roster.get(group, frozenset()) for group in groups))


async def count_votes(work: Work, context: Context, roster: Roster, action: Action, plan: Plan | None = None) -> Tally:
    """What the votes on record amount to as the present policy counts them: who may answer, and how many must.

    ``plan``: as it was made now, where it was; what would stay healthy may be less than when people were asked.
    """
    votes = await work.votes.of(action.id)
    return tally(
        approvals=[vote.person for vote in votes if vote.ballot is Ballot.APPROVE],
        stops=[vote.person for vote in votes if vote.ballot is Ballot.STOP],
        approvers=authorised(context, roster, Intervention.APPROVE, action.runbook, action),
        requested_by=action.requested_by,
        needed=approvals_needed(
            context.policy(), action.runbook, plan or action.plan, await under_way_now(work, but=action.id)
        ),
    )
