"""What Watchkeeper knows, decides and does: incidents, decisions, actions, controls, reviews and the audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from storage.columns import Number, PlainText, Row, UtcTime, table


class IncidentRow(Row, table=True):
    """Alerts that belong together, the question that now stands about them, and where people find it."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "uq_incidents_unresolved_group",
            "group_key",
            unique=True,
            sqlite_where=text("state != 'resolved'"),
            postgresql_where=text("state != 'resolved'"),
        ),
        Index("ix_incidents_thread", "channel", "thread_ts"),
        Index(
            "ix_incidents_deferred",
            "id",
            sqlite_where=text("consideration_deferred = 1"),
            postgresql_where=text("consideration_deferred"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    handle: str = Field(unique=True)
    group_key: str = Field(sa_type=PlainText)
    service: str = Field(sa_type=PlainText)
    alert_name: str = Field(sa_type=PlainText)
    severity: str = Field(sa_type=PlainText)
    state: str
    revision: int = 0
    opened_at: datetime = Field(sa_type=UtcTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcTime)
    taken_by: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    consideration_wanted: bool = False
    """Its assessment is queued and has not begun."""
    consideration_deferred: bool = False
    """Its assessment is deferred: too many were asked for at once to queue them all in one transaction."""
    considerations: int = 0
    """Looks asked for so far; makes each one's workflow id."""
    wanted_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """Until when the assessment that is queued waits, where the incident was assessed just before."""
    assessed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When the last assessment began: a busy incident is assessed at most about once a second."""
    told_firing_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When people were last told that it goes on firing although an act was verified or a question expired."""
    taken_at: datetime | None = Field(default=None, sa_type=UtcTime)
    refused_how: str | None = None
    """The last no that a person said where no action was left to carry it: stopped, overridden."""
    refused_by: str | None = None
    refused_at: datetime | None = Field(default=None, sa_type=UtcTime)
    truncated: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many further alerts of its group the monitor said it left out of the last delivery."""


class AlertRow(Row, table=True):
    """One alert as its monitor last reported it; the same source, fingerprint and start is the same alert."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("source", "fingerprint", "starts_at"),
        Index("ix_alerts_incident_id_status", "incident_id", "status"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    incident_id: int | None = Field(default=None, foreign_key="incidents.id", sa_type=Number)
    """None for a resolved alert that was never received firing."""
    source: str = Field(sa_type=PlainText)
    fingerprint: str = Field(sa_type=PlainText)
    starts_at: datetime = Field(sa_type=UtcTime)
    ends_at: datetime | None = Field(default=None, sa_type=UtcTime)
    status: str
    name: str = Field(sa_type=PlainText)
    severity: str = Field(sa_type=PlainText)
    service: str = Field(sa_type=PlainText)
    labels: dict[str, str] = Field(sa_type=JSON)
    annotations: dict[str, str] = Field(sa_type=JSON)
    generator_url: str = Field(default="", sa_type=PlainText)
    received_at: datetime = Field(sa_type=UtcTime)


class QuarantinedAlertRow(Row, table=True):
    """What a monitor sent and we could not read: kept for people, never dropped."""

    __tablename__ = "quarantined_alerts"

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    source: str = Field(sa_type=PlainText)
    reason: str = Field(sa_type=PlainText)
    payload: str = Field(sa_type=PlainText)
    received_at: datetime = Field(sa_type=UtcTime)


class DecisionRow(Row, table=True):
    """A decision with the situation it rests on, by the incident's revision; never changed."""

    __tablename__ = "decisions"

    incident_id: int = Field(primary_key=True, foreign_key="incidents.id", sa_type=Number)
    revision: int = Field(primary_key=True)
    situation: dict[str, Any] = Field(sa_type=JSON)
    """As it was written before ``text`` was kept; empty in newer rows."""
    text: str | None = Field(default=None, sa_type=PlainText)
    """The situation, exactly as it was sealed."""
    seal: str | None = None
    """SHA-256 of ``text``; None in an older row whose text is not what its audit entry says."""
    decision: dict[str, Any] = Field(sa_type=JSON)
    policy_digest: str
    audit_entry: int = Field(sa_type=Number)
    at: datetime = Field(sa_type=UtcTime)


class ClaimJudgementRow(Row, table=True):
    """The judgement made when an action claimed its targets: the one that let it act, or kept it from acting."""

    __tablename__ = "claim_judgements"

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    action_id: str = Field(foreign_key="actions.id", index=True)
    text: str = Field(sa_type=PlainText)
    seal: str
    decision: dict[str, Any] = Field(sa_type=JSON)
    policy_digest: str
    audit_entry: int = Field(sa_type=Number)
    at: datetime = Field(sa_type=UtcTime)


class AssessmentRow(Row, table=True):
    """An assessment that decided nothing new: that it was made, and why it changed nothing."""

    __tablename__ = "assessments"

    id: int | None = Field(default=None, primary_key=True, sa_type=Number)
    incident_id: int = Field(foreign_key="incidents.id", index=True, sa_type=Number)
    at: datetime = Field(sa_type=UtcTime)
    result: str
    """``muted``, ``unchanged`` or ``under_way``."""
    detail: str = Field(default="", sa_type=PlainText)
    policy_digest: str


class PolicyRow(Row, table=True):
    """Every policy that has ever decided something, whole."""

    __tablename__ = "policies"

    digest: str = Field(primary_key=True)
    document: str = Field(sa_type=PlainText)
    first_used_at: datetime = Field(sa_type=UtcTime)


class ActionRow(Row, table=True):
    """One execution of a plan, from the question to its outcome."""

    __tablename__ = "actions"
    __table_args__ = (
        Index("ix_actions_incident_id", "incident_id"),
        Index("ix_actions_state_due_at", "state", "due_at"),
        Index("ix_actions_finished_at", "finished_at"),
        Index("ix_actions_runbook", "runbook", "finished_at"),
    )

    id: str = Field(primary_key=True)
    incident_id: int = Field(foreign_key="incidents.id", sa_type=Number)
    revision: int
    runbook: str = Field(sa_type=PlainText)
    service: str = Field(sa_type=PlainText)
    """Of the plan; for the history."""
    trigger: str
    requested_by: str | None = None
    verdict: str
    state: str
    plan: dict[str, Any] = Field(sa_type=JSON)
    plan_digest: str
    approvals_needed: int
    asked: list[dict[str, Any]] = Field(sa_type=JSON)
    """Groups that the question was put to: ``{"group", "people", "at"}``, in order."""
    remind_at: datetime | None = Field(default=None, sa_type=UtcTime)
    veto_window_seconds: float
    execute_within_seconds: float
    due_at: datetime | None = Field(default=None, sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcTime)
    decided_by: list[str] = Field(sa_type=JSON)
    finished_at: datetime | None = Field(default=None, sa_type=UtcTime)
    outcome: str = Field(default="", sa_type=PlainText)
    by_hand: bool = False
    overridden: list[str] | None = Field(default=None, sa_type=JSON)
    """Ids of the pauses and freezes that the person who acts by hand was shown."""
    services: list[str] | None = Field(default=None, sa_type=JSON)
    """What the plan touches; None in rows of older releases."""
    begun_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When its effect began."""
    result: str | None = None
    """What happened, once something did; None in rows of older releases."""
    rollbacks: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often it was rolled back or tried to be."""
    runbook_digest: str | None = None
    """Of the runbook as it was then; None in rows of older releases."""
    ending: str | None = None
    """What came of it, as a case of its runbook; None before that, and in rows of older releases."""
    halted_by: str | None = None
    """Who keeps its further steps from beginning."""
    halted_at: datetime | None = Field(default=None, sa_type=UtcTime)
    halted_why: str | None = Field(default=None, sa_type=PlainText)


class VoteRow(Row, table=True):
    """One person's answer to one action's question."""

    __tablename__ = "votes"

    action_id: str = Field(primary_key=True, foreign_key="actions.id")
    person: str = Field(primary_key=True)
    ballot: str
    at: datetime = Field(sa_type=UtcTime)
    opened_evidence: bool


class EvidenceViewRow(Row, table=True):
    """A person has opened the evidence of a revision; when it was first opened."""

    __tablename__ = "evidence_views"

    incident_id: int = Field(primary_key=True, foreign_key="incidents.id", sa_type=Number)
    revision: int = Field(primary_key=True)
    person: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcTime)


class BudgetEntryRow(Row, table=True):
    """One action in the ledger that every budget counts from."""

    __tablename__ = "budget_entries"

    action_id: str = Field(primary_key=True, foreign_key="actions.id")
    """One entry per action, however often it is recovered."""
    service: str = Field(sa_type=PlainText)
    tier: int
    runbook: str = Field(sa_type=PlainText)
    services: list[str] | None = Field(default=None, sa_type=JSON)
    """Everything it touched; None in rows of older releases, which know ``service`` alone."""
    at: datetime = Field(sa_type=UtcTime, index=True)


class PauseRow(Row, table=True):
    """A pause of automation: from ``since`` until ``until``, or until somebody ends it."""

    __tablename__ = "pauses"

    id: str = Field(primary_key=True)
    scope_kind: str
    scope_name: str = Field(default="", sa_type=PlainText)
    by: str
    reason: str = Field(sa_type=PlainText)
    since: datetime = Field(sa_type=UtcTime)
    until: datetime | None = Field(default=None, sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    ended_by: str | None = None


class ReviewRow(Row, table=True):
    """The review of one action: asked for, once it is done answered, and asked for anew when something new happens."""

    __tablename__ = "reviews"

    action_id: str = Field(primary_key=True, foreign_key="actions.id")
    due_at: datetime = Field(sa_type=UtcTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcTime)
    done_by: str | None = None
    answers: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    occasion: str | None = None
    """Why it is to be reviewed; NULL in rows that an older release has written."""
    assigned_to: str | None = None
    remind_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When whoever it is assigned to is reminded, before it is due; NULL once they were."""
    earlier: list[dict[str, Any]] | None = Field(default=None, sa_type=JSON)
    """What was answered before it was opened again, oldest first."""


class AuditEntryRow(Row, table=True):
    """Append-only: triggers refuse every change and every removal."""

    __tablename__ = "audit_entries"

    number: int = Field(primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcTime)
    actor: str = Field(sa_type=PlainText)
    kind: str
    incident_id: int | None = Field(default=None, sa_type=Number, index=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    previous: str
    """Hash of the entry before, as hexadecimal."""
    hash: str


class AuditHeadRow(Row, table=True):
    """The one row that gives out the numbers, and the row that writers wait at."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = Field(sa_type=Number)
    hash: str
    key_id: str = ""
    """Recognises the audit key without revealing it; empty until the first entry."""


class AuditAnchorRow(Row, table=True):
    """A head of the chain that was also given to the outside; append-only like the entries."""

    __tablename__ = "audit_anchors"

    number: int = Field(primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False})
    hash: str
    at: datetime = Field(sa_type=UtcTime)


INCIDENTS = table(IncidentRow)
ALERTS = table(AlertRow)
QUARANTINED_ALERTS = table(QuarantinedAlertRow)
DECISIONS = table(DecisionRow)
CLAIM_JUDGEMENTS = table(ClaimJudgementRow)
ASSESSMENTS = table(AssessmentRow)
POLICIES = table(PolicyRow)
ACTIONS = table(ActionRow)
VOTES = table(VoteRow)
EVIDENCE_VIEWS = table(EvidenceViewRow)
BUDGET_ENTRIES = table(BudgetEntryRow)
PAUSES = table(PauseRow)
REVIEWS = table(ReviewRow)
AUDIT_ENTRIES = table(AuditEntryRow)
AUDIT_HEAD = table(AuditHeadRow)
AUDIT_ANCHORS = table(AuditAnchorRow)
