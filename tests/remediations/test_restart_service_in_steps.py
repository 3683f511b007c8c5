"""How several instances are restarted one after the other, and what a plan says of those that stay."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy.file.protected import Protected
from bot.policy.plan import Remaining
from bot.remediation import Condition, HaltedError, PermanentError, Record, Snapshot, TemporaryError
from remediations.backends.base import UnknownTargetError
from remediations.capability import Through
from remediations.infrastructure.restart_service import Found, Instance, RestartService, RestartServiceParameters
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.servers import Program
from tests.remediations.restarting import about, condition, plan_for, restart, restarting

WANTED = RestartServiceParameters(backend="rollouts", service="shop")


def instance(name: str, revision: int = 1) -> Instance:
    return Instance(
        address=f"shop/{name}",
        label=name,
        condition=Condition.HEALTHY,
        seen="available",
        state={"revision": revision},
        identity={"revision": revision},
        how=f"Roll {name} out anew.",
        takes=1,
    )


@dataclass
class Rollouts:
    """A system in memory in which a restart takes some looks to settle."""

    instances: dict[str, Instance]
    looks: int = 0
    """How often a restarted instance is seen settling."""
    comes_back: Condition = Condition.HEALTHY
    restarts: bool = True
    """False: it says that it has restarted, and has not."""
    away: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    settling: dict[str, int] = field(default_factory=dict)
    begun_early: list[str] = field(default_factory=list)
    """What was begun while another was still settling."""

    def __str__(self) -> str:
        return "the cluster"

    async def find(self, name: str) -> Found:
        return Found(tuple(self.instances.values()))

    async def read(self, address: str) -> Instance:
        if self.away:
            raise TemporaryError("The cluster cannot be reached.")
        if address not in self.instances:
            raise UnknownTargetError(f"{address} is gone.")
        if self.settling.get(address, 0):
            self.settling[address] -= 1
            return replace(self.instances[address], condition=Condition.SETTLING, seen="rolling out")
        return self.instances[address]

    async def restart(self, instance: Instance, idempotency_key: str) -> None:
        self.asked.append((instance.address, idempotency_key))
        self.begun_early += [address for address, looks in self.settling.items() if looks]
        if self.restarts:
            revision = int(str(instance.identity["revision"])) + 1
            identity = {"revision": revision}
            self.instances[instance.address] = replace(
                instance, state=identity, identity=identity, condition=self.comes_back, seen="stuck"
            )
            self.settling[instance.address] = self.looks

    async def every(self) -> Collection[Instance]:
        return list(self.instances.values())


def rollouts(*instances: Instance, **how: object) -> tuple[Rollouts, RestartService]:
    system = Rollouts({each.address: each for each in instances}, **how)  # type: ignore[arg-type]
    return system, RestartService(Through({"rollouts": system}, ("rollouts",)))


def impatient(**how: object) -> ExecutionInMemory:
    return ExecutionInMemory(poll_seconds=0.001, **how)  # type: ignore[arg-type]


async def test_the_next_is_begun_when_the_one_before_has_come_back() -> None:
    system, remediation = rollouts(instance("east"), instance("west"), looks=5)
    plan = await remediation.plan(WANTED, about())
    execution = impatient(key="one-action")
    report = await remediation.execute(plan, await remediation.snapshot(plan), execution)
    assert system.asked == [("shop/east", "one-action"), ("shop/west", "one-action")]
    assert system.begun_early == []
    assert [step.words for step in execution.steps] == ["Restart east (1 of 2)", "Restart west (2 of 2)"]
    assert [step.target for step in execution.steps] == [target.key for target in plan.targets]
    assert report.details["restarted"]["shop/east"] == {"revision_before": 1, "revision_after": 2}


async def test_the_last_is_left_settling_for_verification_to_wait_for() -> None:
    _, remediation = rollouts(instance("east"), looks=4)
    plan = await remediation.plan(WANTED, about())
    await remediation.execute(plan, await remediation.snapshot(plan), impatient())
    assert await condition(remediation, plan) is Condition.SETTLING
    while (now := await condition(remediation, plan)) is Condition.SETTLING:
        pass
    assert now is Condition.HEALTHY


async def test_one_that_does_not_come_back_keeps_the_others_untouched() -> None:
    system, remediation = rollouts(instance("east"), instance("west"), comes_back=Condition.UNHEALTHY)
    plan = await remediation.plan(WANTED, about())
    execution = impatient()
    with pytest.raises(PermanentError, match=r"east on the cluster did not come back: it is stuck\. Nothing else"):
        await remediation.execute(plan, await remediation.snapshot(plan), execution)
    assert [address for address, _ in system.asked] == ["shop/east"]
    assert [(step.ended, bool(step.problem)) for step in execution.steps] == [(False, True)]


async def test_one_that_never_settles_ends_the_execution_at_its_limit() -> None:
    east = replace(instance("east"), within=timedelta(seconds=10))
    system, remediation = rollouts(east, instance("west"), looks=1_000_000)
    plan = await remediation.plan(WANTED, about())
    with pytest.raises(PermanentError, match=r"east is still rolling out.*Tried for 10 s"):
        await remediation.execute(plan, await remediation.snapshot(plan), impatient(patient=False))
    assert [address for address, _ in system.asked] == ["shop/east"]


async def test_a_system_that_says_it_restarted_and_did_not_is_found_out() -> None:
    _, remediation = rollouts(instance("east"), restarts=False)
    plan = await remediation.plan(WANTED, about())
    with pytest.raises(PermanentError, match=r"was told to restart, and is still the same as before"):
        await remediation.execute(plan, await remediation.snapshot(plan), impatient())


async def test_one_that_drifted_keeps_every_one_from_being_begun() -> None:
    system, remediation = rollouts(instance("east"), instance("west"))
    plan = await remediation.plan(WANTED, about())
    snapshot = await remediation.snapshot(plan)
    system.instances["shop/west"] = instance("west", revision=5)
    execution = impatient()
    with pytest.raises(PermanentError, match=r"planned: revision 1; now: revision 5.*Plan again"):
        await remediation.execute(plan, snapshot, execution)
    assert (system.asked, execution.steps) == ([], [])


async def test_stopped_between_two_what_is_done_stays_and_the_rest_is_untouched() -> None:
    system, remediation = rollouts(instance("east"), instance("west"))
    plan = await remediation.plan(WANTED, about())
    with pytest.raises(HaltedError):
        await remediation.execute(plan, await remediation.snapshot(plan), impatient(halt_before=1))
    assert [address for address, _ in system.asked] == ["shop/east"]


async def test_what_its_system_says_of_it_stands_in_the_plan() -> None:
    _, remediation = rollouts(
        replace(instance("east"), within=timedelta(minutes=5), services=frozenset({"shop"}), cautions=("Deployed.",)),
        replace(instance("west"), within=timedelta(minutes=1), services=frozenset({"mail"}), cautions=("Deployed.",)),
        replace(instance("idle"), spared="scaled to nothing on purpose", takes=0),
        replace(instance("held"), spared="paused", takes=0),
    )
    plan = await remediation.plan(WANTED, about())
    assert (plan.step_limit_seconds, plan.limit_seconds) == (300, 360)
    assert plan.services == frozenset({"shop", "mail"})
    assert plan.cautions == ("Deployed.",)
    assert plan.remaining is None  # it does not say how many there are
    assert plan.steps == (
        "Leave idle alone: scaled to nothing on purpose.",
        "Leave held alone: paused.",
        "Roll east out anew.",
        "Roll west out anew.",
    )


async def test_a_limit_that_one_of_them_does_not_know_is_no_limit() -> None:
    _, remediation = rollouts(replace(instance("east"), within=timedelta(minutes=5)), instance("west"))
    plan = await remediation.plan(WANTED, about())
    assert (plan.step_limit_seconds, plan.limit_seconds) == (None, None)


async def test_what_is_gone_is_unhealthy_and_what_cannot_be_asked_unknown() -> None:
    system, remediation = rollouts(instance("east"), instance("west"))
    plan = await remediation.plan(WANTED, about())
    system.instances["shop/west"] = replace(instance("west"), condition=Condition.UNKNOWN)
    assert await condition(remediation, plan) is Condition.UNKNOWN
    system.settling["shop/east"] = 1
    assert await condition(remediation, plan) is Condition.UNKNOWN
    del system.instances["shop/west"]
    health = await remediation.health(plan, Record(snapshot=Snapshot()))
    assert (health.condition, health.summary) == (Condition.UNHEALTHY, "east is available, west is gone")


async def test_nothing_to_undo_is_said_where_nobody_ever_could() -> None:
    _, remediation = rollouts(instance("east"))
    plan = await remediation.plan(WANTED, about())
    with pytest.raises(PermanentError, match="A restart on the cluster leaves nothing to undo"):
        await remediation.roll_back(plan, Record(snapshot=await remediation.snapshot(plan)), impatient())


async def test_a_backend_may_have_colons_in_its_name() -> None:
    system = Rollouts({"shop/east": instance("east")})
    remediation = RestartService(Through({"eu:west:1": system}, ("rollouts",)))
    plan = await remediation.plan(RestartServiceParameters(backend="eu:west:1", service="shop"), about())
    await remediation.execute(plan, await remediation.snapshot(plan), impatient())
    assert [address for address, _ in system.asked] == ["shop/east"]


async def test_what_stays_is_counted_live_over_the_whole_group(tmp_path: Path) -> None:
    programs = tuple(Program(name, group="shop") for name in ("east", "north", "west"))
    async with restarting(tmp_path, *programs, Program("other")) as (supervisord, remediation):
        assert (await plan_for(remediation, "shop")).remaining == Remaining(healthy=3, total=3, taken=1)
        assert (await plan_for(remediation, "shop:east")).remaining == Remaining(healthy=3, total=3, taken=1)
        plan = await plan_for(remediation, "shop")
        await programs[0].crash()
        await supervisord.until_state("shop:east", "EXITED")
        await supervisord.call("stopProcess", "shop:west")
        assert (await plan_for(remediation, "shop:north")).remaining == Remaining(healthy=1, total=3, taken=1)
        crashed = await plan_for(remediation, "shop:east")
        assert crashed.remaining == Remaining(healthy=1, total=3, taken=0)
        await restart(remediation, crashed)
        assert plan.digest != (await plan_for(remediation, "shop")).digest
        assert (await plan_for(remediation, "other")).remaining == Remaining(healthy=1, total=1, taken=1)


async def test_a_protected_process_is_refused_by_any_of_its_names(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("east", group="shop"), Program("west", group="shop")) as (_, remediation):
        for pattern in ("supervisor:shop:west", "shop:west", "*west", "supervisor:*"):
            with pytest.raises(PermanentError, match=r"of backend 'supervisor' is protected"):
                await remediation.plan(
                    RestartServiceParameters(service="shop"), about(protected=Protected(targets=(pattern,)))
                )


async def test_a_system_that_is_lost_before_the_first_step_has_begun_nothing() -> None:
    system, remediation = rollouts(instance("east"))
    plan = await remediation.plan(WANTED, about())
    snapshot = await remediation.snapshot(plan)
    system.away = True
    execution = impatient()
    with pytest.raises(TemporaryError):
        await remediation.execute(plan, snapshot, execution)
    assert execution.steps == []


async def test_what_runs_and_was_never_restarted_is_not_healthy_however_well_it_looks() -> None:
    _, remediation = rollouts(instance("east"), instance("west"))
    plan = await remediation.plan(WANTED, about())
    record = Record(snapshot=await remediation.snapshot(plan))
    with pytest.raises(HaltedError):
        await remediation.execute(plan, record.snapshot, impatient(halt_before=1))
    health = await remediation.health(plan, record)
    assert (health.condition, health.summary) == (Condition.UNHEALTHY, "east is stuck, west was not restarted")
    await remediation.execute(await remediation.plan(WANTED, about()), record.snapshot, impatient())
    assert (await remediation.health(plan, record)).condition is Condition.HEALTHY
