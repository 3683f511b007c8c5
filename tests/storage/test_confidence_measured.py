"""Whether confidence has meant what it said is measured over what was carried out, and over nothing else."""

from datetime import timedelta

import pytest

from bot.policy.track_record import Ending, Judged, PastCase
from bot.response.interventions.calibrations import MEASURED_OVER, confidence_measured
from bot.response.model.actions import ActionState
from storage.database import Database
from tests.fixtures.cases import carried_out
from tests.fixtures.incidents import NOW, action, open_incident


async def test_what_was_stated_at_the_moment_of_acting_stands_beside_what_came_of_it(database: Database) -> None:
    async with database.begin() as work:
        await carried_out(work, "a", 0.9)
        await carried_out(work, "b", 0.9, worked=False)
        await carried_out(work, "c", 0.5, runbook="another")
    async with database.read() as work:
        measured = await confidence_measured(work, NOW)
    assert measured.count == 3
    assert measured.stated == pytest.approx(2.3 / 3)
    assert measured.observed == pytest.approx(2 / 3)
    assert measured.brier == pytest.approx((0.1**2 + 0.9**2 + 0.5**2) / 3)


async def test_what_a_person_found_harmful_did_not_work(database: Database) -> None:
    async with database.begin() as work:
        await carried_out(work, "a", 0.9)
        await work.reviews.ask("a", NOW)
        await work.reviews.complete("a", "U02BOB", {"judgement": str(Judged.HARMFUL)}, NOW)
    async with database.read() as work:
        assert (await confidence_measured(work, NOW)).observed == 0


async def test_what_was_never_carried_out_is_long_ago_or_stated_no_confidence_is_not_measured(
    database: Database,
) -> None:
    async with database.begin() as work:
        await carried_out(work, "long ago", 0.9, at=NOW - MEASURED_OVER - timedelta(seconds=1))
        await carried_out(work, "nobody said", None)
        refused = await open_incident(work)
        await work.actions.add(action(refused, "refused", ActionState.STOPPED, finished_at=NOW))
        staged = PastCase(key="chaos-1", ending=Ending.VERIFIED, at=NOW, digest="d", staging=True)
        await work.licences.add_cases("restart-checkout", [staged])
        assert (await confidence_measured(work, NOW)).count == 0
        await carried_out(work, "just so", 0.9, at=NOW - MEASURED_OVER)
        assert (await confidence_measured(work, NOW)).count == 1
