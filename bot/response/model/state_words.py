"""The words people meet for every state: one table that cards, threads, lists, letters and summaries all read.

Pure, and without layout: the surface that shows a state chooses how its tone looks. Whoever knows more (by whom, until
when) says more, but never calls the state by another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState, Result
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Tone


@dataclass(frozen=True, slots=True)
class StateWords:
    """How one state is told. The words name no one and no time, so that they are true wherever the state is."""

    label: str
    """A few words, without a full stop and without a comma: "Rolled back". Stands before a colon, or in a list."""
    sentence: str
    """How things stand, for somebody who has read nothing else: "Rolled back. The problem may still be there."."""
    tone: Tone
    heading: str = ""
    """What stands at the top of a card or of a letter, with ``{plan}`` or ``{trouble}`` filled in; empty where the
    label and the plan say it."""

    @property
    def within(self) -> str:
        """The label within a line: "rolled back"."""
        return self.label[:1].lower() + self.label[1:]

    def headed(self, *, plan: str, trouble: str) -> str:
        """The heading for this plan, or for the trouble where the plan does not matter: "Rolled back: Restart web"."""
        return (self.heading or f"{self.label}: {{plan}}").format(plan=plan, trouble=trouble)


_ACTIONS: Mapping[ActionState, StateWords] = {
    ActionState.ANNOUNCING: StateWords(
        "About to act",
        "Watchkeeper will do this by itself.",
        Tone.ANNOUNCED,
        "{plan}: any objection?",
    ),
    ActionState.VETO_WINDOW: StateWords(
        "Runs unless stopped",
        "Watchkeeper does this by itself unless someone stops it.",
        Tone.ANNOUNCED,
        "{plan}: any objection?",
    ),
    ActionState.WAITING: StateWords(
        "Waiting for approval", "This needs approval from a person.", Tone.ASKING, "{plan}?"
    ),
    ActionState.HELD: StateWords("On hold", "On hold. A person may still act by hand.", Tone.PAUSED, "Paused: {plan}"),
    ActionState.APPROVED: StateWords("Approved", "Approved. It starts in a moment.", Tone.UNDER_WAY),
    ActionState.RUNNING: StateWords(
        "Starting", "Preparing: noting the present state, so that it can be rolled back.", Tone.UNDER_WAY
    ),
    ActionState.EXECUTING: StateWords("Running", "Running now.", Tone.UNDER_WAY),
    ActionState.VERIFYING: StateWords("Verifying", "Done. Now verifying whether it helped.", Tone.UNDER_WAY),
    ActionState.SUCCEEDED: StateWords("Done and verified", "It worked.", Tone.GOOD),
    ActionState.ROLLING_BACK: StateWords("Rolling back", "Rolling back now.", Tone.WARNING),
    ActionState.ROLLED_BACK: StateWords("Rolled back", "Rolled back. The problem may still be there.", Tone.WARNING),
    ActionState.FAILED: StateWords(
        "Failed", "It failed. A person must look.", Tone.BAD, "Failed: {plan}. Who takes it?"
    ),
    ActionState.STOPPED: StateWords("Stopped", "Stopped before anything was changed.", Tone.BY_A_PERSON),
    ActionState.OVERRIDDEN: StateWords("Overridden", "A person chose something else.", Tone.BY_A_PERSON),
    ActionState.EXPIRED: StateWords(
        "Not approved in time",
        "The time to approve is over.",
        Tone.WARNING,
        "Not approved in time: {trouble}. Who takes it?",
    ),
    ActionState.LAPSED: StateWords(
        "Approved but not started in time",
        "It was approved, but could not start in time.",
        Tone.WARNING,
        "Approved but not started in time: {trouble}. Who takes it?",
    ),
    ActionState.SUPERSEDED: StateWords("Not run", "It was not run.", Tone.NEUTRAL),
}
_INTERRUPTED = StateWords(
    "Ended half-way",
    "It was ended half-way. A person must decide how to go on.",
    Tone.BAD,
    "Half done: {plan}. Who decides?",
)
"""Of an action that failed because it was ended half-way."""
_INCIDENTS: Mapping[IncidentState, StateWords] = {
    IncidentState.OPEN: StateWords(
        "Waiting for a person", "A person must look.", Tone.LOOKING_ON, "{trouble}: who takes it?"
    ),
    IncidentState.TAKEN: StateWords(
        "Taken",
        "A person has taken this. Watchkeeper does nothing by itself here.",
        Tone.BY_A_PERSON,
        "Taken: {trouble}",
    ),
    IncidentState.RESOLVED: StateWords("Resolved", "The alerts have ended.", Tone.GOOD, "Resolved: {trouble}"),
}
_VERDICTS: Mapping[Verdict, StateWords] = {
    Verdict.ACT: StateWords("Decided to act", "Watchkeeper does this by itself.", Tone.UNDER_WAY),
    Verdict.ACT_UNLESS_STOPPED: StateWords(
        "Decided to act unless someone stops it",
        "Watchkeeper does this by itself unless someone stops it.",
        Tone.ANNOUNCED,
        "{plan}: any objection?",
    ),
    Verdict.ASK: StateWords("Asking for approval", "This needs approval from a person.", Tone.ASKING, "{plan}?"),
    Verdict.HOLD: StateWords(
        "Holding: automation is paused here",
        "On hold. A person may still act by hand.",
        Tone.PAUSED,
        "Paused: {plan}",
    ),
    Verdict.OBSERVE: StateWords(
        "For people to handle",
        "Watchkeeper only watches here. A person must look.",
        Tone.LOOKING_ON,
        "{trouble}: who takes it?",
    ),
    Verdict.REFUSE: StateWords(
        "Refused to act",
        "Refused: Watchkeeper will not run this. A person must look.",
        Tone.WARNING,
        "{trouble}: who takes it?",
    ),
}

_WOULD_HAVE: Mapping[Verdict, str] = {
    Verdict.ACT: "have acted at once",
    Verdict.ACT_UNLESS_STOPPED: "have announced this, and done it unless somebody had stopped it",
    Verdict.ASK: "have asked all the same",
}


def would_have(verdict: Verdict) -> str:
    """What a verdict would have come to, after "it would": "have acted at once"."""
    return _WOULD_HAVE.get(verdict, "not have acted here either")


def state_words(state: ActionState | IncidentState | Verdict, result: Result | None = None) -> StateWords:
    """The words of a state of an action (with its ``result``, if it has one) or of an incident, or of a verdict."""
    match state:
        case ActionState.FAILED if result is Result.INTERRUPTED:
            return _INTERRUPTED
        case ActionState():
            return _ACTIONS[state]
        case IncidentState():
            return _INCIDENTS[state]
        case Verdict():
            return _VERDICTS[state]


def question_words(state: ActionState | None, verdict: Verdict, result: Result | None = None) -> StateWords:
    """The words of an incident's present question; where nothing would run (no ``state``), why people must look."""
    if state is not None:
        return state_words(state, result)
    return state_words(Verdict.REFUSE if verdict is Verdict.REFUSE else Verdict.OBSERVE)
