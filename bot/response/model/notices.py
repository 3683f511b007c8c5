"""What people are told, as meaning rather than layout.

A notice is written to the outbox in the same transaction as the state it reports, and rendered by the Slack
surface (or a second channel) when it is delivered. Everything that came from outside is plain text here; escaping
is the renderer's duty.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.policy.plan import Facts
from bot.response.model.actions import ActionState, Result
from bot.response.model.bulletins import BulletinNotice
from bot.response.model.candidacies import CandidacyKind, CandidacyState, Findings
from bot.response.model.incidents import IncidentState
from bot.response.model.plan_cards import PlanCard


class Tone(StrEnum):
    """How a line feels to the reader; a renderer shows it with a word beside any emoji."""

    NEUTRAL = "neutral"
    ASKING = "asking"
    """Somebody is asked, and it waits for them."""
    ANNOUNCED = "announced"
    """It will happen unless somebody objects."""
    PAUSED = "paused"
    UNDER_WAY = "under_way"
    BY_A_PERSON = "by_a_person"
    """A person has taken it over, or has decided it."""
    LOOKING_ON = "looking_on"
    """Watchkeeper only looks on: a person must."""
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Button(StrEnum):
    """The buttons people meet; the value is the Slack ``action_id``."""

    APPROVE = "approve"
    WITHDRAW = "withdraw"
    """Withdraw one's own approval while more are needed."""
    OVERRIDE = "override"
    STOP = "stop"
    PAUSE = "pause"
    WHY = "why"
    ROLL_BACK = "roll_back"
    GO_ON = "go_on"
    """Ask anew about the runbook of what was ended half-way."""
    SAY_WHY = "say_why"
    """Give a reason for what was stopped, which may be left out."""
    TAKE = "take"
    APPROVE_THESE = "approve_these"
    """As ``approve``, for every question of a bundle; the other three likewise."""
    CHOOSE = "choose"
    """Choose some of a bundle's incidents, and what is to be done with them."""
    TAKE_THESE = "take_these"
    PAUSE_THESE = "pause_these"
    PAUSE_ANYWAY = "pause_anyway"
    """Pause what was typed although nobody knows it, or what may have been meant."""
    WHY_THESE = "why_these"
    RESUME = "resume"
    """End the pauses of one scope; what it carries is the scope."""
    REVIEW = "review"
    SIGN_OFF = "sign_off"
    """Answer for a runbook whose gates have passed."""
    PROMOTE = "promote"
    """Lift what a runbook was demoted for."""
    NOT_YET = "not_yet"
    """Leave a runbook at the level it has."""
    HAND_OVER_REVIEW = "hand_over_review"
    """Give a review that is one's own to somebody else."""
    OPEN = "open"
    """A link to the card; pressing it changes nothing."""


class Link(Facts):
    """A link that we offer; ``url`` may come from outside and is checked by the renderer."""

    label: str
    url: str
    from_policy: bool = False
    """Whether the policy says it; where any other leads is shown."""


class EvidenceLine(Facts):
    """One piece of evidence in words."""

    name: str
    finding: Finding
    detail: str


class AskedGroupLine(Facts):
    """A group of people that the question was put to."""

    group: str
    at: datetime
    quiet_until: datetime | None = None
    """The end of its quiet hours, if it is in them: until then nobody of it is called."""


class CardNotice(Facts):
    """The incident's root message: always its whole present state; a later card replaces an earlier one."""

    kind: Literal["card"] = "card"
    incident: str
    """``INC-7``."""
    incident_state: IncidentState
    service: str
    severity: str
    alert_name: str
    summary: str
    alerts_firing: int
    """Of the incident, those included that the monitor left out of its last delivery."""
    truncated: int = 0
    """How many of them the monitor left out."""
    unmatched: tuple[str, ...] = ()
    """Names of firing alerts that no runbook covers."""
    opened_at: datetime
    resolved_at: datetime | None = None
    taken_by: str | None = None
    runbook: str | None = None
    verdict: Verdict
    level: Level
    headline: str
    """Which rule settled it, in words."""
    sure: str = ""
    """How sure we are, in a sentence with its parts; empty where the headline says so, or nobody can say."""
    names: tuple[str, ...] = ()
    """User ids that we put into headline, outcome or ``halted`` ourselves; any other id there is just outside text."""
    action_state: ActionState | None = None
    result: Result | None = None
    """What happened, once something could have."""
    progress: str = ""
    """How far it is, or got before it was interrupted, in words without a full stop."""
    halted: str = ""
    """Why no further step begins, in words without a full stop, while the last one ends."""
    plan: PlanCard | None = None
    evidence: tuple[EvidenceLine, ...] = ()
    links: tuple[Link, ...] = ()
    approvers: tuple[str, ...] = ()
    """User ids who may answer and may be called at this hour: their mentions wake them."""
    asked: tuple[AskedGroupLine, ...] = ()
    """Groups that the question was put to, in order; who is in them when they answer is what counts."""
    untaken: bool = False
    """A person must look, people are called, and nobody has taken it: ``asked``, ``due_at`` and ``if_nobody_answers``
    speak of the call."""
    called: tuple[str, ...] = ()
    """User ids of those who are called for that, at this hour: their mentions wake them."""
    approvals_needed: int = 1
    approved_by: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    """Who settled it: approved, stopped, overrode or asked for the rollback."""
    due_at: datetime | None = None
    answer_within: str = ""
    """How long there is to answer from when it was asked, in words: "30 min"; empty where that is not known."""
    if_nobody_answers: str = ""
    """What happens at ``due_at`` without an answer, in words."""
    requested_by: str | None = None
    """User id of who asked for it; somebody else must approve."""
    outcome: str = ""
    """What came of it, in words, once something did."""
    if_rolled_back: str = ""
    """What happens if it is rolled back now, in words; empty where it cannot be."""
    review_by: str | None = None
    """User id of whom its review is assigned to, while it is open."""
    review_due_at: datetime | None = None
    """Until when it is to be reviewed, while that is open."""
    asked_at: str = ""
    """The incident at which people are asked instead, as the cause may be there: nobody is called for this one."""
    cause_of: str = ""
    """Names of the incidents about which people are asked here, as their cause may be here, in words."""
    buttons: tuple[Button, ...] = ()
    subject: str
    """What the buttons carry: action id, or the incident's handle where there is no action."""
    revision: int

    @property
    def interrupted(self) -> bool:
        """Whether it was ended half-way."""
        return self.action_state is ActionState.FAILED and self.result is Result.INTERRUPTED


class ThreadLine(Facts):
    """What the thread of an incident says about one event: what happened, why, and the rollback if there is one."""

    title: str
    """One line, plain text: "Restarted web"."""
    lines: tuple[str, ...] = ()
    """Rationale and details, plain text, one paragraph each."""
    names: tuple[str, ...] = ()
    """User ids that we put into the lines ourselves. Any other id there came with outside text and is just text."""
    tone: Tone = Tone.NEUTRAL
    to: tuple[str, ...] = ()
    """User ids to mention: people who must do something now. Sparingly."""
    buttons: tuple[Button, ...] = ()
    if_rolled_back: str = ""
    """What happens if it is rolled back now, in words; where that is among the buttons."""
    subject: str = ""
    revision: int = 0
    broadcast: bool = False
    """Also show in the channel: only for outcomes."""
    of_bundle: bool = False
    """It is about a bundle as a whole, not about the one incident that carries it."""


class ThreadNotice(ThreadLine):
    """A line on its way into the thread: of which incident, who did it and when, and where the record says so."""

    kind: Literal["thread"] = "thread"
    incident: str
    by: str | None = None
    """User id of the person who did it; None for Watchkeeper itself."""
    audit: tuple[int, ...] = ()
    """Numbers of the audit entries it reports."""
    at: datetime


class PointerNotice(Facts):
    """An incident's first card once it has its own channel: where it is handled, how it ended; always the whole."""

    kind: Literal["pointer"] = "pointer"
    incident: str
    service: str
    severity: str
    alert_name: str
    channel: str
    """Slack id of the incident's channel."""
    incident_state: IncidentState
    opened_at: datetime
    resolved_at: datetime | None = None
    action_state: ActionState | None = None
    result: Result | None = None
    outcome: str = ""
    """What came of the last action, in words, once something did."""
    names: tuple[str, ...] = ()
    """User ids that we put into the outcome ourselves."""


class DirectNotice(Facts):
    """A message to one person who is waited for: what waits, the answers where it is about one, the way to the card."""

    kind: Literal["direct"] = "direct"
    incident: str
    service: str = ""
    severity: str = ""
    to: str
    """User id."""
    title: str
    """One line, plain text: "Waits for your answer: Restart web"."""
    lines: tuple[str, ...] = ()
    answer_by: datetime | None = None
    if_nobody_answers: str = ""
    """What happens at ``answer_by``, in words."""
    to_take: bool = False
    """Nothing is to be answered: a person must look, and somebody is to take it."""
    buttons: tuple[Button, ...] = ()
    """What this person may answer right here."""
    plan: PlanCard | None = None
    """What an approval would run."""
    subject: str = ""
    revision: int = 0
    until: datetime | None = None
    """Not worth delivering, and not delivered, from then on."""
    at: datetime


class DirectEndNotice(Facts):
    """What takes the place of a direct message that nobody can answer any more."""

    kind: Literal["direct_end"] = "direct_end"
    incident: str
    service: str = ""
    severity: str = ""
    title: str
    """What was to be answered, in a line."""
    newer: bool = False
    """Another question has taken its place."""
    incident_state: IncidentState
    action_state: ActionState | None = None
    by: tuple[str, ...] = ()
    """User ids of who settled it."""
    of: int
    """The message's outbox number."""
    channel: str
    ts: str
    at: datetime


class BundleLine(Facts):
    """One incident of a bundle, in a line."""

    incident: str
    service: str
    severity: str
    alert_name: str
    incident_state: IncidentState
    action_state: ActionState | None = None
    result: Result | None = None
    progress: str = ""
    """How far it is, in words without a full stop."""
    plan: str = ""
    """What would run, or ran; empty where there is nothing to run."""
    approved_by: tuple[str, ...] = ()
    taken_by: str | None = None


class BundleNotice(Facts):
    """One card about many incidents of a storm; like a card it always says the whole, and a later one replaces it."""

    kind: Literal["bundle"] = "bundle"
    incident: str
    """The incident whose question began it: ``INC-7``."""
    runbook: str | None = None
    summary: str
    """What the runbook does, in the policy's words; what the incidents have in common where there is none."""
    because: str
    """Why these are asked together, in words."""
    lines: tuple[BundleLine, ...]
    """Those that need somebody first."""
    headlines: tuple[str, ...] = ()
    """Which rules settled the questions, in words, each once."""
    names: tuple[str, ...] = ()
    """User ids that we put into the headlines ourselves, as on a card."""
    targets: int = 0
    """How many targets all waiting plans have together."""
    rollback: str = ""
    """What their rollbacks have in common, in words; empty where each has its own."""
    opened_at: datetime
    approvers: tuple[str, ...] = ()
    """User ids who may answer and may be called at this hour: their mentions wake them."""
    called: tuple[str, ...] = ()
    """User ids of those who are called, at this hour, as nobody has taken some of them."""
    if_nobody_takes: str = ""
    """What happens then, in words; empty where nobody is called."""
    asked: tuple[AskedGroupLine, ...] = ()
    approvals_needed: int = 1
    due_at: datetime | None = None
    """When the first of the questions ends."""
    if_nobody_answers: str = ""
    asked_at: str = ""
    """The incident at which people are asked about all that wait, as the cause may be there; empty: here."""
    buttons: tuple[Button, ...] = ()
    subject: str
    """What the buttons carry: the bundle's handle."""
    revision: int


class CandidacyNotice(Facts):
    """The card of a runbook's candidacy: like an incident's it always says the whole, and a later one replaces it."""

    kind: Literal["candidacy"] = "candidacy"
    incident: str
    """What it is about, for logs: ``the gates of restart-checkout``."""
    runbook: str
    summary: str
    of: CandidacyKind
    state: CandidacyState
    level: Level
    """In force now."""
    written: Level
    """As the policy says."""
    findings: Findings
    by: str | None = None
    """User id of who began it; None for Watchkeeper itself."""
    decided_by: str | None = None
    began: datetime
    ended: datetime | None = None
    buttons: tuple[Button, ...] = ()
    subject: str
    revision: int


_OfIncidents = CardNotice | ThreadNotice | PointerNotice | BundleNotice | DirectNotice | DirectEndNotice
Told = _OfIncidents | CandidacyNotice | BulletinNotice
Notice = Annotated[Told, Field(discriminator="kind")]
NOTICE: TypeAdapter[Told] = TypeAdapter(Notice)
"""Parses a stored notice."""


def among_many(notice: Told) -> Told | None:
    """What is left of a notice about one incident where many share a card and a thread; None: the card says it all.

    What came of an action is told with its rollback; of that only what calls people is shown in the channel as well.
    """
    if not isinstance(notice, ThreadNotice) or notice.of_bundle:
        return notice
    if not notice.to and not (notice.broadcast and notice.subject):
        return None
    broadcast = notice.broadcast and bool(notice.to)
    return notice.model_copy(update={"title": f"{notice.incident}: {notice.title}", "broadcast": broadcast})
