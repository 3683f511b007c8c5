"""What we can see and do in a cluster: our rights there, and everything on staging as Kubernetes shows it.

It holds what somebody wants, and not how far Kubernetes has come with it: pods come and go by themselves, and what a
plan does not name would seem to change all the time. Of a pod template a digest is shown, as secrets may be in it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from remediations.backends.kubernetes.errors import ROLES
from remediations.backends.kubernetes.objects import SICK, Node
from remediations.backends.kubernetes.workloads import WORKLOADS, Autoscaler, Deployment, Workload, images, written

if TYPE_CHECKING:
    from remediations.backends.kubernetes import Kubernetes

DIGEST_LENGTH = 12


async def surveyed(cluster: "Kubernetes") -> Mapping[str, JsonValue]:
    """By address: the workloads of its namespace that are staging, and the nodes that are.

    Nodes belong to no namespace. Whoever may not list them may not change them either, and is shown none.

    Raises:
        RemediationError: as ``Kubernetes.listed``.
    """
    autoscalers = await cluster.listed(Autoscaler, cluster.namespace)
    found: dict[str, JsonValue] = {}
    for kind in WORKLOADS:
        for each in await cluster.listed(kind, cluster.namespace):
            if cluster.is_staging(each.address):
                scaled = any(autoscaler.scales(each) for autoscaler in autoscalers)
                found[each.address] = _workload(each, scaled=scaled)
    if await cluster.may("list", Node.kind):
        for node in await cluster.listed(Node):
            if cluster.is_staging(node.metadata.name):
                found[node.metadata.name] = _node(node)
    return found


async def lacking(cluster: "Kubernetes") -> str:
    """Which rights we lack so that nothing could be done there, with the remedy; empty where there is enough for some.

    Which of the two roles is needed depends on the remediation, so either is enough.

    Raises:
        RemediationError: as ``Kubernetes.may``.
    """
    for kind, namespace in ((Deployment.kind, cluster.namespace), (Node.kind, None)):
        if await cluster.may("list", kind, namespace) and await cluster.may("patch", kind, namespace):
            return ""
    return (
        f"{cluster} lets us change neither workloads in namespace {cluster.namespace} nor nodes: bind "
        f"watchkeeper-workloads or watchkeeper-nodes of {ROLES} to our account"
    )


def _workload(workload: Workload, *, scaled: bool) -> dict[str, JsonValue]:
    """``scaled``: by an autoscaler, which changes by itself how many pods there are to be."""
    return {
        "images": list(images(workload.spec.template)),
        "template": written(workload.spec.template)[:DIGEST_LENGTH],
        "replicas": None if scaled else workload.spec.replicas,
        "paused": workload.spec.paused,
    }


def _node(node: Node) -> dict[str, JsonValue]:
    """Without the taints that Kubernetes gives and takes as the node falls ill and recovers."""
    taints = sorted(f"{each.key}={each.value}:{each.effect}" for each in node.spec.taints)
    return {
        "unschedulable": node.spec.unschedulable,
        "taints": [each for each in taints if not each.startswith(SICK)],
    }
