"""Everything that can be the matter with the calm case, as Hypothesis strategies.

They begin with calm and change a few things, so that every verdict is reached often and shrinking leads back to calm.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback
from bot.policy.rules.forbidden import FORBIDDEN
from bot.policy.situation import (
    Acted,
    AlertFacts,
    Beginning,
    Change,
    Demotion,
    Evidenced,
    Gate,
    History,
    LedgerEntry,
    Memory,
    Notification,
    OpenIncident,
    Oversight,
    PastAction,
    Pause,
    Planned,
    RefusalKind,
    Request,
    ScopeKind,
    Situation,
    UnderWay,
)
from bot.policy.track_record import Ending, PastCase
from tests.policy.calm import (
    ANOTHER,
    BURN,
    CALM_POLICY,
    COVERING_SCOPES,
    ELSEWHERE_SCOPES,
    NOW,
    QUERY,
    RUNBOOK,
    asked_for,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    entries,
    evidenced,
    pause,
    refusal,
    targets,
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
        service=draw(st.sampled_from(("checkout", "checkout", "orders", ""))),
        targets=targets(count),
        effects=frozenset(draw(st.sets(st.sampled_from(Effect), max_size=2))),
        blast_radius=BlastRadius(targets=stated, share=share),
        rollback=Rollback(
            summary=draw(st.sampled_from(("started again", "started again", " "))),
            exactness=draw(st.sampled_from(Exactness)),
        ),
        touches_service=draw(st.sampled_from((True, True, False))),
        services=draw(st.sampled_from((frozenset(), frozenset(), frozenset({"orders"})))),
        cautions=draw(st.sampled_from(((), (), ("It was deployed ten minutes ago",)))),
        remaining=draw(st.one_of(st.none(), remainings())),
    )


def remainings() -> st.SearchStrategy[Remaining]:
    """What may be left of a service."""
    few = st.integers(0, 4)
    return st.builds(Remaining, healthy=few, total=st.integers(0, 5), taken=few)


def under_ways() -> st.SearchStrategy[tuple[UnderWay, ...]]:
    """What else may be carried out at this moment."""
    services = st.sampled_from(((), ("",), ("checkout",), ("orders", "checkout")))
    return st.lists(
        st.builds(UnderWay, action_id=st.just("a9"), services=services, taken=st.integers(0, 2)), max_size=2
    ).map(tuple)


def forbidden_plans() -> st.SearchStrategy[Plan]:
    """Plans with at least one forbidden effect, said or unsaid."""
    said = st.sets(st.sampled_from(tuple(FORBIDDEN)), min_size=1).map(lambda effects: calm_plan(effects=effects))
    no_rollback = Rollback(summary="none", exactness=Exactness.NONE)
    return st.one_of(said, st.just(calm_plan(rollback=no_rollback)))


MARKS = ("billing", "data_integrity", "security_severity")
SEVERITIES = ("critical", "critical", "warning", "info", "", "sev0", "sev1")
NAMES = ("ServiceDown", "ServiceDown", "Slow", "Nothing", "Watchdog")
"""For the calm runbook, for another one where the policy has it, for none, and muted where the policy mutes it."""


@st.composite
def alerts(draw: st.DrawFn, fingerprint: str = "f1") -> AlertFacts:
    """Any alert that may be part of the incident."""
    labels = {"region": draw(st.sampled_from(("eu", "eu", "us")))}
    service = draw(st.sampled_from(("checkout", "checkout", "orders", "")))
    if service:
        labels["service"] = service
    for mark in draw(st.lists(st.sampled_from(MARKS), max_size=1)):
        labels[mark] = draw(st.sampled_from(("yes", "no", "low", "affected", "")))
    return calm_alert(
        fingerprint=fingerprint,
        name=draw(st.sampled_from(NAMES)),
        severity=draw(st.sampled_from(SEVERITIES)),
        service=service,
        labels=labels,
        starts_at=NOW - timedelta(minutes=draw(st.integers(1, 3))),
    )


@st.composite
def variants(draw: st.DrawFn, alert: AlertFacts, fingerprint: str = "f9") -> AlertFacts:
    """An alert that is much like another one, and differs in one or two things that may matter."""
    changes: dict[str, st.SearchStrategy[Any]] = {
        "labels": st.sampled_from(({"region": "eu"}, {"region": "us"}, {})),
        "service": st.sampled_from(("checkout", "orders", "")),
        "severity": st.sampled_from(SEVERITIES),
        "starts_at": st.sampled_from((alert.starts_at - timedelta(minutes=9), alert.starts_at + timedelta(seconds=9))),
        "name": st.sampled_from(NAMES),
    }
    some = draw(st.lists(st.sampled_from(tuple(changes)), min_size=1, max_size=2, unique=True))
    return alert.model_copy(update={"fingerprint": fingerprint, **{name: draw(changes[name]) for name in some}})


def answers() -> st.SearchStrategy[Mapping[str, Answer]]:
    """What monitoring may have answered to the queries of the calm policy and to others, or failed to."""
    texts = st.sampled_from(("0", "0.5", "2.1", "NaN", "+Inf", "-Inf", "much"))
    answer = st.builds(
        Answer,
        samples=st.lists(texts, max_size=2).map(tuple),
        warnings=st.sampled_from(((), (), (), ("not all stores answered",))),
        error=st.sampled_from(("", "", "", "no answer")),
    )
    return st.fixed_dictionaries({}, optional={QUERY: answer, BURN: answer, "up": answer})


@st.composite
def evidenceds(draw: st.DrawFn, policy: Policy) -> Mapping[str, Evidenced]:
    held = evidenced(policy, draw(st.one_of(st.just(tuple(Gate)), st.sets(st.sampled_from(Gate)))))
    level = draw(st.one_of(st.none(), st.sampled_from(Level)))
    changed = {"demotions": () if level is None else (Demotion(level=level, at=NOW),), "cases": draw(past_cases())}
    return {name: one.model_copy(update=changed) for name, one in held.items()}


def past_cases() -> st.SearchStrategy[tuple[PastCase, ...] | None]:
    """What may have come of a runbook before."""
    case = st.builds(
        PastCase,
        key=st.sampled_from(("a2", "a3")),
        alert=st.sampled_from(("ServiceDown", "ServiceDown", "Slow", "")),
        ending=st.sampled_from((*[Ending.VERIFIED] * 9, *Ending)),
        at=st.sampled_from((1, 25, 600)).map(lambda hours: NOW - timedelta(hours=hours)),
        acted=st.sampled_from((True, True, False)),
    )
    return st.one_of(st.just(()), st.none(), st.lists(case, max_size=4).map(tuple))


def open_incidents() -> st.SearchStrategy[tuple[OpenIncident, ...] | None]:
    """What else may be open at this moment."""
    one = st.builds(
        OpenIncident,
        incident=st.sampled_from(("INC-3", "INC-4", "INC-5", "INC-7")),
        service=st.sampled_from(("checkout", "orders", "")),
        alert=st.sampled_from(("ServiceDown", "Slow")),
        opened_at=st.sampled_from((1, 60, 3600)).map(lambda ago: NOW - timedelta(seconds=ago)),
    )
    return st.one_of(st.none(), st.lists(one, max_size=5).map(tuple))


def changes() -> st.SearchStrategy[tuple[Change, ...]]:
    """What others may be changing, or have just changed."""
    one = st.builds(
        Change,
        change_id=st.just("c1"),
        what=st.just("deploy of 4.2"),
        by=st.just("argo"),
        begins=st.sampled_from((-60, 60)).map(lambda after: NOW + timedelta(seconds=after)),
        expires=st.sampled_from((-1, 600)).map(lambda after: NOW + timedelta(seconds=after)),
        services=st.sampled_from(((), ("checkout",), ("orders",))),
        targets=st.sampled_from(((), ("web0",), ("supervisor:db*",))),
    )
    return st.lists(one, max_size=2).map(tuple)


def beginnings() -> st.SearchStrategy[tuple[Beginning, ...]]:
    """How often alerts may have begun lately."""
    return st.lists(
        st.builds(Beginning, alert=st.just("alertmanager/f1"), at=st.just(NOW - timedelta(minutes=9))), max_size=4
    ).map(tuple)


def histories() -> st.SearchStrategy[History]:
    past = st.builds(
        PastAction,
        action_id=st.just("a1"),
        runbook=st.sampled_from((RUNBOOK, ANOTHER)),
        service=st.just("checkout"),
        outcome=st.sampled_from(("succeeded", "failed", "rolled_back", "stopped", "unknown")),
        at=st.sampled_from((1, 23, 25)).map(lambda hours: NOW - timedelta(hours=hours)),
    )
    return st.lists(past, max_size=3).map(lambda actions: History(actions=tuple(actions)))


def memories() -> st.SearchStrategy[Memory]:
    refusals = st.builds(
        lambda kind, ago: refusal(kind, seconds_ago=ago), st.sampled_from(RefusalKind), st.sampled_from((1, 5, 60))
    )
    acted = st.builds(
        lambda key: Acted(action_id="a0", runbook=RUNBOOK, targets=(key,), at=NOW - timedelta(minutes=5)),
        st.sampled_from(("supervisor:web0", "supervisor:web9")),
    )
    said_no, done = st.lists(refusals, max_size=2).map(tuple), st.lists(acted, max_size=1).map(tuple)
    return st.builds(Memory, refusals=said_no, acted=done)


def requests(policy: Policy) -> st.SearchStrategy[Request]:
    return st.builds(
        asked_for,
        runbook=st.sampled_from((RUNBOOK, *policy.runbooks)),
        parameters=st.sampled_from(({}, {"region": "us"}, {"service": "orders"})),
        after=st.sampled_from(((), (refusal().key,))),
    )


def oversights() -> st.SearchStrategy[Oversight]:
    return st.builds(Oversight, audited=st.booleans(), notification=st.sampled_from(Notification))


def _ledgers() -> st.SearchStrategy[tuple[LedgerEntry, ...]]:
    names = st.sampled_from(((), ("",), ("checkout",), ("orders", "checkout")))
    keys = st.sampled_from(((), ("supervisor:web0",), ("supervisor:db",)))
    return st.builds(
        lambda used, services, touched: entries(used, services=services, targets=touched),
        st.integers(0, 6),
        names,
        keys,
    )


@st.composite
def _incident_alerts(draw: st.DrawFn) -> tuple[AlertFacts, ...]:
    first = draw(st.one_of(st.just(calm_alert()), alerts()))
    others = (st.one_of(alerts(f"f{number}"), variants(first, f"f{number}")) for number in range(2, 4))
    return (first, *(draw(other) for other in others if draw(st.booleans())))


def _matters(policy: Policy) -> st.SearchStrategy[tuple[str, Any]]:
    """One thing about a situation, and what may be the matter with it."""
    planned = st.one_of(
        st.builds(Planned, plan=plans(), changed=st.sampled_from(((), ("command",)))),
        st.builds(Planned, plan=forbidden_plans()),
        st.just(Planned(problem="connection refused")),
    )
    matters: dict[str, st.SearchStrategy[Any]] = {
        "plans": planned.map(lambda one: dict.fromkeys(policy.runbooks, one)),
        "answers": answers(),
        "history": histories(),
        "memory": memories(),
        "pauses": st.lists(pauses(), max_size=2).map(tuple),
        "ledger": st.one_of(st.none(), _ledgers()),
        "evidenced": evidenceds(policy),
        "oversight": oversights(),
        "under_way": st.one_of(st.none(), under_ways()),
        "open_incidents": open_incidents(),
        "changes": changes(),
        "beginnings": beginnings(),
        "answered_at": st.sampled_from((None, NOW - timedelta(minutes=4), NOW - timedelta(minutes=6))),
        "request": requests(policy),
    }
    return st.one_of([st.tuples(st.just(field), values) for field, values in matters.items()])


@st.composite
def situations(draw: st.DrawFn, policy: Policy) -> Situation:
    """The calm situation with up to three things the matter, for a policy by which its runbooks passed their gates."""
    firing = draw(st.one_of(st.just((calm_alert(),)), _incident_alerts()))
    matters = st.lists(_matters(policy), max_size=3)
    return calm_situation(policy, alerts=firing, **dict(draw(st.one_of(st.just([]), matters))))


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

BY_REGION = "up{region='${alert.labels.region}'} == 0"
_BUDGETS = (
    {"scope": "all", "actions": 5, "per": "1h"},
    {"scope": "service", "actions": 2, "per": "1h"},
    {"scope": "tier", "actions": 3, "per": "1d"},
    {"scope": "runbook", "actions": 2, "per": "1h"},
    {"scope": "target", "actions": 1, "per": "1h"},
)
NEEDING = {**CALM_POLICY["services"], "checkout": {**CALM_POLICY["services"]["checkout"], "depends_on": ["orders"]}}
"""The calm services, of which one needs the other."""
FLOORS = ({"count": 1}, {"count": 3}, {"share": 0.5})


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """The calm policy with some other choices, all of them within what a policy can write; calm ones most often."""

    def choose(*choices: Any, calm: int = 3) -> Any:
        """The first, or with a chance of one in ``calm`` any."""
        return draw(st.sampled_from((*choices[:1] * (calm * len(choices)), *choices)))

    runbook: dict[str, Any] = {
        "when": choose("alert.name == 'ServiceDown'", "alert.name in ['ServiceDown', 'Slow']"),
        "level": choose("L3", "L2", "L1", "L0"),
        "conditions": draw(st.lists(st.sampled_from(CONDITIONS), max_size=1)),
        "veto_window": choose("30s", "0s"),
        "evidence": choose({"still_down": QUERY}, {"down": BY_REGION}, {}),
        "blast_radius": choose({"targets": 2, "share": 0.5}, {"targets": 1}, {"targets": 3, "approved_targets": 3}),
    }
    document: dict[str, Any] = {
        "levels": {"highest": choose("L3", "L2", "L1", "L0")},
        "escalate": {
            "confidence_below": choose(0.8, 0.5, 0.95, 1.0),
            "cases_below": choose(3, 1, 6),
            "slo_burn_above": choose(2.0, 1.0, 0.0),
            "security_severity": choose("high", "medium", "low"),
        },
        "forbidden_effects": choose("ask", "refuse"),
        "budgets": draw(st.lists(st.sampled_from(_BUDGETS), max_size=2)),
        "common_cause": choose({}, {"incidents": 1}, {"incidents": 9, "within": "10s"}),
        "services": choose(
            CALM_POLICY["services"],
            NEEDING,
            _owning("supervisor:web1"),
            _owning("db*"),
            *[leaving(floor) for floor in FLOORS],
        ),
        "mute": choose([], [{"when": "alert.name == 'Watchdog'", "reason": "it always fires"}]),
        "freezes": choose([], *([_freeze(services)] for services in ([], ["checkout"], ["orders"]))),
    }
    rival = {ANOTHER: {"when": choose("alert.name == 'Slow'", "alert.labels.region == 'us'")}}
    place = draw(st.sampled_from(("nowhere", "before", "after")))
    return calm_policy(runbook, **({} if place == "nowhere" else {place: rival}), **document)


def _owning(pattern: str) -> Mapping[str, Any]:
    """The calm services, of which orders says which targets are its own."""
    return {**CALM_POLICY["services"], "orders": {"fleet": 3, "tier": 1, "targets": [pattern]}}


def leaving(leave_healthy: Mapping[str, Any]) -> Mapping[str, Any]:
    """The calm services, so much of which stays healthy."""
    calm = CALM_POLICY["services"].items()
    return {name: {**entry, "leave_healthy": leave_healthy} for name, entry in calm}


def _freeze(services: list[str]) -> Mapping[str, Any]:
    hour = timedelta(hours=1)
    return {"name": "release", "from": NOW - hour, "until": NOW + hour, "services": services}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Situation, Policy]:
    """A policy, and a situation to be judged by it."""
    policy = draw(policies())
    return draw(situations(policy)), policy
