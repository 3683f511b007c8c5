"""What was judged beside what people did, and how sure we were beside what began."""

from dataclasses import replace
from datetime import timedelta

from bot.policy.decision import Verdict
from bot.policy.shadow import People, Shadow
from bot.response.model.actions import ActionState
from bot.response.model.records import ClaimJudgement, Stated
from storage.database import Database
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, action, decision, open_incident

HOUR = timedelta(hours=1)
RUNBOOK = "restart-checkout"
ALICE = "U01ALICE"


async def asked(
    work: UnitOfWork,
    incident_id: int,
    revision: int,
    state: ActionState,
    *,
    shadow: Verdict | None = Verdict.ACT,
    by: tuple[str, ...] = (),
    hours_ago: float = 1,
    halted_by: str | None = None,
    runbook: str = RUNBOOK,
) -> str:
    name = f"{incident_id}.{revision}"
    stored = decision(incident_id, revision)
    await work.decisions.add(replace(stored, decision=stored.decision.model_copy(update={"shadow": shadow})))
    await work.actions.add(
        action(
            incident_id,
            name,
            state,
            revision=revision,
            decided_by=by,
            runbook=runbook,
            finished_at=NOW - hours_ago * HOUR,
            halted_by=halted_by,
        )
    )
    return name


async def seen(work: UnitOfWork, *runbooks: str, limit: int = 100) -> dict[str, list[Shadow]]:
    found = await work.hindsight.shadows(runbooks or (RUNBOOK,), NOW - 24 * HOUR, limit)
    return {name: list(shadows) for name, shadows in found.items()}


async def test_what_it_would_have_done_stands_beside_what_people_did_newest_first(database: Database) -> None:
    async with database.begin() as work:
        ids = [await open_incident(work, group_key=str(number)) for number in range(6)]
        taken = await open_incident(work, group_key="taken", taken_by=ALICE)
        await asked(work, ids[0], 1, ActionState.SUCCEEDED, by=(ALICE,), hours_ago=1)
        await asked(work, ids[1], 1, ActionState.STOPPED, by=(ALICE,), hours_ago=2)
        await asked(work, ids[2], 1, ActionState.EXPIRED, hours_ago=3)
        await asked(work, taken, 1, ActionState.EXPIRED, hours_ago=4)
        await asked(work, ids[3], 1, ActionState.FAILED, by=(ALICE,), halted_by=ALICE, hours_ago=5)
        await asked(work, ids[4], 1, ActionState.ROLLED_BACK, by=(ALICE,), shadow=Verdict.ASK, hours_ago=6)
        await asked(work, ids[5], 1, ActionState.SUCCEEDED, by=(ALICE,), hours_ago=25)
    async with database.read() as work:
        assert await seen(work) == {
            RUNBOOK: [
                Shadow(Verdict.ACT, People.APPROVED),
                Shadow(Verdict.ACT, People.DECLINED),
                Shadow(Verdict.ACT, People.SILENT),
                Shadow(Verdict.ACT, People.DECLINED),
                Shadow(Verdict.ACT, People.DECLINED),
                Shadow(Verdict.ASK, People.APPROVED),
            ]
        }
        assert len((await seen(work, limit=2))[RUNBOOK]) == 2


async def test_what_did_not_run_in_shadow_is_none_of_it(database: Database) -> None:
    async with database.begin() as work:
        one, other = await open_incident(work), await open_incident(work, group_key="other")
        await asked(work, one, 1, ActionState.SUCCEEDED, by=(ALICE,), shadow=None)
        await asked(work, other, 1, ActionState.SUCCEEDED, by=(ALICE,), runbook="another")
    async with database.read() as work:
        assert await seen(work) == {}
        assert list(await seen(work, RUNBOOK, "another")) == ["another"]


async def test_a_question_that_only_made_room_for_a_newer_one_is_not_counted(database: Database) -> None:
    async with database.begin() as work:
        answered, healed = await open_incident(work), await open_incident(work, group_key="healed")
        await asked(work, answered, 1, ActionState.SUPERSEDED, hours_ago=3)
        await asked(work, answered, 2, ActionState.SUCCEEDED, by=(ALICE,), hours_ago=2)
        await asked(work, healed, 1, ActionState.SUPERSEDED, hours_ago=1)
    async with database.read() as work:
        assert await seen(work) == {RUNBOOK: [Shadow(Verdict.ACT, People.SILENT), Shadow(Verdict.ACT, People.APPROVED)]}


async def test_a_question_that_is_still_open_is_not_compared(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.decisions.add(decision(incident_id))
        await work.actions.add(action(incident_id))
    async with database.read() as work:
        assert await seen(work) == {}


async def test_how_sure_we_were_is_what_the_judgement_said_that_let_it_begin(database: Database) -> None:
    async with database.begin() as work:
        ids = [await open_incident(work, group_key=str(number)) for number in range(5)]
        begun = await asked(work, ids[0], 1, ActionState.SUCCEEDED)
        failed = await asked(work, ids[1], 1, ActionState.FAILED)
        never_ran = await asked(work, ids[2], 1, ActionState.LAPSED)
        long_ago = await asked(work, ids[3], 1, ActionState.SUCCEEDED, hours_ago=25)
        await asked(work, ids[4], 1, ActionState.SUCCEEDED)
        for name, confidence in (
            (begun, 0.5),
            (begun, 0.81),
            (failed, 0.7),
            (never_ran, 0.9),
            (long_ago, 0.9),
        ):
            stored = decision(1)
            judged = stored.decision.model_copy(update={"confidence": confidence})
            await work.decisions.add_claim(ClaimJudgement(name, stored.situation, judged, 1, NOW))
    async with database.read() as work:
        assert await work.hindsight.stated(NOW - 24 * HOUR) == {
            begun: Stated(RUNBOOK, 0.81),
            failed: Stated(RUNBOOK, 0.7),
        }
        assert len(await work.hindsight.stated(NOW - 24 * HOUR, 1)) == 1
