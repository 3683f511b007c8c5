"""``roll_back_deploy`` on a real Kubernetes keeps the contract."""

from pathlib import Path

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.plan import Target
from remediations.testing import Promise
from tests.contract.cluster import EAST, WEST, OnWorkloads
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane, control_plane
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS

__all__ = ["control_plane"]
pytestmark = ON_KUBERNETES
GOOD, BAD = "registry.example/web:1", "registry.example/web:2"


class DeploysOnKubernetes(OnWorkloads):
    """Two Deployments with a bad version in place of a good one."""

    name = "roll_back_deploy"
    golden = Path(__file__).parent / "golden" / "roll_back_deploy_on_kubernetes"

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, "contract-deploys", folder)

    async def arrange(self, api: ApiClient, name: str) -> None:
        """What somebody else has deployed is forgotten, so that the versions are these two and came in this order."""
        if await self.create(api, name):
            await until(lambda: self._at_rest(api, name), f"{name} is up", within_seconds=WITHIN_SECONDS)
        await self.deploy(api, name, BAD)
        await until(lambda: self._at_rest(api, name), f"{name} is at {BAD}", within_seconds=WITHIN_SECONDS)
        apps = client.AppsV1Api(api)
        for each in (await apps.list_namespaced_replica_set(self.namespace, **LIMITS)).items:
            image = each.spec.template.spec.containers[0].image
            if each.metadata.owner_references[0].name == name and image not in {GOOD, BAD}:
                await apps.delete_namespaced_replica_set(each.metadata.name, self.namespace, **LIMITS)

    async def works(self) -> bool:
        async with self.administrator() as api:
            images = [(await self.template(api, name))["spec"]["containers"][0]["image"] for name in (EAST, WEST)]
            return images == [GOOD, GOOD] and await self.at_rest(api)

    async def moved_on(self, target: Target) -> None:
        await self.drift(target)

    async def _at_rest(self, api: ApiClient, name: str) -> bool:
        found = await client.AppsV1Api(api).read_namespaced_deployment(name, self.namespace, **LIMITS)
        status = found.status
        seen = status.observed_generation == found.metadata.generation
        return seen and (status.replicas, status.updated_replicas, status.available_replicas) == (1, 1, 1)


@pytest.fixture(scope="module")
def shop(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> DeploysOnKubernetes:
    return DeploysOnKubernetes(control_plane, tmp_path_factory.mktemp("contract-deploys"))


@pytest.mark.contract(subject=DeploysOnKubernetes)
async def test_roll_back_deploy_on_kubernetes(promise: Promise, shop: DeploysOnKubernetes) -> None:
    await promise.of(shop)
