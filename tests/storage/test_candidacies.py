"""Candidacies as rows: one run of gates at a time, one holder, one decision, on both databases."""

from datetime import timedelta

from bot.response.model.candidacies import Candidacy, CandidacyEvent, CandidacyKind, CandidacyState, Findings
from bot.response.model.notices import ThreadLine
from bot.response.notices.candidacy_card import tell
from storage.database import Database
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, card, open_incident
from tests.storage.test_races import race

RUNBOOK = "restart-checkout"
LATER = NOW + timedelta(minutes=2)


async def begin(work: UnitOfWork, handle: str, **changes: str) -> Candidacy | None:
    wanted = {"by": "U01ALICE", **changes}
    kind = CandidacyKind.RECORD if "key" in changes else CandidacyKind.GATES
    return await work.candidacies.begin(handle, RUNBOOK, kind, findings=Findings(), now=NOW, **wanted)


async def begun(database: Database, handle: str = "c1", **changes: str) -> Candidacy:
    async with database.begin() as work:
        found = await begin(work, handle, **changes)
    assert found is not None
    return found


async def test_of_many_who_ask_at_once_one_has_the_gates_run(database: Database) -> None:
    async def ask(work: UnitOfWork, number: int) -> bool:
        return await begin(work, f"c{number}") is not None

    assert sum(await race(database, ask)) == 1
    async with database.read() as work:
        assert len(await work.candidacies.due(NOW)) == 1


async def test_a_proposal_is_made_once_for_each_state(database: Database) -> None:
    async def propose(work: UnitOfWork, number: int) -> bool:
        return await begin(work, f"c{number}", key="this state") is not None

    assert sum(await race(database, propose)) == 1
    await begun(database, "another", key="another state")
    async with database.read() as work:
        waiting = await work.candidacies.of(RUNBOOK, CandidacyState.WAITING)
        assert [one.state for one in waiting] == [CandidacyState.WAITING] * 2
        assert not await work.candidacies.due(NOW), "nothing is run for them"


async def test_one_replica_holds_it_and_whoever_lost_it_changes_nothing(database: Database) -> None:
    number = (await begun(database)).id

    async def claim(work: UnitOfWork, name: int) -> bool:
        return await work.candidacies.claim(number, by=str(name), now=NOW, until=LATER) is not None

    assert sum(await race(database, claim)) == 1
    async with database.begin() as work:
        assert await work.candidacies.claim(number, by="next", now=LATER, until=LATER + timedelta(minutes=2))
    shown = CandidacyEvent.SHOWN
    async with database.begin() as work:
        assert not await work.candidacies.hold(number, by="0", until=LATER)
        assert await work.candidacies.note(number, Findings(text="stale"), by="0") is None
        assert await work.candidacies.move(number, shown, findings=Findings(), now=NOW, holder="0") is None
        assert await work.candidacies.hold(number, by="next", until=LATER)
        moved = await work.candidacies.move(number, shown, findings=Findings(text="seen"), now=NOW, holder="next")
    assert moved is not None
    assert (moved.findings.text, moved.tries, moved.revision) == ("seen", 2, 2)


async def test_of_many_who_press_at_once_one_decides(database: Database) -> None:
    number = (await begun(database, key="this state")).id

    async def press(work: UnitOfWork, person: int) -> bool:
        event = CandidacyEvent.PROMOTE if person % 2 else CandidacyEvent.DECLINE
        return await work.candidacies.move(number, event, findings=Findings(), now=NOW, by=str(person)) is not None

    assert sum(await race(database, press)) == 1


async def test_what_is_told_of_it_keeps_its_own_order_and_place(database: Database) -> None:
    candidacy = await begun(database)
    async with database.begin() as work:
        incident = await open_incident(work)
        await work.outbox.add(incident, card(incident), NOW)
        for title in ("first", "second"):
            await tell(work, candidacy, ThreadLine(title=title), at=NOW)
    async with database.begin() as work:
        due = list(await work.outbox.due(NOW))
        items = [await work.outbox.claim(one, by="us", now=NOW, until=LATER) for one in due]
        mine = [one for one in items if one is not None and one.incident_id is None]
        assert [getattr(one.notice, "title", "") for one in mine] == ["first"]
        assert await work.outbox.undelivered(incident) == 1
        untold = await work.second_notices.untold(since=LATER, given_up_since=NOW)
        assert {one.incident_id for one in untold} <= {incident}, "the second channel is for incidents"
        await work.outbox.delivered(mine[0].id, channel="C01INC", ts="1.0", now=NOW)
        assert mine[0].channel is None
