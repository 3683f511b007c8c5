"""What may be the matter with a decision: every matter with its values, and what the design says of each.

This is the table that the decision is held to; ``space`` says how it is read.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.policy.evidence import Answer
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius, Effect, Exactness, Remaining, Rollback
from bot.policy.situation import (
    Acted,
    Beginning,
    Change,
    Memory,
    Notification,
    OpenIncident,
    Oversight,
    RefusalKind,
    ScopeKind,
    UnderWay,
)
from tests.policy.calm import (
    ANOTHER,
    BURN,
    CALM_POLICY,
    NOW,
    QUERY,
    RUNBOOK,
    asked_for,
    burning,
    calm_alert,
    entries,
    pause,
    refusal,
    targets,
)
from tests.policy.space import ASK, HOLD, REFUSE, Value, value


def _checkout(**entry: Any) -> Mapping[str, Any]:
    services = CALM_POLICY["services"]
    return {"services": {**services, "checkout": {**services["checkout"], **entry}}}


def _oversight(**changes: Any) -> Oversight:
    return Oversight(**{"audited": True, "notification": Notification.PLANNED, **changes})


def _change(seconds: int, **changes: Any) -> tuple[Change, ...]:
    facts = {"change_id": "c1", "what": "deploy of checkout 4.2", "by": "argo", "services": ("checkout",), **changes}
    return (Change(begins=NOW - timedelta(hours=1), expires=NOW + timedelta(seconds=seconds), **facts),)


def _open(count: int, *, service: str, alert: str = "ServiceDown") -> tuple[OpenIncident, ...]:
    at = NOW - timedelta(seconds=30)
    return tuple(
        OpenIncident(incident=f"INC-{90 + number}", service=service, alert=alert, opened_at=at)
        for number in range(count)
    )


def _radius(count: int, stated: int | None = None, share: float | None = 0.25) -> Mapping[str, Any]:
    radius = BlastRadius(targets=count if stated is None else stated, share=share)
    return {"targets": targets(count), "blast_radius": radius}


def _rollback(exactness: Exactness, summary: str = "It is started again as it was.") -> Mapping[str, Any]:
    return {"rollback": Rollback(summary=summary, exactness=exactness)}


def _refused(kind: RefusalKind) -> Memory:
    return Memory(refusals=(refusal(kind),))


_AT_ONCE = {"budgets": [{"scope": "all", "concurrent": 1}]}
_UNDER_WAY = (UnderWay(action_id="a9", services=("orders",), taken=0),)

MATTERS: Mapping[str, Sequence[Value]] = {
    "pause": (
        value("nothing is paused"),
        value("everything is paused", {"controls": HOLD}, pauses=(pause(),)),
        value("the service is paused", {"controls": HOLD}, pauses=(pause(ScopeKind.SERVICE, "checkout"),)),
        value("the runbook is paused", {"controls": HOLD}, pauses=(pause(ScopeKind.RUNBOOK, RUNBOOK),)),
        value(
            "the target is paused",
            {"controls": HOLD},
            pauses=(pause(ScopeKind.TARGET, "web0"),),
            about=("plan.targets",),
        ),
        value("another service is paused", pauses=(pause(ScopeKind.SERVICE, "orders"),)),
        value("the pause is over", pauses=(pause(until=NOW),)),
    ),
    "freeze": (
        value("no freeze"),
        value(
            "frozen",
            {"controls": HOLD},
            document={"freezes": [{"name": "f", "from": f"{NOW:%FT%TZ}", "until": "2099-01-01T00:00Z"}]},
        ),
        value(
            "another service is frozen",
            document={
                "freezes": [
                    {"name": "f", "from": f"{NOW:%FT%TZ}", "until": "2099-01-01T00:00Z", "services": ["orders"]}
                ]
            },
        ),
    ),
    "changes": (
        value("nobody else is at work"),
        value("others are at work here", {"changes": HOLD}, changes=_change(60)),
        value(
            "the system shows that it is changing", {"changes": HOLD}, plan={"changing": ("web is being rolled out",)}
        ),
        value("others are at work elsewhere", changes=_change(60, services=("orders",))),
        value("others have just been at work here", {"confidence": ASK}, changes=_change(-60)),
    ),
    "effects": (
        value("it restarts"),
        value("it touches billing", {"billing": ASK}, plan={"effects": frozenset({Effect.BILLING})}),
        value("it touches data", {"data_integrity": ASK}, plan={"effects": frozenset({Effect.DATA_INTEGRITY})}),
        *(
            value(
                f"it is {effect}",
                {"forbidden_effects": ASK},
                plan={"effects": frozenset({Effect.RESTART, effect})},
                forbidden=True,
                unknown=effect is Effect.UNKNOWN,
            )
            for effect in (
                *(Effect.DELETE_CUSTOMER_DATA, Effect.CHANGE_CONTRACTS_OR_PRICING, Effect.DISABLE_AUTHENTICATION),
                *(Effect.LEGAL_OR_COMPLIANCE, Effect.IRREVERSIBLE, Effect.UNKNOWN),
            )
        ),
    ),
    "what the policy says of forbidden effects": (
        value("two people may agree"),
        value("nobody may", document={"forbidden_effects": "refuse"}, refuses_forbidden=True),
    ),
    "rollback": (
        value("the rollback is exact"),
        value("the rollback is approximate", plan=_rollback(Exactness.APPROXIMATE), at_once=False),
        value("nothing is to be undone", plan=_rollback(Exactness.NOTHING_TO_UNDO, ""), at_once=False),
        value(
            "there is no rollback",
            {"forbidden_effects": ASK},
            plan=_rollback(Exactness.NONE),
            forbidden=True,
            at_once=False,
        ),
        value("the rollback is not told", {"oversight": REFUSE}, plan=_rollback(Exactness.EXACT, " ")),
    ),
    "blast radius": (
        value("one target"),
        value("as many as it may", plan=_radius(2), at_once=False),
        value("more than by itself", {"blast_radius": ASK}, plan=_radius(3), at_once=False),
        value("as many as an approver may", {"blast_radius": ASK}, plan=_radius(20), at_once=False),
        value("more than anybody may", {"blast_radius": REFUSE}, plan=_radius(21), at_once=False),
        value("none", {"targets": REFUSE}, plan=_radius(0), at_once=False),
        value("fewer said than there are", {"oversight": REFUSE}, plan=_radius(2, stated=1), at_once=False),
        value("too great a share", {"blast_radius": ASK}, plan=_radius(1, share=0.51)),
        value("a share nobody knows", {"blast_radius": ASK}, plan=_radius(1, share=None), unknown=True),
    ),
    "what remains": (
        value("no floor is written"),
        value(
            "enough remains",
            document=_checkout(leave_healthy={"count": 1}),
            plan={"remaining": Remaining(healthy=2, total=2, taken=1)},
            under_way=(),
        ),
        value(
            "too little remains",
            {"leave_healthy": ASK},
            document=_checkout(leave_healthy={"count": 2}),
            plan={"remaining": Remaining(healthy=2, total=2, taken=1)},
            under_way=(),
        ),
        value(
            "what remains cannot be told",
            {"leave_healthy": ASK},
            document=_checkout(leave_healthy={"count": 1}),
            unknown=True,
        ),
    ),
    "cautions": (
        value("nothing was seen"),
        value("it was deployed lately", {"cautions": ASK}, plan={"cautions": ("It was deployed lately",)}),
    ),
    "people": (
        value("nobody said no"),
        value("stopped", {"memory": ASK}, memory=_refused(RefusalKind.STOPPED)),
        value("overridden", {"memory": ASK}, memory=_refused(RefusalKind.OVERRIDDEN)),
        value("taken over", {"memory": ASK}, memory=_refused(RefusalKind.TAKEN)),
        value(
            "done before",
            {"again": ASK},
            memory=Memory(acted=(Acted(action_id="a0", runbook=RUNBOOK, targets=("supervisor:web0",), at=NOW),)),
        ),
        value(
            "done before to others",
            memory=Memory(acted=(Acted(action_id="a0", runbook=RUNBOOK, targets=("supervisor:db",), at=NOW),)),
        ),
    ),
    "request": (
        value("a monitor asks"),
        value("a person asks", request=asked_for()),
        value(
            "a person asks for what it is not for",
            {"request": ASK},
            request=asked_for(),
            runbook={"when": "alert.name == 'Other'"},
        ),
        value(
            "a person asks although one has stopped it",
            request=asked_for(after=(refusal().key,)),
            memory=_refused(RefusalKind.STOPPED),
        ),
        value("a person changed a parameter", request=asked_for(), changed=("command",), caps=Level.L1),
    ),
    "alerts": (
        value("one alert"),
        value("another without a runbook", also=(calm_alert(fingerprint="f2", name="Unheard", severity="info"),)),
        value(
            "a worse one without a runbook",
            {"alerts": ASK},
            unless_asked=True,
            alert={"severity": "warning"},
            also=(calm_alert(fingerprint="f2", name="Unheard"),),
        ),
        value(
            "one as bad for another runbook",
            {"alerts": ASK, "confidence": ASK},
            unless_asked=True,
            also=(calm_alert(fingerprint="f2", name="Slow"),),
            others={ANOTHER: {"when": "alert.name == 'Slow'"}},
        ),
    ),
    "evidence": (
        value("it supports"),
        value("it contradicts", {"confidence": ASK}, answers={QUERY: Answer()}),
        value("no answer", {"confidence": ASK}, answers={QUERY: Answer(error="no answer")}, unknown=True),
        value(
            "a partial answer",
            {"confidence": ASK},
            answers={QUERY: Answer(samples=("0",), warnings=("not all stores answered",))},
            unknown=True,
        ),
        value("a high floor", {"confidence": ASK}, document={"escalate": {"confidence_below": 0.9}}),
    ),
    "moment": (
        value("asked just now"),
        value("asked long ago", {"confidence": ASK}, answered_at=NOW - timedelta(minutes=6)),
        value("asked nobody knows when", {"confidence": ASK}, answered_at=None, unknown=True),
        value(
            "it flaps",
            {"confidence": ASK},
            beginnings=tuple(Beginning(alert="alertmanager/f1", at=NOW - timedelta(minutes=9)) for _ in range(3)),
        ),
    ),
    "marks": (
        value("nothing is marked"),
        value("billing", {"billing": ASK}, labels={"billing": "yes"}),
        value("data integrity", {"data_integrity": ASK}, labels={"data_integrity": "perhaps"}),
        value("security, low", labels={"security_severity": "low"}),
        value("security, medium", labels={"security_severity": "medium"}),
        value("security, high", {"security": ASK}, labels={"security_severity": "high"}),
        value("security, critical", {"security": ASK}, labels={"security_severity": "critical"}),
        value("security, nobody knows", {"security": ASK}, labels={"security_severity": "sev0"}, unknown=True),
    ),
    "error budget": (
        value("it burns slowly"),
        value("it burns as fast as it may", answers=burning("2")),
        value("it burns fast", {"slo_burn": ASK}, answers=burning("2.1")),
        value("it could not be measured", {"slo_burn": ASK}, answers={BURN: Answer(error="no answer")}, unknown=True),
    ),
    "budgets": (
        value("nothing used"),
        value("one left", ledger=entries(4)),
        value("used up", {"budgets": ASK}, ledger=entries(5)),
        value("too many at once", {"budgets": ASK}, document=_AT_ONCE, under_way=_UNDER_WAY),
        value("nobody knows what is under way", {"budgets": ASK}, document=_AT_ONCE, under_way=None, unknown=True),
        value("unreadable", {"budgets": ASK}, ledger=None, unknown=True),
    ),
    "oversight": (
        value("the announcement goes first"),
        value("the announcement has been accepted", oversight=_oversight(notification=Notification.ACCEPTED)),
        value("nobody was told", {"notification": ASK}, oversight=_oversight(notification=Notification.FAILED)),
        value("nothing is recorded", {"oversight": REFUSE}, oversight=_oversight(audited=False)),
    ),
    "cases": (
        value("as many as the gates make"),
        value("too few", {"cases": ASK}, before_autonomy=True, document={"escalate": {"cases_below": 4}}),
        value("nobody counted them", {"cases": ASK}, before_autonomy=True, held={"cases": None}, unknown=True),
    ),
    "what else is open": (
        value("nothing"),
        value("as many alike as may be chance", open_incidents=_open(2, service="orders")),
        value("too many alike", {"common_cause": ASK}, before_autonomy=True, open_incidents=_open(3, service="orders")),
        value("not read", {"common_cause": ASK}, before_autonomy=True, open_incidents=None, unknown=True),
        value(
            "a dependency is in trouble",
            {"common_cause": ASK},
            before_autonomy=True,
            document=_checkout(depends_on=["orders"]),
            open_incidents=_open(1, service="orders", alert="Slow"),
        ),
    ),
    "veto window": (
        value("there is time to stop it"),
        value("none", runbook={"veto_window": "0s"}, no_window=True),
    ),
    "conditions": (
        value("they hold"),
        value("none is written", runbook={"conditions": []}),
        value("one does not hold", {"conditions": ASK}, before_autonomy=True, runbook={"conditions": ["hour >= 13"]}),
        value(
            "one cannot be told",
            {"conditions": ASK},
            before_autonomy=True,
            runbook={"conditions": ["alert.labels.absent == 'x'"]},
            unknown=True,
        ),
    ),
}
"""Every matter. The first value of each is calm."""
