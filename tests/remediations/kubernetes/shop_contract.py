"""Two deployments of one shop, in a namespace that all promises share: what contract suites on Kubernetes stand on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient, ApiException

from bot.local.servers import until
from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.backends.kubernetes.faults import NOBODY_HAS
from remediations.testing import Ability, Subject, made
from tests.fixtures.kubernetes import BOT, HOME, ControlPlane
from tests.remediations.kubernetes.doors import broken
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, create, pods_of, running, section

EAST, WEST = "east", "west"
IMAGE = "registry.example/web:1"
QUOTA: Any = {"metadata": {"name": "full"}, "spec": {"hard": {"pods": "2"}}}
PATIENT, HASTY = 600, 1
"""Seconds until Kubernetes says that a rollout makes no progress."""


class ShopOnKubernetes(Subject):
    """What both remediations of workloads have in common."""

    label = "app-of=shop"
    canary = "the bot's token"

    def __init__(self, plane: ControlPlane, administrator: ApiClient, namespace: str, folder: Path) -> None:
        self.plane, self.administrator, self.namespace, self.folder = plane, administrator, namespace, folder
        self.canary = plane.bot
        self.settings = section(plane, namespace, folder, staging=[f"{namespace}/{EAST}"])
        self.apps, self.core = client.AppsV1Api(administrator), client.CoreV1Api(administrator)

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"kubernetes": self.settings}

    def parameters(self) -> dict[str, Any]:
        return {"backend": "kubernetes", "service": self.label}

    def nothing(self) -> dict[str, Any]:
        return {"backend": "kubernetes", "service": "no-such-service"}

    async def begin(self) -> None:
        """Nothing is in the way, both are there, and their pods run."""
        await self.make_room()
        await asyncio.gather(*(self.patient(name) for name in (EAST, WEST)))
        await self.at_rest()

    async def patient(self, name: str) -> None:
        """It is there, and Kubernetes gives it time."""
        if await self.image(name) is None:
            await self.first_deploy(name)
        patience: Any = {"spec": {"progressDeadlineSeconds": PATIENT}}
        await self.apps.patch_namespaced_deployment(name, self.namespace, patience, **LIMITS)

    async def first_deploy(self, name: str) -> None:
        """Deploy it for the first time."""
        await create(self.administrator, self.namespace, name, 1)
        change: Any = {"metadata": {"labels": dict([self.label.split("=")])}}
        await self.apps.patch_namespaced_deployment(name, self.namespace, change, **LIMITS)

    async def image(self, name: str) -> str | None:
        """The image that is deployed; None where nothing is."""
        try:
            found = await self.apps.read_namespaced_deployment(name, self.namespace, **LIMITS)
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return str(found.spec.template.spec.containers[0].image)

    async def pods(self, name: str) -> set[str]:
        """The pods that there are, by what tells each from every other one."""
        return {pod.metadata.uid for pod in await pods_of(self.administrator, self.namespace, name)}

    async def at_rest(self) -> None:
        """Every rollout has ended, or cannot end, or Kubernetes has given it up."""
        for name in (EAST, WEST):
            if await self.image(name) == NOBODY_HAS:
                continue
            found = await self.apps.read_namespaced_deployment(name, self.namespace, **LIMITS)
            if found.spec.progress_deadline_seconds == HASTY:
                await until(lambda name=name: self._given_up(name), f"{name} makes no progress")  # type: ignore[misc]
            else:
                await running(self.administrator, self.namespace, name, 1)

    async def _given_up(self, name: str) -> bool:
        found = await self.apps.read_namespaced_deployment(name, self.namespace, **LIMITS)
        return any(
            each.reason in {"ProgressDeadlineExceeded", "NewReplicaSetAvailable"} for each in found.status.conditions
        )

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """No further pod may be made, so no rollout gets anywhere."""
        await self.make_full()
        yield
        await self.make_room()

    async def make_full(self) -> None:
        """Two pods are all that there may be."""
        await self.core.create_namespaced_resource_quota(self.namespace, QUOTA, **LIMITS)

        async def counted() -> bool:
            found = await self.core.read_namespaced_resource_quota("full", self.namespace, **LIMITS)
            return bool((found.status.used or {}).get("pods") == "2")

        await until(counted, "Kubernetes has counted the pods", within_seconds=WITHIN_SECONDS)

    async def make_room(self) -> None:
        """There may be as many as anybody wants."""
        try:
            await self.core.delete_namespaced_resource_quota("full", self.namespace, **LIMITS)
        except ApiException as error:
            if error.status != 404:
                raise

    async def by_itself(self, target: Target) -> None:
        """A pod ends, and Kubernetes makes another."""
        before = await self.pods(target.label)
        for pod in await pods_of(self.administrator, self.namespace, target.label):
            await self.core.delete_namespaced_pod(pod.metadata.name, self.namespace, grace_period_seconds=0, **LIMITS)

        async def others() -> bool:
            now = await self.pods(target.label)
            return bool(now) and not now & before

        await until(others, "Kubernetes has made another pod", within_seconds=WITHIN_SECONDS)
        await self.at_rest()

    def staging(self) -> tuple[str, str, str]:
        return "bad_image", f"{self.namespace}/deployment/{EAST}", f"{self.namespace}/deployment/{WEST}"

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        async with broken(self.plane, how, self.folder, **self.settings) as settings:
            yield made(self.name, {"kubernetes": settings})


async def made_namespace(plane: ControlPlane, name: str) -> None:
    """A namespace whose workloads the bot looks after, and where it may inject faults."""
    async with plane.client(plane.administrator) as api:
        document: Any = {"metadata": {"name": name}}
        await client.CoreV1Api(api).create_namespace(document, **LIMITS)
        for role in ("watchkeeper-workloads", "watchkeeper-faults"):
            binding: Any = {
                "metadata": {"name": role},
                "subjects": [{"kind": "ServiceAccount", "name": BOT, "namespace": HOME}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            }
            await client.RbacAuthorizationV1Api(api).create_namespaced_role_binding(name, binding, **LIMITS)


async def removed_namespace(plane: ControlPlane, name: str) -> None:
    """Whatever is in it ends with it."""
    async with plane.client(plane.administrator) as api:
        await client.CoreV1Api(api).delete_namespace(name, **LIMITS)


def run(work: Any) -> None:
    """In a loop of its own, since what lives as long as a module is made outside of every test."""
    asyncio.run(work)
