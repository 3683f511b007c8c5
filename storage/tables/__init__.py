"""The rows Watchkeeper keeps: one SQLModel table per noun, the same on SQLite and PostgreSQL.

Only columns, keys and indexes live here. What a row means is in ``bot.response``; how it changes is in the module of
its noun. Text from outside may be in any text column, so what an index covers is bounded first.
The names avoid those of the durable engine, which keeps its tables in the same database.
"""

from storage.tables.candidacies import CANDIDACIES
from storage.tables.effects import ACTION_STEPS, ATTEMPTS, BURN_WATCHES, CAUSES, CHANGES, TARGET_LOCKS, WEAR_OFFS
from storage.tables.evidence import DEMOTIONS, GATE_REPORTS, LICENCES, SEALS, STAGING_CASES
from storage.tables.people import (
    ARRIVALS,
    BULLETINS,
    BUNDLES,
    CALLS,
    HOME_TABS,
    INCIDENT_CHANNELS,
    OUTBOX,
    QUESTIONS,
    SECOND_NOTICES,
    USED_LINKS,
)
from storage.tables.response import (
    ACTIONS,
    ALERTS,
    ASSESSMENTS,
    AUDIT_ANCHORS,
    AUDIT_ENTRIES,
    AUDIT_HEAD,
    BUDGET_ENTRIES,
    CLAIM_JUDGEMENTS,
    DECISIONS,
    EVIDENCE_VIEWS,
    INCIDENTS,
    PAUSES,
    POLICIES,
    QUARANTINED_ALERTS,
    REVIEWS,
    VOTES,
)

__all__ = [
    "ACTIONS",
    "ACTION_STEPS",
    "ALERTS",
    "ARRIVALS",
    "ASSESSMENTS",
    "ATTEMPTS",
    "AUDIT_ANCHORS",
    "AUDIT_ENTRIES",
    "AUDIT_HEAD",
    "BUDGET_ENTRIES",
    "BULLETINS",
    "BUNDLES",
    "BURN_WATCHES",
    "CALLS",
    "CANDIDACIES",
    "CAUSES",
    "CHANGES",
    "CLAIM_JUDGEMENTS",
    "DECISIONS",
    "DEMOTIONS",
    "EVIDENCE_VIEWS",
    "GATE_REPORTS",
    "HOME_TABS",
    "INCIDENTS",
    "INCIDENT_CHANNELS",
    "LICENCES",
    "OUTBOX",
    "PAUSES",
    "POLICIES",
    "QUARANTINED_ALERTS",
    "QUESTIONS",
    "REVIEWS",
    "SEALS",
    "SECOND_NOTICES",
    "STAGING_CASES",
    "TARGET_LOCKS",
    "USED_LINKS",
    "VOTES",
    "WEAR_OFFS",
]
