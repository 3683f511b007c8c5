"""Which notices people must see even while Slack is away, and under which name each is told only once.

Everything else waits for Slack: a thread that catches up is enough for it.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.response.model.actions import ActionState
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import BundleNotice, Button, CardNotice, ThreadNotice, Told, Tone
from bot.response.ports.work import Work


class Kind(StrEnum):
    """Why people are told. One message per incident, kind and subject, however often the card changes."""

    ANNOUNCEMENT = "announcement"
    """Watchkeeper will act by itself unless somebody stops it."""
    QUESTION = "question"
    """Somebody must answer, or take over."""
    HELD = "held"
    """Automation is paused here. Only for those who know nothing of the incident yet."""
    CALL = "call"
    """Something went wrong that a person must judge."""
    OUTCOME = "outcome"
    """How an action ended, where the whole channel is told so too."""
    ENDING = "ending"
    """How something ended without an effect: news only for those who were told that it had begun."""
    OVER = "over"
    """The incident is resolved; for routes that keep incidents open until they are told."""


@dataclass(frozen=True, slots=True)
class Telling:
    """``subject`` is what it is about: an action, or the incident."""

    kind: Kind
    subject: str


_OF_A_CARD = {
    ActionState.ANNOUNCING: Kind.ANNOUNCEMENT,
    ActionState.VETO_WINDOW: Kind.ANNOUNCEMENT,
    ActionState.WAITING: Kind.QUESTION,
    ActionState.HELD: Kind.HELD,
    ActionState.STOPPED: Kind.ENDING,
    ActionState.OVERRIDDEN: Kind.ENDING,
    ActionState.EXPIRED: Kind.ENDING,
    ActionState.LAPSED: Kind.ENDING,
}
_STATES = {
    Kind.ANNOUNCEMENT: frozenset({ActionState.ANNOUNCING, ActionState.VETO_WINDOW}),
    Kind.QUESTION: frozenset({ActionState.WAITING}),
    Kind.HELD: frozenset({ActionState.HELD}),
}
"""What the action must still be when this is sent."""


def telling(notice: Told) -> Telling | None:
    """How this notice is told; None when it can wait for Slack."""
    match notice:
        case CardNotice(asked_at=where) | BundleNotice(asked_at=where) if where:
            return None  # people are asked there
        case CardNotice(incident_state=IncidentState.OPEN, action_state=None):
            return Telling(Kind.QUESTION, notice.subject)
        case CardNotice(incident_state=IncidentState.OPEN | IncidentState.TAKEN, action_state=state):
            kind = _OF_A_CARD.get(state) if state else None
            if kind in (Kind.QUESTION, Kind.HELD) and notice.incident_state is IncidentState.TAKEN:
                return None  # somebody has taken it over already
            return Telling(kind, notice.subject) if kind else None
        case BundleNotice(buttons=buttons) if {Button.APPROVE_THESE, Button.TAKE_THESE} & set(buttons):
            return Telling(Kind.QUESTION, notice.subject)
        case ThreadNotice(to=called) if called and (notice.tone is Tone.BAD or notice.broadcast):
            return Telling(Kind.CALL, notice.subject)  # not a reminder: who is asked has been told of the question
        case ThreadNotice(broadcast=True):
            return Telling(Kind.OUTCOME, notice.subject)
        case _:
            return None


async def still_true(work: Work, kind: str, subject: str, incident: Incident) -> bool:
    """Whether what was to be told holds at this moment; what has happened stays true, what is asked may be over."""
    if kind not in _STATES:
        return True
    bundle = await work.bundles.get(subject)
    if bundle is not None:
        return any(member.is_open for member in await work.bundles.members(bundle))
    action = await work.actions.get(subject)
    if action is not None and action.state not in _STATES[Kind(kind)]:
        return False
    return kind == Kind.ANNOUNCEMENT or incident.state is IncidentState.OPEN
