"""Fifty who want to act at once, on PostgreSQL: of no budget is ever one taken too many, and none too few."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.rules.budgets import longest_window, states_of
from bot.response.assessment.situation import under_way_now
from bot.response.model.actions import Action, ActionEvent, ActionState
from storage.database import Database
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW, action, open_incident, plan

CLAIMANTS, REPLICAS = 50, 2
SERVICES = ("checkout", "orders")
RUNBOOKS = ("restart", "scale")
TARGETS = tuple(f"web:{number}" for number in range(10))
"""Claimant n is of the n-th of each, over and over: ten acts want each target, half of all each service and runbook."""


def written(limit: dict[str, Any]) -> Policy:
    services = {name: {"tier": 1, "fleet": 10} for name in SERVICES}
    channels = {"incidents": "C"}
    return Policy.model_validate(
        {"version": 1, "channels": channels, "people": {}, "services": services, "budgets": [limit]}
    )


def claimant(incident_id: int, number: int) -> Action:
    target, service = TARGETS[number % len(TARGETS)], SERVICES[number % 2]
    made = action(incident_id, f"c{number}", ActionState.WAITING, runbook=RUNBOOKS[number % 2], services=(service,))
    return replace(made, plan=plan(target))


async def take(work: UnitOfWork, policy: Policy, wanting: Action) -> bool:
    """What a claim does about budgets, in its one transaction."""
    keys = tuple(target.key for target in wanting.plan.targets)
    states = states_of(
        policy,
        await work.budgets.ledger(NOW, longest_window(policy)),
        frozenset(wanting.services),
        wanting.runbook,
        NOW,
        targets=keys,
        instances=wanting.plan.blast_radius.targets,
        under_way=await under_way_now(work, but=wanting.id),
    )
    if any(state.exhausted for state in states):
        return False
    await work.budgets.enter(policy, wanting.id, wanting.services, wanting.runbook, NOW)
    return await work.actions.move(wanting.id, ActionEvent.CLAIM) is not None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"scope": "all", "actions": 7, "per": "1h"}, 7),
        ({"scope": "tier", "actions": 7, "per": "1h"}, 7),
        ({"scope": "service", "actions": 7, "per": "1h"}, 14),
        ({"scope": "runbook", "actions": 7, "per": "1h"}, 14),
        ({"scope": "target", "actions": 2, "per": "1h"}, 20),
        ({"scope": "all", "concurrent": 7}, 7),
        ({"scope": "tier", "concurrent": 7}, 7),
        ({"scope": "service", "concurrent": 7}, 14),
        ({"scope": "runbook", "concurrent": 7}, 14),
        ({"scope": "target", "concurrent": 1}, 10),
        ({"scope": "service", "share": 0.2, "per": "1h"}, 2 * 2 * 5),
        ({"scope": "tier", "share": 0.2, "per": "1h"}, 4 * 5),
        ({"scope": "all", "share": 0.2, "per": "1h"}, 4 * 5),
    ],
)
async def test_of_no_limit_is_one_taken_too_many(
    migrated_postgresql_url: str, limit: dict[str, Any], expected: int
) -> None:
    """Of a share, each target that got in may be acted on again: five claimants want each."""
    policy = written(limit)
    replicas = [Database(migrated_postgresql_url, RecordingEnqueuer(), AUDIT_KEY) for _ in range(REPLICAS)]
    wanting = []
    async with replicas[0].begin() as work:
        incident_id = await open_incident(work)
        for number in range(CLAIMANTS):
            wanting.append(claimant(incident_id, number))
            await work.actions.add(wanting[-1])
            await work.actions.move(wanting[-1].id, ActionEvent.APPROVE, due_at=None)
    start = asyncio.Event()

    async def contend(number: int) -> bool:
        await start.wait()
        async with replicas[number % REPLICAS].begin() as work:
            return await take(work, policy, wanting[number])

    try:
        contending = [asyncio.create_task(contend(number)) for number in range(CLAIMANTS)]
        start.set()
        assert (await asyncio.gather(*contending)).count(True) == expected
        async with replicas[0].read() as work:
            ledger = await work.budgets.ledger(NOW, longest_window(policy))
        if "per" in limit:
            assert len(ledger) == expected
    finally:
        for database in replicas:
            await database.close()
