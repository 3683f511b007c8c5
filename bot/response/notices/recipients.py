"""Whom a question is put to, and who of them may be called at this hour.

Being asked gives a say, at any hour; being called means a mention or a direct message, which quiet hours forbid. Pure
over rows and policy: who is in a group is passed in.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.policy.approval import next_groups
from bot.policy.file.document import Policy
from bot.policy.file.fields import duration_text
from bot.policy.quiet import quiet_from, quiet_until
from bot.response.model.actions import Action, ActionState, AskedGroup
from bot.response.model.calls import Call
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import AskedGroupLine, Button, DirectNotice
from bot.response.notices.plan_words import plan_card
from bot.response.ports.work import Work

Members = Mapping[str, Collection[str]]
"""Policy group -> Slack user ids of its members."""
NOTHING_WHILE_HELD = "Nothing is done while automation is paused here."


def ask_first(
    policy: Policy, runbook: str, members: Members, severity: str, now: datetime, without: Collection[str]
) -> tuple[AskedGroup, ...]:
    """The groups a new question is put to: the runbook's own and, while nobody may be called, those of the chain.

    ``without``: people whose answer would not count, so that calling them is no help.
    """
    asked = tuple(_put_to(group, members, now) for group in policy.approvals_of(runbook).groups)
    if callable_people(policy, asked, severity, now, without):
        return asked
    return asked + ask_next(policy, runbook, asked, members, severity, now, without)


def ask_next(
    policy: Policy,
    runbook: str,
    asked: Sequence[AskedGroup],
    members: Members,
    severity: str,
    now: datetime,
    without: Collection[str],
) -> tuple[AskedGroup, ...]:
    """The next groups of the chain: as many as it takes until somebody new may be called; empty at its end.

    A group that ``members`` does not know is not asked, nor those behind it.
    """
    heard = {*without, *(person for one in asked for person in one.people)}
    added: tuple[AskedGroup, ...] = ()
    for group in next_groups(policy, runbook, [one.group for one in asked]):
        if group not in members:
            break
        added += (_put_to(group, members, now),)
        if callable_people(policy, added, severity, now, heard):
            break
    return added


def renewed(asked: Sequence[AskedGroup], members: Members) -> tuple[AskedGroup, ...]:
    """The same groups with the people who are in them now."""
    return tuple(AskedGroup(one.group, tuple(sorted(members.get(one.group, ()))), one.at) for one in asked)


def callable_people(
    policy: Policy, asked: Sequence[AskedGroup], severity: str, now: datetime, without: Collection[str] = ()
) -> tuple[str, ...]:
    """Those asked of whom at least one group is not in quiet hours, in order, each once."""
    awake = (one for one in asked if _quiet_until(policy, one.group, severity, now) is None)
    return tuple(dict.fromkeys(person for one in awake for person in one.people if person not in without))


def asked_groups(
    policy: Policy, asked: Sequence[AskedGroup], severity: str, now: datetime
) -> tuple[AskedGroupLine, ...]:
    """The same for a card: which group, when, and until when it is not called."""
    return tuple(
        AskedGroupLine(group=one.group, at=one.at, quiet_until=_quiet_until(policy, one.group, severity, now))
        for one in asked
    )


def why_quiet(policy: Policy, asked: Sequence[AskedGroup], severity: str, now: datetime) -> str:
    """Who is in quiet hours, as a sentence; empty when nobody is."""
    quiet = [one for one in asked_groups(policy, asked, severity, now) if one.quiet_until is not None]
    if not quiet:
        return ""
    named = " and ".join(f"{one.group} until {one.quiet_until:%Y-%m-%d %H:%M} UTC" for one in quiet)
    return f"In quiet hours, so not called: {named}."


def if_nobody_answers(policy: Policy, incident: Incident, action: Action | None, *, of_many: bool = False) -> str:
    """The consequence of silence, in words; ``of_many``: the same for every question of a bundle."""
    if action is None:
        return ""
    match action.state:
        case ActionState.ANNOUNCING:
            window = duration_text(policy.veto_window_of(action.runbook)) if action.veto_window_seconds else "at once"
            return (
                f"It runs {window if window == 'at once' else f'{window} after this message'} unless someone stops it."
            )
        case ActionState.VETO_WINDOW:
            return "It runs, and this card will say how it went."
        case ActionState.WAITING:
            following = next_groups(policy, action.runbook, [one.group for one in action.asked])
            if following and incident.state is not IncidentState.TAKEN:
                return f"{following[0]} will be asked as well."
            if of_many:
                return "nothing happens, and they stay as they are."
            return f"nothing happens, and {incident.service or 'it'} stays as it is."
        case ActionState.HELD:
            return NOTHING_WHILE_HELD
        case _:
            return ""


def if_nobody_takes_it(policy: Policy, call: Call) -> str:
    """What silence means while people are called, in words."""
    following = next_groups(policy, call.runbook, call.groups)
    if following and call.due_at is not None:
        return f"{following[0]} will be called as well."
    again = duration_text(policy.defaults.still_firing_after)
    return f"Nobody else is left to call; all are reminded every {again} while it fires."


def called_until(policy: Policy, call: Call) -> datetime | None:
    """When silence means that: the moment at which the next are called; None once nobody is left."""
    return call.due_at if next_groups(policy, call.runbook, call.groups) else None


async def write_to(
    work: Work,
    policy: Policy,
    incident: Incident,
    about: Action | Call,
    people: Sequence[str],
    said: tuple[str, str, str],
    now: datetime,
    *,
    answer_by: datetime | None = None,
    to_take: bool = False,
    of_bundle: bool = False,
) -> None:
    """A direct message to each of ``people``, worth delivering until the question ends or they are left to sleep.

    ``said``: the title, why they are written to (may be empty), and what happens if nobody answers. ``answer_by``:
    when that happens, where it is not when the question ends. ``to_take``: nothing is to be answered, somebody is to
    take it. ``of_bundle``: it is about many at once, which are answered on their card.
    """
    title, because, silence = said
    for person in people:
        await work.outbox.add(
            incident.id,
            DirectNotice(
                incident=incident.name,
                service=incident.service,
                severity=incident.severity,
                to=person,
                title=title,
                lines=(because,) if because else (),
                answer_by=answer_by if to_take else about.due_at,
                if_nobody_answers=silence,
                to_take=to_take,
                buttons=() if of_bundle else _answers(about, person),
                plan=plan_card(about.plan) if isinstance(about, Action) and not of_bundle else None,
                subject=about.id if isinstance(about, Action) else incident.handle,
                revision=about.revision,
                until=_worth_until(policy, about, incident.severity, person, now),
                at=now,
            ),
            now,
        )


def _answers(about: Action | Call, person: str) -> tuple[Button, ...]:
    """What this person may answer: nobody approves what they asked for themselves."""
    if isinstance(about, Call):
        return (Button.TAKE,)
    approves = (Button.APPROVE,) if person != about.requested_by else ()
    return (*approves, Button.STOP, Button.TAKE)


def _put_to(group: str, members: Members, now: datetime) -> AskedGroup:
    return AskedGroup(group, tuple(sorted(members.get(group, ()))), now)


def _quiet_until(policy: Policy, group: str, severity: str, now: datetime) -> datetime | None:
    known = policy.people.get(group)
    return None if known is None else quiet_until(known, severity, now)


def _worth_until(policy: Policy, action: Action | Call, severity: str, person: str, now: datetime) -> datetime | None:
    """The end of the question or, if that is earlier, the moment from which all of the person's groups are quiet."""
    groups = [policy.people[one.group] for one in action.asked if person in one.people and one.group in policy.people]
    nights = [quiet_from(group, severity, now) for group in groups if quiet_until(group, severity, now) is None]
    ends = [action.due_at] if isinstance(action, Action) and action.due_at is not None else []
    if nights and None not in nights:
        ends.append(max(night for night in nights if night is not None))
    return min(ends, default=None)
