"""Storage under the real durable engine: work starts when, and only when, the transaction that asked for it commits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.response.engine.dbos import Engine
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.flow import Flow, FlowName
from bot.response.ports.work import Work
from storage.database import Database
from storage.held_leases import HeldLeases
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.incidents import NOW, open_incident

pytestmark = pytest.mark.xdist_group("durable engine")


class Assessments:
    """The flow under test: notes each assessment in one transaction, and can be made to fail inside it."""

    def __init__(self) -> None:
        self.begun = asyncio.Queue[int]()
        self.done = asyncio.Queue[int]()
        self.failures: list[str] = []

    async def consider(self, flow: Flow, incident_id: int) -> None:
        async def assess(work: Work) -> int:
            await work.incidents.begin_consideration(incident_id, NOW)
            return await work.audit.append(
                kind=AuditKind.DECISION_MADE, actor="watchkeeper", at=NOW, body={}, incident_id=incident_id
            )

        async def spoil(work: Work) -> None:
            await work.audit.append(
                kind=AuditKind.FLOW_FAILED, actor="watchkeeper", at=NOW, body={}, incident_id=incident_id
            )
            raise RuntimeError("the look went wrong")

        await flow.transaction("assess", assess)
        self.done.put_nowait(incident_id)
        if incident_id == 2:
            await flow.transaction("spoil", spoil)

    async def failed(self, flow: str, arguments: tuple[Any, ...], error: Exception) -> None:
        self.failures.append(f"{flow}{arguments}: {error}")
        self.done.put_nowait(-1)


@pytest.fixture
def flow() -> Assessments:
    return Assessments()


@pytest.fixture
async def durable(database_url: str, flow: Assessments) -> AsyncIterator[Database]:
    engine = Engine(database_url)
    database = Database(database_url, engine, AUDIT_KEY)
    await database.open()
    await engine.prepare()
    await engine.launch(database, {FlowName.CONSIDER: flow.consider}, flow.failed, HeldLeases(database, lambda: NOW))
    yield database
    await engine.close()
    await database.close()


async def test_an_assessment_runs_once_when_its_transaction_commits(durable: Database, flow: Assessments) -> None:
    async with durable.begin() as work:
        incident_id = await open_incident(work)
        await work.queue.consider(incident_id)
        await work.queue.consider(incident_id)
    assert await flow.done.get() == incident_id
    async with durable.read() as work:
        assert [entry.kind for entry in await work.audit.of_incident(incident_id)] == [AuditKind.DECISION_MADE]


async def test_a_transaction_that_is_rolled_back_starts_nothing(durable: Database, flow: Assessments) -> None:
    async def change_of_mind() -> None:
        async with durable.begin() as work:
            await work.queue.consider(await open_incident(work))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_of_mind()
    async with durable.begin() as work:
        incident_id = await open_incident(work, "another")
        await work.queue.consider(incident_id)
    assert await flow.done.get() == incident_id
    async with durable.read() as work:
        assert [entry.incident_id for entry in await work.audit.latest()] == [incident_id]


async def test_a_step_that_fails_gives_its_audit_numbers_back(durable: Database, flow: Assessments) -> None:
    async with durable.begin() as work:
        await open_incident(work, "first")
        second = await open_incident(work, "second")
        assert second == 2
        await work.queue.consider(second)
    assert [await flow.done.get(), await flow.done.get()] == [2, -1]
    assert flow.failures == [f"{FlowName.CONSIDER}(2,): the look went wrong"]
    async with durable.read() as work:
        assert (await work.audit.head()).number == 1


async def test_flows_and_people_write_at_once_without_losing_a_number(durable: Database, flow: Assessments) -> None:
    async def person(name: str) -> None:
        async with durable.begin() as work:
            await work.audit.append(kind=AuditKind.ACTION_VOTE, actor=name, at=NOW, body={})

    async with durable.begin() as work:
        ids = [await open_incident(work, f"group {number}") for number in range(3, 13)]
        ids = [incident_id for incident_id in ids if incident_id != 2]
        for incident_id in ids:
            await work.queue.consider(incident_id)
    await asyncio.gather(*(person(f"U{number}") for number in range(20)))
    for _ in ids:
        await flow.done.get()
    async with durable.read() as work:
        numbers = [entry.number async for entry in work.audit.entries()]
    assert numbers == list(range(1, len(ids) + 21))
