"""What runs pods and rolls out changes of their template: Deployments, StatefulSets and DaemonSets.

A rollout is over when the controller has seen the change, every pod is of the new template, every one is available, and
no other is left. Until then it settles; it has failed when Kubernetes says that it makes no progress any more.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import AwareDatetime, Field, JsonValue

from bot.remediation import Condition
from remediations.backends.kubernetes.objects import SERVICE_LABELS, Kind, Resource, Seen, Status, Template

POD_HASH = "pod-template-hash"
"""The label by which Kubernetes tells the pods of two templates apart."""
KUBECTL_RESTARTED, RESTARTED = "kubectl.kubernetes.io/restartedAt", "watchkeeper/restarted-by"
"""Annotations of a template that change nothing but that its pods are made anew."""
GAVE_UP_BEFORE = "watchkeeper/gave-up-before"
"""Annotation of a workload: when Kubernetes had given up on its rollout, as it was when we changed it last."""
GITOPS: Mapping[str, str] = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Labels and annotations of those who put back what a repository says."""


class Share(Seen):
    """How many pods a rollout may take away or add at a time: a number, or a share such as ``25%``."""

    max_unavailable: int | str = "25%"
    max_surge: int | str = "25%"
    partition: int = 0


class Strategy(Seen):
    """How a change of the template reaches the pods."""

    type: str = "RollingUpdate"
    rolling_update: Share = Share()


class Selector(Seen):
    """Which pods belong to a workload."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[dict[str, Any], ...] = ()


class Specification(Seen):
    """What is wanted."""

    replicas: int = 1
    paused: bool = False
    selector: Selector = Selector()
    template: Template = Field(default_factory=dict)
    strategy: Strategy = Strategy()
    update_strategy: Strategy = Strategy()
    progress_deadline_seconds: int = 600


class Progress(Status):
    """A condition of a workload."""

    last_update_time: AwareDatetime | None = None


class Counts(Seen):
    """How many pods there are of which kind."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: tuple[Progress, ...] = ()


class Workload(Resource):
    """One of them. The properties are what all three have in common."""

    spec: Specification
    status: Counts = Counts()

    @property
    def address(self) -> str:
        """As people write it: ``shop/deployment/web``."""
        return f"{self.metadata.namespace}/{self.kind.noun.lower()}/{self.metadata.name}"

    @property
    def wanted(self) -> int:
        """Pods there should be."""
        return self.spec.replicas

    @property
    def present(self) -> int:
        """Pods there are, old ones too."""
        return self.status.replicas

    @property
    def updated(self) -> int:
        """Pods of the present template."""
        return self.status.updated_replicas

    @property
    def available(self) -> int:
        """Pods that serve, of whichever template."""
        return self.status.available_replicas

    @property
    def taken(self) -> int:
        """Pods that a rollout takes away at a time."""
        return min(1, self.wanted)

    @property
    def rolls_out(self) -> bool:
        """Whether a change of the template reaches the pods by itself."""
        return (
            self.spec.update_strategy.type == "RollingUpdate" and not self.spec.update_strategy.rolling_update.partition
        )

    @property
    def gave_up(self) -> AwareDatetime | None:
        """When Kubernetes said that the rollout makes no progress any more; None where it does not say so."""
        return None

    @property
    def services(self) -> frozenset[str]:
        """The service that its labels name, if they do."""
        named = (self.metadata.labels.get(each, "") for each in SERVICE_LABELS)
        return frozenset(itertools.islice(filter(None, named), 1))

    @property
    def deployed_by(self) -> str:
        """Who puts back what a repository says; empty when nobody is known to."""
        marks = self.metadata.labels.keys() | self.metadata.annotations.keys()
        return next((name for mark, name in GITOPS.items() if mark in marks), "")


class Deployment(Workload):
    """One Deployment."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "deployments", "Deployment")

    @property
    def taken(self) -> int:
        """As the strategy says; whoever may neither take nor add a pod takes one."""
        if self.spec.strategy.type != "RollingUpdate":
            return self.wanted
        share = self.spec.strategy.rolling_update
        taken = _count(share.max_unavailable, self.wanted, up=False)
        return min(self.wanted, taken if taken or _count(share.max_surge, self.wanted, up=True) else 1)

    @property
    def rolls_out(self) -> bool:
        """Unless it is paused."""
        return not self.spec.paused

    @property
    def gave_up(self) -> AwareDatetime | None:
        """When it was over its ``progressDeadlineSeconds``."""
        for each in self.status.conditions:
            if each.type == "Progressing" and each.reason == "ProgressDeadlineExceeded":
                return each.last_update_time
        return None


class StatefulSet(Workload):
    """One StatefulSet: pods are replaced one by one."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "statefulsets", "StatefulSet")

    @property
    def updated(self) -> int:
        """Once all are updated, Kubernetes counts them as current and no longer as updated."""
        status = self.status
        return status.replicas if status.current_revision == status.update_revision else status.updated_replicas

    @property
    def available(self) -> int:
        """Older clusters count the ready ones only."""
        return max(self.status.available_replicas, self.status.ready_replicas)


class DaemonSet(Workload):
    """One DaemonSet: a pod on each node."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "daemonsets", "DaemonSet")

    @property
    def wanted(self) -> int:
        """One for each node that it is for."""
        return self.status.desired_number_scheduled

    @property
    def present(self) -> int:
        """On the nodes it is for."""
        return self.status.current_number_scheduled

    @property
    def updated(self) -> int:
        """Of the present template."""
        return self.status.updated_number_scheduled

    @property
    def available(self) -> int:
        """Serving."""
        return self.status.number_available

    @property
    def taken(self) -> int:
        """As the strategy says; one where it says nothing."""
        share = self.spec.update_strategy.rolling_update
        said = share.max_unavailable if "max_unavailable" in share.model_fields_set else 1
        return min(self.wanted, max(1, _count(said, self.wanted, up=True)))


WORKLOADS: tuple[type[Workload], ...] = (Deployment, StatefulSet, DaemonSet)
BY_NOUN: Mapping[str, type[Workload]] = {each.kind.noun.lower(): each for each in WORKLOADS}
"""As they stand in an address: ``deployment``."""


class ReplicaSet(Resource):
    """One ReplicaSet: what a Deployment has made of one of its templates."""

    kind: ClassVar[Kind] = Kind("apps", "v1", "replicasets", "ReplicaSet")
    spec: Specification
    status: Counts = Counts()


class ScaleTarget(Seen):
    """What an autoscaler changes."""

    kind: str
    name: str


class AutoscalerSpecification(Seen):
    """What an autoscaler does."""

    scale_target_ref: ScaleTarget


class Autoscaler(Resource):
    """One HorizontalPodAutoscaler."""

    kind: ClassVar[Kind] = Kind("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
    spec: AutoscalerSpecification

    def scales(self, workload: Workload) -> bool:
        """Whether it is in charge of that one."""
        target = self.spec.scale_target_ref
        return (target.kind, target.name) == (workload.kind.noun, workload.metadata.name)


def condition(workload: Workload) -> tuple[Condition, str]:
    """How far its rollout has come, and that in words that go on from "web is".

    Where Kubernetes had given up on what was there before our change (``GAVE_UP_BEFORE``), that says nothing of what
    is there now, and is withdrawn only a while later.
    """
    wanted, updated, available = workload.wanted, workload.updated, workload.available
    if workload.status.observed_generation < workload.metadata.generation:
        return Condition.SETTLING, "waiting for Kubernetes to begin"
    gave_up = workload.gave_up
    if gave_up is not None and gave_up.isoformat() != workload.metadata.annotations.get(GAVE_UP_BEFORE):
        return Condition.UNHEALTHY, (
            f"stuck: Kubernetes gave up on its rollout with {updated} of {wanted} pods new and {available} serving"
        )
    old = workload.present - updated
    if updated < wanted or old > 0:
        return (
            Condition.SETTLING,
            f"rolling out: {updated} of {wanted} pods are new, {max(old, 0)} old, {available} serve",
        )
    if available < wanted:
        return Condition.SETTLING, f"serving with {available} of {wanted} pods"
    return Condition.HEALTHY, f"serving with {wanted} of {wanted} pods"


def mark(workload: Workload) -> dict[str, JsonValue]:
    """The start of a change of ours: that nobody else has changed it since, and what was the matter before."""
    gave_up = workload.gave_up
    before = gave_up.isoformat() if gave_up else None
    return {"resourceVersion": workload.metadata.resource_version, "annotations": {GAVE_UP_BEFORE: before}}


def cautions(workload: Workload, autoscalers: Iterable[Autoscaler]) -> tuple[str, ...]:
    """What speaks against a rollout without a person."""
    name = workload.metadata.name
    return tuple(
        f"The autoscaler {each.metadata.name} is in charge of {name}." for each in autoscalers if each.scales(workload)
    )


def changing(workload: Workload) -> str:
    """The rollout that goes on there, as a sentence that stays the same until another begins; empty where none does.

    One that Kubernetes has given up on goes on no more.
    """
    begun = workload.status.observed_generation >= workload.metadata.generation
    if begun and (workload.gave_up is not None or _all_new(workload)):
        return ""
    return f"A rollout of {workload.metadata.name} (generation {workload.metadata.generation}) is under way."


def _all_new(workload: Workload) -> bool:
    return workload.updated >= workload.wanted and workload.present <= workload.updated


def written(template: Template, *, restarts_count: bool = True) -> str:
    """A digest of a pod template as somebody wrote it: without the label that Kubernetes adds.

    Without ``restarts_count``, two are the same that differ in nothing but when they were restarted.
    """
    document = json.loads(json.dumps(template))
    metadata = document.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    labels.pop(POD_HASH, None)
    if not restarts_count:
        for mark in (KUBECTL_RESTARTED, RESTARTED):
            annotations.pop(mark, None)
    rest = {key: value for key, value in metadata.items() if key not in {"labels", "annotations"} and value is not None}
    document["metadata"] = rest | {"labels": labels, "annotations": annotations}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def images(template: Template) -> tuple[str, ...]:
    """The images of its containers, as written."""
    containers = (template.get("spec") or {}).get("containers")
    found = containers if isinstance(containers, list) else []
    return tuple(str(each["image"]) for each in found if isinstance(each, dict) and each.get("image"))


def annotations(template: Template) -> Mapping[str, Any]:
    """The annotations that its pods get."""
    found: Mapping[str, Any] = (template.get("metadata") or {}).get("annotations") or {}
    return found


def _count(share: int | str, wanted: int, *, up: bool) -> int:
    if isinstance(share, int):
        return max(0, share)
    percent = share.removesuffix("%")
    exact = wanted * (int(percent) if percent.isascii() and percent.isdigit() and len(percent) < 9 else 0) / 100
    return math.ceil(exact) if up else math.floor(exact)
