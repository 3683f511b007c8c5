"""Which situation a card shows: one word for every combination of incident, action and verdict.

Must not know: layout.
"""

from enum import StrEnum

from bot.policy.decision import Verdict
from bot.response.model.actions import UNDER_WAY, ActionState, Result
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice
from bot.response.model.state_words import StateWords, state_words


class Shown(StrEnum):
    """What the card shows."""

    ASKING = "asking"
    PARTLY_APPROVED = "partly_approved"
    ANNOUNCING = "announcing"
    VETO_WINDOW = "veto_window"
    HELD = "held"
    OBSERVING = "observing"
    REFUSED = "refused"
    APPROVED = "approved"
    RUNNING = "running"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    OVERRIDDEN = "overridden"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    SUPERSEDED = "superseded"
    TAKEN = "taken"
    RESOLVED = "resolved"


OPEN = frozenset({Shown.ASKING, Shown.PARTLY_APPROVED, Shown.ANNOUNCING, Shown.VETO_WINDOW, Shown.HELD})
"""A person can still choose: the whole plan and the evidence are shown."""
QUESTIONS = frozenset({Shown.ASKING, Shown.PARTLY_APPROVED})
"""Nothing runs without an answer."""
CHANGING = frozenset({Shown.EXECUTING, Shown.ROLLING_BACK})
"""Something is changed, step by step: Stop stands right under how far it is."""
ANNOUNCED = frozenset({Shown.ANNOUNCING, Shown.VETO_WINDOW})
"""It runs unless someone is quick: Stop stands right under the time."""
NOTHING_RAN = frozenset({Shown.STOPPED, Shown.OVERRIDDEN, Shown.EXPIRED, Shown.LAPSED, Shown.SUPERSEDED, Shown.TAKEN})
"""The plan does not matter any more."""
UNASSIGNED = frozenset({Shown.OBSERVING, Shown.REFUSED})
"""Nothing will run; a person must look."""
STARTING = frozenset({Shown.APPROVED, Shown.RUNNING, Shown.EXECUTING})
"""It is about to happen or happening: the steps are shown."""


def shown(card: CardNotice) -> Shown:
    """What the card shows. Something under way comes first, then how the incident stands, then the question."""
    state = card.action_state
    if state is None or state not in UNDER_WAY:
        if card.incident_state is IncidentState.RESOLVED:
            return Shown.RESOLVED
        if card.incident_state is IncidentState.TAKEN:
            return Shown.TAKEN
    if state is None:
        return Shown.REFUSED if card.verdict is Verdict.REFUSE else Shown.OBSERVING
    if card.interrupted:
        return Shown.INTERRUPTED
    if state is ActionState.WAITING:
        return Shown.PARTLY_APPROVED if card.approved_by else Shown.ASKING
    return Shown(state.value)


def shown_words(at: Shown) -> StateWords:
    """The words of the state that makes the situation."""
    match at:
        case Shown.ASKING | Shown.PARTLY_APPROVED:
            return state_words(ActionState.WAITING)
        case Shown.INTERRUPTED:
            return state_words(ActionState.FAILED, Result.INTERRUPTED)
        case Shown.OBSERVING:
            return state_words(Verdict.OBSERVE)
        case Shown.REFUSED:
            return state_words(Verdict.REFUSE)
        case Shown.TAKEN | Shown.RESOLVED:
            return state_words(IncidentState(at.value))
        case _:
            return state_words(ActionState(at.value))
