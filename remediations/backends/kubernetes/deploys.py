"""The deploys of one namespace: Deployments, and the ReplicaSets that Kubernetes keeps of their earlier templates.

A version is a pod template, whichever ReplicaSet or revision it is in: two that differ only in when they were restarted
are the same. Revisions tell the order in which versions came and went: Kubernetes gives a ReplicaSet that comes back a
new one, and keeps the old ones in an annotation, so the least of them all says when it came first, and the greatest
when it served last. What templates say (secrets in variables, maybe) is read and put back, and kept nowhere.
"""

import contextlib
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.remediation import MovedOnError, PermanentError, TemporaryError
from remediations.application.deploys import Deployed, Version
from remediations.backends.kubernetes import Kubernetes
from remediations.backends.kubernetes.errors import ConflictError, UnknownOutcomeError
from remediations.backends.kubernetes.objects import Template
from remediations.backends.kubernetes.workloads import (
    GAVE_UP_BEFORE,
    POD_HASH,
    Autoscaler,
    Deployment,
    ReplicaSet,
    cautions,
    changing,
    condition,
    images,
    written,
)

ACTION, CHANGE_CAUSE = "watchkeeper/action", "kubernetes.io/change-cause"
REVISION, REVISIONS_BEFORE = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"
DIGEST_LENGTH = 16
DIGITS_MAX = 18
"""No revision has more; what has is no number of Kubernetes."""
TRIES = 3
"""How often a change is offered at once while others change the object; then again after a pause."""
BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Build:
    """One ReplicaSet, as one making of a version."""

    replica_set: ReplicaSet
    content: str
    revisions: frozenset[int]

    @property
    def name(self) -> str:
        return self.replica_set.metadata.labels.get(POD_HASH, self.replica_set.metadata.name)


class KubernetesDeploys:
    """Fulfils ``Deploys``."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster

    def __str__(self) -> str:
        return str(self.cluster)

    async def find(self, name: str) -> tuple[Deployed, ...]:
        """The Deployment of that name, or all with that label (``app=shop``)."""
        namespace = self.cluster.namespace
        label, equals, value = name.partition("=")
        found = [
            each
            for each in await self.cluster.listed(Deployment, namespace)
            if (each.metadata.labels.get(label) == value if equals else each.metadata.name == name)
        ]
        if not found:
            return ()
        kept = await self.cluster.listed(ReplicaSet, namespace)
        autoscalers = await self.cluster.listed(Autoscaler, namespace)
        found.sort(key=lambda each: each.metadata.name)
        return tuple(self._deployed(each, _builds(each, kept), autoscalers) for each in found)

    async def read(self, address: str) -> Deployed:
        """One Deployment; whether an autoscaler is in charge is asked of ``find`` only."""
        deployment, builds = await self._read(address)
        return self._deployed(deployment, builds)

    async def put(self, deployed: Deployed, version: str, idempotency_key: str, *, rehearsed: bool = False) -> None:
        """Give the Deployment the template of that ReplicaSet, as kubectl's rollout command would."""
        for _ in range(TRIES):
            with contextlib.suppress(ConflictError):  # its status is of one piece with it, and changes all the time
                return await self._put(deployed, version, idempotency_key, rehearsed=rehearsed)
        raise TemporaryError(f"{deployed.label} on {self} was changed at the same moment.", retry_after=BUSY_SECONDS)

    async def _put(self, deployed: Deployed, version: str, idempotency_key: str, *, rehearsed: bool) -> None:
        deployment, builds = await self._read(deployed.address)
        wanted = next((build for build in builds if build.name == version), None)
        if wanted is None:
            raise PermanentError(
                f"{self} keeps version {version} of {deployed.label} no more: deploy it anew, and raise its "
                "`revisionHistoryLimit`."
            )
        if _content(deployment.spec.template) == wanted.content:
            return
        if _content(deployment.spec.template) != deployed.current.content:
            raise MovedOnError(f"Somebody has deployed {deployed.label} on {self} at the same time.")
        change = _change(deployment, wanted, idempotency_key)
        name, namespace = deployment.metadata.name, deployment.metadata.namespace
        try:
            await self.cluster.patch(Deployment, name, change, namespace, rehearsed=rehearsed)
        except UnknownOutcomeError:
            now, _ = await self._read(deployed.address)
            if _content(now.spec.template) != wanted.content:
                raise

    async def every(self) -> Collection[str]:
        """Every Deployment of the namespace."""
        known = await self.cluster.listed(Deployment, self.cluster.namespace)
        return list(itertools.chain.from_iterable((each.address, each.metadata.name) for each in known))

    async def _read(self, address: str) -> tuple[Deployment, list[_Build]]:
        namespace, _, name = address.split("/")
        deployment = await self.cluster.read(Deployment, name, namespace)
        return deployment, _builds(deployment, await self.cluster.listed(ReplicaSet, namespace))

    def _deployed(
        self, deployment: Deployment, builds: Sequence[_Build], autoscalers: Iterable[Autoscaler] = ()
    ) -> Deployed:
        """Its versions, told apart by what is in them.

        Raises:
            TemporaryError: Kubernetes has made no ReplicaSet of the present template yet.
        """
        name, content = deployment.metadata.name, _content(deployment.spec.template)
        here = written(deployment.spec.template)
        current = next((build for build in builds if written(build.replica_set.spec.template) == here), None)
        held, remedy = _held(deployment)
        if current is None:
            if held:
                raise PermanentError(f"{name} on {self} is {held}, and nothing was made of its last change: {remedy}.")
            raise TemporaryError(f"Kubernetes has not begun with the last deploy of {name} yet.")
        versions = {content: _versions(builds, content, current)}
        for build in builds:
            versions.setdefault(build.content, _versions(builds, build.content))
        how_it_is, seen = condition(deployment)
        present = versions.pop(content)
        others = sorted(versions.values(), key=lambda each: each.last, reverse=True)
        by = deployment.deployed_by
        return Deployed(
            address=deployment.address,
            label=name,
            current=present.version,
            earlier=tuple(each.version for each in others if each.first < present.first),
            later=tuple(each.version for each in others if each.first > present.first),
            condition=how_it_is,
            seen=seen,
            healthy=deployment.available,
            total=deployment.wanted,
            taken=min(deployment.taken, deployment.available),
            held=held,
            remedy=remedy,
            services=deployment.services,
            cautions=(
                *cautions(deployment, autoscalers),
                # No change of others that this would have to wait for: it is what is to be rolled back.
                *filter(None, (changing(deployment),)),
                *((f"{by} deploys {name}, and will put back what its repository says.",) if by else ()),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Served:
    """A version, and when it came first and served last, by revisions."""

    version: Version
    first: int
    last: int


def _builds(deployment: Deployment, kept: Iterable[ReplicaSet]) -> list[_Build]:
    """What Kubernetes has made of this Deployment's templates, in the order in which it served last."""
    own = [
        each for each in kept if each.metadata.controller and each.metadata.controller.uid == deployment.metadata.uid
    ]
    builds = [_Build(each, _content(each.spec.template), _revisions(each)) for each in own]
    return sorted((each for each in builds if each.revisions), key=lambda each: max(each.revisions))


def _versions(builds: Sequence[_Build], content: str, build: _Build | None = None) -> _Served:
    """The version with this content. ``build`` is the making of it that is in place; else the last stands for it."""
    same = [each for each in builds if each.content == content]
    last = max(revision for each in same for revision in each.revisions)
    shown = build or same[-1]
    began = max(each.replica_set.metadata.creation_timestamp for each in builds if min(each.revisions) <= last)
    ended = min(
        (each.replica_set.metadata.creation_timestamp for each in builds if min(each.revisions) > last), default=None
    )
    version = Version(
        name=shown.name,
        content=content,
        images=images(shown.replica_set.spec.template),
        since=min(each.replica_set.metadata.creation_timestamp for each in same),
        works=any(each.replica_set.status.available_replicas for each in same),
        served_at_most=ended - began if ended else None,
    )
    return _Served(version, min(revision for each in same for revision in each.revisions), last)


def _revisions(replica_set: ReplicaSet) -> frozenset[int]:
    """Every number that it ever had."""
    said = replica_set.metadata.annotations
    numbers = f"{said.get(REVISION, '')},{said.get(REVISIONS_BEFORE, '')}".split(",")
    return frozenset(int(each) for each in numbers if each.isascii() and each.isdigit() and len(each) <= DIGITS_MAX)


def _content(template: Template) -> str:
    return written(template, restarts_count=False)[:DIGEST_LENGTH]


def _held(deployment: Deployment) -> tuple[str, str]:
    it = f"{deployment.metadata.name} --namespace {deployment.metadata.namespace}"
    if deployment.spec.paused:
        return "paused", f"`kubectl rollout resume deployment {it}`"
    if deployment.wanted == 0:
        return "scaled to nothing", f"`kubectl scale deployment {it} --replicas=1`"
    return "", ""


def _change(deployment: Deployment, wanted: _Build, idempotency_key: str) -> dict[str, JsonValue]:
    """Put the template back as a whole, if nobody has touched the Deployment since it was read."""
    template = dict(wanted.replica_set.spec.template)
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key != POD_HASH}
    gave_up = deployment.gave_up
    return {
        "metadata": {
            "resourceVersion": deployment.metadata.resource_version,
            "annotations": {
                ACTION: idempotency_key,
                CHANGE_CAUSE: f"Watchkeeper put version {wanted.name} in place",
                GAVE_UP_BEFORE: gave_up.isoformat() if gave_up else None,
            },
        },
        "spec": {"template": {**template, "metadata": metadata, "$patch": "replace"}},
    }
