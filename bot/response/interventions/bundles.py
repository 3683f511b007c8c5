"""What people do with the card of a bundle: approve all of it or some, take it over, have questions asked alone.

Each question keeps its own vote, quorum and record. An approval covers only what the card showed when it was pressed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.approval import Intervention, may
from bot.response.assessment.votes import Roster, authorised
from bot.response.interventions.approvals import count_approval
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, Tried
from bot.response.interventions.refusals import refuse, refused
from bot.response.interventions.take_override import TAKEN_OVER, set_aside
from bot.response.model.actions import ABOUT_TO_ACT
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.bundle import Bundle, Member
from bot.response.model.incidents import IncidentEvent, IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.bundle_card import headlines, refresh_bundle, why_together
from bot.response.notices.report import report, tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class BundleView:
    """A bundle as its dialogs show it."""

    bundle: Bundle
    summary: str
    because: str
    headlines: tuple[str, ...]
    members: Sequence[Member]

    @property
    def choosable(self) -> Sequence[Member]:
        """Those that can still be chosen, what waits for approval first."""
        unresolved = [one for one in self.members if one.incident.state is not IncidentState.RESOLVED]
        return sorted(unresolved, key=lambda one: not one.waits)


async def view(work: Work, context: Context, handle: str) -> BundleView | None:
    """What the dialogs of this bundle show; None for a handle that we do not know."""
    bundle = await work.bundles.get(handle)
    if bundle is None:
        return None
    members = await work.bundles.members(bundle)
    runbook = context.policy().runbooks.get(bundle.runbook)
    summary = runbook.summary if runbook else "No runbook covers these"
    return BundleView(bundle, summary, why_together(context.policy()), headlines(members), members)


async def approve_these(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """One person's approval of every question that the pressed card showed, but for what others have taken over."""
    return await _approve(work, context, roster, press, None)


async def approve_chosen(work: Work, context: Context, roster: Roster, press: Press, chosen: Collection[str]) -> Answer:
    """The same for some of them; ``chosen``: their incidents, as ``INC-7``."""
    return await _approve(work, context, roster, press, chosen)


async def take_these(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """ "I am on it", for every incident of the bundle that nobody has taken: nobody is called for them any more."""
    bundle = await work.bundles.get(press.subject)
    if bundle is None:
        return UNKNOWN_SUBJECT
    refusal = await refused(work, context, roster, Intervention.TAKE, _tried(bundle, press))
    if refusal is not None:
        return refusal
    now, taken, entries = context.now(), list[Member](), list[int]()
    for member in await work.bundles.members(bundle):
        free = member.incident.state is IncidentState.OPEN
        if free and await work.incidents.move(member.incident.id, IncidentEvent.TAKE, now=now, by=press.person):
            taken.append(member)
            if member.action is not None and member.action.state in ABOUT_TO_ACT:
                await set_aside(work, context, member.action, press.person, TAKEN_OVER)
            entries.append(
                await work.audit.append(
                    kind=AuditKind.INCIDENT_TAKEN,
                    actor=press.person,
                    at=now,
                    incident_id=member.incident.id,
                    body={"bundle": bundle.handle},
                )
            )
    if not taken:
        return Answer(False, "Somebody has taken all of these already, or they are resolved. See the card.")
    count, verb = _count(taken, "incident"), "is" if len(taken) == 1 else "are"
    await _tell(work, context, bundle, press.person, f"On it: {count}", taken, entries, Tone.BY_A_PERSON)
    return Answer(True, f"{count} {verb} yours. Nothing acts by itself there, and nobody else is called.")


async def ask_alone(work: Work, context: Context, roster: Roster, press: Press, chosen: Collection[str]) -> Answer:
    """Give the chosen incidents a card and a thread of their own, with every button and everything known."""
    bundle = await work.bundles.get(press.subject)
    if bundle is None:
        return UNKNOWN_SUBJECT
    refusal = await refused(work, context, roster, Intervention.TAKE, _tried(bundle, press))
    if refusal is not None:
        return refusal
    now, moved = context.now(), list[Member]()
    for member in await work.bundles.members(bundle):
        if member.incident.name not in chosen or not await work.bundles.leave(member.incident.id):
            continue
        moved.append(member)
        await report(
            work,
            context,
            member.incident.id,
            AuditKind.QUESTION_ASKED_ALONE,
            by=press.person,
            body={"bundle": bundle.handle},
            line=ThreadLine(
                title="A card of its own",
                lines=(member.headline, "Before, it was asked about together with others of the same storm."),
            ),
            at=now,
        )
    await refresh_bundle(work, context.policy(), bundle, now)
    if not moved:
        return Answer(False, "These have cards of their own already.")
    who = "it" if len(moved) == 1 else "each"
    return Answer(True, f"{_names(moved)}: {who} gets a card of its own in a moment.")


@dataclass(frozen=True, slots=True)
class _Covered:
    """What an approval speaks for, and what it does not although it waits: each question is in one of these."""

    asked: Sequence[Member]
    newer: Sequence[Member]
    """They came, or changed, after the card that was pressed."""
    late: Sequence[Member]
    """Their time has just run out."""
    of_others: Sequence[Member]
    """Somebody else has taken them over, and they were not chosen."""


def _covered(members: Sequence[Member], press: Press, chosen: Collection[str] | None, now: datetime) -> _Covered:
    asked, newer, late, of_others = list[Member](), list[Member](), list[Member](), list[Member]()
    for member in members:
        if not member.waits or member.action is None or (chosen is not None and member.incident.name not in chosen):
            continue
        if chosen is None and member.incident.taken_by not in (None, press.person):
            of_others.append(member)
        elif member.joined_revision > press.revision:
            newer.append(member)
        elif member.action.due_at is not None and member.action.due_at <= now:
            late.append(member)
        else:
            asked.append(member)
    return _Covered(asked, newer, late, of_others)


async def _approve(
    work: Work, context: Context, roster: Roster, press: Press, chosen: Collection[str] | None
) -> Answer:
    bundle = await work.bundles.get(press.subject)
    if bundle is None:
        return UNKNOWN_SUBJECT
    covered = _covered(await work.bundles.members(bundle), press, chosen, context.now())
    if not covered.asked:
        return Answer(False, _not_covered(covered) or "Nothing here waits for approval any more. See the card.")
    started, entries, refusals, unsettled = list[Member](), list[int](), list[str](), 0
    for member in covered.asked:
        action = member.action
        if action is None:
            continue
        permission = may(
            Intervention.APPROVE,
            press.person,
            authorised=authorised(context, roster, Intervention.APPROVE, action.runbook, action),
            requested_by=action.requested_by,
        )
        if not permission.allowed:
            refusals.append(permission.text)
            continue
        approval = await count_approval(work, context, roster, action, press.person, bundle=bundle.handle)
        entries += [approval.entry] if approval.entry is not None else []
        started += [member] if approval.approved is not None else []
        unsettled += approval.approved is None
    if len(refusals) == len(covered.asked):
        return await refuse(work, context, Intervention.APPROVE, _tried(bundle, press), refusals[0])
    if started:
        await _tell(
            work, context, bundle, press.person, f"Approved: {_count(started)}", started, entries, Tone.BY_A_PERSON
        )
    else:
        await refresh_bundle(work, context.policy(), bundle, context.now())
    start, need = "starts" if len(started) == 1 else "start", "needs" if unsettled == 1 else "need"
    said = [
        f"Your approval is counted. {_count(started)} {start} now." if started else "Your approval is counted.",
        f"{unsettled} more {need} somebody else's approval, too." if unsettled else "",
        f"{len(refusals)} you may not answer: {refusals[0]}" if refusals else "",
        _not_covered(covered),
    ]
    return Answer(True, " ".join(filter(None, said)))


def _not_covered(covered: _Covered) -> str:
    """What the approval does not speak for, and what to do about it; empty when there is nothing."""
    said = [
        f"{len(covered.late)} ran out of time just before." if covered.late else "",
        f"{_count(covered.newer)} came since: look at the card again." if covered.newer else "",
        f"Taken by others: {_names(covered.of_others)}. To approve there, choose them." if covered.of_others else "",
    ]
    return " ".join(filter(None, said))


def _tried(bundle: Bundle, press: Press) -> Tried:
    return Tried(press.person, {"bundle": bundle.handle, "revision": press.revision}, bundle.founder_id)


async def _tell(
    work: Work,
    context: Context,
    bundle: Bundle,
    person: str,
    title: str,
    members: Sequence[Member],
    entries: Sequence[int],
    tone: Tone,
) -> None:
    """The card that they share as it stands now, and one line for all in its thread."""
    names = _names(members)
    line = ThreadLine(title=title, lines=(names,), tone=tone, of_bundle=True)
    await refresh_bundle(work, context.policy(), bundle, context.now())
    await tell(work, context, members[0].incident.id, line, entries=entries, by=person, about=names)


def _count(members: Sequence[Member], noun: str = "question") -> str:
    return f"{len(members)} {noun}{'' if len(members) == 1 else 's'}"


def _names(members: Sequence[Member]) -> str:
    names = [member.incident.name for member in members[:NAMED_MAX]]
    more = len(members) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
