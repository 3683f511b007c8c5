"""What running flows have stored: names that never change, and results that every release reads."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from bot.policy.plan import Facts
from bot.policy.situation import Request
from bot.remediation import PermanentError, Report, Snapshot, TemporaryError
from bot.response.assessment.assess import Assessment, Brief
from bot.response.execution.effects import EffectReport, EffectResult, SnapshotReport, died, run_effect
from bot.response.execution.recorded import RecordedExecution
from bot.response.execution.verify import Verification
from bot.response.ports.flow import FlowName, QueueName, StepName, fact_of_step, fact_of_transaction, recall
from bot.response.ports.work import Work

PLAN = {
    "remediation": "flip_switch",
    "summary": "Flip lamp on",
    "parameters": {"switch": "lamp"},
    "steps": [],
    "service": "lamp",
    "targets": [{"key": "switch:lamp", "label": "lamp", "state": {"position": "off"}}],
    "effects": ["restart"],
    "blast_radius": {"targets": 1, "share": 0.25},
    "way_back": {"summary": "Flip lamp back to off", "exactness": "exact"},
}
ALERT = {
    "source": "alertmanager",
    "fingerprint": "f1",
    "name": "SwitchOff",
    "severity": "critical",
    "service": "lamp",
    "labels": {"alertname": "SwitchOff"},
    "annotations": {},
    "starts_at": "2026-11-23T12:00:00Z",
}
REQUEST = {"runbook": "flip", "by": "U01ALICE", "reason": "it is dark", "parameters": {}}
IMPACT = {
    "slo_burn": None,
    "slo_measured": False,
    "billing": False,
    "data_integrity": False,
    "security_severity": None,
}
EVIDENCE = {"name": "dark", "query": "light == 0", "finding": "supports", "detail": "as told", "value": None}
MEMBERS = {"sre-oncall": ["U01ALICE", "U02BOB"]}
FOUND = {"muted": "", "evidence": [EVIDENCE], "impact": IMPACT, "members": MEMBERS}
"""What the release before inputs were kept had found of the world, but for the plan."""
ANSWERS = {"light == 0": {"samples": [], "error": "", "warnings": [], "judged": "supports", "detail": "as told"}}
PLAN_NOW: dict[str, Any] = PLAN | {
    "targets": [{"key": "switch:lamp", "label": "lamp", "state": {"position": "off"}, "becomes": {}}],
    "touches_service": True,
    "version": 1,
    "services": [],
    "ends_after_seconds": None,
    "limit_seconds": None,
    "step_limit_seconds": None,
    "short": "",
    "forecasts": {},
    "cautions": [],
    "changing": [],
    "remaining": None,
}
NOT_PLANNED: dict[str, Any] = {"plan": None, "problem": "", "nothing_to_do": False, "alert": "", "changed": []}
PLANNED = NOT_PLANNED | {"plan": PLAN_NOW}
ASKED: dict[str, Any] = REQUEST | {"at": None, "after": []}
OF_ONE_ALERT: list[tuple[type[Facts], dict[str, Any], dict[str, Any]]] = [
    (Request, REQUEST, ASKED),
    (
        Brief,
        {"incident": "INC-1", "alert": ALERT, "request": REQUEST, "voters": ["U02BOB"]},
        {"incident": "INC-1", "alerts": [ALERT], "request": ASKED, "runbook": None, "voters": ["U02BOB"]},
    ),
    (
        Assessment,
        FOUND | {"runbook": "flip", "plan": PLAN, "plan_problem": ""},
        {"plans": {"flip": PLANNED}, "answers": ANSWERS, "answered_at": None, "members": MEMBERS},
    ),
    (
        Assessment,
        FOUND | {"runbook": "flip", "plan": None, "plan_problem": "no such switch"},
        {
            "plans": {"flip": NOT_PLANNED | {"problem": "no such switch"}},
            "answers": ANSWERS,
            "answered_at": None,
            "members": MEMBERS,
        },
    ),
    (
        Assessment,
        FOUND | {"runbook": None, "plan": None, "plan_problem": "", "evidence": [], "members": {}},
        {"plans": {}, "answers": {}, "answered_at": None, "members": {}},
    ),
]
"""As the release stored them that judged one alert of an incident, and as the same is stored since all are judged."""
STORED: list[tuple[type[Facts], dict[str, Any]]] = [
    *((kind, now) for kind, _, now in OF_ONE_ALERT),
    (Request, ASKED | {"at": "2026-11-23T12:00:00Z"}),
    (SnapshotReport, {"state": {"position": "off"}}),
    (SnapshotReport, {"problem": "the supervisor refuses the password"}),
    (EffectReport, {"result": "done", "summary": "Flipped it on.", "details": {}}),
    (EffectReport, {"result": "done", "summary": "Flipped it on.", "details": {"before": "off"}}),
    (EffectReport, {"result": "unchanged", "summary": "Nothing was changed: connection refused"}),
    (EffectReport, {"result": "failed", "summary": "There is no such switch."}),
    (EffectReport, {"result": "unknown", "summary": "The process died while it ran; how far it got is unknown."}),
    (EffectReport, {"result": "not begun"}),
    (Verification, {"healthy": True, "summary": "Healthy after 3 s."}),
    (Verification, {"healthy": False, "summary": "Not healthy after 60 s: no answer"}),
    (Verification, {"healthy": False, "summary": "Not healthy after 60 s: no answer", "known": False}),
]
"""As the release before this test was written stored them."""


class RememberingFlow:
    """The durable engine, as after a crash: what it remembers is not run again."""

    def __init__(self, remembered: dict[str, Any]) -> None:
        self.remembered = remembered

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Any]]) -> Any:
        if name not in self.remembered:
            self.remembered[name] = await body(None)  # type: ignore[arg-type]
        return self.remembered[name]

    async def step(self, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self.remembered:
            self.remembered[name] = await body()
        return self.remembered[name]


def with_news(stored: Any) -> Any:
    """The same as a newer release stores it: a field more in every object that is ours."""
    if isinstance(stored, list):
        return [with_news(one) for one in stored]
    if not isinstance(stored, dict):
        return stored
    by_name = {"plans", "answers"}
    free = {"labels", "annotations", "parameters", "state", "becomes", "forecasts", "details", "members"}
    news: dict[str, Any] = {"of_a_newer": {"x": 1}}
    for key, value in stored.items():
        if key in by_name:
            news[key] = {name: with_news(one) for name, one in value.items()}
        else:
            news[key] = value if key in free else with_news(value)
    return news


def test_names_that_running_work_is_stored_with_never_change() -> None:
    assert {name.value for name in FlowName} >= {"consider.v1", "act.v1", "roll_back.v1"}
    assert {name.value for name in QueueName} >= {"incidents", "targets"}
    steps = ["begin", "look", "settle"]
    steps += ["brief", "look again", "claim", "snapshot", "remember", "execute", "executed", "verify", "conclude"]
    steps += ["claim way back", "roll back", "conclude way back"]
    assert [name.value for name in StepName][: len(steps)] == steps


@pytest.mark.parametrize(("kind", "stored"), STORED)
def test_what_an_earlier_release_has_stored_is_read_and_would_be_stored_the_same(
    kind: type[Facts], stored: dict[str, Any]
) -> None:
    assert recall(kind, stored).model_dump(mode="json") == stored


@pytest.mark.parametrize(("kind", "stored", "now"), OF_ONE_ALERT)
def test_what_was_stored_when_one_alert_was_judged_means_the_same_now(
    kind: type[Facts], stored: dict[str, Any], now: dict[str, Any]
) -> None:
    assert recall(kind, stored) == recall(kind, now)
    assert recall(kind, with_news(stored)) == recall(kind, now), "whatever else its objects carried"


@pytest.mark.parametrize(("kind", "stored"), STORED)
def test_fields_of_a_newer_release_are_left_out(kind: type[Facts], stored: dict[str, Any]) -> None:
    assert recall(kind, with_news(stored)) == recall(kind, stored)


def test_what_is_not_such_a_fact_is_an_error_and_never_taken_for_one() -> None:
    with pytest.raises(ValidationError):
        recall(Verification, {"summary": "Healthy after 3 s."})
    with pytest.raises(ValidationError):
        recall(EffectReport, {"result": "nobody knows", "summary": ""})


async def test_a_fact_that_is_remembered_is_given_again_and_not_asked_for_anew() -> None:
    async def look() -> Verification:
        return Verification(healthy=True, summary="Healthy after 3 s.")

    async def look_after_the_crash() -> Verification:
        raise AssertionError("it was asked for anew")

    flow = RememberingFlow({})
    first = await fact_of_step(flow, StepName.ACT_VERIFY, Verification, look)
    assert flow.remembered == {"verify": {"healthy": True, "summary": "Healthy after 3 s."}}
    assert await fact_of_step(flow, StepName.ACT_VERIFY, Verification, look_after_the_crash) == first


async def test_nothing_to_go_on_with_is_remembered_as_such() -> None:
    async def nothing(_work: Work) -> Brief | None:
        return None

    flow = RememberingFlow({})
    assert await fact_of_transaction(flow, StepName.ACT_BRIEF, Brief, nothing) is None
    assert flow.remembered == {"brief": None}


async def forever() -> Report:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def raising(error: Exception) -> Report:
    raise error


async def done() -> Report:
    return Report(summary="Flipped it on.", details={"before": "off"})


UNFORESEEN = "It failed in a way that its author did not foresee (KeyError)."


@pytest.mark.parametrize(
    ("effect", "begun", "stored"),
    [
        (done, 1, {"result": "done", "summary": "Flipped it on.", "details": {"before": "off"}}),
        (
            lambda: raising(TemporaryError("connection refused")),
            0,
            {"result": "unchanged", "summary": "Nothing was changed: connection refused", "retry_after": 5.0},
        ),
        (lambda: raising(TemporaryError("too late")), 1, {"result": "failed", "summary": "too late"}),
        (
            lambda: raising(PermanentError("no such switch")),
            0,
            {"result": "unchanged", "summary": "Nothing was changed: no such switch"},
        ),
        (lambda: raising(PermanentError("no such switch")), 1, {"result": "failed", "summary": "no such switch"}),
        (lambda: raising(KeyError("lamp")), 1, {"result": "failed", "summary": UNFORESEEN}),
        (forever, 1, {"result": "unknown", "summary": "It did not finish within 0 s; how far it got is unknown."}),
        (forever, 0, {"result": "unchanged", "summary": "Nothing was changed: it did not begin in time."}),
    ],
)
async def test_every_ending_of_an_effect_is_stored_as_it_always_was(
    effect: Callable[[], Awaitable[Report]], begun: int, stored: dict[str, Any]
) -> None:
    execution = cast(RecordedExecution, SimpleNamespace(begun=begun, halted="", action_id="one"))
    assert (await run_effect(execution, effect, 0.01)).model_dump(mode="json") == stored


async def test_whoever_halted_it_is_the_reason_whatever_its_author_made_of_that() -> None:
    halted = cast(RecordedExecution, SimpleNamespace(begun=3, halted="Stopped by U02BOB", action_id="one"))
    for effect in (done, lambda: raising(PermanentError("cut off")), lambda: raising(KeyError("lamp"))):
        ended = await run_effect(halted, effect, 1)
        assert (ended.result, ended.summary) == (EffectResult.HALTED, "Stopped by U02BOB, after 3 steps.")


def test_a_death_inside_an_effect_leaves_its_result_unknown() -> None:
    assert died().result is EffectResult.UNKNOWN


def test_a_snapshot_that_could_not_be_taken_is_none_and_an_empty_one_is_one() -> None:
    assert SnapshotReport(problem="").snapshot is None
    assert recall(SnapshotReport, {"state": {}}).snapshot == Snapshot()
