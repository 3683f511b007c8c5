"""One node that is drained: read again before each change of it, and checked afterwards."""

from collections.abc import Collection, Mapping
from typing import Any

from bot.policy.plan import Target
from bot.remediation import About, Condition, Health, MovedOnError, PermanentError, Snapshot, TemporaryError
from remediations.infrastructure.recover_node.forecast import listed, moving
from remediations.infrastructure.recover_node.nodes import Evicted, Fate, Node, Nodes, Pod, Workload

LOOK_AGAIN_SECONDS = 1.0


def cordon_of(node: Node) -> dict[str, str] | None:
    """Who has cordoned it, as JSON."""
    return {"key": node.cordon.key, "by": node.cordon.by} if node.cordon else None


def state_of(node: Node, pods: Collection[Pod]) -> dict[str, Any]:
    """What must still hold when acting."""
    return {
        "uid": node.uid,
        "ready": node.ready,
        "cordon": cordon_of(node),
        "loses_data": any(each.local_data for each in pods),
    }


def evictable(node: Node, pods: Collection[Pod]) -> tuple[Pod, ...]:
    """What would move; refused where something would be lost for good."""
    lost = [str(each) for each in pods if each.fate is Fate.LOST and not each.ending]
    if lost:
        raise PermanentError(
            f"{node.name} is not drained: nothing would make {listed(lost)} again. Give what is needed a controller, "
            "such as a Deployment, delete the rest, and plan again."
        )
    return moving(pods)


def refuse_protected(pods: Collection[Pod], backend: str, about: About) -> None:
    """Nothing is done to what the policy protects, and evicting its pods would be."""
    for pod in pods:
        owner = f"{backend}:{pod.belongs_to}"
        if pattern := about.protected.target((owner, pod.belongs_to, pod.belongs_to.rpartition("/")[2])):
            raise PermanentError(f"{owner} has {pod} on the node and is protected by {pattern!r} in the policy.")


async def found(system: Nodes, name: str) -> Node:
    """The node as it is now; a PermanentError when there is none any more."""
    node = await system.node(name)
    if node is None:
        raise PermanentError(f"{name} is no node of {system} any more. Plan again.")
    return node


async def as_planned(system: Nodes, target: Target) -> tuple[Node, tuple[Pod, ...]]:
    """The node and what would move; refused where they are not as planned."""
    node = await found(system, target.label)
    pods = evictable(node, await system.pods(node.name))
    now = state_of(node, pods)
    changed = [each for each in now if now[each] != target.state[each]]
    if changed:
        raise PermanentError(
            f"{target.label} has changed since the plan was made ({', '.join(changed)}), so it was left alone. "
            "Plan again."
        )
    return node, pods


async def cordon(system: Nodes, target: Target, key: str) -> tuple[Pod, ...]:
    """Cordon it if it still is as planned, and return what is on it from then on."""
    node = await found(system, target.label)
    if node.cordon is None or node.cordon.key != key:
        node, _ = await as_planned(system, target)
        await system.cordon(node, key)
    return moving(await system.pods(node.name))


async def evict(system: Nodes, target: Target, pod: Pod, before: Workload | None) -> Evicted:
    """Evict a pod; ``before``: what its workload had, where it has to be replaced first what went before."""
    node = await found(system, target.label)
    if node.uid != target.state["uid"] or node.cordon is None:
        raise PermanentError(f"Somebody has let {target.label} take pods again, so {pod} and the rest stay on it.")
    if before is not None:
        now = (await system.workloads({pod.workload})).get(pod.workload)
        missing = now.short_of(before.ready) if now else 0
        if missing:
            raise TemporaryError(
                f"{pod} was not evicted: of {pod.workload}, {missing} that had to go before it are not replaced yet.",
                retry_after=LOOK_AGAIN_SECONDS,
            )
    return await system.evict(pod)


async def cordoned_by_us(system: Nodes, target: Target, uid: str, key: object) -> Node | None:
    """The node with our cordon; None when it takes pods. Whatever else it is, somebody has changed it.

    Where nobody lived to note the ``key``, any cordon of ours is taken for it: nothing else of ours could act on the
    node meanwhile.
    """
    node = await found(system, target.label)
    if node.uid != uid:
        raise MovedOnError(f"Another node is called {target.label} now, so it was left alone.")
    if node.cordon is None:
        return None
    if not node.cordon.key or key not in (None, node.cordon.key):
        raise MovedOnError(f"{target.label} was cordoned since {node.cordon}, so it stays cordoned.")
    return node


async def health_of(system: Nodes, target: Target, snapshot: Snapshot) -> Health:
    """How far it is drained of what the snapshot saw on it."""
    node = await found(system, target.label)
    if node.cordon is None:
        return Health(condition=Condition.UNHEALTHY, summary=f"{node.name} takes pods.")
    uids = set(snapshot.state["pods"].values())
    still = [each for each in await system.pods(node.name) if each.uid in uids and each.fate is not Fate.STAYS]
    staying = [str(each) for each in still if not each.ending]
    if staying:
        return Health(
            condition=Condition.UNHEALTHY,
            summary=f"{len(staying)} of {len(uids)} pods are still there: {listed(staying)}.",
        )
    if still and node.ready:
        return Health(condition=Condition.SETTLING, summary=f"{len(still)} of {len(uids)} pods are still ending.")
    wanted: Mapping[str, int] = snapshot.state["expected"]
    workloads = await system.workloads(wanted)
    short = {name: each.short_of(wanted[name]) for name, each in workloads.items()}
    waiting = [f"{name} ({count})" for name, count in short.items() if count]
    if waiting:
        return Health(condition=Condition.SETTLING, summary=f"Pods are not ready elsewhere yet: {listed(waiting)}.")
    silent = f" It does not answer, so {len(still)} of them cannot be seen to end." if still else ""
    return Health(
        condition=Condition.HEALTHY, summary=f"{node.name} takes no pods, and its {len(uids)} run elsewhere.{silent}"
    )
