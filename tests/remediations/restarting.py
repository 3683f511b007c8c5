"""Restarts through a real supervisord, for the tests of ``restart_service``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.policy.plan import Plan
from bot.remediation import About, Condition, Record, Remediation, Report, Snapshot
from remediations.catalogue import build_catalogue
from remediations.infrastructure.restart_service import RestartServiceParameters
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.servers import Program, Supervisord, running_supervisord

STARTS_FOR_LONG = 10
"""Seconds of a process that must not become RUNNING by itself during a test, however busy the machine is."""


def restart_through(server: str, **settings: Any) -> Remediation:
    backend = {"server": server, "timeout": "10s", "settle_within": "15s", **settings}
    return build_catalogue({"supervisor": backend})["restart_service"]


def about(fleet: int | None = None, **known: Any) -> About:
    return About(service="checkout", fleet=fleet, now=datetime.now(UTC), **known)


async def plan_for(remediation: Remediation, service: str, fleet: int | None = None) -> Plan:
    return await remediation.plan(RestartServiceParameters(service=service), about(fleet))


async def execute(remediation: Remediation, plan: Plan, snapshot: Snapshot) -> Report:
    return await remediation.execute(plan, snapshot, ExecutionInMemory())


async def restart(remediation: Remediation, plan: Plan) -> Snapshot:
    snapshot = await remediation.snapshot(plan)
    await execute(remediation, plan, snapshot)
    return snapshot


async def roll_back(remediation: Remediation, plan: Plan, snapshot: Snapshot) -> Report:
    return await remediation.roll_back(plan, Record(snapshot=snapshot), ExecutionInMemory())


async def condition(remediation: Remediation, plan: Plan) -> Condition:
    return (await remediation.health(plan, Record(snapshot=Snapshot()))).condition


@asynccontextmanager
async def restarting(directory: Path, *programs: Program) -> AsyncIterator[tuple[Supervisord, Remediation]]:
    async with running_supervisord(directory, *programs) as supervisord:
        yield supervisord, restart_through(supervisord.server)
