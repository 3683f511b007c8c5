"""A calm case that may act, everything that can be the matter with it, and Hypothesis strategies over both.

``calm_policy`` and ``calm_situation`` together give ``act_unless_stopped``; strategies begin there and change a few
things, so that every verdict is reached often and shrinking leads back to calm.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.policy.evidence import Evidence, Finding
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.policy.rules.forbidden import FORBIDDEN
from bot.policy.rules.impact import Impact
from bot.policy.situation import (
    AlertFacts,
    BudgetState,
    Gate,
    History,
    Licence,
    Notification,
    Oversight,
    PastAction,
    Pause,
    Scope,
    ScopeKind,
    Situation,
    Trigger,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday, noon."""
RUNBOOK = "restart-checkout"
ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"

CALM_RUNBOOK: Mapping[str, Any] = {
    "summary": "Restart a service that stopped answering",
    "when": "alert.name == 'ServiceDown'",
    "level": "L3",
    "remediation": "restart_service",
    "conditions": ["hour >= 6"],
    "blast_radius": {"targets": 2, "share": 0.5},
    "evidence": {"still_down": "up == 0"},
    "verify": {"within": "2m", "healthy": "up == 1"},
    "veto_window": "30s",
}
CALM_POLICY: Mapping[str, Any] = {
    "version": 1,
    "channels": {"incidents": "C01INC"},
    "people": {"sre": {"users": [ALICE, BOB, CAROL]}},
    "defaults": {"approvals": {"from": ["sre"]}},
    "services": {"checkout": {"fleet": 4}},
    "budgets": [{"scope": "all", "actions": 5, "per": "1h"}],
}


def calm_policy(runbook: Mapping[str, Any] | None = None, **document: Any) -> Policy:
    """The calm policy with changes, as the file would write them."""
    return Policy.model_validate(
        {**CALM_POLICY, "runbooks": {RUNBOOK: {**CALM_RUNBOOK, **(runbook or {})}}, **document}
    )


def targets(count: int) -> tuple[Target, ...]:
    return tuple(Target(key=f"supervisor:web{number}", label=f"web{number}") for number in range(count))


def calm_plan(**changes: Any) -> Plan:
    facts: dict[str, Any] = {
        "remediation": "restart_service",
        "summary": "Restart web0 through supervisor.",
        "service": "checkout",
        "targets": targets(1),
        "effects": frozenset({Effect.RESTART}),
        "blast_radius": BlastRadius(targets=1, share=0.25),
        "rollback": Rollback(summary="The process is started again as it was.", exactness=Exactness.EXACT),
    }
    return Plan(**{**facts, **changes})


def calm_alert(**changes: Any) -> AlertFacts:
    facts: dict[str, Any] = {
        "source": "alertmanager",
        "fingerprint": "f1",
        "name": "ServiceDown",
        "severity": "critical",
        "service": "checkout",
        "labels": {"service": "checkout", "region": "eu"},
        "starts_at": NOW - timedelta(minutes=1),
    }
    return AlertFacts(**{**facts, **changes})


def evidence(*findings: Finding) -> tuple[Evidence, ...]:
    """The calm policy's evidence first, then as many more as there are findings."""
    names = ("still_down", *(f"more{number}" for number in range(1, len(findings))))
    return tuple(
        Evidence(name=name, query="up == 0", finding=finding) for name, finding in zip(names, findings, strict=False)
    )


def budget(used: int, limit: int = 5) -> BudgetState:
    """The calm policy's budget."""
    return BudgetState(scope="all", limit=limit, used=used, window_seconds=3600)


def calm_situation(**changes: Any) -> Situation:
    facts: dict[str, Any] = {
        "now": NOW,
        "incident": "INC-7",
        "alert": calm_alert(),
        "runbook": RUNBOOK,
        "plan": calm_plan(),
        "evidence": evidence(Finding.SUPPORTS),
        "impact": Impact(slo_burn=0.5, slo_measured=True),
        "budgets": (budget(0),),
        "licence": Licence(gates=frozenset(Gate)),
        "oversight": Oversight(
            trigger="alert ServiceDown from alertmanager", audited=True, notification=Notification.PLANNED
        ),
    }
    return Situation(**{**facts, **changes})


def pause(kind: ScopeKind = ScopeKind.EVERYTHING, name: str = "", *, until: datetime | None = None) -> Pause:
    return Pause(pause_id="p1", scope=Scope(kind=kind, name=name), by=BOB, reason="deploying", since=NOW, until=until)


COVERING_SCOPES = (
    (ScopeKind.EVERYTHING, ""),
    (ScopeKind.SERVICE, "checkout"),
    (ScopeKind.RUNBOOK, RUNBOOK),
    (ScopeKind.TARGET, "supervisor:web0"),
)
ELSEWHERE_SCOPES = (
    (ScopeKind.SERVICE, "orders"),
    (ScopeKind.RUNBOOK, "another-runbook"),
    (ScopeKind.TARGET, "supervisor:db"),
)


def pauses(scopes: tuple[tuple[ScopeKind, str], ...] = COVERING_SCOPES + ELSEWHERE_SCOPES) -> st.SearchStrategy[Pause]:
    """Pauses in force at ``NOW``."""
    untils = st.one_of(st.none(), st.timedeltas(timedelta(seconds=1), timedelta(days=9)).map(lambda ahead: NOW + ahead))
    return st.builds(lambda scope, until: pause(*scope, until=until), st.sampled_from(scopes), untils)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any plan the calm runbook's remediation might make, truthful about its blast radius or not."""
    count = draw(st.sampled_from((1, 1, 2, 0, 3, 20, 21)))
    stated = draw(st.sampled_from((count, count, count + 1, max(0, count - 1))))
    share = draw(st.one_of(st.none(), st.sampled_from((0.25, 0.5, 0.51, 1.0))))
    return calm_plan(
        targets=targets(count),
        effects=frozenset(draw(st.sets(st.sampled_from(Effect), max_size=2))),
        blast_radius=BlastRadius(targets=stated, share=share),
        rollback=Rollback(
            summary=draw(st.sampled_from(("started again", "started again", " "))),
            exactness=draw(st.sampled_from(Exactness)),
        ),
    )


def forbidden_plans() -> st.SearchStrategy[Plan]:
    """Plans with at least one forbidden effect, said or unsaid."""
    said = st.sets(st.sampled_from(tuple(FORBIDDEN)), min_size=1).map(lambda effects: calm_plan(effects=effects))
    no_rollback = Rollback(summary="none", exactness=Exactness.NONE)
    return st.one_of(said, st.just(calm_plan(rollback=no_rollback)))


def impacts() -> st.SearchStrategy[Impact]:
    return st.builds(
        Impact,
        slo_burn=st.one_of(st.none(), st.sampled_from((0.0, 1.0, 2.0, 2.1, float("nan"), float("inf")))),
        slo_measured=st.booleans(),
        billing=st.booleans(),
        data_integrity=st.booleans(),
        security_severity=st.sampled_from((None, "low", "medium", "high", "critical", "Moderate", "")),
    )


def licences() -> st.SearchStrategy[Licence]:
    gates = st.one_of(st.just(frozenset(Gate)), st.frozensets(st.sampled_from(Gate)))
    return st.builds(Licence, gates=gates, demoted_to=st.one_of(st.none(), st.sampled_from(Level)))


def histories() -> st.SearchStrategy[History]:
    past = st.builds(
        PastAction,
        action_id=st.just("a1"),
        runbook=st.sampled_from((RUNBOOK, "another-runbook")),
        service=st.just("checkout"),
        outcome=st.sampled_from(("succeeded", "failed", "rolled_back", "stopped", "unknown")),
        at=st.sampled_from((1, 23, 25)).map(lambda hours: NOW - timedelta(hours=hours)),
    )
    return st.lists(past, max_size=3).map(lambda actions: History(actions=tuple(actions)))


def oversights() -> st.SearchStrategy[Oversight]:
    return st.builds(
        Oversight,
        trigger=st.sampled_from(("alert", "")),
        audited=st.booleans(),
        notification=st.sampled_from(Notification),
    )


def _matters() -> st.SearchStrategy[tuple[str, Any]]:
    """One thing about a situation, and what may be the matter with it."""
    findings = st.lists(st.sampled_from(Finding), max_size=3).map(lambda found: evidence(*found))
    budgets = st.one_of(st.none(), st.just(()), st.integers(0, 6).map(lambda used: (budget(used),)))
    matters: dict[str, st.SearchStrategy[Any]] = {
        "plan": st.one_of(plans(), st.none(), forbidden_plans()),
        "runbook": st.sampled_from((None, "gone")),
        "evidence": findings,
        "impact": impacts(),
        "history": histories(),
        "pauses": st.lists(pauses(), max_size=2).map(tuple),
        "budgets": budgets,
        "licence": licences(),
        "oversight": oversights(),
        "trigger": st.sampled_from(Trigger),
    }
    return st.one_of([st.tuples(st.just(field), values) for field, values in matters.items()])


def situations() -> st.SearchStrategy[Situation]:
    """The calm situation with up to four things the matter."""
    return st.lists(_matters(), max_size=4).map(lambda matters: calm_situation(**dict(matters)))


CONDITIONS = (
    "hour >= 6",
    "hour >= 13",
    "weekday in ['monday', 'tuesday']",
    "alert.labels.region == 'eu'",
    "alert.labels.absent == 'x'",
    "confidence >= 0.9 && targets == 1",
    "slo_burn < 1.0",
)
"""None of them is satisfied *because* something is unknown: that would be the author's own order."""

_LEVELS = ("L0", "L1", "L2", "L3")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """The calm policy with some other choices, all of them within what a policy can write."""
    runbook: dict[str, Any] = {
        "level": draw(st.sampled_from(("L3", "L3", "L2", "L2", "L1", "L0"))),
        "conditions": draw(st.lists(st.sampled_from(CONDITIONS), max_size=2)),
        "veto_window": draw(st.sampled_from(("30s", "30s", "0s"))),
        "evidence": draw(st.sampled_from((CALM_RUNBOOK["evidence"], {}))),
        "blast_radius": draw(
            st.sampled_from(({"targets": 2, "share": 0.5}, {"targets": 1}, {"targets": 3, "approved_targets": 3}))
        ),
    }
    document: dict[str, Any] = {
        "levels": {"highest": draw(st.sampled_from(("L3", "L3", *_LEVELS)))},
        "escalate": {
            "confidence_below": draw(st.sampled_from((0.8, 0.5, 0.95, 1.0))),
            "slo_burn_above": draw(st.sampled_from((2.0, 1.0, 0.0))),
            "security_severity": draw(st.sampled_from(("high", "medium", "low"))),
        },
        "forbidden_effects": draw(st.sampled_from(("ask", "refuse"))),
    }
    if draw(st.integers(0, 5)) == 0:
        since, until = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
        services = draw(st.sampled_from(((), ("checkout",), ("orders",))))
        document["freezes"] = [{"name": "release", "from": since, "until": until, "services": services}]
    return calm_policy(runbook, **document)
