"""What a run of the gates is made of: the policy narrowed to a twin, and faults that happen once, within a step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bot.gates.faults import SILENT_SECONDS, Faults
from bot.gates.missions import Fault, FaultKind
from bot.gates.twin import STAND_IN_PEOPLE, STAND_INS, GateError, twin_of
from bot.gates.upkeep import Upkeep
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import Plan
from bot.policy.rules.matching import match
from bot.remediation import About, Execution, PermanentError, Report, Snapshot, TemporaryError
from bot.response.ports.context import utc_now
from remediations.backends.base import Backend, BackendSettings
from remediations.testing.execution import ExecutionInMemory
from tests.policy.calm import RUNBOOK, calm_plan, calm_policy
from tests.response.outside import Senses
from tests.scenarios.stage import document, loaded

TWIN = {"with": {"service": "checkout-staging"}, "alert": {"service": "checkout-staging"}, "inject": "kill"}
NAME = "restart-checkout"


def policy(**changes: Any) -> Policy:
    """A policy whose runbook's gates can be run; ``changes`` are the runbook's."""
    written = document("unix:///nowhere.sock")
    written["runbooks"][NAME] |= {"level": "L3", "staging": TWIN} | changes
    written["mute"] = [{"when": "alert.service == 'checkout-staging'", "reason": "staging"}]
    written["freezes"] = [{"name": "always", "from": "2020-01-01T00:00Z", "until": "2099-01-01T00:00Z"}]
    written["runbooks"]["other"] = written["runbooks"][NAME] | {"when": "alert.name == 'Other'"}
    return loaded(json.loads(json.dumps(written)))


def test_a_policy_is_narrowed_to_the_runbook_on_staging_and_no_bound_of_it_is_loosened() -> None:
    whole = policy(approvals={"from": ["leads"], "needed": 2})
    twin = twin_of(whole, NAME)
    entry, written = twin.runbook, whole.runbooks[NAME]
    assert set(twin.policy.runbooks) == {NAME}
    assert entry.parameters == {"backend": "supervisor", "service": "checkout-staging"}
    assert (twin.policy.budgets, twin.policy.freezes, twin.policy.mute) == ((), (), ())
    assert set(twin.policy.people) == {STAND_INS}
    assert twin.policy.approvals_of(NAME).needed == 2
    assert twin.policy.approvals_of(NAME).groups == (STAND_INS,)
    assert set(twin.policy.people[STAND_INS].users) == set(STAND_IN_PEOPLE)
    for same in ("when", "level", "conditions", "blast_radius", "evidence", "effects", "verify"):
        assert getattr(entry, same) == getattr(written, same)
    for same in ("escalate", "protected", "services", "backends", "levels"):
        assert getattr(twin.policy, same) == getattr(whole, same)
    assert whole.runbooks[NAME] == written


def test_verification_on_staging_may_be_told_otherwise_and_waits_less_but_never_longer() -> None:
    there = {**TWIN, "verify": {"within": "10s", "http": "http://127.0.0.1:1/healthz"}}
    verify = twin_of(policy(staging=there), NAME, verify_within=timedelta(seconds=4)).runbook.verify
    assert (verify.http, verify.within) == ("http://127.0.0.1:1/healthz", timedelta(seconds=4))
    longer = twin_of(policy(), NAME, verify_within=timedelta(hours=1)).runbook.verify
    assert longer == policy().runbooks[NAME].verify


def test_what_is_only_watched_is_tried_as_if_it_were_asked_for() -> None:
    assert twin_of(policy(level="L0"), NAME).runbook.level is Level.L1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"staging": None}, "has no `staging`"),
        ({"staging": {"with": {"service": "checkout-staging"}}}, "add `staging.alert`"),
        ({"verify": {"within": "1m", "http": "http://127.0.0.1:1/"}}, "add `staging.verify`"),
        ({"staging": {**TWIN, "with": {"backend": "supervisor2"}}}, "nothing may fill alert.labels.service"),
    ],
)
def test_gates_that_could_prove_nothing_are_not_begun(changes: dict[str, Any], told: str) -> None:
    written = policy().model_copy(update={"backends": {"supervisor": {}, "supervisor2": {}}})
    entry = written.runbooks[NAME].model_dump(mode="json", by_alias=True) | changes
    runbook = type(written.runbooks[NAME]).model_validate(entry)
    with pytest.raises(GateError, match=told):
        twin_of(written.model_copy(update={"runbooks": {NAME: runbook}}), NAME)
    with pytest.raises(GateError, match="There is no runbook 'nothing'"):
        twin_of(written, "nothing")


def test_an_alert_about_the_twin_is_matched_as_productions_would_be_and_mutes_do_not_count() -> None:
    twin = twin_of(policy(), NAME)
    alert = twin.alert(utc_now())
    right = alert.model_copy(update={"name": "ServiceDown", "severity": "critical"})
    assert twin.mismatch(right) == ""
    assert "'other' is taken instead of 'restart-checkout'" in twin.mismatch(right.model_copy(update={"name": "Other"}))
    assert "no runbook is taken" in twin.mismatch(alert)
    assert twin.is_about_it({"service": "checkout-staging", "severity": "critical"})
    assert not twin.is_about_it({"service": "checkout"})


@pytest.mark.parametrize(
    "when",
    [
        "alert.name == 'ServiceDown' && alert.labels.service == 'checkout'",
        'alert.name == "ServiceDown" && alert.service == "checkout"',
        "alert.name == 'ServiceDown' && alert.labels['service'] in ['basket', 'checkout']",
    ],
)
def test_where_production_is_named_the_twin_stands_in_for_it_and_nothing_else_is_replaced(when: str) -> None:
    twin = twin_of(policy(when=when), NAME)
    alert = twin.alert(utc_now()).model_copy(update={"name": "ServiceDown", "severity": "critical"})
    assert twin.mismatch(alert) == ""
    assert match(twin.policy, alert).runbook == NAME
    assert match(twin.policy, alert.model_copy(update={"name": "Else"})).runbook is None
    other = alert.model_copy(update={"labels": {"service": "basket-staging"}, "service": "basket-staging"})
    assert match(twin.policy, other).runbook is None
    told = twin.mismatch(alert.model_copy(update={"name": "Else"}))
    assert "no runbook is taken instead of 'restart-checkout'" in told
    assert "`staging.alert` with what staging has instead" in told


def test_the_name_of_what_fires_is_never_replaced_and_what_cannot_be_filled_in_is_refused() -> None:
    named = {**TWIN, "alert": {"alertname": "StagingDown", "service": "checkout-staging"}}
    twin = twin_of(policy(staging=named), NAME)
    assert twin.mismatch(twin.alert(utc_now()))
    pattern = twin_of(policy(when="alert.service.matches('^checkout$')"), NAME)
    assert pattern.mismatch(pattern.alert(utc_now()))


def test_what_staging_can_say_since_changes_no_digest_of_entries_that_do_not_say_it() -> None:
    plain = {"with": {"service": "x-staging"}}
    before = calm_policy({"staging": plain}).runbooks[RUNBOOK].digest
    assert set(calm_policy({"staging": plain}).as_written()["runbooks"][RUNBOOK]["staging"]) == {"with", "inject"}
    assert calm_policy({"staging": plain | {"alert": {}, "verify": None}}).runbooks[RUNBOOK].digest == before
    assert calm_policy({"staging": plain | {"alert": {"service": "x"}}}).runbooks[RUNBOOK].digest != before
    verify = {"within": "1m", "healthy": "up"}
    assert calm_policy({"staging": plain | {"verify": verify}}).runbooks[RUNBOOK].digest != before


@dataclass(frozen=True, slots=True)
class Port:
    """A system that counts what it was made to do."""

    changes: list[int] = field(default_factory=list)

    @property
    def done(self) -> int:
        return len(self.changes)

    async def change(self) -> int:
        self.changes.append(self.done)
        return self.done


class Doing:
    """As much of a remediation as faults are put around."""

    def __init__(self, port: Port) -> None:
        self.port = port

    async def plan(self, parameters: object, about: About | None) -> Plan:
        return calm_plan()

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        await self.port.change()  # outside of a step nothing happens to it
        async with execution.step("first"):
            await self.port.change()
        async with execution.step("second"):
            await self.port.change()
        return Report(summary="done")


async def disturbed(fault: Fault | None) -> tuple[Port, Faults, ExecutionInMemory, str]:
    """Carry it out under the fault: what was done, and the error in words."""
    faults, port, execution, error = Faults(fault), Port(), ExecutionInMemory(), ""
    around = faults.around_port(port)
    remediation = faults.around(Doing(around))
    assert isinstance(around, Port)
    assert isinstance(remediation, Doing)
    try:
        await remediation.execute(calm_plan(), Snapshot(), execution)
    except PermanentError as raised:
        error = str(raised)
    return around, faults, execution, error


@pytest.mark.parametrize(
    ("fault", "done", "steps", "told"),
    [
        (None, 3, 2, ""),
        (Fault(kind=FaultKind.REFUSED, call="change"), 1, 1, "“change” was refused"),
        (Fault(kind=FaultKind.LOST, call="change"), 2, 1, "“change” was done and its answer lost"),
        (Fault(kind=FaultKind.REFUSED, step=2), 2, 2, "The step was refused"),
        (Fault(kind=FaultKind.LOST, step=2), 3, 2, "The step was done and its answer lost"),
        (Fault(kind=FaultKind.REFUSED, call="nothing of that name"), 3, 2, ""),
    ],
)
async def test_a_fault_happens_once_within_a_step_and_where_it_is_said(
    fault: Fault | None, done: int, steps: int, told: str
) -> None:
    port, faults, execution, error = await disturbed(fault)
    assert (port.done, len(execution.steps)) == (done, steps)
    assert error.startswith(told)
    assert bool(error) == bool(told) == faults.happened
    assert faults.calls == (["change"] if fault is None or fault.call or fault.step > 1 else [])


async def test_a_call_that_is_never_answered_ends_with_its_step_which_may_take_less_then() -> None:
    faults = Faults(Fault(kind=FaultKind.SILENT, call="change"))
    remediation = faults.around(Doing(faults.around_port(Port())))
    assert (await remediation.plan(None, None)).step_limit_seconds == SILENT_SECONDS
    assert (await Faults().around(Doing(Port())).plan(None, None)).step_limit_seconds is None


class Stubborn(Backend):
    """A system that refuses to be mended so many times."""

    kind = "stubborn"
    settings = BackendSettings
    faults: ClassVar[Mapping[str, str]] = {"kill": "it is gone"}

    def __init__(self, refuses: int, error: type[PermanentError] | type[TemporaryError]) -> None:
        super().__init__("stubborn", BackendSettings(staging=("*",)))
        self.refuses, self.error = refuses, error

    async def _mend(self, fault: str, target: str) -> None:
        self.refuses -= 1
        if self.refuses >= 0 and self.error is TemporaryError:
            raise TemporaryError("It is away.", retry_after=0)
        if self.refuses >= 0:
            raise PermanentError("It does not want to.")


@pytest.mark.parametrize("error", [PermanentError, TemporaryError])
async def test_mending_is_tried_again_and_what_stays_broken_is_said(
    error: type[PermanentError] | type[TemporaryError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.gates.upkeep.LOOK_AGAIN_SECONDS", 0)
    backend = Stubborn(5, error)
    upkeep = Upkeep(twin_of(policy(), NAME), {"stubborn": backend}, Senses())
    assert await upkeep.mend("stubborn", "web") == ""
    backend.refuses = 100
    assert "'web' is still broken: It" in await upkeep.mend("stubborn", "web")
