"""What gates have shown becomes evidence: passes with their seal, cases, and the report, and nothing of what failed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from bot.gates.evidence import cases
from bot.gates.keeping import keep
from bot.gates.report import Ending, GateReport, Report, Run
from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.plan import Exactness
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.rules.standing import standing
from bot.policy.situation import Gate, GatePass
from bot.policy.track_record import Ending as CaseEnding
from storage.database import Database
from tests.policy.calm import BOB, CAROL, NOW, RUNBOOK, calm_alert, calm_plan, calm_policy
from tests.policy.edges import decided

POLICY = calm_policy({"authors": [BOB]}, gates={"sign_off": ["leads"]})
SEAL = seal_of(POLICY, RUNBOOK, 1)
DIGEST = POLICY.runbooks[RUNBOOK].digest
TOOK = timedelta(minutes=4)
ENDINGS: Mapping[Gate, Ending] = {
    Gate.STAGING_DRY_RUN: Ending.NOTHING_RUN,
    Gate.FAILURE_SIMULATION: Ending.HEALTHY,
    Gate.CHAOS_TEST: Ending.INTERRUPTED,
    Gate.ROLLBACK_VERIFICATION: Ending.ROLLED_BACK,
}


def run(gate: Gate, problem: str = "", **changes: Any) -> Run:
    facts = {
        "gate": gate,
        "name": "tried",
        "passed": not problem,
        "problem": problem,
        "began": NOW - TOOK,
        "ended": NOW,
    }
    facts |= {"alert": calm_alert(), "plan": calm_plan(version=1), "ending": ENDINGS[gate]}
    return Run.model_validate({**facts, **changes})


def report(failing: Gate | None = None) -> Report:
    """Of every gate that is run, up to the one that fails."""
    gates, open_gates = list[GateReport](), True
    for gate in ENDINGS:
        problem = "" if open_gates and gate is not failing else "It did not help."
        runs = (run(gate, problem),) if open_gates else ()
        gates.append(GateReport(gate=gate, passed=not problem, problem=problem, runs=runs))
        open_gates = open_gates and not problem
    return Report(
        runbook=RUNBOOK,
        digest=DIGEST,
        policy_digest=POLICY.digest,
        began=NOW - TOOK,
        ended=NOW,
        gates=tuple(gates),
    )


async def kept(database: Database, found: Report, handle: str = "one") -> None:
    async with database.begin() as work:
        await keep(work, found, POLICY, SEAL, handle, NOW)


async def test_passes_are_stored_with_their_seal_for_as_long_as_the_policy_says(database: Database) -> None:
    await kept(database, report())
    async with database.read() as work:
        held = await work.licences.of(RUNBOOK)
        seen = await work.licences.report_of(RUNBOOK, DIGEST)
    assert {row.gate: row.until - row.passed_at for row in held.gates} == {
        Gate.STAGING_DRY_RUN: timedelta(days=90),
        Gate.FAILURE_SIMULATION: timedelta(days=90),
        Gate.CHAOS_TEST: timedelta(days=90),
        Gate.ROLLBACK_VERIFICATION: timedelta(days=30),
    }
    assert {(row.digest, row.seal, row.by) for row in held.gates} == {(DIGEST, digest_of_seal(SEAL), "")}
    assert held.seals == {digest_of_seal(SEAL): SEAL}
    assert Report.model_validate(seen) == report()
    assert [(case.ending, case.digest, case.staging, case.alert) for case in held.cases or ()] == [
        (CaseEnding.VERIFIED, DIGEST, True, "ServiceDown")
    ] * 2, "a chaos test is disturbed, and so no case"


async def test_with_a_sign_off_the_stored_rows_let_it_act_and_say_where_its_cases_ran(database: Database) -> None:
    await kept(database, report())
    async with database.begin() as work:
        assert standing(POLICY, RUNBOOK, await work.licences.of(RUNBOOK), (), NOW, version=1).level is Level.L1
        signed = GatePass(
            gate=Gate.HUMAN_SIGN_OFF,
            digest=DIGEST,
            passed_at=NOW,
            until=NOW + timedelta(days=90),
            seal=digest_of_seal(SEAL),
            by=CAROL,
        )
        await work.licences.pass_gate(RUNBOOK, signed, SEAL)
        held = await work.licences.of(RUNBOOK)
    decision = decided(POLICY, plan=calm_plan(version=1), evidenced={RUNBOOK: held})
    assert decision.verdict is Verdict.ACT_UNLESS_STOPPED
    assert "it worked in 3 of 3 cases, all on staging" in decision.reason("cases").text


@pytest.mark.parametrize("failing", list(ENDINGS))
async def test_a_gate_that_fails_leaves_no_pass_and_takes_its_own_earlier_one_away(
    database: Database, failing: Gate
) -> None:
    await kept(database, report(failing))
    async with database.read() as work:
        held = await work.licences.of(RUNBOOK)
    before = tuple(gate for gate in ENDINGS if list(ENDINGS).index(gate) < list(ENDINGS).index(failing))
    assert {row.gate for row in held.gates} == set(before)
    failed = [case for case in held.cases or () if case.ending is CaseEnding.FAILED]
    assert len(failed) == (0 if failing is Gate.STAGING_DRY_RUN else 1), "a dry run carries nothing out"
    await kept(database, report(), "two")
    await kept(database, report(failing), "three")
    async with database.read() as work:
        held = await work.licences.of(RUNBOOK)
    assert {row.gate for row in held.gates} == set(ENDINGS) - {failing}, "those behind it were not tried"


async def test_the_same_run_kept_twice_is_one(database: Database) -> None:
    await kept(database, report())
    await kept(database, report())
    async with database.read() as work:
        assert len((await work.licences.of(RUNBOOK)).cases or ()) == 2


def test_a_process_that_died_before_there_was_a_plan_is_no_case() -> None:
    died = run(Gate.FAILURE_SIMULATION, "The process of the run ended with -9.", plan=None, ending=None, alert=None)
    gates = (GateReport(gate=Gate.FAILURE_SIMULATION, passed=False, problem=died.problem, runs=(died,)),)
    assert cases(report().model_copy(update={"gates": gates}), "one") == ()


def test_what_has_nothing_to_undo_is_repeated_where_nothing_is_broken_and_so_no_case() -> None:
    plan = calm_plan(rollback={"summary": "Nothing to undo", "exactness": Exactness.NOTHING_TO_UNDO}, version=1)
    again = run(Gate.ROLLBACK_VERIFICATION, plan=plan, ending=Ending.HEALTHY)
    gates = (GateReport(gate=Gate.ROLLBACK_VERIFICATION, passed=True, runs=(again,)),)
    assert cases(report().model_copy(update={"gates": gates}), "one") == ()
