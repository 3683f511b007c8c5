"""Faults for drills on staging: a deploy with an image that nobody has, and pods that are killed."""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.remediation import PermanentError
from remediations.backends.kubernetes.errors import ConflictError, NotFoundError
from remediations.backends.kubernetes.objects import Pod
from remediations.backends.kubernetes.workloads import BY_NOUN, WORKLOADS, Workload

if TYPE_CHECKING:
    from remediations.backends.kubernetes import Kubernetes

BAD_IMAGE, KILL = "bad_image", "kill"
FAULTS: Mapping[str, str] = {
    BAD_IMAGE: "deploys a version whose image nobody has, so that its rollout is stuck",
    KILL: "deletes its pods at once, which Kubernetes then makes anew",
}
IMAGES_BEFORE = "watchkeeper/images-before-fault"
"""Annotation of a workload: its images, by container, before a bad one was deployed."""
TRIES = 20
NOBODY_HAS = "watchkeeper.invalid/Nobody-has-this"
"""No image can have such a name (capital letters): every kubelet refuses it at once, and no registry is asked."""


def names(address: str) -> tuple[str, ...]:
    """``shop/deployment/web``, ``shop/web`` and ``web``."""
    namespace, _, rest = address.partition("/")
    name = rest.rpartition("/")[2]
    return (address, f"{namespace}/{name}", name) if name else (address,)


async def address_of(cluster: "Kubernetes", target: str) -> str:
    """The address of what people call ``target``: one as it is, or a name in the cluster's namespace.

    Raises:
        NotFoundError: there is no workload of that name.
        PermanentError: there are several, or it is no name of a workload.
        TemporaryError: as ``Kubernetes.listed``.
    """
    if target.count("/") > 1:
        return target
    place, _, name = target.rpartition("/")
    kinds = [BY_NOUN[place]] if place in BY_NOUN else WORKLOADS if place in ("", cluster.namespace) else ()
    found = [
        each.address
        for kind in kinds
        for each in await cluster.listed(kind, cluster.namespace)
        if each.metadata.name == name
    ]
    if len(found) > 1:
        raise PermanentError(f"{target!r} is the name of more than one workload: write {' or '.join(found)}.")
    if not found:
        raise NotFoundError(f"{cluster} has no workload {target!r} in {cluster.namespace}.")
    return found[0]


async def inject(cluster: "Kubernetes", fault: str, address: str) -> None:
    """Break the workload at that address."""
    if fault == KILL:
        await _kill(cluster, await _workload(cluster, address))
    else:
        await _as_it_is(cluster, address, _break)


async def mend(cluster: "Kubernetes", fault: str, address: str) -> None:
    """Deploy the images of before, if the bad one is still there. Killed pods are mended by Kubernetes."""
    if fault != KILL:
        await _as_it_is(cluster, address, _mend)


async def _break(cluster: "Kubernetes", workload: Workload) -> None:
    if IMAGES_BEFORE not in workload.metadata.annotations:
        before = {name: image for name, image in _images(workload).items() if image}
        await _give(cluster, workload, dict.fromkeys(before, NOBODY_HAS), json.dumps(before, sort_keys=True))


async def _mend(cluster: "Kubernetes", workload: Workload) -> None:
    before = workload.metadata.annotations.get(IMAGES_BEFORE)
    if before is not None:
        now, kept = _images(workload), json.loads(before)
        await _give(cluster, workload, {name: kept[name] for name in kept if now.get(name) == NOBODY_HAS}, None)


async def _as_it_is(
    cluster: "Kubernetes", address: str, change: Callable[["Kubernetes", Workload], Awaitable[None]]
) -> None:
    """Change the workload as it was read; read again where its status, which is of one piece with it, has changed."""
    for _ in range(TRIES):
        with contextlib.suppress(ConflictError):
            return await change(cluster, await _workload(cluster, address))
    raise PermanentError(f"{address} on {cluster} changes faster than it can be changed by us: try again later.")


async def _workload(cluster: "Kubernetes", address: str) -> Workload:
    namespace, noun, name = [*address.split("/"), "", ""][:3]
    if noun not in BY_NOUN:
        raise PermanentError(f"{address!r} is no workload: write its address as in `shop/deployment/web`.")
    return await cluster.read(BY_NOUN[noun], name, namespace)


def _images(workload: Workload) -> dict[str, str]:
    containers: list[Mapping[str, Any]] = (workload.spec.template.get("spec") or {}).get("containers") or []
    return {str(each.get("name")): str(each.get("image") or "") for each in containers}


async def _give(cluster: "Kubernetes", workload: Workload, images: Mapping[str, str], before: str | None) -> None:
    containers: list[Any] = [{"name": name, "image": image} for name, image in images.items()]
    annotations: dict[str, Any] = {IMAGES_BEFORE: before}
    change: dict[str, Any] = {
        "metadata": {"resourceVersion": workload.metadata.resource_version, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": containers}}} if containers else {},
    }
    await cluster.patch(type(workload), workload.metadata.name, change, workload.metadata.namespace)


async def _kill(cluster: "Kubernetes", workload: Workload) -> None:
    selected = workload.spec.selector.match_labels
    if not selected or workload.spec.selector.match_expressions:
        raise PermanentError(
            f"{workload.address} on {cluster} does not select its pods by labels alone: kill them with `kubectl`."
        )
    labels = ",".join(f"{name}={value}" for name, value in sorted(selected.items()))
    namespace = workload.metadata.namespace
    for pod in await cluster.listed(Pod, namespace, labels=labels):
        path = Pod.kind.path(namespace, pod.metadata.name)
        try:
            await cluster.ask(
                "DELETE", path, f"delete Pod {namespace}/{pod.metadata.name}", body={"gracePeriodSeconds": 0}
            )
        except NotFoundError:
            continue  # it ended by itself
