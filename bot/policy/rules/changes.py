"""Other hands: while somebody deploys, drains or maintains what a plan is about, nothing acts on it by itself."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.policy.rules.case import Ruling, forbids, passed
from bot.policy.rules.controls import EVERYTHING, Control
from bot.policy.rules.services import Services
from bot.policy.situation import Change

JUST_NOW = timedelta(minutes=10)
"""A change that is over for no longer than this still makes it less sure what helps."""

SEEN = "seen"
"""The kind of control that a change is which the system itself shows."""


def standing(
    changes: Sequence[Change], now: datetime, services: Services, targets: Iterable[str] = ()
) -> tuple[Control, ...]:
    """The changes that are under way on these, as what holds an act; ``targets`` by key and by the name people see.

    Read widely, as a pause is: a change without services and targets covers everything, and where nobody knows the
    service of a plan, every change of a service covers it.
    """
    names = frozenset(targets)
    return tuple(
        Control(f"change:{change.change_id}", "change", change.what, change.by, change.until, _covered(change))
        for change in changes
        if change.begins <= now < change.until and _covers(change, services, names)
    )


def seen_on(plan: Plan) -> tuple[Control, ...]:
    """What the system itself shows to be changing on the targets of a plan, as what holds an act."""
    return tuple(Control(f"{SEEN}:{said}", SEEN, said, "", None) for said in plan.changing)


def just_over(
    changes: Sequence[Change], now: datetime, services: Services, targets: Iterable[str] = ()
) -> tuple[Change, ...]:
    """The changes on these that ended a moment ago."""
    names = frozenset(targets)
    return tuple(
        change
        for change in changes
        if change.begins < change.until <= now < change.until + JUST_NOW and _covers(change, services, names)
    )


def changes(applied: Sequence[Control]) -> Ruling:
    """A change that stands on the targets holds everything that is not done by hand."""
    inputs = {"changes": [control.text for control in applied]}
    if applied:
        said = "; ".join(control.text.rstrip(". ") for control in applied)
        return forbids(Verdict.HOLD, f"Others are at work here: {said}.", inputs)
    return passed("No change of others is under way here.", inputs)


def _covers(change: Change, services: Services, targets: Collection[str]) -> bool:
    if not change.services and not change.targets:
        return True
    return any(services.may_be(name) for name in change.services) or any(
        fnmatchcase(name, pattern) for pattern in change.targets for name in targets
    )


def _covered(change: Change) -> str:
    return ", ".join((*change.services, *change.targets)) or str(EVERYTHING)
