"""``restart_service`` on a real Kubernetes keeps the contract."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kubernetes_asyncio.client import ApiClient

from remediations.backends.kubernetes.workloads import RESTARTED, written
from remediations.testing import Ability, Promise
from tests.contract.cluster import EAST, WEST, OnWorkloads
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane, control_plane

__all__ = ["control_plane"]
pytestmark = ON_KUBERNETES


class RestartsOnKubernetes(OnWorkloads):
    """Two Deployments that are to be made anew."""

    name = "restart_service"
    golden = Path(__file__).parent / "golden" / "restart_service_on_kubernetes"
    absent: ClassVar = {
        **OnWorkloads.absent,
        Ability.MOVED_ON: "there is nothing to roll back",
        Ability.ROLL_BACK: "a restart leaves nothing to undo",
    }

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, "contract-restarts", folder)
        self.templates: dict[str, Any] = {}

    async def arrange(self, api: ApiClient, name: str) -> None:
        await self.create(api, name)

    async def begun(self, templates: Any) -> None:
        self.templates = templates

    async def works(self) -> bool:
        async with self.administrator() as api:
            now = {name: await self.template(api, name) for name in (EAST, WEST)}
            return await self.at_rest(api) and all(_mark(now[each]) != _mark(self.templates[each]) for each in now)

    def volatile(self) -> Mapping[str, Any]:
        return {f"template of {name}": written(template)[:12] for name, template in self.templates.items()}


def _mark(template: Any) -> Any:
    return (template["metadata"].get("annotations") or {}).get(RESTARTED)


@pytest.fixture(scope="module")
def shop(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> RestartsOnKubernetes:
    return RestartsOnKubernetes(control_plane, tmp_path_factory.mktemp("contract-restarts"))


@pytest.mark.contract(subject=RestartsOnKubernetes)
async def test_restart_service_on_kubernetes(promise: Promise, shop: RestartsOnKubernetes) -> None:
    await promise.of(shop)
