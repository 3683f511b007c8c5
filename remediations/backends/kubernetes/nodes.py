"""Nodes of a Kubernetes cluster and the pods on them, for draining."""

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import ClassVar

from pydantic import AwareDatetime, Field, JsonValue

from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.kubernetes import MANAGER, Kubernetes, Patch
from remediations.backends.kubernetes.budgets import budgets_of
from remediations.backends.kubernetes.errors import (
    ROLES,
    BudgetError,
    ConflictError,
    NotFoundError,
    UnknownOutcomeError,
)
from remediations.backends.kubernetes.objects import (
    SICK,
    Kind,
    Metadata,
    PodSpec,
    Resource,
    Seen,
    Status,
    Taint,
)
from remediations.backends.kubernetes.objects import Node as PlainNode
from remediations.backends.kubernetes.objects import Pod as PlainPod
from remediations.infrastructure.recover_node.nodes import Budget, Cordon, Evicted, Fate, Node, Pod, Workload

MARK = "watchkeeper/cordoned-by"
"""The annotation that says which act of ours has cordoned a node. It is only good beside ``MANAGER``: whoever uncordons
a node and cordons it again leaves annotations alone."""
KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})
MIRROR = "kubernetes.io/config.mirror"
SERVICE_LABELS = ("app.kubernetes.io/name", "app")
TEMPLATE_HASH = "pod-template-hash"
ASK_AGAIN_SECONDS = 2.0


class Managed(Seen):
    """Who has changed some fields of an object last."""

    manager: str = ""
    time: AwareDatetime | None = None
    fields_v1: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def cordons(self) -> bool:
        """Whether one of the fields is that the node takes no pods."""
        spec = self.fields_v1.get("f:spec")
        return isinstance(spec, dict) and "f:unschedulable" in spec


class NodeMetadata(Metadata):
    """Who a node is, and who has changed it."""

    managed_fields: tuple[Managed, ...] = ()


class NodeStatus(Seen):
    """How a node is."""

    conditions: tuple[Status, ...] = ()


class NodeObject(PlainNode):
    """One node, who has changed it, and how it is."""

    metadata: NodeMetadata
    status: NodeStatus = NodeStatus()


class PlacedPodSpec(PodSpec):
    """Where a pod runs, and what it keeps there."""

    volumes: tuple[dict[str, JsonValue], ...] = ()


class PlacedPod(PlainPod):
    """One pod and what it keeps on its node."""

    spec: PlacedPodSpec = PlacedPodSpec()


class WorkloadSpec(Seen):
    """How many pods are meant to be."""

    replicas: int = 1


class ReplicaSet(Resource):
    """Makes pods of one template; mostly of a Deployment."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "replicasets", "ReplicaSet")
    spec: WorkloadSpec = WorkloadSpec()


class StatefulSet(Resource):
    """Makes pods with names and storage of their own."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "statefulsets", "StatefulSet")
    spec: WorkloadSpec = WorkloadSpec()


COUNTED: Mapping[str, type[ReplicaSet] | type[StatefulSet]] = {"ReplicaSet": ReplicaSet, "StatefulSet": StatefulSet}
"""Kinds of which we read how many pods they want; of every other we know only how many there are."""
RUNS_TO_ITS_END = "Job"


class KubernetesNodes:
    """Fulfils ``remediations.infrastructure.recover_node.nodes.Nodes``."""

    def __init__(self, cluster: Kubernetes) -> None:
        self._cluster = cluster

    def __str__(self) -> str:
        return str(self._cluster)

    async def nodes(self) -> tuple[Node, ...]:
        """All there are, by name."""
        return tuple(
            sorted((node_of(each) for each in await self._cluster.listed(NodeObject)), key=lambda node: node.name)
        )

    async def node(self, name: str) -> Node | None:
        """One, as it is now; None when there is none."""
        try:
            return node_of(await self._cluster.read(NodeObject, name))
        except NotFoundError:
            return None

    async def pods(self, node: str) -> tuple[Pod, ...]:
        """All that are on it, by namespace and name."""
        found = await self._cluster.listed(PlacedPod, fields=f"spec.nodeName={node}")
        return tuple(sorted((pod_of(each) for each in found), key=str))

    async def workloads(self, names: Collection[str]) -> Mapping[str, Workload]:
        """What makes pods: one list of pods for each namespace, and one question for each workload of a known kind."""
        ready: dict[str, int] = {}
        for namespace in sorted({name.split("/")[0] for name in names}):
            for pod in await self._cluster.listed(PlainPod, namespace):
                ready[_workload(pod)] = ready.get(_workload(pod), 0) + pod.ready
        found: dict[str, Workload] = {}
        for name in sorted(names):
            namespace, kind, own = name.split("/")
            try:
                wanted = await self._wanted(namespace, kind, own)
            except NotFoundError:
                continue
            found[name] = Workload(ready=ready.get(name, 0), wanted=wanted)
        return found

    async def budgets(self, pods: Collection[Pod]) -> tuple[Budget, ...]:
        """Those that cover any of the pods, in whichever version this cluster serves them."""
        return await budgets_of(self._cluster, pods)

    async def check_rights(self, node: str, pods: Collection[Pod]) -> None:
        """Whether we may patch nodes, and evict in every namespace that has a pod on it."""
        missing: list[str] = []
        if not await self._cluster.may("patch", NodeObject.kind):
            missing.append("patch nodes")
        for namespace in sorted({pod.namespace for pod in pods}):
            if not await self._cluster.may("create", PlacedPod.kind, namespace, part="eviction"):
                missing.append(f"create pods/eviction in {namespace}")
        if missing:
            raise PermanentError(
                f"{node} of {self} cannot be drained: we may not {', '.join(missing)}. Bind watchkeeper-nodes of "
                f"{ROLES} to our service account."
            )

    async def cordon(self, node: Node, key: str) -> None:
        """Keep new pods off it, in the name of ``key``."""
        await self._change(node, {"annotations": {MARK: key}}, {"unschedulable": True})

    async def uncordon(self, node: Node) -> None:
        """Let it take pods again, and take away the mark."""
        await self._change(node, {"annotations": {MARK: None}}, {"unschedulable": None})

    async def evict(self, pod: Pod) -> Evicted:
        """Evict this very pod: a budget is only asked for one that still has its uid."""
        path = PlacedPod.kind.path(pod.namespace, pod.name, "eviction")
        subject = f"evict Pod {pod}"
        try:
            body: dict[str, JsonValue] = {
                "apiVersion": f"policy/{await self._eviction_version()}",
                "kind": "Eviction",
                "metadata": {"name": pod.name, "namespace": pod.namespace},
                "deleteOptions": {"preconditions": {"uid": pod.uid}},
            }
            await self._cluster.ask("POST", path, subject, body=body)
        except NotFoundError:
            return Evicted.GONE
        except ConflictError:
            return await self._after_conflict(pod)
        except (BudgetError, UnknownOutcomeError) as error:
            raise await self._refused(pod, error) from None
        return Evicted.EVICTED

    async def _change(self, node: Node, metadata: dict[str, JsonValue], spec: dict[str, JsonValue]) -> None:
        change: dict[str, JsonValue] = {"metadata": metadata | {"resourceVersion": node.revision}, "spec": spec}
        try:
            await self._cluster.patch(NodeObject, node.name, change, how=Patch.MERGE)
        except (ConflictError, UnknownOutcomeError) as error:
            # Whoever tries again reads it again first, and sees what has come of it.
            raise TemporaryError(str(error), retry_after=ASK_AGAIN_SECONDS) from None

    async def _wanted(self, namespace: str, kind: str, name: str) -> int | None:
        if kind == RUNS_TO_ITS_END:
            return 0
        return (await self._cluster.read(COUNTED[kind], name, namespace)).spec.replicas if kind in COUNTED else None

    async def _eviction_version(self) -> str:
        """``v1`` or ``v1beta1``: which one pods take is younger than the group's versions, so it is asked of pods."""
        answer = await self._cluster.ask("GET", "/api/v1", "ask how pods are evicted")
        listed = answer.get("resources")
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and each.get("name") == "pods/eviction":
                return str(each.get("version") or "v1")
        raise PermanentError(f"{self} does not know evictions: a node is drained by hand there.")

    async def _after_conflict(self, pod: Pod) -> Evicted:
        """What a conflict means: another pod has its name, or something else has changed this one just then."""
        try:
            now = await self._cluster.read(PlacedPod, pod.name, pod.namespace)
        except NotFoundError:
            return Evicted.GONE
        if now.metadata.uid != pod.uid:
            return Evicted.MOVED
        raise TemporaryError(f"{pod} was being changed when it was to be evicted.", retry_after=ASK_AGAIN_SECONDS)

    async def _refused(self, pod: Pod, error: RemediationError) -> RemediationError:
        """Name the budget. An eviction may be asked for again: the uid keeps it from meeting another pod."""
        budgets = await self.budgets((pod,))
        named = ", ".join(budget.name for budget in budgets)
        if len(budgets) > 1:
            return PermanentError(
                f"{pod} is covered by more than one PodDisruptionBudget ({named}), and Kubernetes then evicts nothing: "
                "leave it one."
            )
        if isinstance(error, BudgetError) and budgets:
            return BudgetError(
                f"The PodDisruptionBudget {named} does not let {pod} be evicted: too few pods would be left.",
                retry_after=min(error.retry_after, ASK_AGAIN_SECONDS),
            )
        return TemporaryError(str(error), retry_after=ASK_AGAIN_SECONDS)


def node_of(seen: NodeObject) -> Node:
    """What is gone by of a node."""
    ready = any(each.type == "Ready" and each.status == "True" for each in seen.status.conditions)
    taints = {f"{each.key}={each.value}:{each.effect}" for each in seen.spec.taints if _keeps_off(each)}
    return Node(
        name=seen.metadata.name,
        uid=seen.metadata.uid,
        revision=seen.metadata.resource_version,
        ready=ready,
        cordon=_cordon(seen.metadata) if seen.spec.unschedulable else None,
        taints=frozenset(taints),
    )


def _keeps_off(taint: Taint) -> bool:
    return taint.effect in KEEPS_OFF and not taint.key.startswith(SICK)


def _cordon(metadata: NodeMetadata) -> Cordon:
    key = metadata.annotations.get(MARK, "")
    owners = sorted(
        (each for each in metadata.managed_fields if each.cordons), key=lambda each: each.manager != MANAGER
    )
    owner = owners[0] if owners else Managed()
    since = owner.time.astimezone(UTC) if owner.time else None
    if key and owner.manager in ("", MANAGER):
        return Cordon(key=key, since=since)
    return Cordon(by=owner.manager, since=since)


def pod_of(seen: PlacedPod) -> Pod:
    """What is gone by of a pod."""
    metadata, owner = seen.metadata, seen.metadata.controller
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        fate=_fate(seen),
        workload=_workload(seen),
        belongs_to=_belongs_to(seen),
        service=next((metadata.labels[each] for each in SERVICE_LABELS if metadata.labels.get(each)), ""),
        labels=metadata.labels,
        ready=seen.ready,
        ending=metadata.deletion_timestamp is not None,
        local_data=any("emptyDir" in each for each in seen.spec.volumes),
        waits_for_end=owner is not None and owner.kind == "StatefulSet",
    )


def _fate(seen: PlacedPod) -> Fate:
    owner = seen.metadata.controller
    if MIRROR in seen.metadata.annotations or seen.status.phase in ("Succeeded", "Failed"):
        return Fate.STAYS
    if owner is None:
        return Fate.LOST
    return Fate.STAYS if owner.kind in ("DaemonSet", "Node") else Fate.MOVES


def _belongs_to(seen: PlainPod) -> str:
    """A Deployment gives its ReplicaSets its name and the hash of a template, which their pods bear as a label."""
    owner = seen.metadata.controller
    if owner is None:
        return f"{seen.metadata.namespace}/pod/{seen.metadata.name}"
    template = f"-{seen.metadata.labels.get(TEMPLATE_HASH, '')}"
    if owner.kind == "ReplicaSet" and template != "-" and owner.name.endswith(template):
        return f"{seen.metadata.namespace}/deployment/{owner.name.removesuffix(template)}"
    return f"{seen.metadata.namespace}/{owner.kind.lower()}/{owner.name}"


def _workload(seen: PlainPod) -> str:
    owner = seen.metadata.controller
    return f"{seen.metadata.namespace}/{owner.kind}/{owner.name}" if owner else ""
