"""Pause and resume: people hold automation, effective with the commit, on every replica; so do changes of others."""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.approval import Intervention
from bot.policy.file.fields import duration_text
from bot.policy.situation import Change, Pause, Scope, ScopeKind
from bot.response.assessment.record import judge_anew
from bot.response.assessment.votes import Roster, authorised
from bot.response.execution.controls import controls_on
from bot.response.interventions.clicks import Answer, Tried
from bot.response.interventions.refusals import refused
from bot.response.model.actions import PENDING, Action, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.report import tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

HOLDABLE = PENDING - {ActionState.HELD} | {ActionState.RUNNING}
"""States in which a pause still keeps the effect from beginning."""
REASON_MAX_CHARACTERS = 1000
"""What a pause's reason is clipped to: it stands on every card, and a pause never fails for saying too much."""
SHORTENED = f"The reason was shortened to {REASON_MAX_CHARACTERS} characters."


async def pause(
    work: Work,
    context: Context,
    roster: Roster,
    person: str,
    scope: Scope,
    until: datetime | None,
    reason: str,
    incident_id: int | None = None,
) -> Answer:
    """Pause ``scope`` until ``until`` (None: until resumed); whatever it covers and has not begun is held.

    ``incident_id`` names the thread in which it was asked, which then says so.
    """
    tried = Tried(person, {"scope": str(scope)})
    refusal = await refused(work, context, roster, Intervention.PAUSE, tried)
    if refusal is not None:
        return refusal
    now = context.now()
    if until is not None and until <= now:
        return Answer(False, f"A pause until {until:%Y-%m-%d %H:%M} UTC would be over already. Give a time to come.")
    kept = clipped(reason)
    entry = await put_on(work, person, scope, until, kept, now, incident_id)
    held = await hold_what_is_paused(work, context)
    end = "until somebody resumes it" if until is None else f"for {duration_text(until - now)}"
    if incident_id is not None:
        line = ThreadLine(
            title=f"Automation paused: {scope}, {end}",
            lines=(f"Reason: {kept}",) if kept else (),
            tone=Tone.WARNING,
        )
        await tell(work, context, incident_id, line, entries=(entry,), by=person, at=now)
    waiting = f" {held} open action{'s are' if held != 1 else ' is'} held." if held else ""
    short = "" if kept == reason else f" {SHORTENED}"
    return Answer(True, f"Paused: {scope}, {end}.{short}{waiting} Alerts still come in, and cards still show the plan.")


async def resume(work: Work, context: Context, roster: Roster, person: str, scope: Scope) -> Answer:
    """End the pauses of exactly ``scope``; what nothing holds any more is considered anew."""
    tried = Tried(person, {"scope": str(scope)})
    refusal = await refused(work, context, roster, Intervention.RESUME, tried, runbook=_runbook_of(scope))
    if refusal is not None:
        return refusal
    now = context.now()
    ended = await take_off(work, person, scope, now)
    active = await work.pauses.active(now)
    still = next((pause.by for pause in active if pause.scope == scope), None)
    if still is not None:
        return Answer(False, f"{scope} is still paused, by {still}: only removing that file ends it.")
    if not ended:
        others = ", ".join(str(pause.scope) for pause in active)
        return Answer(False, f"Not paused: {scope}." + (f" Paused now: {others}." if others else ""))
    looked = await reconsider_held(work, context)
    waiting = f" {looked} held question{'s are' if looked != 1 else ' is'} looked at again." if looked else ""
    return Answer(True, f"Resumed: {scope}.{waiting}")


def who_may_resume(context: Context, roster: Roster, scope: Scope) -> frozenset[str]:
    """Everybody who may end a pause of this scope."""
    return authorised(context, roster, Intervention.RESUME, _runbook_of(scope))


def _runbook_of(scope: Scope) -> str:
    return scope.name if scope.kind is ScopeKind.RUNBOOK else ""


async def put_on(
    work: Work,
    actor: str,
    scope: Scope,
    until: datetime | None,
    reason: str,
    now: datetime,
    incident_id: int | None = None,
) -> int:
    """A pause on the record, in force with the commit; the number of its audit entry. Cards follow in a sweep."""
    reason = clipped(reason)
    await work.pauses.add(scope, actor, reason, now, until)
    body = {"scope": str(scope), "until": until.isoformat() if until else None, "reason": reason}
    return await work.audit.append(
        kind=AuditKind.AUTOMATION_PAUSED, actor=actor, at=now, incident_id=incident_id, body=body
    )


def clipped(reason: str) -> str:
    """The reason, no longer than ``REASON_MAX_CHARACTERS``."""
    return reason if len(reason) <= REASON_MAX_CHARACTERS else f"{reason[: REASON_MAX_CHARACTERS - 1]}…"


async def take_off(work: Work, actor: str, scope: Scope, now: datetime) -> Sequence[Pause]:
    """End the pauses of exactly ``scope``, on the record; those that were ended."""
    ended = await work.pauses.end(scope, actor, now)
    if ended:
        body = {"scope": str(scope), "pauses": [pause.pause_id for pause in ended]}
        await work.audit.append(kind=AuditKind.AUTOMATION_RESUMED, actor=actor, at=now, body=body)
    return ended


async def follow_pause_file(work: Work, now: datetime) -> None:
    """Put on the record that the pause file of this machine has come, says something else, or has gone."""
    change = await work.pauses.follow_file(now)
    if change is None:
        return
    came, pause = change
    kind = AuditKind.AUTOMATION_PAUSED if came else AuditKind.AUTOMATION_RESUMED
    body = {"scope": str(pause.scope), "until": None, "reason": pause.reason}
    await work.audit.append(kind=kind, actor=pause.by, at=now, body=body)


async def hold_what_is_paused(work: Work, context: Context) -> int:
    """Hold whatever a pause, freeze or change of others covers and has not begun, so its card says so; how many."""
    held = 0
    for action in await work.actions.in_states(HOLDABLE):
        if await controls_on(work, context, action):
            held += await judge_anew(work, context, action)
    return held


class PauseFollower:
    """Follows pauses and changes that began or ended outside this process: by command, file, report or the clock.

    They are in force with their commit (a file at once); here the cards learn of it.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: tuple[tuple[Pause, ...], tuple[Change, ...]] | None = None

    async def follow(self) -> None:
        """Where anything has changed: hold what is covered now, reconsider what is free, put the file on record."""
        now = self._context.now()
        async with self._context.database.read() as work:
            active = await work.pauses.active(now)
            standing = tuple(each for each in await work.changes.known(now) if each.begins <= now < each.until)
        if (active, standing) == self._seen:
            return
        async with self._context.database.begin() as work:
            await follow_pause_file(work, now)
            if active or standing:
                await hold_what_is_paused(work, self._context)
            await reconsider_held(work, self._context)
        self._seen = (active, standing)


async def reconsider_held(work: Work, context: Context) -> int:
    """Consider held actions anew once no pause, freeze or change covers them any more; how many."""
    free: list[Action] = [
        action
        for action in await work.actions.in_states(frozenset({ActionState.HELD}))
        if not await controls_on(work, context, action)
    ]
    for action in free:
        await work.queue.consider(action.incident_id)
    return len(free)
