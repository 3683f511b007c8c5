"""Authority: who may do what, and when enough distinct persons have approved.

Groups are resolved to Slack user ids by the caller: ask ``groups_for`` which groups count, resolve them, and pass the
ids to ``may`` or ``tally``. Nobody has authority by default: an empty list of ids means nobody.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.policy.decision import HOLDING, Decision, Verdict
from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.rules.forbidden import APPROVERS_NEEDED, forbidden_in
from bot.policy.rules.remaining import APPROVERS_BELOW_THE_FLOOR, below_the_floor
from bot.policy.situation import UnderWay


class Intervention(StrEnum):
    """What a person may want to do."""

    APPROVE = "approve"
    OVERRIDE = "override"
    """Choose another runbook, or none, in place of what is proposed."""
    ACT_BY_HAND = "act by hand"
    """Approve although automation is paused here."""
    ROLL_BACK = "roll back"
    """Have an action rolled back."""
    RESUME = "resume"
    """End a pause."""
    STOP = "stop"
    """Keep an action from running, and everything else from acting by itself for its incident."""
    PAUSE = "pause"
    TAKE = "take"
    """Take the incident over: nobody else is asked, and nothing acts by itself."""
    REVIEW = "review"
    SHARE_DOCUMENT = "share the document"
    """Have the post-incident document put into the incident's thread."""
    RUN = "run"
    """Ask for a runbook without an alert."""
    RUN_GATES = "run the gates"
    """Have the gates of a runbook run on staging."""
    SIGN_OFF = "sign off"
    """Answer for a runbook whose gates have passed."""
    PROMOTE = "promote"
    """Lift what a runbook was demoted for."""


FOR_APPROVERS = frozenset(
    {Intervention.APPROVE, Intervention.OVERRIDE, Intervention.ACT_BY_HAND, Intervention.ROLL_BACK, Intervention.RESUME}
)
"""Interventions that change production, or give autonomy back: for the runbook's approvers. Every other one asks, stops
or explains, which must be easy: for everybody the policy names."""

FOR_SIGNERS = frozenset({Intervention.SIGN_OFF, Intervention.PROMOTE})
"""Interventions that give a runbook a higher level: for the groups in ``gates.sign_off``."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a person may, and why (not) in words for that person."""

    allowed: bool
    text: str


def groups_for(
    intervention: Intervention, policy: Policy, runbook: str = "", asked: Collection[str] = ()
) -> tuple[str, ...]:
    """The policy's groups whose members may do ``intervention``; without a runbook the defaults apply.

    ``asked``: groups that the question has been put to. A group of the escalation chain gets its say by being asked,
    not before; a group that the present policy does not name has none, even if it was asked once.
    """
    if intervention in FOR_SIGNERS:
        return policy.gates.sign_off
    if intervention not in FOR_APPROVERS:
        return tuple(policy.people)
    approvals = policy.approvals_of(runbook)
    return tuple(dict.fromkeys((*approvals.groups, *(group for group in approvals.escalation if group in asked))))


def next_groups(policy: Policy, runbook: str, asked: Collection[str]) -> tuple[str, ...]:
    """Groups of the escalation chain that have not been asked yet, in the chain's order."""
    approvals = policy.approvals_of(runbook)
    return tuple(group for group in dict.fromkeys(approvals.escalation) if group not in {*approvals.groups, *asked})


def may(
    intervention: Intervention, person: str, *, authorised: Collection[str], requested_by: str | None = None
) -> Permission:
    """Whether ``person`` may do ``intervention``; ``authorised`` are the members of ``groups_for``.

    The requester has every right but one: to approve, or act by hand on, their own request.
    """
    if person not in authorised:
        return Permission(
            False, f"You may not {intervention} here: the policy does not name you in the groups that may."
        )
    if person == requested_by and intervention in (Intervention.APPROVE, Intervention.ACT_BY_HAND):
        return Permission(False, "You asked for this yourself, so somebody else must approve it.")
    return Permission(True, f"The policy lets you {intervention} here.")


def may_sign_off(policy: Policy, runbook: str, person: str, *, authorised: Collection[str]) -> Permission:
    """Whether ``person`` may sign off ``runbook``; ``authorised`` are the members of the groups in ``gates.sign_off``.

    Nobody answers for what they have written themselves, and a runbook that does not say who wrote it can be anybody's.
    """
    entry = policy.runbooks.get(runbook)
    if entry is None:
        return Permission(False, f"The policy has no runbook {runbook}.")
    if not entry.authors:
        return Permission(
            False, f"Nobody can sign off {runbook}: it does not say who wrote it. Add `authors:` to its entry."
        )
    if person in entry.authors:
        return Permission(False, f"You have written {runbook}, so somebody else must sign it off.")
    if person not in authorised:
        return Permission(False, f"You may not sign off {runbook}: `gates.sign_off` of the policy does not name you.")
    return Permission(True, f"The policy lets you sign off {runbook}.")


def approvals_needed(policy: Policy, runbook: str, plan: Plan, under_way: Sequence[UnderWay] | None = None) -> int:
    """Distinct persons who must approve: as the policy says, and more where two must agree.

    That is so for forbidden effects, and for a plan that would leave less healthy than the policy wants, counting what
    is ``under_way`` elsewhere; None where that is not known, and so nothing about what would be left.
    """
    needed = policy.approvals_of(runbook).needed
    if forbidden_in(plan):
        needed = max(needed, APPROVERS_NEEDED)
    if below_the_floor(policy, plan, under_way):
        needed = max(needed, APPROVERS_BELOW_THE_FLOOR)
    return needed


def may_act_by_hand(decision: Decision) -> Permission:
    """Whether a held action may be started by hand at all: a pause never hides a refusal."""
    if decision.verdict is not Verdict.HOLD:
        return Permission(False, "Nothing is paused here, so there is nothing to act on by hand.")
    if decision.otherwise in (None, Verdict.REFUSE, Verdict.OBSERVE):
        objection = next(
            (r.text for r in decision.reasons if r.rule not in HOLDING and r.result.value == "forbids"),
            "the decision does not say that anything may be done here",
        )
        return Permission(False, f"Even without the pause this would not be offered: {objection}")
    return Permission(True, "Automation is paused here, but a person may act by hand.")


class TallyState(StrEnum):
    """Where a question stands."""

    PENDING = "pending"
    """More people must approve."""
    APPROVED = "approved"
    """Enough people have approved, and nobody has stopped it."""
    STOPPED = "stopped"
    """Somebody who may has stopped it, however many approved."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes that count, and what they amount to."""

    standing: TallyState
    approved_by: tuple[str, ...]
    """Distinct persons whose approval counts, in the order they gave it."""
    missing: int
    """How many more must approve."""


def tally(
    *,
    approvals: Iterable[str],
    stops: Iterable[str],
    approvers: Collection[str],
    requested_by: str | None,
    needed: int,
) -> Tally:
    """Count votes: one stop by anybody settles it; else ``needed`` distinct approvers other than the requester.

    Whether a person may stop is asked before the vote is cast (``may``), so that every stop that was accepted counts.

    Raises:
        ValueError: ``needed`` is not at least 1.
    """
    if needed < 1:
        raise ValueError(f"needed is {needed}; at least 1 person must approve")
    counted = tuple(person for person in dict.fromkeys(approvals) if person in approvers and person != requested_by)
    missing = max(0, needed - len(counted))
    if any(True for _ in stops):
        return Tally(TallyState.STOPPED, counted, missing)
    return Tally(TallyState.PENDING if missing else TallyState.APPROVED, counted, missing)
