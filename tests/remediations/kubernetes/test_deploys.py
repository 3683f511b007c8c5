"""``roll_back_deploy`` on a real control plane: by what was deployed, never by a number."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.file.protected import Protected
from bot.policy.plan import Exactness, Plan
from bot.remediation import (
    About,
    Condition,
    HaltedError,
    Health,
    MovedOnError,
    NothingToDoError,
    PermanentError,
    Record,
    Remediation,
)
from remediations.application.roll_back_deploy import RollBackDeployParameters
from remediations.catalogue import build_catalogue
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import (
    LIMITS,
    NOW,
    WITHIN_SECONDS,
    create,
    deploy,
    running,
    section,
    template_of,
)

pytestmark = ON_KUBERNETES
GOOD, BAD, WORSE = (f"registry.example/web:{number}" for number in (1, 2, 3))


@pytest.fixture
def deploys(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Remediation:
    return build_catalogue({"kubernetes": section(control_plane, namespace, tmp_path)})["roll_back_deploy"]


async def plan_for(deploys: Remediation, service: str = "web", *, now: datetime = NOW, **wanted: Any) -> Plan:
    return await deploys.plan(RollBackDeployParameters(service=service, **wanted), About(service="shop", now=now))


async def act(deploys: Remediation, plan: Plan, execution: ExecutionInMemory | None = None) -> Record:
    """Execute it, as far as it gets."""
    snapshot, execution = await deploys.snapshot(plan), execution or ExecutionInMemory()
    try:
        report = await deploys.execute(plan, snapshot, execution)
    except HaltedError:
        report = None
    return Record(snapshot=snapshot, after=await deploys.snapshot(plan), steps=tuple(execution.steps), report=report)


async def settled(deploys: Remediation, plan: Plan, record: Record) -> Health:
    async def no_longer_settling() -> Health | None:
        health = await deploys.health(plan, record)
        return None if health.condition is Condition.SETTLING else health

    found = await until(no_longer_settling, "the rollout is over", within_seconds=WITHIN_SECONDS)
    assert isinstance(found, Health)
    return found


async def image_of(api: ApiClient, namespace: str, name: str = "web") -> str:
    return str((await template_of(api, namespace, name))["spec"]["containers"][0]["image"])


async def restart_by_kubectl(api: ApiClient, namespace: str, name: str, when: str) -> None:
    change: Any = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": when}}}}}
    await client.AppsV1Api(api).patch_namespaced_deployment(name, namespace, change, **LIMITS)


async def test_a_deploy_that_is_stuck_goes_back_and_forward_again(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 2)
    good = await template_of(administrator, namespace, "web")
    await deploy(administrator, namespace, "web", BAD, works=False)
    bad = await template_of(administrator, namespace, "web")

    plan = await plan_for(deploys)
    assert plan.digest == (await plan_for(deploys)).digest
    (target,) = plan.targets
    assert (target.state["images"], target.becomes["images"]) == ([BAD], [GOOD])
    assert plan.rollback.exactness is Exactness.EXACT
    assert any("databases" in step for step in plan.steps)
    assert "would roll web back" in (await deploys.rehearse(plan)).summary
    assert await template_of(administrator, namespace, "web") == bad, "a rehearsal changes nothing"

    record = await act(deploys, plan)
    assert await template_of(administrator, namespace, "web") == good
    health = await settled(deploys, plan, record)
    assert health.condition is Condition.HEALTHY, health
    with pytest.raises(NothingToDoError, match="was rolled back already"):
        await plan_for(deploys)
    told = deploys.left(plan, record)
    assert told is not None
    assert record.after is not None
    assert deploys.compared(plan, told) == deploys.compared(plan, record.after)

    for _ in range(2):  # a rollback may be tried again
        await deploys.roll_back(plan, record, ExecutionInMemory())
        assert await template_of(administrator, namespace, "web") == bad


async def test_it_never_toggles_back_to_the_bad_version(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    """Numbers are given anew: after the first rollback the bad version is the one before the present one."""
    await create(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", BAD)
    await act(deploys, await plan_for(deploys))
    await running(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", WORSE)
    plan = await plan_for(deploys)
    assert plan.targets[0].becomes["images"] == [GOOD]
    await act(deploys, plan)
    assert await image_of(administrator, namespace) == GOOD
    with pytest.raises(NothingToDoError):
        await plan_for(deploys)


async def test_a_restart_is_no_version_to_go_back_to(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", BAD)
    await restart_by_kubectl(administrator, namespace, "web", "2026-01-01T00:00:00Z")
    await running(administrator, namespace, "web", 1)
    restarted = await template_of(administrator, namespace, "web")
    plan = await plan_for(deploys)
    assert plan.targets[0].becomes["images"] == [GOOD]
    record = await act(deploys, plan)
    await restart_by_kubectl(administrator, namespace, "web", "2026-01-01T00:05:00Z")
    await running(administrator, namespace, "web", 1)
    assert record.after is not None
    assert deploys.compared(plan, await deploys.snapshot(plan)) == deploys.compared(plan, record.after)
    await deploys.roll_back(plan, record, ExecutionInMemory())
    assert await template_of(administrator, namespace, "web") == restarted


async def test_a_deploy_that_went_out_in_between_is_left_alone(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", BAD)
    plan = await plan_for(deploys)
    await deploy(administrator, namespace, "web", WORSE)
    assert (await plan_for(deploys)).digest != plan.digest
    with pytest.raises(PermanentError, match=r"Somebody has deployed web since: it is at web:3 .*Plan again"):
        await act(deploys, plan)
    assert await image_of(administrator, namespace) == WORSE

    plan = await plan_for(deploys, to="web:1")
    record = await act(deploys, plan)
    await deploy(administrator, namespace, "web", "registry.example/web:4")
    with pytest.raises(MovedOnError, match="Somebody has deployed web since: it is at web:4"):
        await deploys.roll_back(plan, record, ExecutionInMemory())
    assert await image_of(administrator, namespace) == "registry.example/web:4"

    told = record.model_copy(update={"after": await deploys.snapshot(plan)})
    await deploys.roll_back(plan, told, ExecutionInMemory())
    assert await image_of(administrator, namespace) == WORSE  # as whoever was told of it wanted


async def test_a_version_can_be_named(deploys: Remediation, administrator: ApiClient, namespace: str) -> None:
    await create(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", BAD)
    await deploy(administrator, namespace, "web", WORSE)
    plan = await plan_for(deploys, to="web:1")
    named = plan.targets[0].becomes["name"]
    assert (await plan_for(deploys, to=named)).targets == plan.targets
    with pytest.raises(NothingToDoError, match=r"is at web:3 .* already"):
        await plan_for(deploys, to="web:3")
    with pytest.raises(PermanentError, match=r"'eb:1' is no version that is kept of web; .*: web:2 .*, web:1 "):
        await plan_for(deploys, to="eb:1")
    await act(deploys, plan)
    assert await image_of(administrator, namespace) == GOOD


async def test_the_second_of_two_is_not_begun_once_somebody_halts_it(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    apps = client.AppsV1Api(administrator)
    for name in ("web", "worker"):
        await create(administrator, namespace, name, 1)
        await apps.patch_namespaced_deployment(name, namespace, {"metadata": {"labels": {"part": "shop"}}}, **LIMITS)
        await deploy(administrator, namespace, name, BAD)
    plan = await plan_for(deploys, "part=shop")
    assert [target.label for target in plan.targets] == ["web", "worker"]
    record = await act(deploys, plan, ExecutionInMemory(halt_before=1))
    assert record.report is None
    assert [await image_of(administrator, namespace, name) for name in ("web", "worker")] == [GOOD, BAD]
    assert (await deploys.health(plan, record)).condition is Condition.UNHEALTHY

    await deploy(administrator, namespace, "worker", WORSE)  # not ours, and so not looked at
    await deploys.roll_back(plan, record, ExecutionInMemory())
    assert [await image_of(administrator, namespace, name) for name in ("web", "worker")] == [BAD, WORSE]


async def test_what_cannot_be_rolled_back_is_refused(
    deploys: Remediation, administrator: ApiClient, namespace: str
) -> None:
    assert (await plan_for(deploys, "nobody")).targets == ()
    await create(administrator, namespace, "web", 1)
    with pytest.raises(PermanentError, match="has no earlier version than web:1"):
        await plan_for(deploys)
    await deploy(administrator, namespace, "web", BAD)
    about = About(service="shop", now=NOW, protected=Protected(targets=("kubernetes:*/deployment/web",)))
    with pytest.raises(PermanentError, match="is protected"):
        await deploys.plan(RollBackDeployParameters(service="web"), about)
    apps = client.AppsV1Api(administrator)
    await apps.patch_namespaced_deployment("web", namespace, {"spec": {"paused": True}}, **LIMITS)
    with pytest.raises(PermanentError, match=r"is paused, .*kubectl rollout resume deployment web"):
        await plan_for(deploys)


async def test_what_speaks_against_it_is_said(deploys: Remediation, administrator: ApiClient, namespace: str) -> None:
    await create(administrator, namespace, "web", 1)
    await deploy(administrator, namespace, "web", BAD)
    apps = client.AppsV1Api(administrator)
    mark: Any = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop"}}}
    await apps.patch_namespaced_deployment("web", namespace, mark, **LIMITS)
    found = await client.AppsV1Api(administrator).list_namespaced_replica_set(namespace, **LIMITS)
    deployed = max(each.metadata.creation_timestamp for each in found.items)

    soon = "\n".join((await plan_for(deploys, now=deployed + timedelta(seconds=30))).cautions)
    assert "was deployed 30 s ago: whoever did so may still be at it" in soon
    assert "Argo CD deploys web, and will put back what its repository says" in soon
    assert "in service for" in soon
    late = "\n".join((await plan_for(deploys, now=deployed + timedelta(days=3))).cautions)
    assert "was deployed 3 days ago already: it is unlikely to be why" in late
