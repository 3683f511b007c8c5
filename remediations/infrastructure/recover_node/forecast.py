"""What draining a node would come to, and what speaks against doing it without a person. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from bot.policy.plan import Exactness, Rollback
from remediations.infrastructure.recover_node.nodes import Budget, Fate, Node, Pod, Workload

NAMES_IN_A_SENTENCE = 3
FEWEST_LEFT = 2
STEP_MARGIN = timedelta(seconds=60)
"""What a step may take beside being patient."""
POD_TAKES = timedelta(seconds=30)
"""On average, at the most."""
FEWEST_COUNTED = 8


def moving(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """Those that a drain would evict."""
    return tuple(pod for pod in pods if pod.fate is Fate.MOVES and not pod.ending)


def peers_of(node: Node, every: Iterable[Node]) -> tuple[Node, ...]:
    """The other nodes that could take its pods: no taint keeps them off that they do not bear already."""
    return tuple(each for each in every if each.name != node.name and each.taints <= node.taints)


def expected(pods: Iterable[Pod], workloads: Mapping[str, Workload]) -> dict[str, int]:
    """Ready pods that each workload should have in the end: those that are ready elsewhere, and one for each here."""
    here = [pod for pod in pods if pod.workload in workloads]
    return {
        name: workloads[name].ready + sum(not pod.ready for pod in here if pod.workload == name)
        for name in sorted({pod.workload for pod in here})
    }


def interleaved(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """In an order in which a workload's own come far apart, so that there is time to replace each."""
    seen: dict[str, int] = {}
    ranked: list[tuple[int, str, Pod]] = []
    for pod in sorted(pods, key=str):
        rank = seen[pod.workload] = seen.get(pod.workload, -1) + 1
        ranked.append((rank, str(pod), pod))
    return tuple(pod for *_, pod in sorted(ranked, key=lambda each: each[:2]))


def time_limits(pods: int, patience: timedelta) -> tuple[timedelta, timedelta]:
    """How long one step may take, and the whole.

    They are sealed, so a pod that comes or goes changes them only where the number passes 8, 16, 32 and so on.
    """
    counted = FEWEST_COUNTED
    while counted < pods:
        counted *= 2
    step = patience + STEP_MARGIN
    return step, step + counted * POD_TAKES


def rollback(node: Node, pods: Iterable[Pod]) -> Rollback:
    """How the drain is rolled back, and what is lost for good."""
    lost = " What they kept on the node is lost." if any(each.local_data for each in pods) else ""
    if node.is_others:
        return Rollback(
            summary=f"{node.name} stays cordoned ({node.cordon}), and pods stay where they went.{lost}",
            exactness=Exactness.NOTHING_TO_UNDO,
        )
    return Rollback(summary=f"Uncordon {node.name}; pods stay where they went.{lost}", exactness=Exactness.APPROXIMATE)


def cautions(
    node: Node,
    peers: Collection[Node],
    pods: Collection[Pod],
    workloads: Mapping[str, Workload],
    budgets: Collection[Budget],
    *,
    may_lose_local_data: bool,
) -> tuple[str, ...]:
    """Sentences for people; ``pods`` are those that would move."""
    return (
        *_of_peers(peers),
        *_of_budgets(pods, budgets),
        *_of_workloads(pods, workloads),
        *_of_data(pods, may_lose_local_data=may_lose_local_data),
        *_of_silence(node, pods),
    )


def listed(names: Collection[str]) -> str:
    """The first few names, and how many more there are."""
    shown = sorted(names)[:NAMES_IN_A_SENTENCE]
    hidden = len(names) - len(shown)
    return ", ".join(shown) + (f" and {hidden} more" if hidden else "")


def _of_peers(peers: Collection[Node]) -> Iterable[str]:
    ill = [each.name for each in peers if not each.ready]
    closed = [each.name for each in peers if each.ready and each.cordon]
    left = sum(each.takes_pods for each in peers)
    if ill:
        yield f"Other nodes are not ready: {listed(ill)}."
    if closed:
        yield f"Other nodes are cordoned: {listed(closed)}."
    if left < FEWEST_LEFT:
        yield f"Only {left} other node would be left to take pods." if left else "No other node is left to take pods."


def _of_budgets(pods: Collection[Pod], budgets: Collection[Budget]) -> Iterable[str]:
    for budget in budgets:
        covered = [str(pod) for pod in pods if pod.uid in budget.pods]
        if covered and budget.allows < 1:
            yield f"The disruption budget {budget.name} lets no pod go now: {listed(covered)}."
    twice = [str(pod) for pod in pods if sum(pod.uid in budget.pods for budget in budgets) > 1]
    if twice:
        yield f"More than one disruption budget covers {listed(twice)}: such a pod is not evicted."


def _of_workloads(pods: Collection[Pod], workloads: Mapping[str, Workload]) -> Iterable[str]:
    for name, workload in sorted(workloads.items()):
        here = sum(pod.ready for pod in pods if pod.workload == name)
        if here and here == workload.ready:
            known_as = next((pod.belongs_to for pod in pods if pod.workload == name and pod.belongs_to), name)
            yield f"Every ready pod of {known_as} is on it."


def _of_data(pods: Collection[Pod], *, may_lose_local_data: bool) -> Iterable[str]:
    losing = [str(pod) for pod in pods if pod.local_data]
    if losing and not may_lose_local_data:
        yield f"Data that pods keep on the node would be lost: {listed(losing)}."


def _of_silence(node: Node, pods: Collection[Pod]) -> Iterable[str]:
    waiting = [str(pod) for pod in pods if pod.waits_for_end]
    if waiting and not node.ready:
        yield f"The node does not answer, so these are not replaced before it does: {listed(waiting)}."
