"""Faults on Kubernetes: on staging only, and mended to what was there before; and all of staging, looked at."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.remediation import PermanentError
from remediations.backends.base import UnknownTargetError
from remediations.backends.kubernetes import Kubernetes, KubernetesSettings
from remediations.backends.kubernetes.workloads import Deployment
from tests.fixtures.kubernetes import BOT, HOME, NODES, ON_KUBERNETES, ControlPlane, token_of_a_viewer
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, create, pods_of, section, template_of

pytestmark = ON_KUBERNETES


@pytest.fixture
def cluster(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Kubernetes:
    settings = section(control_plane, namespace, tmp_path, staging=["*-staging"])
    del settings["kind"]
    return Kubernetes("kubernetes", KubernetesSettings.model_validate(settings))


async def test_no_fault_is_injected_outside_staging(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    pods = await create(administrator, namespace, "web", 1)
    for fault in Kubernetes.faults:
        with pytest.raises(PermanentError, match="is not staging"):
            await cluster.inject(fault, f"{namespace}/deployment/web")
    assert [each.metadata.uid for each in await pods_of(administrator, namespace, "web")] == [pods[0].metadata.uid]


async def test_a_bad_image_goes_out_and_is_mended(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web-staging", 1)
    before, address = await template_of(administrator, namespace, "web-staging"), f"{namespace}/deployment/web-staging"
    for _ in range(2):
        await cluster.inject("bad_image", address)
        broken = await template_of(administrator, namespace, "web-staging")
        assert broken["spec"]["containers"][0]["image"] == "watchkeeper.invalid/Nobody-has-this"
    await until(lambda: refused(administrator, namespace), "a kubelet refuses it", within_seconds=WITHIN_SECONDS)
    for _ in range(2):
        await cluster.mend("bad_image", address)
        assert await template_of(administrator, namespace, "web-staging") == before


async def refused(api: ApiClient, namespace: str) -> bool:
    """Whether a pod of the twin waits because no image can have the name that it wants."""
    pods = await pods_of(api, namespace, "web-staging")
    states = [each.state for pod in pods for each in pod.status.container_statuses or ()]
    return any(state.waiting is not None and state.waiting.reason == "InvalidImageName" for state in states)


async def test_what_is_broken_may_be_called_by_the_names_that_people_know(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web-staging", 1)
    before = await template_of(administrator, namespace, "web-staging")
    for name in ("web-staging", f"{namespace}/web-staging", "deployment/web-staging"):
        await cluster.inject("bad_image", name)
        assert await template_of(administrator, namespace, "web-staging") != before
        await cluster.mend("bad_image", name)
        assert await template_of(administrator, namespace, "web-staging") == before
    for nobody in ("db-staging", "statefulset/web-staging", "elsewhere/web-staging"):
        with pytest.raises(UnknownTargetError, match="has no workload"):
            await cluster.inject("bad_image", nobody)


async def test_the_survey_shows_what_is_on_staging_and_changes_with_it_alone(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 1)
    await create(administrator, namespace, "web-staging", 1)
    address, apps = f"{namespace}/deployment/web-staging", client.AppsV1Api(administrator)
    before = await cluster.survey()
    assert {name: {**shown, "template": ""} for name, shown in before.items() if isinstance(shown, dict)} == {
        address: {"images": ["registry.example/web:1"], "template": "", "replicas": 1, "paused": False}
    }
    await apps.patch_namespaced_deployment("web", namespace, {"spec": {"replicas": 2}}, **LIMITS)
    assert await cluster.survey() == before, "production is none of its business"
    for change in ({"replicas": 2}, {"paused": True}, {"template": {"metadata": {"annotations": {"by": "ann"}}}}):
        seen = await cluster.survey()
        await apps.patch_namespaced_deployment("web-staging", namespace, {"spec": change}, **LIMITS)
        assert await cluster.survey() != seen


async def test_an_autoscaler_at_work_on_staging_changes_nothing_of_the_survey(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web-staging", 1)
    autoscaler: Any = {
        "metadata": {"name": "web-staging"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web-staging"}, "maxReplicas": 5},
    }
    autoscaling = client.AutoscalingV1Api(administrator)
    await autoscaling.create_namespaced_horizontal_pod_autoscaler(namespace, autoscaler, **LIMITS)
    before = await cluster.survey()
    change: Any = {"spec": {"replicas": 2}}
    await client.AppsV1Api(administrator).patch_namespaced_deployment("web-staging", namespace, change, **LIMITS)
    assert await cluster.survey() == before


async def test_nodes_are_surveyed_where_they_are_staging_and_we_may_list_them(
    control_plane: ControlPlane, administrator: ApiClient, namespace: str, tmp_path: Path
) -> None:
    settings = section(control_plane, namespace, tmp_path, staging=[NODES[0]])
    del settings["kind"]
    seeing = Kubernetes("kubernetes", KubernetesSettings.model_validate(settings))
    core = client.CoreV1Api(administrator)
    before = await seeing.survey()
    assert before == {NODES[0]: {"unschedulable": False, "taints": []}}
    await core.patch_node(NODES[0], {"spec": {"unschedulable": True}}, **LIMITS)
    try:
        assert await seeing.survey() != before
    finally:
        await core.patch_node(NODES[0], {"spec": {"unschedulable": None}}, **LIMITS)

    token = tmp_path / "token-without-nodes"
    token.write_text(await token_of_a_viewer(administrator, f"viewer-{namespace}", namespace))
    blind = Kubernetes("kubernetes", KubernetesSettings.model_validate(settings | {"token_file": token}))

    async def may_list() -> bool:
        return await blind.may("list", Deployment.kind, namespace)

    await until(may_list, "the role is in force", within_seconds=WITHIN_SECONDS)
    assert await blind.survey() == {}


async def test_a_cluster_that_lets_us_change_nothing_is_told_by_its_lacking_rights(
    control_plane: ControlPlane, administrator: ApiClient, namespace: str, tmp_path: Path, cluster: Kubernetes
) -> None:
    assert await cluster.reach() == ""
    token = tmp_path / "token-of-a-viewer"
    token.write_text(await token_of_a_viewer(administrator, f"idle-{namespace}", namespace))
    settings = section(control_plane, namespace, tmp_path)
    del settings["kind"]
    idle = Kubernetes("kubernetes", KubernetesSettings.model_validate(settings | {"token_file": token}))
    told = await idle.reach() or ""
    assert f"lets us change neither workloads in namespace {namespace} nor nodes: bind watchkeeper-workloads" in told
    token.write_text("canary-unknown-token")
    assert "(HTTP 401): it does not know our token" in (await idle.reach() or "")


async def test_pods_are_killed_where_the_role_for_it_is_bound(
    cluster: Kubernetes, administrator: ApiClient, namespace: str
) -> None:
    (pod,) = await create(administrator, namespace, "web-staging", 1)
    address = f"{namespace}/deployment/web-staging"
    with pytest.raises(PermanentError, match="we lack the right"):
        await cluster.inject("kill", address)
    binding: Any = {
        "metadata": {"name": "watchkeeper-faults"},
        "subjects": [{"kind": "ServiceAccount", "name": BOT, "namespace": HOME}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watchkeeper-faults"},
    }
    await client.RbacAuthorizationV1Api(administrator).create_namespaced_role_binding(namespace, binding, **LIMITS)

    async def killed() -> bool:
        try:
            await cluster.inject("kill", address)
        except PermanentError:
            return False  # the API server takes note of a binding a moment later
        return True

    await until(killed, "the role is in force", within_seconds=WITHIN_SECONDS)

    async def replaced() -> bool:
        uids = {each.metadata.uid for each in await pods_of(administrator, namespace, "web-staging")}
        return bool(uids) and pod.metadata.uid not in uids

    await until(replaced, "another pod is there", within_seconds=WITHIN_SECONDS)
    await cluster.mend("kill", address)
