"""Nodes of a real control plane to drain, for the tests of ``recover_node``: what they set up and what they look at."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.file.protected import Protected
from bot.policy.plan import Plan
from bot.remediation import About, Condition, Health, Record
from remediations.backends.kubernetes import Kubernetes, KubernetesSettings
from remediations.backends.kubernetes.errors import BudgetError
from remediations.backends.kubernetes.nodes import MARK, KubernetesNodes
from remediations.capability import Through
from remediations.infrastructure.recover_node import RecoverNode, RecoverNodeParameters
from remediations.infrastructure.recover_node.nodes import Evicted, Pod
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.kubernetes import HOME, NODES, REQUEST_SECONDS, ROLES, TOKEN_SECONDS, ControlPlane

WITHIN_SECONDS = 90.0
LIMITS: Mapping[str, Any] = {"_request_timeout": REQUEST_SECONDS}
KEY = "key-of-the-action"


class WatchedNodes(KubernetesNodes):
    """Calls back when a budget has refused an eviction, so that a test need not guess when."""

    refused: int = 0

    async def evict(self, pod: Pod) -> Evicted:
        try:
            return await super().evict(pod)
        except BudgetError:
            self.refused += 1
            raise


@dataclass
class Yard:
    """A cluster as the administrator sees it, and the remediation with the bot's own token."""

    api: ApiClient
    namespace: str
    nodes: WatchedNodes
    remediation: RecoverNode

    async def plan(self, node: str, *, protected: Protected | None = None, **parameters: Any) -> Plan:
        return await self.remediation.plan(RecoverNodeParameters(node=node, **parameters), about(protected))

    async def drain(self, plan: Plan, execution: ExecutionInMemory) -> Record:
        """Execute as a flow does, and return what is recorded of it."""
        before = await self.remediation.snapshot(plan)
        report = await self.remediation.execute(plan, before, execution)
        return Record(
            snapshot=before, after=await self.remediation.snapshot(plan), steps=tuple(execution.steps), report=report
        )

    async def until_healthy(self, plan: Plan, record: Record) -> Health:
        """Look again while it is settling; whatever else it is then fails the test with its own words."""

        async def settled() -> Health | None:
            health = await self.remediation.health(plan, record)
            assert health.condition in (Condition.SETTLING, Condition.HEALTHY), health.summary
            return health if health.condition is Condition.HEALTHY else None

        found = await until(settled, "the node is drained", within_seconds=WITHIN_SECONDS)
        assert isinstance(found, Health)
        return found

    async def cordon(self, *names: str, on: bool = True) -> None:
        """As a person does it with ``kubectl``."""
        for name in names:
            change: Any = {"spec": {"unschedulable": True if on else None}}
            await client.CoreV1Api(self.api).patch_node(name, change, field_manager="kubectl-cordon", **LIMITS)

    async def uncordon(self, *names: str) -> None:
        """Have nodes as they were before anybody touched them."""
        for name in names:
            change: Any = {"metadata": {"annotations": {MARK: None}}, "spec": {"unschedulable": None}}
            await client.CoreV1Api(self.api).patch_node(name, change, **LIMITS)

    async def is_cordoned(self, name: str) -> bool:
        return bool((await self._node(name)).spec.unschedulable)

    async def mark(self, name: str) -> str | None:
        found: dict[str, str] = (await self._node(name)).metadata.annotations or {}
        return found.get(MARK)

    async def create(self, document: dict[str, Any], *, node: str) -> None:
        """Create a Deployment or StatefulSet, all of whose pods begin on ``node``, though all may move.

        They ask for a label, which the other nodes are given later.
        """
        label = {f"runs-{document['metadata']['name']}": uuid.uuid4().hex}
        document["spec"]["template"]["spec"]["nodeSelector"] = label
        await self._label(node, label)
        await self.run(document)
        await self.until_ready(document["metadata"]["name"], document["spec"]["replicas"], node=node)
        for other in NODES:
            await self._label(other, label)

    async def run(self, document: Any) -> None:
        """Create a Deployment, StatefulSet or DaemonSet."""
        apps = client.AppsV1Api(self.api)
        create: Any = {
            "Deployment": apps.create_namespaced_deployment,
            "StatefulSet": apps.create_namespaced_stateful_set,
            "DaemonSet": apps.create_namespaced_daemon_set,
        }[document["kind"]]
        await create(self.namespace, document, **LIMITS)

    async def until_ready(self, name: str, count: int, *, node: str | None = None) -> list[Any]:
        """Wait until that many pods of it are ready, on ``node`` if one is given."""

        async def ready() -> list[Any] | None:
            found = [each for each in await self.pods(name) if self.is_ready(each)]
            found = [each for each in found if node in (None, each.spec.node_name)]
            return found if len(found) == count else None

        pods = await until(ready, f"{name} has {count} ready pods", within_seconds=WITHIN_SECONDS)
        assert isinstance(pods, list)
        return pods

    async def pods(self, name: str, *, ending: bool = False) -> list[Any]:
        """The pods of an application that run or are going to; those that are on their way out only if asked for.

        A kubelet that has not heard of a node's new label refuses a pod that asks for it, and another one is made.
        """
        found = [pod for pod in await self._all_pods(name) if pod.status.phase not in ("Succeeded", "Failed")]
        return [pod for pod in found if ending or pod.metadata.deletion_timestamp is None]

    async def delete_pods(self, name: str) -> None:
        """As somebody does who wants new ones."""
        await client.CoreV1Api(self.api).delete_collection_namespaced_pod(
            self.namespace, label_selector=f"app={name}", grace_period_seconds=0, **LIMITS
        )

    async def remove(self, name: str) -> None:
        """Take away a Deployment and its budget, where there are any, and wait until nothing is left of it."""
        apps = client.AppsV1Api(self.api)
        deletion = apps.delete_namespaced_deployment(name, self.namespace, propagation_policy="Foreground", **LIMITS)
        for gone in (deletion, self.lift(name)):
            try:
                await gone
            except client.ApiException as error:
                if error.status != 404:
                    raise

        async def nothing_left() -> bool:
            await self.delete_pods(name)
            of_it: Any = {"label_selector": f"app={name}", **LIMITS}
            sets = await apps.list_namespaced_replica_set(self.namespace, **of_it)
            same: Any = {"field_selector": f"metadata.name={name}", **LIMITS}  # it goes last, after what it owns
            itself = await apps.list_namespaced_deployment(self.namespace, **same)
            return not itself.items and not sets.items and not await self._all_pods(name)

        await until(nothing_left, f"nothing is left of {name}", within_seconds=WITHIN_SECONDS)

    async def budget(self, name: str, *, leave: int) -> None:
        """Make a PodDisruptionBudget, and wait until Kubernetes has counted what it covers."""
        body = {
            "apiVersion": "policy/v1beta1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name},
            "spec": {"minAvailable": leave, "selector": {"matchLabels": {"app": name}}},
        }
        budgets: Any = client.CustomObjectsApi(self.api)
        where = ("policy", "v1beta1", self.namespace, "poddisruptionbudgets")
        await budgets.create_namespaced_custom_object(*where, body, **LIMITS)

        async def counted() -> bool:
            found = await budgets.get_namespaced_custom_object(*where, name, **LIMITS)
            return bool(found.get("status", {}).get("currentHealthy", 0) >= leave)

        await until(counted, f"the budget of {name} has been counted", within_seconds=WITHIN_SECONDS)

    async def lift(self, name: str) -> None:
        """Take a budget away."""
        where = ("policy", "v1beta1", self.namespace, "poddisruptionbudgets")
        await client.CustomObjectsApi(self.api).delete_namespaced_custom_object(*where, name, **LIMITS)

    async def until_alone(self) -> None:
        """See to it that nothing is left of what other tests ran: a drain takes every pod, whoever's it is.

        Their namespaces are on the way out, where nothing is made any more; only their pods take their time.
        """
        core = client.CoreV1Api(self.api)

        async def alone() -> bool:
            pods = (await core.list_pod_for_all_namespaces(**LIMITS)).items
            others = {pod.metadata.namespace for pod in pods} - {self.namespace}
            for namespace in others:
                await core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0, **LIMITS)
            return not others

        await until(alone, "other tests' pods are gone", within_seconds=WITHIN_SECONDS)

    def is_ready(self, pod: Any) -> bool:
        """Whether it serves."""
        return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())

    async def _all_pods(self, name: str) -> list[Any]:
        core = client.CoreV1Api(self.api)
        return list((await core.list_namespaced_pod(self.namespace, label_selector=f"app={name}", **LIMITS)).items)

    async def _label(self, node: str, labels: dict[str, str]) -> None:
        change: Any = {"metadata": {"labels": labels}}
        await client.CoreV1Api(self.api).patch_node(node, change, **LIMITS)

    async def _node(self, name: str) -> Any:
        return await client.CoreV1Api(self.api).read_node(name, **LIMITS)


def application(name: str, replicas: int = 1, *, kind: str = "Deployment", local_data: bool = False) -> dict[str, Any]:
    """A document as short as Kubernetes takes it."""
    labels = {"app": name}
    pods: dict[str, Any] = {"containers": [{"name": "web", "image": "registry.example/web:1"}]}
    pods["terminationGracePeriodSeconds"] = 1
    if local_data:
        pods["volumes"] = [{"name": "cache", "emptyDir": {}}]
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pods},
    }
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def about(protected: Protected | None = None) -> About:
    """What policy and incident say."""
    return About(service="nodes", now=datetime.now(UTC), protected=protected or Protected())


def section_of(plane: ControlPlane, token: str, folder: Path) -> dict[str, Any]:
    """The policy's section for the cluster, for whoever has this token."""
    file = folder / f"token-{uuid.uuid4().hex}"
    file.touch(0o600)
    file.write_text(token)
    access = {"url": plane.url, "ca_file": str(plane.authority), "token_file": str(file)}
    return {**access, "timeout": f"{REQUEST_SECONDS:g}s"}


def nodes_of(plane: ControlPlane, token: str, folder: Path) -> WatchedNodes:
    """The nodes as whoever has this token may see and change them."""
    settings = KubernetesSettings.model_validate(section_of(plane, token, folder))
    return WatchedNodes(Kubernetes("kubernetes", settings))


def remediation_of(plane: ControlPlane, token: str, folder: Path) -> RecoverNode:
    """The remediation with this token."""
    return over(nodes_of(plane, token, folder))


def over(nodes: KubernetesNodes) -> RecoverNode:
    return RecoverNode(Through({"kubernetes": nodes}, ("kubernetes",)))


async def token_of_one_who_looks(plane: ControlPlane) -> str:
    """A service account with every right of ours to read, and none to change anything."""
    name = f"onlooker-{uuid.uuid4().hex[:8]}"
    named: Any = {"metadata": {"name": name}}
    (role,) = (each for each in yaml.safe_load_all(ROLES.read_text("utf-8")) if "nodes" in each["metadata"]["name"])
    reading = [{**rule, "verbs": [v for v in rule["verbs"] if v in ("get", "list")]} for rule in role["rules"]]
    rules: Any = {**named, "rules": [rule for rule in reading if rule["verbs"]]}
    binding: Any = {
        **named,
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": HOME}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
    }
    request: Any = {"spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS}}
    async with plane.client(plane.administrator) as api:
        core, access = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
        await core.create_namespaced_service_account(HOME, named, **LIMITS)
        await access.create_cluster_role(rules, **LIMITS)
        await access.create_cluster_role_binding(binding, **LIMITS)
        asked = await core.create_namespaced_service_account_token(name, HOME, request, **LIMITS)
    return str(asked.status.token)


@asynccontextmanager
async def yard(plane: ControlPlane, api: ApiClient, namespace: str, folder: Path) -> AsyncIterator[Yard]:
    """Nobody else's pods are about, and every node takes pods again afterwards."""
    nodes = nodes_of(plane, plane.bot, folder)
    made = Yard(api, namespace, nodes, over(nodes))
    await made.until_alone()
    try:
        yield made
    finally:
        await made.uncordon(*NODES)
