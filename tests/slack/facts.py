"""An explained decision, as the response layer hands it over."""

from datetime import timedelta

from bot.policy.decision import Decision, Part, Reason, RuleResult, Verdict
from bot.policy.evidence import Evidence, Finding
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.policy.shadow import Agreement
from bot.policy.situation import AlertFacts, Change, Planned, Situation
from bot.response.interventions.explanations import Explanation
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.records import AuditEntry, Ballot, StoredDecision, Vote
from tests.slack.notices import ALICE, BOB, OPENED

CHANGE = Change(
    change_id="d-1",
    what="deploy of checkout 4.2",
    by="argo",
    begins=OPENED,
    expires=OPENED + timedelta(hours=1),
    services=("checkout",),
    targets=("supervisor:checkout*",),
)
INCIDENT = Incident(
    id=7,
    handle="inc_77aa01",
    group_key="checkout/ServiceDown",
    service="checkout",
    alert_name="ServiceDown",
    severity="critical",
    state=IncidentState.OPEN,
    revision=3,
    opened_at=OPENED,
    resolved_at=None,
    taken_by=None,
    channel="C01INC",
    thread_ts="1795402931.000100",
)
PLAN = Plan(
    remediation="restart_service",
    summary="Restart checkout on supervisor",
    parameters={"service": "checkout"},
    service="checkout",
    targets=(Target(key="supervisor:checkout", label="checkout", state={"pid": 4711}),),
    effects=frozenset({Effect.RESTART}),
    blast_radius=BlastRadius(targets=1, share=0.25),
    rollback=Rollback(summary="Start it again as it was", exactness=Exactness.APPROXIMATE),
    steps=("Stop checkout", "Start checkout"),
)
DECISION = Decision(
    verdict=Verdict.ASK,
    level=Level.L1,
    reasons=(
        Reason(rule="controls", result=RuleResult.PASSED, text="Nothing is paused here."),
        Reason(
            rule="confidence",
            result=RuleResult.ESCALATES,
            text="Confidence is 0.67, below the floor of 0.80.",
            inputs={"confidence": 0.67, "floor": 0.8, "findings": ["supports", "contradicts"], "nothing": None},
        ),
        Reason(rule="budgets", result=RuleResult.ESCALATES, text="3 of 3 actions this hour are used up."),
    ),
    decisive="confidence",
    headline="Confidence is 0.67, below the floor of 0.80.",
    confidence=0.67,
    policy_digest="5d41402abc4b2a76b9719d911017c592",
    plan_digest=PLAN.digest,
    runbook="restart-checkout",
    evidence=(
        Evidence(name="still_down", query="up{service='checkout'} == 0", finding=Finding.SUPPORTS, detail="value 1"),
    ),
)
IN_SHADOW = DECISION.model_copy(
    update={
        "reasons": (
            DECISION.reasons[0],
            Reason(
                rule="confidence",
                result=RuleResult.PASSED,
                text="Confidence is 82 %: evidence supports the alert: still_down (0.90); "
                "it worked in 3 of 3 cases, 2 of them on staging (0.92).",
                inputs={"confidence": 0.8249, "floor": 0.8, "parts": {"evidence": 0.9, "cases": 0.9167}},
            ),
            Reason(
                rule="licence",
                result=RuleResult.ESCALATES,
                text="restart-checkout may act at most at L1 instead of L3: every gate is void: "
                "the runbook changed (verify.within: 2m -> 121s).",
            ),
        ),
        "decisive": "licence",
        "headline": "restart-checkout may act at most at L1 instead of L3: every gate is void: "
        "the runbook changed (verify.within: 2m -> 121s).",
        "confidence": 0.8249,
        "parts": (
            Part("evidence", 0.9, "evidence supports the alert: still_down", "the evidence supports it"),
            Part("cases", 0.9167, "it worked in 3 of 3 cases, 2 of them on staging, at least 75 % to be expected"),
        ),
        "sure": "82 % sure: the evidence supports it; it worked in 3 of 3 cases, 2 of them on staging.",
        "shadow": Verdict.ACT_UNLESS_STOPPED,
    }
)
"""Asked because the licence alone is lacking."""
SITUATION = Situation(
    now=OPENED,
    incident="INC-7",
    alerts=(AlertFacts(source="alertmanager", fingerprint="f1", name="ServiceDown", starts_at=OPENED),),
    plans={"restart-checkout": Planned(plan=PLAN)},
)


def explanation(
    decision: Decision = DECISION, situation: Situation = SITUATION, agreement: Agreement | None = None
) -> Explanation:
    return Explanation(
        incident=INCIDENT,
        stored=StoredDecision(
            incident_id=7,
            revision=3,
            situation=situation,
            decision=decision,
            policy_digest=decision.policy_digest,
            audit_entry=41,
            at=OPENED,
        ),
        action=None,
        votes=(
            Vote(ALICE, Ballot.APPROVE, OPENED + timedelta(minutes=1), opened_evidence=True),
            Vote(BOB, Ballot.STOP, OPENED + timedelta(minutes=2), opened_evidence=False),
        ),
        audit=tuple(
            AuditEntry(number=number, at=OPENED, actor="watchkeeper", kind="decision.made", incident_id=7, body={})
            for number in range(1, 31)
        ),
        agreement=agreement,
    )
