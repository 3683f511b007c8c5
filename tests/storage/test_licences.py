"""What a runbook has earned and lost, as rows: gates with their seal, cases on staging, reports, demotions."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due, overdue
from bot.policy.rules.seal import digest_of_seal
from bot.policy.situation import Gate, GatePass
from bot.policy.track_record import Ending, PastCase, Seal, SealedPart
from storage.database import Database
from storage.tables import LICENCES, SEALS
from tests.fixtures.incidents import NOW, action, open_incident

HOUR = timedelta(hours=1)
SEAL = Seal(parts={"runbook": SealedPart(digest="d", document={"verify": {"within": "2m"}})})
HARM = Due(Cause.HARMED, "harmed:a1", "it did harm in INC-1")


def passed(gate: Gate = Gate.CHAOS_TEST, digest: str = "v1", seal: Seal = SEAL, **changes: Any) -> GatePass:
    facts = {"gate": gate, "digest": digest, "passed_at": NOW, "until": NOW + HOUR, "seal": digest_of_seal(seal)}
    return GatePass.model_validate({**facts, **changes})


def staging_case(key: str = "gate:1", **changes: Any) -> PastCase:
    facts = {"key": key, "alert": "ServiceDown", "ending": Ending.VERIFIED, "at": NOW, "digest": "v1", "staging": True}
    return PastCase.model_validate({**facts, **changes})


async def test_a_gate_is_read_with_everything_it_was_passed_with_and_the_newest_pass_stands(database: Database) -> None:
    signed = passed(Gate.HUMAN_SIGN_OFF, "v2", by="U01ALICE", passed_at=NOW + HOUR)
    async with database.begin() as work:
        await work.licences.pass_gate("r", passed(), SEAL)
        await work.licences.pass_gate("r", signed, SEAL)
        await work.licences.pass_gate("another", passed(Gate.STAGING_DRY_RUN), SEAL)
        held = await work.licences.of("r")
        assert held.gates == (passed(), signed)
        assert held.seals == {digest_of_seal(SEAL): SEAL}
        other = Seal(parts={"runbook": SealedPart(digest="e")})
        again = passed(seal=other, until=NOW + 3 * HOUR)
        await work.licences.pass_gate("r", again, other)
        held = await work.licences.of("r")
        assert held.gates == (again, signed)
        assert held.seals == {digest_of_seal(seal): seal for seal in (SEAL, other)}
        assert await work.session.scalar(select(func.count()).select_from(SEALS)) == 2


async def test_a_pass_names_the_seal_it_comes_with(database: Database) -> None:
    async with database.begin() as work:
        with pytest.raises(ValueError, match="another seal"):
            await work.licences.pass_gate("r", passed(seal=Seal()), SEAL)


async def test_a_row_of_an_older_release_has_no_seal_and_names_nobody(database: Database) -> None:
    row: dict[str, Any] = {"runbook": "r", "runbook_digest": "v1", "gate": "chaos_test", "passed_by": "U01ALICE"}
    row |= {"passed_at": NOW, "until": NOW + HOUR}
    async with database.begin() as work:
        await work.session.execute(LICENCES.insert().values(row))
        await work.session.execute(LICENCES.insert().values({**row, "gate": "of a newer release"}))
        assert (await work.licences.of("r")).gates == (passed(seal=Seal(), by="").model_copy(update={"seal": ""}),)


async def test_cases_on_staging_are_written_once_each_and_read_newest_first(database: Database) -> None:
    older, failed = staging_case("gate:0", at=NOW - HOUR), staging_case("gate:2", ending=Ending.FAILED, at=NOW + HOUR)
    async with database.begin() as work:
        await work.licences.add_cases("r", [older, staging_case(), failed])
        await work.licences.add_cases("r", [staging_case(ending=Ending.FAILED)])
        await work.licences.add_cases("another", [staging_case()])
        assert (await work.licences.of("r")).cases == (failed, staging_case(), older)
        with pytest.raises(ValueError, match="none of staging"):
            await work.licences.add_cases("r", [staging_case("a7", staging=False)])


async def test_what_is_not_on_record_is_counted_and_is_nothing(database: Database) -> None:
    async with database.read() as work:
        held = await work.licences.of("r")
    assert (held.gates, held.seals, held.demotions, held.lifted, held.cases) == ((), {}, (), (), ())


async def test_the_last_report_about_a_version_is_kept(database: Database) -> None:
    async with database.begin() as work:
        await work.licences.keep_report("r", "v1", {"gates": [1]}, NOW)
        await work.licences.keep_report("r", "v1", {"gates": [2]}, NOW + HOUR)
        assert await work.licences.report_of("r", "v1") == {"gates": [2]}
        assert await work.licences.report_of("r", "v2") is None
        assert await work.licences.report_of("another", "v1") is None


async def test_a_cause_demotes_once_for_good_and_its_key_is_kept_when_people_promote(database: Database) -> None:
    async with database.begin() as work:
        assert await work.licences.demote("r", HARM, NOW)
        assert not await work.licences.demote("r", HARM, NOW + HOUR)
        assert await work.licences.demote("another", HARM, NOW)
        (demotion,) = (await work.licences.of("r")).demotions
        assert (demotion.level, demotion.reason, demotion.at, demotion.cause) == (
            Level.L1,
            "it did harm in INC-1",
            NOW,
            "harmed:a1",
        )
        assert await work.licences.promote("r", "U01ALICE", NOW + HOUR) == ("harmed:a1",)
        assert await work.licences.promote("r", "U01ALICE", NOW + HOUR) == ()
        held = await work.licences.of("r")
        assert (held.demotions, held.lifted) == ((), ("harmed:a1",))
        assert not await work.licences.demote("r", HARM, NOW + HOUR), "what was lifted does not come again"
        assert (await work.licences.of("another")).demotions


async def test_an_overdue_review_ends_with_the_review_and_not_with_a_promotion(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        await work.reviews.ask("a1", NOW)
        assert await work.licences.demote("r", overdue("a1", "INC-1"), NOW, action_id="a1")
        assert await work.licences.demote("r", HARM, NOW, action_id="a1")
        assert await work.licences.promote("r", "U01ALICE", NOW) == ("harmed:a1",)
        assert [one.cause for one in (await work.licences.of("r")).demotions] == ["overdue:a1"]
        await work.reviews.complete("a1", "U02BOB", {"judgement": "right"}, NOW)
        assert await work.licences.reviewed("a1", "U02BOB", NOW)
        assert not await work.licences.reviewed("a1", "U02BOB", NOW)
        held = await work.licences.of("r")
        assert (held.demotions, held.lifted) == ((), ("harmed:a1",))


async def test_people_lift_what_an_overdue_review_took_once_that_is_done_and_has_lifted_nothing(
    database: Database,
) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        await work.reviews.ask("a1", NOW)
        await work.licences.demote("r", overdue("a1", "INC-1"), NOW, action_id="a1")
        await work.reviews.complete("a1", "U02BOB", {"judgement": "wrong"}, NOW)
        assert await work.licences.promote("r", "U01ALICE", NOW) == ("overdue:a1",)


async def test_demotions_stand_the_lowest_first(database: Database) -> None:
    async with database.begin() as work:
        await work.licences.demote("r", HARM, NOW)
        await work.licences.demote("r", Due(Cause.FAILED, "failed:a2", "it did not help", Level.L0), NOW)
        assert [one.level for one in (await work.licences.of("r")).demotions] == [Level.L0, Level.L1]
