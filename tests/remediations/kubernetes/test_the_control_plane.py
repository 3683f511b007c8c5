"""What the tests of remediations stand on is Kubernetes: its scheduler, controllers and access rules decide."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient, ApiException

from bot.local.servers import until
from tests.fixtures.kubernetes import HOME, NODES, ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, create, pods_of, running

pytestmark = ON_KUBERNETES


async def protect(api: ApiClient, namespace: str, name: str, *, leave: int) -> None:
    """Make a PodDisruptionBudget, and wait until Kubernetes has counted what it covers."""
    budgets = client.CustomObjectsApi(api)
    where = ("policy", "v1beta1", namespace, "poddisruptionbudgets")
    budget = {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": leave, "selector": {"matchLabels": {"app": name}}},
    }
    await budgets.create_namespaced_custom_object(*where, budget, **LIMITS)

    async def counted() -> bool:
        found: Any = await budgets.get_namespaced_custom_object(*where, name, **LIMITS)
        return bool(found.get("status", {}).get("currentHealthy", 0) >= leave)

    await until(counted, f"the budget of {name} has been counted", within_seconds=WITHIN_SECONDS)


async def evict(api: ApiClient, namespace: str, pod: str) -> None:
    eviction: Any = {
        "apiVersion": "policy/v1beta1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    await client.CoreV1Api(api).create_namespaced_pod_eviction(pod, namespace, eviction, **LIMITS)


async def refusal(call: Callable[[], Awaitable[object]]) -> tuple[int, str]:
    """The status and the words with which Kubernetes refuses."""
    with pytest.raises(ApiException) as refused:
        await call()
    return refused.value.status, json.loads(refused.value.body or b"{}").get("message", "")


async def test_a_deployment_becomes_available_on_the_hollow_nodes(administrator: ApiClient, namespace: str) -> None:
    pods = await create(administrator, namespace, "web", 3)
    assert {pod.spec.node_name for pod in pods} <= set(NODES)
    assert {pod.status.phase for pod in pods} == {"Running"}


async def test_a_kubelet_that_ends_is_started_again(
    administrator: ApiClient, control_plane: ControlPlane, namespace: str
) -> None:
    whole = psutil.Process(control_plane.nodes[NODES[0]].pid)
    (ended,) = whole.children()
    ended.kill()

    async def again() -> bool:
        return any(each.pid != ended.pid and "kubemark" in each.name() for each in whole.children())

    await until(again, "another one runs", within_seconds=WITHIN_SECONDS)
    await create(administrator, namespace, "web", 1, node=NODES[0])


async def test_nothing_new_is_put_on_a_cordoned_node(administrator: ApiClient, bot: ApiClient, namespace: str) -> None:
    cordoned, *others = NODES
    nodes = client.CoreV1Api(bot)
    await nodes.patch_node(cordoned, {"spec": {"unschedulable": True}}, **LIMITS)
    try:

        async def is_tainted() -> bool:
            node = await nodes.read_node(cordoned, **LIMITS)
            return any(taint.key == "node.kubernetes.io/unschedulable" for taint in node.spec.taints or ())

        await until(is_tainted, f"the controllers keep pods off {cordoned}", within_seconds=WITHIN_SECONDS)
        pods = await create(administrator, namespace, "web", 4)
        assert {pod.spec.node_name for pod in pods} <= set(others)
    finally:
        await nodes.patch_node(cordoned, {"spec": {"unschedulable": None}}, **LIMITS)

    # Uncordoned, it takes what may run nowhere else.
    await create(administrator, namespace, "picky", 1, node=cordoned)


async def test_an_evicted_pod_is_replaced(administrator: ApiClient, bot: ApiClient, namespace: str) -> None:
    evicted, stayed = await create(administrator, namespace, "web", 2)
    await evict(bot, namespace, evicted.metadata.name)

    async def is_gone() -> bool:
        names = {pod.metadata.name for pod in await pods_of(administrator, namespace, "web")}
        return evicted.metadata.name not in names

    await until(is_gone, "the pod is gone", within_seconds=WITHIN_SECONDS)
    now = {pod.metadata.name for pod in await running(administrator, namespace, "web", 2)}
    assert stayed.metadata.name in now


async def test_a_disruption_budget_refuses_an_eviction(
    administrator: ApiClient, bot: ApiClient, namespace: str
) -> None:
    first, second = await create(administrator, namespace, "web", 2)
    await protect(administrator, namespace, "web", leave=2)
    status, words = await refusal(lambda: evict(bot, namespace, first.metadata.name))
    assert (status, "disruption budget" in words) == (429, True)
    assert {pod.metadata.name for pod in await pods_of(administrator, namespace, "web")} == {
        first.metadata.name,
        second.metadata.name,
    }


async def test_a_change_to_what_has_changed_since_is_a_conflict(
    administrator: ApiClient, bot: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    apps = client.AppsV1Api(bot)
    seen = (await apps.read_namespaced_deployment("web", namespace, **LIMITS)).metadata.resource_version
    await apps.patch_namespaced_deployment("web", namespace, {"spec": {"paused": True}}, **LIMITS)
    stale = {"metadata": {"resourceVersion": seen}, "spec": {"paused": False}}
    status, _ = await refusal(lambda: apps.patch_namespaced_deployment("web", namespace, stale, **LIMITS))
    assert status == 409


async def test_the_bot_may_do_what_its_roles_say_and_no_more(
    administrator: ApiClient, bot: ApiClient, namespace: str
) -> None:
    (pod,) = await create(administrator, namespace, "web", 1)
    apps, core = client.AppsV1Api(bot), client.CoreV1Api(bot)
    refused = {
        "delete a Deployment": lambda: apps.delete_namespaced_deployment("web", namespace, **LIMITS),
        "scale a Deployment": lambda: apps.patch_namespaced_deployment_scale("web", namespace, {}, **LIMITS),
        "delete a pod": lambda: core.delete_namespaced_pod(pod.metadata.name, namespace, **LIMITS),
        "delete a node": lambda: core.delete_node(NODES[0], **LIMITS),
        "read secrets": lambda: core.list_namespaced_secret(namespace, **LIMITS),
        "change what it was not given": lambda: apps.patch_namespaced_deployment("other", HOME, {}, **LIMITS),
    }
    assert {what: (await refusal(call))[0] for what, call in refused.items()} == dict.fromkeys(refused, 403)
