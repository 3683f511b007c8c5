"""Faults on Kubernetes: on staging only, and mended to what was there before."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.remediation import PermanentError
from remediations.backends.kubernetes import Kubernetes, KubernetesSettings
from tests.fixtures.kubernetes import BOT, HOME, ON_KUBERNETES, ControlPlane
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
        assert broken["spec"]["containers"][0]["image"] == "watchkeeper.invalid/fault:bad-image"
    for _ in range(2):
        await cluster.mend("bad_image", address)
        assert await template_of(administrator, namespace, "web-staging") == before


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
