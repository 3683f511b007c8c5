"""A bad deploy on a real Kubernetes: rolled back for good, and halted half-way by a pause."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.response.model.actions import ActionState, Result
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, create, deploy, running, section, template_of
from tests.scenarios.small_stage import Json, small_stage
from tests.scenarios.stage import in_order

pytestmark = ON_KUBERNETES
GOOD, BAD = "registry.example/web:1", "registry.example/web:2"


def rolling_back(backend: Json, service: str) -> Callable[[Json], None]:
    """The policy of the stage with a runbook that rolls back what the alert is about."""

    def change(document: Json) -> None:
        document["backends"]["kubernetes"] = backend
        document["services"]["shop"] = {"tier": 1, "fleet": 2}
        document["runbooks"]["roll-back-shop"] = {
            "summary": "Roll back the last deploy of the shop",
            "when": "alert.name == 'DeployFailed'",
            "level": "L1",
            "remediation": "roll_back_deploy",
            "with": {"backend": "kubernetes", "service": service},
            "blast_radius": {"targets": 2},
            "verify": {"within": "60s", "own": True, "stable": 1},
        }

    return change


async def image_of(api: ApiClient, namespace: str, name: str) -> str:
    return str((await template_of(api, namespace, name))["spec"]["containers"][0]["image"])


async def test_a_stuck_deploy_is_rolled_back_and_verified_by_its_own_rollout(
    tmp_path: Path, control_plane: ControlPlane, administrator: ApiClient, namespace: str
) -> None:
    await create(administrator, namespace, "web", 2)
    await deploy(administrator, namespace, "web", BAD, works=False)
    policy = rolling_back(section(control_plane, namespace, tmp_path), "web")
    async with small_stage(tmp_path, change_policy=policy) as here:
        await here.fire("shop", labels={"alertname": "DeployFailed"})
        card = await here.card_of("INC-1", "'action_id': 'approve'", "web:2", "web:1", "databases")
        await here.workspace.person("alice").click(card, "approve")
        await here.thread_of("INC-1", "Done and verified", "Put in place: web at web:1", timeout=WITHIN_SECONDS)
        assert await image_of(administrator, namespace, "web") == GOOD
        assert len(await running(administrator, namespace, "web", 2)) == 2
        assert in_order(
            await here.kinds(), "action.claimed", "action.step_begun", "action.step_ended", "action.executed"
        )


async def test_a_pause_keeps_the_second_of_two_deploys_from_being_rolled_back(
    tmp_path: Path, control_plane: ControlPlane, administrator: ApiClient, namespace: str
) -> None:
    apps = client.AppsV1Api(administrator)
    for name in ("web", "worker"):
        await create(administrator, namespace, name, 1)
        await apps.patch_namespaced_deployment(name, namespace, {"metadata": {"labels": {"part": "shop"}}}, **LIMITS)
        await deploy(administrator, namespace, name, BAD)
    await allow_no_more_pods(administrator, namespace)
    policy = rolling_back(section(control_plane, namespace, tmp_path), "part=shop")
    async with small_stage(tmp_path, change_policy=policy) as here:
        await here.fire("shop", labels={"alertname": "DeployFailed"})
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        await here.workspace.person("alice").click(card, "approve")

        async def first_is_rolling_back() -> bool:
            return await image_of(administrator, namespace, "web") == GOOD

        await until(first_is_rolling_back, "web is rolled back", within_seconds=WITHIN_SECONDS)
        await here.slash("bob", "pause everything 1h the quota is being raised", "Paused: everything, for 1h")
        await here.until_state(ActionState.FAILED)
        assert await image_of(administrator, namespace, "worker") == BAD, "its step was never begun"
        assert await image_of(administrator, namespace, "web") == GOOD, "what is done stays, until people say more"
        assert (await here.kinds()).count("action.step_begun") == 1
        [action] = await here.actions()
        assert action.result is Result.INTERRUPTED
    await client.CoreV1Api(administrator).delete_namespaced_resource_quota("full", namespace, **LIMITS)


async def allow_no_more_pods(api: ApiClient, namespace: str) -> None:
    """A namespace that is full, in which no rollout comes further."""
    core = client.CoreV1Api(api)
    quota: Any = {"metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}}
    await core.create_namespaced_resource_quota(namespace, quota, **LIMITS)

    async def counted() -> bool:
        status = (await core.read_namespaced_resource_quota("full", namespace, **LIMITS)).status
        return bool(status and status.hard)

    await until(counted, "the quota is in force", within_seconds=WITHIN_SECONDS)
