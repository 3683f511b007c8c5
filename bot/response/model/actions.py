"""An action: one execution of a plan, from the question to its outcome, as one transition table."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.policy.decision import Verdict
from bot.policy.plan import Exactness, Plan
from bot.policy.situation import Trigger
from bot.policy.track_record import Ending
from bot.response.model.lifecycle import Lifecycle


class ActionState(StrEnum):
    """Where an action stands, from the question to its end."""

    ANNOUNCING = "announcing"
    """Autonomous: nothing happens before Slack has accepted the card. due_at: then people are asked instead."""
    VETO_WINDOW = "veto_window"
    """Announced; a person may stop it. due_at: then it is approved by silence, within L3's bounds."""
    WAITING = "waiting"
    """Approval asked. due_at: then the question expires."""
    HELD = "held"
    """Automation is paused here; a person with the authority may still act by hand."""
    APPROVED = "approved"
    """Queued to run. due_at: the end of ``execute_within``; then the approval lapses."""
    RUNNING = "running"
    """Claimed by one flow: targets locked, budget taken, snapshot being made. Still stoppable."""
    EXECUTING = "executing"
    """The effect has begun. A person may still halt it: then no further step of it begins."""
    VERIFYING = "verifying"
    """The effect is over; whether it helped is being measured."""
    SUCCEEDED = "succeeded"
    """Verified healthy. A person may still have it rolled back."""
    ROLLING_BACK = "rolling_back"
    """The rollback has begun; the targets are still locked."""
    ROLLED_BACK = "rolled_back"
    """The rollback worked: what was there before is back, as exactly as the plan promised."""
    FAILED = "failed"
    """Something went wrong that only a person can judge."""
    STOPPED = "stopped"
    """A person stopped it before its effect began."""
    OVERRIDDEN = "overridden"
    """A person chose something else, or nothing, in its place."""
    EXPIRED = "expired"
    """Too few had approved when the time to answer was over."""
    LAPSED = "lapsed"
    """Approved, by people or by silence, but it could not start within ``execute_within``."""
    SUPERSEDED = "superseded"
    """A newer question took its place (plan changed, alert resolved, automation paused or resumed)."""


class Result(StrEnum):
    """What happened, once an action's effect could have begun."""

    NOTHING_CHANGED = "nothing_changed"
    VERIFIED = "verified"
    ROLLED_BACK = "rolled_back"
    NOT_RESTORED = "not_restored"
    """It was to be rolled back and could not be, or nobody knows how far that got."""
    INTERRUPTED = "interrupted"
    """It was ended in the middle: by a person, by a shutdown, or because its process died. It may be half done."""
    UNKNOWN = "unknown"
    """Nobody knows how far it got, or whether it helped. So is a result that only a newer release knows."""

    @classmethod
    def _missing_(cls, value: object) -> "Result":
        return cls.UNKNOWN


class By(StrEnum):
    """Who let an action act."""

    ALONE = "alone"
    APPROVED = "approved"
    BY_HAND = "by_hand"


class ActionEvent(StrEnum):
    """What moves an action from state to state; an event that comes too late for its state changes nothing."""

    ANNOUNCED = "announced"
    """Slack, or the second channel, has accepted the card: the veto window begins."""
    WINDOW_OVER = "window_over"
    """Nobody stopped it within the veto window."""
    APPROVE = "approve"
    """Enough people approved, or one acts by hand with a reason."""
    STOP = "stop"
    """A person does not want it."""
    OVERRIDE = "override"
    """A person decides otherwise, with a reason."""
    EXPIRE = "expire"
    """The time to answer is over."""
    LAPSE = "lapse"
    """It was approved, and the time to begin is over."""
    SUPERSEDE = "supersede"
    """What it was asked for does not hold any more, and nothing was run."""
    CLAIM = "claim"
    """One worker has rechecked it, and has its targets and its budget."""
    BEGIN = "begin"
    """The effect begins with this commit; from here on each of its steps is checked before it begins."""
    RETURN = "return"
    """It was to begin, and nothing was changed: it waits to be tried again, or to be settled otherwise."""
    EXECUTED = "executed"
    """The effect ended, or nobody knows how far it got: verification decides."""
    CANNOT = "cannot"
    """Failed before anything was changed, or in a way that must not be rolled back."""
    HEALTHY = "healthy"
    """Verification found the target healthy for long enough."""
    ROLL_BACK = "roll_back"
    """It did not help, it did harm, or a person wants it rolled back."""
    RESTORED = "restored"
    """The rollback worked."""
    NOT_RESTORED = "not_restored"
    """The rollback did not work: only a person can go on."""


_S = ActionState
UNDECIDED = frozenset({_S.ANNOUNCING, _S.VETO_WINDOW, _S.WAITING, _S.HELD})
"""States in which people (or a timer) still choose."""
PENDING = UNDECIDED | {_S.APPROVED}
"""States before the first effect."""
NOT_BEGUN = PENDING | {_S.RUNNING}
"""States in which a person's no still keeps the effect from beginning."""
ABOUT_TO_ACT = NOT_BEGUN - {_S.WAITING, _S.HELD}
"""States that lead to an effect without anybody being asked any more."""
SETTLED_BY_PEOPLE = frozenset({_S.STOPPED, _S.OVERRIDDEN})
"""A person said no: nothing acts by itself for this incident any more."""
REVERSIBLE = frozenset({Exactness.EXACT, Exactness.APPROXIMATE})
"""Kinds of rollback that there is something to do for."""
ROLLED_BACK_FROM = frozenset({Result.VERIFIED, Result.NOT_RESTORED, Result.INTERRUPTED, Result.UNKNOWN})
"""Results after which something may be there to roll back."""
ENDED_AFTER_AN_EFFECT = frozenset({_S.SUCCEEDED, _S.ROLLED_BACK, _S.FAILED})
"""Ends of actions that may have changed something."""
UNDER_WAY = frozenset({_S.RUNNING, _S.EXECUTING, _S.VERIFYING, _S.ROLLING_BACK})
"""States in which the targets are locked."""
IN_STEPS = frozenset({_S.EXECUTING, _S.ROLLING_BACK})
"""States in which something is changed, step by step, and in which a person may halt it."""
NOT_HALTED = {"halted_by": None, "halted_at": None, "halted_why": ""}
"""What a rollback begins with: who halted the act did not speak about that."""
ENDED = frozenset(_S) - PENDING - UNDER_WAY
"""States in which nothing waits and nothing is under way any more."""

ACTION_LIFECYCLE: Lifecycle[ActionState, ActionEvent] = Lifecycle(
    name="action",
    table={
        ActionEvent.ANNOUNCED: (frozenset({_S.ANNOUNCING}), _S.VETO_WINDOW),
        ActionEvent.WINDOW_OVER: (frozenset({_S.VETO_WINDOW}), _S.APPROVED),
        ActionEvent.APPROVE: (frozenset({_S.VETO_WINDOW, _S.WAITING, _S.HELD}), _S.APPROVED),
        ActionEvent.STOP: (NOT_BEGUN, _S.STOPPED),
        ActionEvent.OVERRIDE: (NOT_BEGUN, _S.OVERRIDDEN),
        ActionEvent.SUPERSEDE: (NOT_BEGUN, _S.SUPERSEDED),
        ActionEvent.EXPIRE: (frozenset({_S.WAITING}), _S.EXPIRED),
        ActionEvent.LAPSE: (frozenset({_S.APPROVED, _S.RUNNING}), _S.LAPSED),
        ActionEvent.CLAIM: (frozenset({_S.APPROVED}), _S.RUNNING),
        ActionEvent.BEGIN: (frozenset({_S.RUNNING}), _S.EXECUTING),
        ActionEvent.RETURN: (frozenset({_S.EXECUTING}), _S.RUNNING),
        ActionEvent.EXECUTED: (frozenset({_S.EXECUTING}), _S.VERIFYING),
        ActionEvent.CANNOT: (frozenset({_S.RUNNING, _S.EXECUTING, _S.VERIFYING}), _S.FAILED),
        ActionEvent.HEALTHY: (frozenset({_S.VERIFYING}), _S.SUCCEEDED),
        ActionEvent.ROLL_BACK: (
            frozenset({_S.EXECUTING, _S.VERIFYING, _S.SUCCEEDED, _S.FAILED}),
            _S.ROLLING_BACK,
        ),
        ActionEvent.RESTORED: (frozenset({_S.ROLLING_BACK}), _S.ROLLED_BACK),
        ActionEvent.NOT_RESTORED: (frozenset({_S.ROLLING_BACK}), _S.FAILED),
    },
    beginnings=frozenset({_S.ANNOUNCING, _S.WAITING, _S.HELD}),
)


@dataclass(frozen=True, slots=True)
class AskedGroup:
    """A group of people that a question was put to."""

    group: str
    """By its name in the policy."""
    people: tuple[str, ...]
    """Slack user ids of its members, as they were resolved last."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Action:
    """One row of ``actions``."""

    id: str
    """Opaque and unguessable; what buttons carry."""
    incident_id: int
    revision: int
    """The incident's revision this action belongs to."""
    runbook: str
    trigger: Trigger
    requested_by: str | None
    verdict: Verdict
    state: ActionState
    plan: Plan
    plan_digest: str
    approvals_needed: int
    asked: tuple[AskedGroup, ...]
    """Whom the question was put to so far, in order. What their answers are worth is judged when they answer."""
    veto_window_seconds: float
    execute_within_seconds: float
    due_at: datetime | None
    created_at: datetime
    decided_at: datetime | None
    """When a person or the veto window settled it."""
    decided_by: tuple[str, ...]
    """Who settled it: Slack user ids; empty for the veto window or a deadline."""
    finished_at: datetime | None
    outcome: str
    """One sentence for people, once there is something to say."""
    by_hand: bool = False
    """A person with the authority acted although automation is paused."""
    remind_at: datetime | None = None
    """While waiting: when those who have not answered are reminded; None once they were."""
    overridden: tuple[str, ...] = ()
    """Ids of the pauses and freezes that whoever acts by hand was shown: exactly these do not hold it."""
    services: tuple[str, ...] = ("",)
    """What the plan touches, with an empty name for a service that nobody knows; empty when no service feels it."""
    begun_at: datetime | None = None
    """When its effect began, by our clock."""
    result: Result | None = None
    """What happened; None while nothing has, and in rows of older releases."""
    rollbacks: int = 0
    """How often it was rolled back or tried to be."""
    halted_by: str | None = None
    """Who does not want it to go on, while its effect or its rollback runs: none of its steps begins any more."""
    halted_at: datetime | None = None
    halted_why: str = ""
    """In words for people: "Stopped by ...", without a full stop."""
    runbook_digest: str = ""
    """Of the runbook as it was when this was asked, or begun; empty in rows of older releases."""
    ending: Ending | None = None
    """What came of it, as a case of its runbook; None before that, and in rows of older releases."""

    @property
    def by(self) -> By:
        """Who let it act."""
        if self.by_hand:
            return By.BY_HAND
        return By.APPROVED if self.decided_by else By.ALONE

    @property
    def interrupted(self) -> bool:
        """Whether it was ended half-way, so that somebody may want to go on."""
        return self.state is ActionState.FAILED and self.result is Result.INTERRUPTED

    @property
    def approvers(self) -> tuple[str, ...]:
        """Distinct Slack user ids of everybody asked, as they were resolved last."""
        return tuple(dict.fromkeys(person for asked in self.asked for person in asked.people))
