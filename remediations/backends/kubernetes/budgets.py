"""PodDisruptionBudgets, in whichever version a cluster serves them, and which pods they cover."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from pydantic import Field

from remediations.backends.kubernetes import Kubernetes
from remediations.backends.kubernetes.errors import NotFoundError
from remediations.backends.kubernetes.objects import Kind, Resource, Seen
from remediations.infrastructure.recover_node.nodes import Budget, Pod


class Requirement(Seen):
    """One condition on a label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil it; one that we do not know is taken to hold, since a budget only ever holds back."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return True


class Selector(Seen):
    """Which pods are meant, by their labels."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels is meant."""
        return self.match_labels.items() <= labels.items() and all(
            each.holds(labels) for each in self.match_expressions
        )


class BudgetSpec(Seen):
    """What is to be kept."""

    selector: Selector | None = None


class BudgetStatus(Seen):
    """What Kubernetes has counted."""

    disruptions_allowed: int = 0


class DisruptionBudget(Resource):
    """One budget."""

    kind: ClassVar[Kind] = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

    def covers(self, pod: Pod) -> bool:
        """Whether the pod can only be evicted if this lets it."""
        selector = self.spec.selector
        return selector is not None and pod.namespace == self.metadata.namespace and selector.selects(pod.labels)


class EarlyDisruptionBudget(DisruptionBudget):
    """One budget of a cluster before 1.21, where an empty selector means no pod; later it means every one."""

    kind: ClassVar[Kind] = Kind("policy", "v1beta1", "poddisruptionbudgets", "PodDisruptionBudget")

    def covers(self, pod: Pod) -> bool:
        """Whether the pod can only be evicted if this lets it."""
        return self.spec.selector != Selector() and super().covers(pod)


async def budgets_of(cluster: Kubernetes, pods: Collection[Pod]) -> tuple[Budget, ...]:
    """The budgets that cover any of the pods, by name.

    Raises:
        TemporaryError, PermanentError: as the cluster.
    """
    try:
        versions = await cluster.versions("policy")
    except NotFoundError:
        return ()
    wanted = DisruptionBudget if DisruptionBudget.kind.version in versions else EarlyDisruptionBudget
    found: list[Budget] = []
    for namespace in sorted({pod.namespace for pod in pods}):
        for each in await cluster.listed(wanted, namespace):
            covered = frozenset(pod.uid for pod in pods if each.covers(pod))
            if covered:
                name = f"{namespace}/{each.metadata.name}"
                found.append(Budget(name=name, allows=each.status.disruptions_allowed, pods=covered))
    return tuple(sorted(found, key=lambda budget: budget.name))
