"""The kinds of audit entries: what happened, as a dotted word.

The values are stored, sealed into the chain and counted in metrics: a written one never changes its name or its
meaning. ``docs/audit.md`` says of each, in this order, when it is written, by whom, and what its body holds.
"""

from enum import StrEnum


class AuditKind(StrEnum):
    """What one entry of the audit chain reports."""

    # Alerts and incidents
    ALERT_RECEIVED = "alert.received"
    ALERT_QUARANTINED = "alert.quarantined"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_MUTED = "incident.muted"
    INCIDENT_TAKEN = "incident.taken"
    INCIDENT_CALLED = "incident.called"
    INCIDENT_REMINDED = "incident.reminded"
    INCIDENT_HANDED_OVER = "incident.handed_over"
    INCIDENT_STILL_FIRING = "incident.still_firing"
    INCIDENT_RESOLVED = "incident.resolved"
    INCIDENT_HEALED = "incident.healed"

    # Questions and decisions
    RUNBOOK_REQUESTED = "runbook.requested"
    RUNBOOK_REHEARSAL_ASKED = "runbook.rehearsal_asked"
    DECISION_MADE = "decision.made"
    QUESTION_ASKED_ALONE = "question.asked_alone"
    ACTION_ANNOUNCED = "action.announced"
    ACTION_RELEASED = "action.released"
    ACTION_VOTE = "action.vote"
    ACTION_VOTE_WITHDRAWN = "action.vote_withdrawn"
    ACTION_BY_HAND = "action.by_hand"
    ACTION_REMINDED = "action.reminded"
    ACTION_HANDED_OVER = "action.handed_over"
    ACTION_STOPPED = "action.stopped"
    ACTION_STOP_EXPLAINED = "action.stop_explained"
    ACTION_OVERRIDDEN = "action.overridden"
    ACTION_EXPIRED = "action.expired"
    ACTION_LAPSED = "action.lapsed"
    ACTION_SUPERSEDED = "action.superseded"

    # Acting
    ACTION_CLAIMED = "action.claimed"
    ACTION_STEP_BEGUN = "action.step_begun"
    ACTION_STEP_ENDED = "action.step_ended"
    ACTION_HALT_ASKED = "action.halt_asked"
    ACTION_RETURNED = "action.returned"
    ACTION_EXECUTED = "action.executed"
    ACTION_UNHEALTHY = "action.unhealthy"
    ACTION_SUCCEEDED = "action.succeeded"
    ACTION_FAILED = "action.failed"
    ACTION_ROLL_BACK_ASKED = "action.roll_back_asked"
    ACTION_ROLLED_BACK = "action.rolled_back"
    ACTION_WORE_OFF = "action.wore_off"
    ACTION_STAYED_ON = "action.stayed_on"
    ACTION_REVIEWED = "action.reviewed"
    ACTION_REVIEW_HANDED_OVER = "action.review_handed_over"
    ACTION_REVIEW_REMINDED = "action.review_reminded"
    FLOW_FAILED = "flow.failed"

    # Bounds
    AUTOMATION_PAUSED = "automation.paused"
    AUTOMATION_RESUMED = "automation.resumed"
    CHANGE_REPORTED = "change.reported"
    CHANGE_ENDED = "change.ended"
    LICENCE_DEMOTED = "licence.demoted"
    LICENCE_RESTORED = "licence.restored"
    GATES_BEGUN = "gates.begun"
    GATES_ALERT_RECEIVED = "gates.alert_received"
    GATES_PASSED = "gates.passed"
    GATES_FAILED = "gates.failed"
    GATES_BROKEN_OFF = "gates.broken_off"
    LICENCE_SIGNED_OFF = "licence.signed_off"
    LICENCE_PROPOSED = "licence.proposed"
    LICENCE_PROMOTED = "licence.promoted"
    LICENCE_DECLINED = "licence.declined"
    PERSON_REFUSED = "person.refused"

    # Telling people
    NOTICE_TOLD_ELSEWHERE = "notice.told_elsewhere"
    CHANNEL_OPENED = "channel.opened"
    CHANNEL_REFUSED = "channel.refused"
    CHANNEL_LOST = "channel.lost"
    CHANNEL_ARCHIVED = "channel.archived"
