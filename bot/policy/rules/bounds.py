"""Bounds on every action: complete human oversight, known targets, and a limited blast radius."""

from bot.policy.decision import Verdict
from bot.policy.file.document import RunbookBounds
from bot.policy.percent import percent
from bot.policy.plan import Exactness
from bot.policy.rules.case import Case, Ruling, escalates, forbids, passed
from bot.policy.situation import Notification

APPROVER_FACTOR = 10
"""How many times its own bound a plan may touch with approval, where the entry says nothing."""


def approved_targets(bounds: RunbookBounds) -> int:
    """The largest target set a person may approve."""
    return bounds.approved_targets if bounds.approved_targets is not None else APPROVER_FACTOR * bounds.targets


def oversight(case: Case) -> Ruling:
    """Trigger, blast radius, rollback and audit must all be there; notification has its own rule."""
    given, plan = case.situation.oversight, case.plan
    parts = {
        "trigger": True,  # by its type a situation has one: an alert, or a person's request
        "blast radius": plan.blast_radius.targets >= len(plan.targets),
        "rollback": bool(plan.rollback.summary.strip()) or plan.rollback.exactness is Exactness.NOTHING_TO_UNDO,
        "audit": given.audited,
    }
    inputs = {"way back" if part == "rollback" else part: there for part, there in parts.items()}  # as it is stored
    missing = [part for part, there in parts.items() if not there]
    if missing:
        return forbids(
            Verdict.REFUSE,
            f"Refused: oversight is incomplete, there is no true {' and no true '.join(missing)}.",
            inputs,
        )
    return passed("Trigger, blast radius, rollback and audit are all recorded.", inputs)


def targets(case: Case) -> Ruling:
    """An empty target set is an error of the plan, never "everything" and never "nothing to worry about"."""
    keys = [target.key for target in case.plan.targets]
    if not keys:
        return forbids(
            Verdict.REFUSE, "Refused: the plan names no target, so there is nothing to act on.", {"keys": []}
        )
    return passed(f"The plan touches {', '.join(target.label for target in case.plan.targets)}.", {"keys": keys})


def blast_radius(case: Case) -> Ruling:
    """Within the runbook's bound it may act by itself, within the approver's bound people may approve, else nobody."""
    bounds, radius = case.runbook.blast_radius, case.plan.blast_radius
    count, most = max(radius.targets, len(case.plan.targets)), approved_targets(bounds)
    inputs = {
        "targets": count,
        "targets_bound": bounds.targets,
        "approved_targets": most,
        "share": radius.share,
        "share_bound": bounds.share,
    }
    if count > max(most, bounds.targets):
        return forbids(
            Verdict.REFUSE,
            f"Refused: {count} targets are more than the {most} that even an approver may allow.",
            inputs,
        )
    if count > bounds.targets:
        return escalates(
            f"{count} targets are more than the {bounds.targets} this runbook may touch by itself.", inputs
        )
    if bounds.share is not None and radius.share is None:
        return escalates(
            f"Which share of the fleet this touches is unknown; by itself it may touch {percent(bounds.share)}.", inputs
        )
    if bounds.share is not None and radius.share is not None and radius.share > bounds.share:
        touched, bound = percent(radius.share), percent(bounds.share)
        return escalates(f"{touched} of the fleet is more than the {bound} this runbook may touch by itself.", inputs)
    return passed(f"{_targets_text(count)}, within the bound of {bounds.targets}.", inputs)


def notification(case: Case) -> Ruling:
    """No notification, no autonomy: if the card was not accepted, people must answer through another one."""
    state = case.situation.oversight.notification
    inputs = {"notification": state.value}
    if state is Notification.FAILED:
        return escalates(
            "The announcement did not reach Slack, so nothing happens without a person's approval.", inputs
        )
    if state is Notification.PLANNED:
        return passed("The announcement goes first; nothing starts before it has been accepted.", inputs)
    return passed("The announcement has been accepted.", inputs)


def _targets_text(count: int) -> str:
    return "1 target" if count == 1 else f"{count} targets"
