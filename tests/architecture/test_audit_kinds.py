"""The kinds of audit entries are what ``docs/audit.md`` says, and never change once they were written."""

from bot.response.execution.outcome import ENDINGS
from bot.response.model.actions import ACTION_LIFECYCLE, SETTLED_BY_PEOPLE, ActionState
from bot.response.model.audit_kinds import AuditKind
from tests.fixtures.audit_document import documented

WRITTEN = {
    "action.announced",
    "action.by_hand",
    "action.claimed",
    "action.executed",
    "action.expired",
    "action.failed",
    "action.handed_over",
    "action.overridden",
    "action.released",
    "action.reminded",
    "action.reviewed",
    "action.roll_back_asked",
    "action.rolled_back",
    "action.stopped",
    "action.succeeded",
    "action.superseded",
    "action.unhealthy",
    "action.vote",
    "action.vote_withdrawn",
    "alert.quarantined",
    "alert.received",
    "automation.paused",
    "automation.resumed",
    "channel.archived",
    "channel.lost",
    "channel.opened",
    "channel.refused",
    "decision.made",
    "flow.failed",
    "incident.muted",
    "incident.opened",
    "incident.resolved",
    "incident.taken",
    "licence.demoted",
    "licence.restored",
    "notice.told_elsewhere",
    "person.refused",
    "question.asked_alone",
    "runbook.rehearsal_asked",
    "runbook.requested",
}
"""Kinds that stand in chains out there."""
ROLLED_BACK_AT_MOST = {ActionState.SUCCEEDED, ActionState.FAILED}
"""Endings too, though a person may still roll back."""


def test_the_docs_describe_every_kind_in_the_order_of_the_enum_and_no_other() -> None:
    assert list(documented()) == [kind.value for kind in AuditKind]


def test_a_kind_that_was_written_keeps_its_word() -> None:
    assert {kind.value for kind in AuditKind} >= WRITTEN


def test_every_ending_of_an_action_has_a_kind() -> None:
    ends = {state for state in ActionState if ACTION_LIFECYCLE.final(state)} | ROLLED_BACK_AT_MOST
    assert set(ENDINGS) == ends - SETTLED_BY_PEOPLE, "a stop or an override is reported as what the person did"
