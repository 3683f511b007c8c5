"""``recover_node`` on a real control plane keeps the contract."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kubernetes_asyncio.client import ApiClient

from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.testing import Ability, Promise, Subject, made
from tests.fixtures.kubernetes import NODES, ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.doors import broken
from tests.remediations.kubernetes.draining import Yard, application, section_of, yard

pytestmark = ON_KUBERNETES
NODE, *OTHERS = NODES
AT_REST_SECONDS = 0.3
"""What was asked for before somebody hung up is done by then."""


class OneNode(Subject):
    """A node with one pod, and two others that can take it."""

    name = "recover_node"
    golden = Path(__file__).parent / "golden" / "recover_node"
    canary = "the bot's token"
    cuts = 3
    absent: ClassVar = {
        Ability.ENDS: "a cordon stays until somebody takes it away",
        Ability.PROTECTED: "a node is no network and no account",
        Ability.SEVERAL: "a plan drains one node",
        Ability.STAGING: "no fault of a node is ours to make",
        Ability.TOO_MANY: "a plan drains one node",
    }

    def __init__(self, plane: ControlPlane, here: Yard, folder: Path) -> None:
        self.plane, self.here, self.folder = plane, here, folder
        self.canary = plane.bot
        self.settings = section_of(plane, plane.bot, folder)
        self.names: dict[str, str] = {}

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"kubernetes": self.settings}

    async def begin(self) -> None:
        await self.here.remove("web")
        await self.here.uncordon(*NODES)
        await self.here.create(application("web"), node=NODE)
        (pod,) = await self.here.pods("web")
        node = await self.here.nodes.node(NODE)
        assert node is not None
        self.names = {
            "name of the pod": pod.metadata.name,
            "uid of the pod": pod.metadata.uid,
            "name of the ReplicaSet": pod.metadata.owner_references[0].name,
            "namespace": self.here.namespace,
            "uid of the node": node.uid,
        }

    def parameters(self) -> dict[str, Any]:
        return {"node": NODE, "patience": "1s"}

    def nothing(self) -> dict[str, Any]:
        return {"node": "no-such-node"}

    async def outside(self) -> Any:
        seen = await self._look()
        while True:
            await asyncio.sleep(AT_REST_SECONDS)
            now = await self._look()
            if now == seen and now["at rest"]:
                return now
            seen = now

    async def _look(self) -> dict[str, Any]:
        pods, mark = await self.here.pods("web", ending=True), await self.here.mark(NODE)
        self.names |= {"key of the act": mark} if mark else {}
        return {
            "cordoned": await self.here.is_cordoned(NODE),
            "mark": mark,
            "on it": sum(pod.spec.node_name == NODE for pod in pods),
            "at rest": len(pods) == 1 and self.here.is_ready(pods[0]),
        }

    async def works(self) -> bool:
        pods = await self.here.pods("web")
        return await self.here.is_cordoned(NODE) and all(pod.spec.node_name != NODE for pod in pods)

    def same(self, before: Any, now: Any) -> bool:
        """Pods stay where they went."""
        return (before["cordoned"], before["mark"]) == (now["cordoned"], now["mark"])

    async def drift(self, target: Target) -> None:
        await self.here.cordon(NODE)

    async def moved_on(self, target: Target) -> None:
        """A person takes the node back into use, and out of it again."""
        await self.here.cordon(NODE, on=False)
        await self.here.cordon(NODE)

    async def by_itself(self, target: Target) -> None:
        """A pod ends, and another one is made."""
        await self.here.delete_pods("web")
        await self.here.until_ready("web", 1)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        await self.here.budget("web", leave=1)
        yield
        await self.here.lift("web")

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        await self.here.budget("web", leave=1)
        return targets[0]

    def volatile(self) -> Mapping[str, Any]:
        return self.names

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        async with broken(self.plane, how, self.folder, **self.settings) as settings:
            yield made(self.name, {"kubernetes": settings})


@pytest.fixture
async def subject(
    control_plane: ControlPlane, administrator: ApiClient, namespace: str, tmp_path: Path
) -> AsyncIterator[OneNode]:
    async with yard(control_plane, administrator, namespace, tmp_path) as here:
        yield OneNode(control_plane, here, tmp_path)


@pytest.mark.contract(subject=OneNode)
async def test_recover_node_on_kubernetes(promise: Promise, subject: OneNode) -> None:
    await promise.of(subject)
