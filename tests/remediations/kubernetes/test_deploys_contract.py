"""``roll_back_deploy`` on a real control plane keeps the contract."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.plan import Target
from remediations.testing import Ability, Promise
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, deploy, pods_of, template_of
from tests.remediations.kubernetes.shop_contract import (
    EAST,
    IMAGE,
    WEST,
    ShopOnKubernetes,
    made_namespace,
    removed_namespace,
    run,
)

pytestmark = ON_KUBERNETES
NAMESPACE = "contract-of-deploys"
BAD, ANOTHER = (f"registry.example/web:{number}" for number in (2, 3))


class DeploysOnKubernetes(ShopOnKubernetes):
    """Two deployments that serve, and whose last deploy was a bad one."""

    name = "roll_back_deploy"
    golden = Path(__file__).parent / "golden" / "roll_back_deploy"
    cuts = 3
    absent: ClassVar = {
        Ability.ENDS: "a version stays until somebody deploys another",
        Ability.PROTECTED: "a deploy is no network and no account",
        Ability.TOO_MANY: "all of a service may be rolled back, one deploy after the other",
    }

    async def begin(self) -> None:
        await self.make_room()
        await asyncio.gather(*(self.of_two_versions(name) for name in (EAST, WEST)))
        await super().begin()
        await asyncio.gather(*(self.badly_deployed(name) for name in (EAST, WEST)))

    async def of_two_versions(self, name: str) -> None:
        """What is of others, or of one that nobody keeps any more, is made anew."""
        if await self.images(name) not in ({IMAGE}, {IMAGE, BAD}):
            await self.removed(name)

    async def badly_deployed(self, name: str) -> None:
        """The good version came first, the bad one last."""
        if await self.image(name) != BAD:
            await deploy(self.administrator, self.namespace, name, BAD)

    async def outside(self) -> Any:
        await self.at_rest()
        return {name: await template_of(self.administrator, self.namespace, name) for name in (EAST, WEST)}

    async def works(self) -> bool:
        for name in (EAST, WEST):
            pods = await pods_of(self.administrator, self.namespace, name)
            served = {pod.spec.containers[0].image for pod in pods if pod.status.phase == "Running"}
            if served != {IMAGE}:
                return False
        return True

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    async def drift(self, target: Target) -> None:
        await deploy(self.administrator, self.namespace, target.label, ANOTHER)

    async def moved_on(self, target: Target) -> None:
        await deploy(self.administrator, self.namespace, target.label, ANOTHER)

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        """Nobody keeps the version that the last one is to go to."""
        await self.forgotten(targets[-1].label, IMAGE)
        return targets[-1]

    async def images(self, name: str) -> set[str]:
        """The images of every version that is kept."""
        return {each.spec.template.spec.containers[0].image for each in await self.versions(name)}

    async def versions(self, name: str) -> list[Any]:
        """What Kubernetes has made of every version."""
        found = await self.apps.list_namespaced_replica_set(self.namespace, label_selector=f"app={name}", **LIMITS)
        return list(found.items)

    async def forgotten(self, name: str, image: str) -> None:
        """Remove a version."""
        for each in await self.versions(name):
            if each.spec.template.spec.containers[0].image == image:
                await self.apps.delete_namespaced_replica_set(each.metadata.name, self.namespace, **LIMITS)

    async def removed(self, name: str) -> None:
        """Remove a deployment with all that came of it."""
        if await self.image(name) is None:
            return
        await self.apps.delete_namespaced_deployment(name, self.namespace, propagation_policy="Foreground", **LIMITS)

        async def gone() -> bool:
            pods = await pods_of(self.administrator, self.namespace, name)
            return await self.image(name) is None and not pods and not await self.versions(name)

        await until(gone, f"{name} is gone", within_seconds=WITHIN_SECONDS)


@pytest.fixture(scope="module")
def shop_namespace(control_plane: ControlPlane) -> Iterator[str]:
    run(made_namespace(control_plane, NAMESPACE))
    yield NAMESPACE
    run(removed_namespace(control_plane, NAMESPACE))


@pytest.fixture
def subject(
    control_plane: ControlPlane, administrator: ApiClient, shop_namespace: str, tmp_path: Path
) -> DeploysOnKubernetes:
    return DeploysOnKubernetes(control_plane, administrator, shop_namespace, tmp_path)


@pytest.mark.contract(subject=DeploysOnKubernetes)
async def test_roll_back_deploy_on_kubernetes(promise: Promise, subject: DeploysOnKubernetes) -> None:
    await promise.of(subject)
