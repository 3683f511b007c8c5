"""How things stand, gathered from rows in one transaction: for ``/watch status`` and the Home tab."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.actors import is_file
from bot.policy.file.document import Freeze, Policy
from bot.policy.situation import Change, Pause
from bot.response.assessment.votes import Roster
from bot.response.interventions import reviews
from bot.response.interventions.pauses import who_may_resume
from bot.response.interventions.reviews import DueReview
from bot.response.interventions.runbook_levels import RunbookLevel, runbook_levels
from bot.response.model.actions import IN_STEPS, UNDER_WAY, Action, ActionState
from bot.response.model.calls import Call
from bot.response.model.incidents import Incident
from bot.response.notices.card import current_action
from bot.response.notices.progress import Doing, progress_of
from bot.response.notices.recipients import callable_people
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from bot.slack.home_tab import ACTIONS_SHOWN, INCIDENTS_SHOWN, HomeFacts
from bot.slack.replies import DOING_SHOWN, IncidentLine, ProcessFacts, StatusFacts, World
from storage.unit_of_work import UnitOfWork

INCIDENTS_MAX = 1000
"""More than can be shown; what is counted is exact up to here."""
ENDED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Overview:
    """What everybody should know first."""

    pauses: tuple[Pause, ...]
    incidents: Sequence[Incident]
    """The unresolved ones, newest first."""
    world: World
    under_way: int
    doing: Sequence[Doing]
    """Those of them that change something now."""
    reviews_open: int
    changes: Sequence[Change]
    """What others are changing, or will."""

    def status(
        self, problems: Sequence[str], policy_digest: str, now: datetime, process: ProcessFacts | None = None
    ) -> StatusFacts:
        """The same as ``/watch status`` shows it."""
        return StatusFacts(
            problems=tuple(problems),
            pauses=self.pauses,
            world=self.world,
            under_way=self.under_way,
            doing=self.doing,
            reviews_open=self.reviews_open,
            policy_digest=policy_digest,
            now=now,
            process=process,
            changes=self.changes,
        )


@dataclass(frozen=True, slots=True)
class HomeOverview:
    """What the Home tabs of all people are drawn from."""

    pauses: tuple[Pause, ...]
    freezes: tuple[Freeze, ...]
    open_questions: Sequence[Action]
    """What waits for people, and what people may still stop; oldest first."""
    answered: Mapping[str, frozenset[str]]
    """Question -> who has answered it already."""
    under_way: Sequence[Doing]
    incidents: Sequence[IncidentLine]
    world: World
    may_resume: Mapping[str, frozenset[str]]
    """The scope of a pause -> who may end it; without those that only a file's removal ends."""
    ended: Sequence[Action]
    reviews: Sequence[DueReview]
    runbook_levels: Sequence[RunbookLevel]
    permalinks: Mapping[int, str]
    changes: Sequence[Change]
    calls: Sequence[tuple[Call, Incident]] = ()
    """Incidents that a person must check, and that nobody has taken, with those called for them; oldest first."""

    def seen_by(self, person: str, problems: Sequence[str]) -> HomeFacts:
        """What one person sees."""
        return HomeFacts(
            person=person,
            problems=problems,
            pauses=self.pauses,
            freezes=self.freezes,
            waiting=[action for action in self.open_questions if self._waits_for(action, person)],
            under_way=self.under_way,
            incidents=self.incidents,
            world=self.world,
            may_resume=frozenset(scope for scope, people in self.may_resume.items() if person in people),
            ended=self.ended,
            reviews=self.reviews,
            runbook_levels=self.runbook_levels,
            permalinks=self.permalinks,
            changes=self.changes,
            to_take=[one for call, one in self.calls if any(person in asked.people for asked in call.asked)],
        )

    def _waits_for(self, action: Action, person: str) -> bool:
        if person not in action.approvers or person in self.answered.get(action.id, frozenset()):
            return False
        return action.state is ActionState.VETO_WINDOW or person != action.requested_by


async def gather(work: Work, policy: Policy, now: datetime) -> Overview:
    """Gather what ``/watch status`` shows."""
    waiting, calls = await work.actions.in_states(frozenset({ActionState.WAITING})), await work.calls.standing()
    elsewhere = await work.causes.elsewhere()
    asked = [action for action in waiting if action.incident_id not in elsewhere]
    incidents = await work.incidents.unresolved(INCIDENTS_MAX)
    return Overview(
        pauses=await work.pauses.active(now),
        incidents=incidents,
        world=world_of(policy, incidents, asked, calls, now),
        under_way=len(await work.actions.in_states(UNDER_WAY)),
        doing=await _doing(work),
        reviews_open=await work.reviews.open_count(),
        changes=await _changes(work, now),
    )


def world_of(
    policy: Policy, incidents: Sequence[Incident], asked: Sequence[Action], calls: Sequence[Call], now: datetime
) -> World:
    """How the world stands. ``asked``: the questions that wait. ``calls``: those that stand."""
    severities = {one.id: one.severity for one in incidents}
    waited_for: Sequence[Action | Call] = [*asked, *calls]
    woken = any(callable_people(policy, one.asked, severities.get(one.incident_id, ""), now) for one in waited_for)
    return World(
        incidents_open=len(incidents),
        oldest=min((one.opened_at for one in incidents), default=None),
        untaken=len(calls),
        questions=len(asked),
        nobody_woken=bool(waited_for) and not woken,
    )


async def for_home(work: UnitOfWork, context: Context, roster: Roster, workspace_url: str) -> HomeOverview:
    """Gather what the Home tabs show."""
    now, policy = context.now(), context.policy()
    unresolved = await work.incidents.unresolved(INCIDENTS_MAX)
    questions = await work.actions.in_states(frozenset({ActionState.WAITING, ActionState.VETO_WINDOW}))
    elsewhere = await work.causes.elsewhere()
    ended = await work.actions.finished(now - ENDED_WITHIN, ACTIONS_SHOWN + 1)
    under_way = await _doing(work)
    known = {incident.id: incident for incident in unresolved}
    for action in [*ended, *(one.action for one in under_way)]:
        found = known.get(action.incident_id) or await work.incidents.get(action.incident_id)
        if found is not None:
            known[found.id] = found
    calls = await work.calls.standing()
    pauses = await work.pauses.active(now)
    asked = [action for action in questions if action.incident_id not in elsewhere]
    waiting = [action for action in asked if action.state is ActionState.WAITING]
    return HomeOverview(
        pauses=pauses,
        freezes=_lasting(policy, now),
        open_questions=asked,
        answered=await work.votes.of_all([action.id for action in questions]),
        under_way=under_way,
        incidents=await lines(work, unresolved[:INCIDENTS_SHOWN], workspace_url),
        world=world_of(policy, unresolved, waiting, calls, now),
        may_resume={
            str(one.scope): who_may_resume(context, roster, one.scope) for one in pauses if not is_file(one.by)
        },
        ended=ended,
        reviews=await reviews.due(work, context),
        runbook_levels=await runbook_levels(work, policy, context.catalogue, now),
        changes=await _changes(work, now),
        calls=[(call, known[call.incident_id]) for call in calls if call.incident_id in known],
        permalinks={number: permalink(incident, workspace_url) for number, incident in known.items()},
    )


async def lines(work: Work, incidents: Sequence[Incident], workspace_url: str) -> list[IncidentLine]:
    """Incidents as lists show them, each with the way to its thread."""
    listed = []
    for incident in incidents:
        action = await current_action(work, incident)
        state, result = (action.state, action.result) if action else (None, None)
        progress = (await progress_of(work, action)).words if state in IN_STEPS else ""
        listed.append(IncidentLine(incident, state, permalink(incident, workspace_url), result, progress))
    return listed


async def _changes(work: Work, now: datetime) -> Sequence[Change]:
    return [change for change in await work.changes.known(now) if now < change.until]


async def _doing(work: Work) -> Sequence[Doing]:
    """What is carried out or rolled back now, and how far it is; one more than is shown, so that it is said so."""
    actions = await work.actions.in_states(IN_STEPS, DOING_SHOWN + 1)
    return [Doing(action, await progress_of(work, action)) for action in actions]


def permalink(incident: Incident, workspace_url: str) -> str:
    """The address of the incident's thread; empty while there is none."""
    if not workspace_url or incident.channel is None or incident.thread_ts is None:
        return ""
    return f"{workspace_url.rstrip('/')}/archives/{incident.channel}/p{incident.thread_ts.replace('.', '')}"


def _lasting(policy: Policy, now: datetime) -> tuple[Freeze, ...]:
    return tuple(freeze for freeze in policy.freezes if freeze.since <= now < freeze.until)
