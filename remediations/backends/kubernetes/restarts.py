"""Restarting workloads of one namespace: a rollout of the same pod template, as ``kubectl rollout restart`` does it.

What must be the same when acting is the template: with another one somebody has deployed or restarted it since. How
many replicas there are is no part of that, since autoscalers change it. A workload that is scaled to nothing, paused,
or replaced by hand only, is so on purpose: it is left alone.
"""

from collections.abc import Collection, Iterable

from pydantic import JsonValue

from bot.remediation import PermanentError
from remediations.backends.kubernetes import Kubernetes
from remediations.backends.kubernetes.errors import ConflictError, UnknownOutcomeError
from remediations.backends.kubernetes.workloads import (
    BY_NOUN,
    RESTARTED,
    WORKLOADS,
    Autoscaler,
    Deployment,
    Workload,
    annotations,
    cautions,
    changing,
    condition,
    mark,
    written,
)
from remediations.infrastructure.restart_service import Found, Instance

TRIES = 20
"""How often a change is offered while the status of the object changes under our hands."""
DIGEST_LENGTH = 12


class KubernetesRestarts:
    """Fulfils ``Restarts``. A name is a workload's, with its kind in front where needed (``statefulset/db``)."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster

    def __str__(self) -> str:
        return str(self.cluster)

    async def find(self, name: str) -> Found:
        """The workload of that name, or all with that label (``app=shop``); they are the whole service too."""
        found = _matching(name, await self._known())
        autoscalers = await self.cluster.listed(Autoscaler, self.cluster.namespace) if found else ()
        return Found(
            tuple(_instance(each, autoscalers) for each in found),
            healthy=sum(each.available for each in found),
            total=sum(each.wanted for each in found),
        )

    async def read(self, address: str) -> Instance:
        """One workload; whether an autoscaler is in charge is asked of ``find`` only."""
        return _instance(await self._workload(address))

    async def restart(self, instance: Instance, idempotency_key: str) -> None:
        """Mark the template, so that Kubernetes makes the pods anew; return when it has taken that."""
        change: dict[str, JsonValue] = {"template": {"metadata": {"annotations": {RESTARTED: idempotency_key}}}}
        for _ in range(TRIES):
            now = await self._workload(instance.address)
            if _restarted_by(now) == idempotency_key:
                return
            if _state(now) != instance.state:
                raise PermanentError(
                    f"Somebody has changed {instance.label} on {self} at the same time, so it was left alone. Plan "
                    "again."
                )
            try:
                await self.cluster.patch(
                    type(now), now.metadata.name, {"metadata": mark(now), "spec": change}, now.metadata.namespace
                )
            except ConflictError:
                continue  # its status is of one piece with it, and changes all the time
            except UnknownOutcomeError:
                if _restarted_by(await self._workload(instance.address)) == idempotency_key:
                    return
                raise
            return
        raise PermanentError(f"{instance.label} on {self} changes faster than it can be restarted: look there.")

    async def every(self) -> Collection[Instance]:
        """Every workload of the namespace."""
        return [_instance(each) for each in await self._known()]

    async def _known(self) -> list[Workload]:
        known: list[Workload] = []
        for kind in WORKLOADS:
            known += sorted(
                await self.cluster.listed(kind, self.cluster.namespace), key=lambda each: each.metadata.name
            )
        return known

    async def _workload(self, address: str) -> Workload:
        namespace, noun, name = address.split("/")
        return await self.cluster.read(BY_NOUN[noun], name, namespace)


def _matching(name: str, known: Iterable[Workload]) -> list[Workload]:
    """Only ever compared: the text may come from an alert."""
    label, equals, value = name.partition("=")
    if equals:
        return [each for each in known if each.metadata.labels.get(label) == value]
    noun, slash, bare = name.rpartition("/")
    found = [each for each in known if each.metadata.name == bare and (not slash or noun == each.kind.noun.lower())]
    if len(found) > 1:
        readings = " or ".join(f"{each.kind.noun.lower()}/{bare}" for each in found)
        raise PermanentError(f"{name!r} is the name of more than one workload: write {readings}.")
    return found


def _instance(workload: Workload, autoscalers: Iterable[Autoscaler] = ()) -> Instance:
    name = workload.metadata.name
    how_it_is, words = condition(workload)
    spared, remedy = _spared(workload)
    return Instance(
        address=workload.address,
        label=name if isinstance(workload, Deployment) else f"{workload.kind.noun.lower()}/{name}",
        condition=how_it_is,
        seen=words,
        state=_state(workload),
        identity={"template": written(workload.spec.template)[:DIGEST_LENGTH]},
        how=f"Have Kubernetes make the pods of {name} anew, a few at a time, as its strategy says.",
        takes=min(workload.taken, workload.available),
        spared=spared,
        remedy=remedy,
        intent={
            "template": written(workload.spec.template, restarts_count=False)[:DIGEST_LENGTH],
            "paused": workload.spec.paused,
        },
        services=workload.services,
        cautions=cautions(workload, autoscalers),
        changing=changing(workload),
    )


def _state(workload: Workload) -> dict[str, JsonValue]:
    return {"template": written(workload.spec.template)[:DIGEST_LENGTH]}


def _spared(workload: Workload) -> tuple[str, str]:
    it = f"{workload.kind.noun.lower()} {workload.metadata.name} --namespace {workload.metadata.namespace}"
    if workload.wanted == 0:
        return "scaled to nothing", f"`kubectl scale {it} --replicas=1`"
    if workload.spec.paused:
        return "paused, so no rollout begins", f"`kubectl rollout resume {it}`"
    if not workload.rolls_out:
        return (
            "updated by hand only, as its update strategy says",
            f"`kubectl describe {it}`, and delete its pods by hand",
        )
    return "", ""


def _restarted_by(workload: Workload) -> object:
    return annotations(workload.spec.template).get(RESTARTED)
