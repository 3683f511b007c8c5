"""A node of a real Kubernetes is drained with people watching: stopped between two pods, and undone or gone on with."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from tests.fixtures.kubernetes import NODES, ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.draining import WITHIN_SECONDS, Yard, application, section_of, yard
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import in_order, said

pytestmark = ON_KUBERNETES
NODE, *OTHERS = NODES
INCIDENT = "INC-1"
ANSWERED_WITHIN_SECONDS = 90.0


def draining(backend: Json) -> Callable[[Json], None]:
    """The policy of the stage with a runbook that drains the node that an alert is about."""

    def change(document: Json) -> None:
        document["backends"]["kubernetes"] = backend
        document["runbooks"]["drain-node"] = {
            "summary": "Drain a node that is not ready",
            "when": "alert.name == 'NodeNotReady'",
            "level": "L1",
            "remediation": "recover_node",
            "with": {"node": "${alert.labels.node}", "patience": "5m"},
            "blast_radius": {"targets": 1},
            "verify": {"within": "2m", "own": True, "stable": 1},
        }

    return change


@dataclass
class Room:
    """The cluster, and the bot with its workspace."""

    yard: Yard
    stage: SmallStage

    async def press(self, person: str, button: str, *words: str) -> None:
        """Press it on the card, once the card says ``words``."""
        card = await self.stage.card_of(INCIDENT, f"'action_id': '{button}'", *words, timeout=ANSWERED_WITHIN_SECONDS)
        assert (await self.stage.workspace.person(person).click(card, button)).acked

    async def thread(self, *words: str) -> str:
        """All that the thread says, once it says ``words``."""
        return "\n".join(await self.stage.thread_of(INCIDENT, *words, timeout=ANSWERED_WITHIN_SECONDS))

    async def stopped_half_way(self) -> None:
        """Alice approves, and Bob stops it when the first pod is gone and a budget holds back the second."""
        labels = {"alertname": "NodeNotReady", "node": NODE}
        await self.stage.fire("cluster", labels=labels, annotations={"summary": f"{NODE} is not ready"})
        await self.press("alice", "approve", f"Drain {NODE} through kubernetes", "lets no pod go now")
        await self.press("bob", "stop", "(2 of 3)", f"{self.yard.namespace}/web-")
        await self.thread("Stopped by", "2 of 3 pods are still there", "Nothing was rolled back")


@pytest.fixture
async def here(
    control_plane: ControlPlane, administrator: ApiClient, namespace: str, tmp_path: Path
) -> AsyncIterator[Room]:
    async with yard(control_plane, administrator, namespace, tmp_path) as made:
        await made.create(application("alone"), node=NODE)
        await made.create(application("web", 2), node=NODE)
        await made.budget("web", leave=2)
        policy = draining(section_of(control_plane, control_plane.bot, tmp_path))
        async with small_stage(tmp_path, change_policy=policy) as stage:
            yield Room(made, stage)


async def test_bob_stops_a_drain_between_two_pods_and_has_it_rolled_back(here: Room) -> None:
    await here.stopped_half_way()
    assert await here.yard.is_cordoned(NODE), "what is done stays, until people say more"
    assert len(await here.yard.until_ready("web", 2, node=NODE)) == 2
    assert {pod.spec.node_name for pod in await here.yard.until_ready("alone", 1)} <= set(OTHERS)

    card = await here.stage.card_of(INCIDENT, "'action_id': 'roll_back'", "'action_id': 'go_on'")
    assert "'action_id': 'stop'" not in said(card)
    await here.press("bob", "roll_back")
    await here.thread("Rolled back", f"{NODE} takes pods again")
    assert (await here.yard.is_cordoned(NODE), await here.yard.mark(NODE)) == (False, None)
    kinds = await here.stage.kinds()
    assert in_order(kinds, "action.step_begun", "action.step_ended", "action.step_begun", "action.executed")
    assert kinds.count("action.step_begun") == 4, "cordon, two evictions, uncordon"


async def test_gone_on_with_when_the_budget_lets_go_the_drain_is_done_and_verified(here: Room) -> None:
    await here.stopped_half_way()
    await here.yard.lift("web")
    await here.press("bob", "go_on")
    await here.press("alice", "approve", f"Drain {NODE} through kubernetes")
    await here.thread("Done and verified", "2 pods were evicted", "Healthy after")
    assert {pod.spec.node_name for pod in await here.yard.until_ready("web", 2)} <= set(OTHERS)

    await here.press("alice", "roll_back")

    async def takes_pods() -> bool:
        return not await here.yard.is_cordoned(NODE)

    await until(takes_pods, "the node takes pods again", within_seconds=WITHIN_SECONDS)
