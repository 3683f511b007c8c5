"""A calm case that may act: ``calm_policy`` and ``calm_situation`` together give ``act_unless_stopped``."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.policy.evidence import Answer, Finding
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import (
    AlertFacts,
    Demotion,
    Evidenced,
    Gate,
    GatePass,
    LedgerEntry,
    Notification,
    Oversight,
    Pause,
    Planned,
    Refusal,
    RefusalKind,
    Request,
    Scope,
    ScopeKind,
    Situation,
)
from bot.policy.track_record import Ending, PastCase

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday, noon."""
GATES_ALONE = 10.5 / 11.5
"""How often a runbook is expected to work that has passed its gates and never run in production."""
RUNBOOK, ANOTHER = "restart-checkout", "another-runbook"
ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"
QUERY, BURN = "up == 0", "slo:burn_rate:1h"
"""What the calm policy asks monitoring: whether it is down, and how fast the error budget burns."""

CALM_RUNBOOK: Mapping[str, Any] = {
    "summary": "Restart a service that stopped answering",
    "when": "alert.name == 'ServiceDown'",
    "level": "L3",
    "remediation": "restart_service",
    "conditions": ["hour >= 6"],
    "blast_radius": {"targets": 2, "share": 0.5},
    "evidence": {"still_down": QUERY},
    "verify": {"within": "2m", "healthy": "up == 1"},
    "veto_window": "30s",
}
CALM_POLICY: Mapping[str, Any] = {
    "version": 1,
    "channels": {"incidents": "C01INC"},
    "people": {"sre": {"users": [ALICE, BOB, CAROL]}},
    "defaults": {"approvals": {"from": ["sre"]}},
    "services": {"checkout": {"fleet": 4, "slo_burn": BURN}, "orders": {"fleet": 3}},
    "budgets": [{"scope": "all", "actions": 5, "per": "1h"}],
}


def calm_policy(
    runbook: Mapping[str, Any] | None = None,
    *,
    before: Mapping[str, Mapping[str, Any]] | None = None,
    after: Mapping[str, Mapping[str, Any]] | None = None,
    **document: Any,
) -> Policy:
    """The calm policy with changes, as the file would write them.

    ``before`` and ``after`` are runbooks that stand in the file before and after the calm one, each with its changes.
    """
    changes = {**(before or {}), RUNBOOK: runbook or {}, **(after or {})}
    runbooks = {name: {**CALM_RUNBOOK, **changed} for name, changed in changes.items()}
    return Policy.model_validate({**CALM_POLICY, "runbooks": runbooks, **document})


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


SUPPORTING = {QUERY: Answer(samples=("0",))}
CALM_BURN = {BURN: Answer(samples=("0.5",))}


def burning(rate: str) -> dict[str, Answer]:
    """The calm answers, with this burn rate as the monitor would write it."""
    return SUPPORTING | {BURN: Answer(samples=(rate,))}


ANSWERS = {
    Finding.SUPPORTS: Answer(samples=("0",)),
    Finding.CONTRADICTS: Answer(),
    Finding.UNKNOWN: Answer(error="no answer within 5 s"),
}
"""To a condition, such as ``QUERY``."""


def entries(used: int, **changes: Any) -> tuple[LedgerEntry, ...]:
    """So many actions of another runbook on another service a moment ago."""
    facts: dict[str, Any] = {"runbook": ANOTHER, "services": ("orders",), "at": NOW - timedelta(minutes=1)}
    return tuple(LedgerEntry(action_id=f"a{number}", **{**facts, **changes}) for number in range(used))


def passed_gates(policy: Policy, gates: Iterable[Gate] = Gate, *, runbook: str = RUNBOOK) -> tuple[GatePass, ...]:
    """Rows of ``gates`` as older releases wrote them, passed by the runbook as the policy writes it."""
    digest = policy.runbooks[runbook].digest
    return tuple(
        GatePass(gate=gate, digest=digest, passed_at=NOW - timedelta(days=1), until=NOW + timedelta(days=29))
        for gate in gates
    )


def evidenced(
    policy: Policy, gates: Iterable[Gate] = Gate, *, demoted_to: Level | None = None, reason: str = ""
) -> dict[str, Evidenced]:
    """What every runbook of the policy has passed, and a demotion of each."""
    demotions = () if demoted_to is None else (Demotion(level=demoted_to, reason=reason, at=NOW),)
    kept = tuple(gates)
    return {
        name: Evidenced(gates=passed_gates(policy, kept, runbook=name), demotions=demotions, cases=())
        for name in policy.runbooks
    }


def sealed_evidenced(policy: Policy, *, by: str = CAROL, version: int = 1, days_ago: float = 1) -> Evidenced:
    """What the calm runbook has passed with everything as the policy says, signed off by ``by``."""
    seal = seal_of(policy, RUNBOOK, version)
    passed_at = NOW - timedelta(days=days_ago)
    rows = tuple(
        GatePass(
            gate=gate,
            digest=policy.runbooks[RUNBOOK].digest,
            passed_at=passed_at,
            until=passed_at + timedelta(days=30 if gate is Gate.ROLLBACK_VERIFICATION else 90),
            seal=digest_of_seal(seal),
            by=by if gate is Gate.HUMAN_SIGN_OFF else "",
        )
        for gate in Gate
    )
    return Evidenced(gates=rows, seals={digest_of_seal(seal): seal}, cases=())


def past_case(number: int = 1, ending: Ending = Ending.VERIFIED, **changes: Any) -> PastCase:
    """What came of ``INC-<number>``."""
    facts: dict[str, Any] = {"key": f"a{number}", "incident": f"INC-{number}", "at": NOW - timedelta(hours=1)}
    return PastCase(**{**facts, "ending": ending, **changes})


def licensed(situation: Situation, policy: Policy) -> Situation:
    """The situation with every gate row made out to the runbook as ``policy`` writes it: its licence moves with it."""
    moved = {
        name: held.model_copy(
            update={
                "gates": tuple(row.model_copy(update={"digest": policy.runbooks[name].digest}) for row in held.gates)
            }
        )
        for name, held in situation.evidenced.items()
        if name in policy.runbooks
    }
    return situation.model_copy(update={"evidenced": moved})


def calm_situation(
    policy: Policy | None = None,
    *,
    alert: AlertFacts | None = None,
    plan: Plan | None = None,
    changed: tuple[str, ...] = (),
    problem: str | None = None,
    **changes: Any,
) -> Situation:
    """One alert, planned and corroborated, for runbooks that have passed every gate as ``policy`` writes them.

    ``alert``, ``plan`` and ``changed`` stand in for the calm ones; with ``problem`` there is no plan, and that is why.
    """
    policy = policy or calm_policy()
    planned = Planned(problem=problem) if problem is not None else Planned(plan=plan or calm_plan(), changed=changed)
    facts: dict[str, Any] = {
        "now": NOW,
        "incident": "INC-7",
        "alerts": (alert or calm_alert(),),
        "plans": dict.fromkeys(policy.runbooks, planned),
        "answers": SUPPORTING | CALM_BURN,
        "ledger": (),
        "evidenced": evidenced(policy),
        "open_incidents": (),
        "answered_at": NOW,
        "oversight": Oversight(audited=True, notification=Notification.PLANNED),
    }
    return Situation(**{**facts, **changes})


def asked_for(**changes: Any) -> Request:
    facts: dict[str, Any] = {"runbook": RUNBOOK, "by": ALICE, "reason": "it hangs", "at": NOW - timedelta(seconds=5)}
    return Request(**{**facts, **changes})


def refusal(kind: RefusalKind = RefusalKind.STOPPED, *, action_id: str = "a1", seconds_ago: float = 60) -> Refusal:
    at = NOW - timedelta(seconds=seconds_ago)
    return Refusal(kind=kind, by=BOB, at=at, action_id="" if kind is RefusalKind.TAKEN else action_id)


def pause(kind: ScopeKind = ScopeKind.EVERYTHING, name: str = "", *, until: datetime | None = None) -> Pause:
    return Pause(pause_id="p1", scope=Scope(kind=kind, name=name), by=BOB, reason="deploying", since=NOW, until=until)


COVERING_SCOPES = (
    (ScopeKind.EVERYTHING, ""),
    (ScopeKind.SERVICE, "checkout"),
    (ScopeKind.RUNBOOK, RUNBOOK),
    (ScopeKind.TARGET, "supervisor:web0"),
    (ScopeKind.TARGET, "web0"),
)
ELSEWHERE_SCOPES = (
    (ScopeKind.SERVICE, "orders"),
    (ScopeKind.RUNBOOK, ANOTHER),
    (ScopeKind.TARGET, "supervisor:db"),
)
