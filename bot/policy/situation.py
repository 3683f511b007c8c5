"""Every input a decision rests on, frozen and stored beside it, so that it can be explained and judged again in a year.

Inputs, not conclusions: which runbook fits, what customers feel, what a licence permits and how sure we are is drawn
from these by ``decide``. What is read back from rows of other releases goes through ``stored``; a word that only a
newer release knows has the cautious meaning that its enumeration gives it.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.policy.evidence import Answer
from bot.policy.levels import Level
from bot.policy.plan import Facts, Moment, Plan
from bot.policy.track_record import PastCase, Seal

SCHEMA = 2
"""Number of the shape below; raised with an upcaster in ``stored`` whenever a stored field changes its meaning."""


class AlertFacts(Facts):
    """One firing or resolved signal from a monitor, as the policy sees it."""

    source: str
    fingerprint: str
    name: str
    severity: str = ""
    service: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: Moment

    @property
    def key(self) -> str:
        """Names it among the alerts of its incident."""
        return f"{self.source}/{self.fingerprint}"


class Request(Facts):
    """A person wants this runbook considered, with a reason; it goes the same way as an alert."""

    runbook: str
    by: str
    """Slack user id; their own vote never counts."""
    reason: str
    parameters: dict[str, str] = Field(default_factory=dict)
    """``key=value`` as the person gave them: they fill the runbook's references, or change what is written there."""
    at: Moment | None = None
    """When it was asked for, by our clock; None in requests of older releases."""
    after: tuple[str, ...] = ()
    """Keys of the refusals that had been committed when it was asked: it answers these and no other, whatever clocks
    say. Empty in requests of older releases, which therefore answer none."""


class Planned(Facts):
    """What came of planning one runbook against the live system."""

    plan: Plan | None = None
    problem: str = ""
    """Why there is no plan, in words for people."""
    nothing_to_do: bool = False
    """There is no plan because everything is as wanted already; ``problem`` says what."""
    alert: str = ""
    """Key of the alert that fills it, where that is not the first that could; see ``AlertFacts.key``."""
    changed: tuple[str, ...] = ()
    """Parameters in which a person's request differs from what the policy writes."""


class PastAction(Facts):
    """One earlier action of the same runbook or on the same service."""

    action_id: str
    runbook: str
    service: str
    outcome: str
    at: Moment
    result: str = ""
    """What happened, as ``bot.response.model.actions.Result`` says; empty in rows of older releases."""
    by: str = ""
    """``alone``, ``approved`` or ``by_hand``; empty in rows of older releases."""


class History(Facts):
    """What happened before; newest first, bounded by the caller."""

    actions: tuple[PastAction, ...] = ()


class LedgerEntry(Facts):
    """One action that was begun, as the budgets count it."""

    action_id: str
    runbook: str
    services: tuple[str, ...] = ("",)
    """What it touched, with an empty name for a service that nobody knew; empty when no service feels it."""
    targets: tuple[str, ...] = ()
    """Keys of its targets; empty in situations of older releases."""
    instances: int | None = None
    """How many instances its targets come to; None where nobody says, and in situations of older releases."""
    at: Moment


class ScopeKind(StrEnum):
    """What kind of thing a scope names."""

    EVERYTHING = "everything"
    SERVICE = "service"
    RUNBOOK = "runbook"
    TARGET = "target"

    @classmethod
    def _missing_(cls, value: object) -> "ScopeKind":
        return cls.EVERYTHING


class Scope(Facts):
    """What a pause, freeze or budget covers; ``name`` is empty for everything."""

    kind: ScopeKind
    name: str = ""

    def __str__(self) -> str:
        return "everything" if self.kind is ScopeKind.EVERYTHING else f"{self.kind.value} {self.name}"


class Pause(Facts):
    """Automation was paused by a person, or by Watchkeeper after harm (``by`` is then ``watchkeeper``)."""

    pause_id: str
    scope: Scope
    by: str
    reason: str
    since: Moment
    """For people. It is in force with its commit, whatever this says: clocks of hosts differ."""
    until: Moment | None = None


class Gate(StrEnum):
    """What a runbook must pass before it may act by itself."""

    STAGING_DRY_RUN = "staging_dry_run"
    """It was rehearsed against staging, and changed nothing there."""
    CHAOS_TEST = "chaos_test"
    """It ended in a state that people were told of, although its backend failed it half-way."""
    ROLLBACK_VERIFICATION = "rollback_verification"
    """Its rollback restored on staging what had been there before."""
    FAILURE_SIMULATION = "failure_simulation"
    """It repaired the very failure it is for, injected on staging."""
    HUMAN_SIGN_OFF = "human_sign_off"
    """A person has read the evidence and answers for it."""

    @property
    def in_words(self) -> str:
        """What people call it, within a sentence."""
        return {
            Gate.STAGING_DRY_RUN: "staging dry run",
            Gate.CHAOS_TEST: "chaos test",
            Gate.ROLLBACK_VERIFICATION: "rollback verification",
            Gate.FAILURE_SIMULATION: "failure simulation",
            Gate.HUMAN_SIGN_OFF: "human sign-off",
        }[self]


GATES_THAT_RUN = frozenset({Gate.FAILURE_SIMULATION, Gate.CHAOS_TEST, Gate.ROLLBACK_VERIFICATION})
"""They carry the runbook out, on staging: each that is passed is a case that worked."""


class GatePass(Facts):
    """One gate passed by one version of a runbook."""

    gate: Gate
    digest: str
    """Of the runbook that passed it."""
    passed_at: Moment
    until: Moment
    seal: str = ""
    """Digest of everything it was passed with; empty in rows of older releases, which the runbook alone has sealed."""
    by: str = ""
    """Slack user id of whoever signed off; empty for gates that no person passes, and in rows of older releases."""


class Demotion(Facts):
    """A cap on a runbook that nobody has lifted."""

    level: Level
    reason: str = ""
    at: Moment
    cause: str = ""
    """Key of what it is for, see ``bot.policy.rules.demotion``; empty in rows of older releases."""


def _of_known_gates(rows: object) -> object:
    """A gate that only a newer release knows counts for nothing here."""
    if not isinstance(rows, Sequence):
        return rows
    return [row for row in rows if not isinstance(row, Mapping) or row.get("gate") in tuple(Gate)]


class Evidenced(Facts):
    """What is on record about one runbook. What older releases stored has its gate rows and demotions alone."""

    gates: Annotated[tuple[GatePass, ...], BeforeValidator(_of_known_gates)] = ()
    """Every gate row, whatever was passed and when."""
    seals: dict[str, Seal] = Field(default_factory=dict)
    """What the gates were passed with, by the digest that their rows name."""
    demotions: tuple[Demotion, ...] = ()
    """Those in force."""
    lifted: tuple[str, ...] = ()
    """Keys of causes for which it was demoted once, and promoted again since by people."""
    cases: tuple[PastCase, ...] | None = None
    """What it has done, newest first, bounded by the caller; None in situations of older releases: not counted."""


class RefusalKind(StrEnum):
    """How a person said no to automation in an incident."""

    STOPPED = "stopped"
    OVERRIDDEN = "overridden"
    TAKEN = "taken"

    @classmethod
    def _missing_(cls, value: object) -> "RefusalKind":
        return cls.STOPPED


class Refusal(Facts):
    """A person said no: from then on nothing acts by itself for this incident until a person asks."""

    kind: RefusalKind
    by: str
    at: Moment
    action_id: str = ""
    """What was stopped or overridden; empty where somebody took over."""

    @property
    def key(self) -> str:
        """Names exactly this refusal, for requests that come after it."""
        return self.action_id or f"{self.kind}:{self.by}:{self.at.isoformat()}"


class Acted(Facts):
    """An action of this incident whose effect began."""

    action_id: str
    runbook: str
    targets: tuple[str, ...]
    at: Moment


class UnderWay(Facts):
    """An action, of any incident, that is being carried out at this moment."""

    action_id: str
    services: tuple[str, ...] = ("",)
    """What it touches, with an empty name for a service that nobody knows."""
    taken: int = Field(ge=0)
    """Healthy instances that it takes away; all its targets, where that is not known."""
    runbook: str | None = None
    """None in situations of older releases; then it may be any."""
    targets: tuple[str, ...] | None = None
    """Keys of its targets; None likewise."""


class Beginning(Facts):
    """An alert began to fire, as its monitor says."""

    alert: str
    """Its key; see ``AlertFacts.key``."""
    at: Moment


class OpenIncident(Facts):
    """An unresolved incident, this one or another."""

    incident: str
    """Display name, ``INC-7``."""
    service: str
    """Empty where its alerts name none."""
    alert: str
    """Name of the alert it is about."""
    opened_at: Moment
    """By our clock."""


class Change(Facts):
    """Other hands at work: a deploy, a drain, maintenance; reported by whoever does it."""

    change_id: str
    what: str
    """In words: "deploy of checkout 4.2"."""
    by: str
    begins: Moment
    ends: Moment | None = None
    """When it was reported to be over; None while nobody has."""
    expires: Moment
    """It stands no longer than this, should nobody report its end."""
    services: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    """By key or by the name people see, as patterns: ``supervisor:web*``. Without services and targets: everything."""

    @property
    def until(self) -> Moment:
        """When it is over."""
        return self.expires if self.ends is None else min(self.ends, self.expires)


class Memory(Facts):
    """What has happened in this incident before."""

    refusals: tuple[Refusal, ...] = ()
    acted: tuple[Acted, ...] = ()


class Notification(StrEnum):
    """Has the card been accepted by Slack (or the configured second channel)?"""

    PLANNED = "planned"
    """While considering: the card goes first and the action is released only by its acceptance."""
    ACCEPTED = "accepted"
    """People can have seen the card."""
    FAILED = "failed"
    """Nobody accepted it: no notification, no autonomy."""

    @classmethod
    def _missing_(cls, value: object) -> "Notification":
        return cls.FAILED


class Oversight(Facts):
    """The parts of human oversight that are not in the plan itself; all must be true for autonomy."""

    audited: bool = False
    notification: Notification = Notification.FAILED


class Trigger(StrEnum):
    """What asks for the action."""

    ALERT = "alert"
    """A monitor: alerts of an incident are firing."""
    PERSON = "person"
    """A person asked for this runbook, whether or not an alert fires."""


class Situation(Facts):
    """Everything ``decide`` may read."""

    schema_version: int = SCHEMA
    now: Moment
    incident: str
    """Display name, ``INC-7``."""
    alerts: Annotated[tuple[AlertFacts, ...], Field(min_length=1)]
    """Every firing alert of the incident with its labels; where none fires any more, the last that did."""
    request: Request | None = None
    """Set where a person asks; the alerts then only fill what the person did not."""
    plans: dict[str, Planned] = Field(default_factory=dict)
    """By runbook: those that matching named when the assessment was made."""
    answers: dict[str, Answer] = Field(default_factory=dict)
    """What monitoring answered, by the text of the query."""
    history: History = History()
    memory: Memory = Memory()
    pauses: tuple[Pause, ...] = ()
    ledger: tuple[LedgerEntry, ...] | None = None
    """What the budgets are counted from; None when it could not be read: what is unknown never permits."""
    under_way: tuple[UnderWay, ...] | None = None
    """Other actions that are being carried out; None in situations of older releases, which did not look."""
    evidenced: dict[str, Evidenced] = Field(default_factory=dict)
    """By runbook, for each of ``plans``."""
    open_incidents: tuple[OpenIncident, ...] | None = None
    """Every unresolved incident, this one among them; None in situations of older releases, which did not read them."""
    changes: tuple[Change, ...] = ()
    """What others are changing, or have just changed; there was none to be known in situations of older releases."""
    beginnings: tuple[Beginning, ...] = ()
    """Each time that one of ``alerts`` began lately; what is not there began once."""
    answered_at: Moment | None = None
    """When monitoring was asked for ``answers``, by our clock; None in situations of older releases."""
    oversight: Oversight = Oversight()

    @property
    def trigger(self) -> Trigger:
        """What asks for the action."""
        return Trigger.ALERT if self.request is None else Trigger.PERSON

    @property
    def requested_by(self) -> str | None:
        """Slack user id of whoever asked."""
        return None if self.request is None else self.request.by
