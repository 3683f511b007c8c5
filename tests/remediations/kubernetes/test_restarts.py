"""``restart_service`` on a real control plane: a rollout of the same template, as people do it with kubectl."""

import re
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.plan import Plan, Remaining
from bot.remediation import About, Condition, Health, PermanentError, Record, Remediation
from remediations.catalogue import build_catalogue
from remediations.infrastructure.restart_service import RestartServiceParameters
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.kubernetes import NODES, ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import (
    LIMITS,
    NOW,
    WITHIN_SECONDS,
    create,
    deploy,
    pods_of,
    section,
)

pytestmark = ON_KUBERNETES


@pytest.fixture
def restarts(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Remediation:
    return build_catalogue({"kubernetes": section(control_plane, namespace, tmp_path)})["restart_service"]


async def plan_for(restarts: Remediation, service: str) -> Plan:
    return await restarts.plan(
        RestartServiceParameters(backend="kubernetes", service=service), About(service="shop", now=NOW)
    )


async def restart(restarts: Remediation, plan: Plan, key: str = "key-of-the-action") -> Record:
    snapshot, execution = await restarts.snapshot(plan), ExecutionInMemory(key=key)
    report = await restarts.execute(plan, snapshot, execution)
    return Record(snapshot=snapshot, steps=tuple(execution.steps), report=report)


async def settled(restarts: Remediation, plan: Plan, record: Record) -> Health:
    async def no_longer_settling() -> Health | None:
        health = await restarts.health(plan, record)
        return None if health.condition is Condition.SETTLING else health

    found = await until(no_longer_settling, "the rollout is over", within_seconds=WITHIN_SECONDS)
    assert isinstance(found, Health)
    return found


async def test_every_pod_is_made_anew_and_it_settles_until_no_old_one_is_left(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    before = {pod.metadata.name for pod in await create(administrator, namespace, "web", 3)}
    plan = await plan_for(restarts, "web")
    assert [target.key for target in plan.targets] == [f"kubernetes:{namespace}/deployment/web"]
    assert plan.remaining == Remaining(healthy=3, total=3, taken=0)  # it may add one, and so takes none away
    assert plan.cautions == ()
    assert "would restart web" in (await restarts.rehearse(plan)).summary

    record = await restart(restarts, plan)
    assert (await restarts.health(plan, record)).condition is Condition.SETTLING
    assert await settled(restarts, plan, record) == Health(
        condition=Condition.HEALTHY, summary="web is serving with 3 of 3 pods"
    )
    now = {pod.metadata.name for pod in await pods_of(administrator, namespace, "web")}
    assert len(now) == 3
    assert not now & before


async def test_asked_twice_with_one_key_it_is_restarted_once(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    system: Any = restarts
    port = system._system(await plan_for(restarts, "web"))
    (instance,) = (await port.find("web")).instances
    await port.restart(instance, "one-key")
    once = await port.read(instance.address)
    await port.restart(once, "one-key")
    assert (await port.read(instance.address)).state == once.state
    await port.restart(once, "another-key")
    assert (await port.read(instance.address)).state != once.state


async def test_a_deploy_that_went_out_since_keeps_it_from_being_restarted(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    plan = await plan_for(restarts, "web")
    await deploy(administrator, namespace, "web", "registry.example/web:2", waits=False)
    assert (await plan_for(restarts, "web")).digest != plan.digest
    with pytest.raises(PermanentError, match="has changed since the plan was made"):
        await restart(restarts, plan)


async def test_a_scale_is_no_reason_to_plan_again(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    plan = await plan_for(restarts, "web")
    apps = client.AppsV1Api(administrator)
    await apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}}, **LIMITS)
    assert (await plan_for(restarts, "web")).digest == plan.digest
    await settled(restarts, plan, await restart(restarts, plan))


async def test_one_that_is_paused_or_scaled_to_nothing_is_left_alone(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    apps = client.AppsV1Api(administrator)
    await apps.patch_namespaced_deployment("web", namespace, {"spec": {"paused": True}}, **LIMITS)
    with pytest.raises(PermanentError, match=r"is paused, .*kubectl rollout resume deployment web"):
        await plan_for(restarts, "web")
    scaled: Any = {"spec": {"paused": False, "replicas": 0}}
    await apps.patch_namespaced_deployment("web", namespace, scaled, **LIMITS)
    with pytest.raises(PermanentError, match="is scaled to nothing"):
        await plan_for(restarts, "web")


async def test_a_rollout_under_way_is_a_change_of_others_and_an_autoscaler_in_charge_a_caution(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 2)
    assert (await plan_for(restarts, "web")).changing == ()
    await deploy(administrator, namespace, "web", "registry.example/web:2", works=False)
    autoscaler: Any = {
        "metadata": {"name": "web-scaler"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    await client.AutoscalingV1Api(administrator).create_namespaced_horizontal_pod_autoscaler(
        namespace, autoscaler, **LIMITS
    )
    plan = await plan_for(restarts, "web")
    [rollout] = plan.changing
    assert re.fullmatch(r"A rollout of web \(generation \d+\) is under way\.", rollout)
    assert plan.cautions == ("The autoscaler web-scaler is in charge of web.",)
    assert (await plan_for(restarts, "web")).changing == (rollout,), "it is the same one until another begins"


async def test_a_stateful_set_and_a_daemon_set_are_restarted_too(
    restarts: Remediation, administrator: ApiClient, namespace: str
) -> None:
    apps, labels = client.AppsV1Api(administrator), {"app": "data"}
    container = {"name": "data", "image": "registry.example/data:1"}
    pods: Any = {"containers": [container], "nodeSelector": {"kubernetes.io/hostname": NODES[0]}}
    template = {"metadata": {"labels": labels}, "spec": pods}
    body: Any = {
        "metadata": {"name": "data", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    await apps.create_namespaced_daemon_set(namespace, body, **LIMITS)
    body["spec"] |= {"replicas": 1, "serviceName": "data"}
    await apps.create_namespaced_stateful_set(namespace, body, **LIMITS)

    async def up() -> bool:
        return (await plan_for(restarts, "app=data")).remaining == Remaining(healthy=2, total=2, taken=1)

    await until(up, "both serve", within_seconds=WITHIN_SECONDS)
    with pytest.raises(PermanentError, match="write statefulset/data or daemonset/data"):
        await plan_for(restarts, "data")
    both = [await plan_for(restarts, f"{kind}/data") for kind in ("statefulset", "daemonset")]
    records = [await restart(restarts, plan) for plan in both]
    for plan, record in zip(both, records, strict=True):
        health = await settled(restarts, plan, record)
        assert health.condition is Condition.HEALTHY, health
