"""Workloads on the control plane of the tests: made, changed and looked at by an administrator, from outside."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from tests.fixtures.kubernetes import REQUEST_SECONDS, ControlPlane

WITHIN_SECONDS = 120.0
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
LIMITS: Mapping[str, Any] = {"_request_timeout": REQUEST_SECONDS}


def deployment(name: str, replicas: int, *, node: str | None = None) -> Any:
    """A document as short as Kubernetes takes it; ``node`` is where its pods have to run."""
    labels = {"app": name}
    pods: dict[str, Any] = {"containers": [{"name": "web", "image": "registry.example/web:1"}]}
    if node:
        pods["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pods},
        },
    }


async def pods_of(api: ApiClient, namespace: str, name: str) -> list[Any]:
    """The pods of a Deployment that are not on their way out."""
    found = await client.CoreV1Api(api).list_namespaced_pod(namespace, label_selector=f"app={name}", **LIMITS)
    return [pod for pod in found.items if pod.metadata.deletion_timestamp is None]


async def running(api: ApiClient, namespace: str, name: str, count: int) -> list[Any]:
    """Wait until a Deployment has that many available pods and no others, and return them."""

    async def settled() -> list[Any] | None:
        found = await client.AppsV1Api(api).read_namespaced_deployment(name, namespace, **LIMITS)
        status, pods = found.status, await pods_of(api, namespace, name)
        is_settled = status.observed_generation == found.metadata.generation and status.replicas == count == len(pods)
        return pods if is_settled and (status.available_replicas or 0) == count else None

    pods = await until(settled, f"{name} has {count} available pods", within_seconds=WITHIN_SECONDS)
    assert isinstance(pods, list)
    return pods


async def create(api: ApiClient, namespace: str, name: str, replicas: int, **where: Any) -> list[Any]:
    await client.AppsV1Api(api).create_namespaced_deployment(namespace, deployment(name, replicas, **where), **LIMITS)
    return await running(api, namespace, name, replicas)


async def deploy(
    api: ApiClient, namespace: str, name: str, image: str, *, works: bool = True, waits: bool = True
) -> None:
    """Deploy another version, as a pipeline would; one that does not work is never ready.

    A pod with a readiness gate is not ready before somebody says so, and nobody does.
    """
    template = deployment(name, 1)["spec"]["template"]
    template["spec"]["containers"][0]["image"] = image
    template["spec"]["readinessGates"] = [] if works else [{"conditionType": "shop.example/nobody-says-so"}]
    change: Any = {"spec": {"template": template | {"$patch": "replace"}}}
    apps = client.AppsV1Api(api)
    wanted = (await apps.patch_namespaced_deployment(name, namespace, change, **LIMITS)).spec.replicas
    if works and waits:
        await running(api, namespace, name, wanted)
    elif waits:

        async def begun() -> bool:
            status = (await apps.read_namespaced_deployment(name, namespace, **LIMITS)).status
            return bool(status.updated_replicas and status.unavailable_replicas)

        await until(begun, f"{name} is stuck", within_seconds=WITHIN_SECONDS)


async def template_of(api: ApiClient, namespace: str, name: str) -> Any:
    """The pod template of a Deployment, as a document."""
    found = await client.AppsV1Api(api).read_namespaced_deployment(name, namespace, **LIMITS)
    return api.sanitize_for_serialization(found.spec.template)


def section(plane: ControlPlane, namespace: str, folder: Path, **settings: Any) -> dict[str, Any]:
    """The policy's entry of a backend that acts there as the bot."""
    token = folder / f"token-of-{namespace}"
    token.write_text(plane.bot)
    return {
        "kind": "kubernetes",
        "url": plane.url,
        "ca_file": str(plane.authority),
        "token_file": str(token),
        "namespace": namespace,
        "timeout": f"{REQUEST_SECONDS:g}s",
        **settings,
    }
