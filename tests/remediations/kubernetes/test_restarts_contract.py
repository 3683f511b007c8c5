"""``restart_service`` on a real control plane keeps the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kubernetes_asyncio.client import ApiClient

from bot.policy.plan import Target
from remediations.testing import Ability, Promise
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import LIMITS, template_of
from tests.remediations.kubernetes.shop_contract import (
    EAST,
    HASTY,
    WEST,
    ShopOnKubernetes,
    made_namespace,
    removed_namespace,
    run,
)

pytestmark = ON_KUBERNETES
NAMESPACE = "contract-of-restarts"


class RestartsOnKubernetes(ShopOnKubernetes):
    """Two deployments whose pods hang."""

    name = "restart_service"
    golden = Path(__file__).parent / "golden" / "restart_service"
    cuts = 3
    absent: ClassVar = {
        Ability.ENDS: "a restart does not end by itself",
        Ability.MOVED_ON: "there is nothing to roll back",
        Ability.PROTECTED: "a workload is no network and no account",
        Ability.ROLL_BACK: "a restart leaves nothing to undo",
        Ability.TOO_MANY: "all of a service may be restarted, one workload after the other",
    }
    hung: ClassVar[dict[str, set[str]]] = {}

    async def begin(self) -> None:
        await super().begin()
        for name in (EAST, WEST):
            self.hung[name] = await self.pods(name)

    async def outside(self) -> Any:
        await self.at_rest()
        names = (EAST, WEST)
        return {
            name: [await template_of(self.administrator, self.namespace, name), sorted(await self.pods(name))]
            for name in names
        }

    async def works(self) -> bool:
        for name in (EAST, WEST):
            now = await self.pods(name)
            found = await self.apps.read_namespaced_deployment(name, self.namespace, **LIMITS)
            if not now or now & self.hung[name] or found.status.available_replicas != 1:
                return False
        return True

    def same(self, before: Any, now: Any) -> bool:
        return all(before[name][0] == now[name][0] for name in (EAST, WEST))

    async def drift(self, target: Target) -> None:
        again: Any = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
        await self.apps.patch_namespaced_deployment(target.label, self.namespace, again, **LIMITS)

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        """No pod may be made, and Kubernetes soon gives up."""
        hasty: Any = {"spec": {"progressDeadlineSeconds": HASTY}}
        await self.apps.patch_namespaced_deployment(targets[0].label, self.namespace, hasty, **LIMITS)
        await self.make_full()
        return targets[0]


@pytest.fixture(scope="module")
def shop_namespace(control_plane: ControlPlane) -> Iterator[str]:
    run(made_namespace(control_plane, NAMESPACE))
    yield NAMESPACE
    run(removed_namespace(control_plane, NAMESPACE))


@pytest.fixture
def subject(
    control_plane: ControlPlane, administrator: ApiClient, shop_namespace: str, tmp_path: Path
) -> RestartsOnKubernetes:
    return RestartsOnKubernetes(control_plane, administrator, shop_namespace, tmp_path)


@pytest.mark.contract(subject=RestartsOnKubernetes)
async def test_restart_service_on_kubernetes(promise: Promise, subject: RestartsOnKubernetes) -> None:
    await promise.of(subject)
