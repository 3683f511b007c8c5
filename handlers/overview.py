"""How the watch stands, gathered from rows in one transaction: for ``/watch status`` and the Home tab."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.situation import Pause
from bot.response.actions import UNDER_WAY, Action, ActionState
from bot.response.card import current_action
from bot.response.incidents import Incident
from bot.response.ports import Work
from bot.slack.answers import IncidentLine, ProcessFacts, StatusFacts

INCIDENTS_MAX = 1000
"""More than can be shown; what is counted is exact up to here."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What everybody should know first."""

    pauses: tuple[Pause, ...]
    incidents: Sequence[Incident]
    """The unresolved ones, newest first."""
    waiting: Sequence[Action]
    under_way: int
    reviews_open: int

    def waiting_for(self, person: str) -> Sequence[Action]:
        """Questions that this person may answer."""
        return [action for action in self.waiting if person in action.approvers]

    def status(
        self, problems: Sequence[str], policy_digest: str, now: datetime, process: ProcessFacts | None = None
    ) -> StatusFacts:
        """The same as ``/watch status`` shows it."""
        return StatusFacts(
            problems=tuple(problems),
            pauses=self.pauses,
            incidents_open=len(self.incidents),
            waiting_for_people=len(self.waiting),
            under_way=self.under_way,
            reviews_open=self.reviews_open,
            policy_digest=policy_digest,
            now=now,
            process=process,
        )


async def look_around(work: Work, now: datetime) -> Overview:
    """Gather it."""
    return Overview(
        pauses=await work.pauses.active(now),
        incidents=await work.incidents.unresolved(INCIDENTS_MAX),
        waiting=await work.actions.in_states(frozenset({ActionState.WAITING})),
        under_way=len(await work.actions.in_states(UNDER_WAY)),
        reviews_open=await work.reviews.open_count(),
    )


async def lines(work: Work, incidents: Sequence[Incident], workspace_url: str) -> list[IncidentLine]:
    """Incidents as lists show them, each with the way to its thread."""
    listed = []
    for incident in incidents:
        action = await current_action(work, incident)
        listed.append(IncidentLine(incident, action.state if action else None, permalink(incident, workspace_url)))
    return listed


def permalink(incident: Incident, workspace_url: str) -> str:
    """The address of the incident's thread; empty while there is none."""
    if not workspace_url or incident.channel is None or incident.thread_ts is None:
        return ""
    return f"{workspace_url.rstrip('/')}/archives/{incident.channel}/p{incident.thread_ts.replace('.', '')}"
