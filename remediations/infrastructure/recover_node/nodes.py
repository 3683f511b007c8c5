"""What draining a node needs of a system that runs pods on nodes, whichever it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cordon:
    """What keeps new pods off a node."""

    key: str = ""
    """The idempotency key of the act of ours that put it there; empty: somebody else did."""
    by: str = ""
    """Who else, as the system tells ("kubectl"); empty when it does not."""
    since: datetime | None = None
    """None when nobody knows."""

    def __str__(self) -> str:
        who = "by an earlier act of Watchkeeper" if self.key else f"by {self.by or 'somebody else'}"
        return f"{who}, at {self.since:%Y-%m-%d %H:%M} UTC" if self.since else who


@dataclass(frozen=True, slots=True)
class Node:
    """One node, as it was read."""

    name: str
    uid: str
    """Another node of the same name has another one."""
    revision: str
    """Of what was read: a change to an older one is refused."""
    ready: bool
    cordon: Cordon | None
    """None: it takes new pods."""
    taints: frozenset[str]
    """What keeps pods off it that do not ask for it, beside its being cordoned or ill."""

    @property
    def takes_pods(self) -> bool:
        """Whether new pods can run there now."""
        return self.ready and self.cordon is None

    @property
    def is_others(self) -> bool:
        """Whether somebody else than us has cordoned it."""
        return self.cordon is not None and not self.cordon.key


class Fate(StrEnum):
    """What becomes of a pod when its node is drained."""

    MOVES = "moves"
    """What it belongs to makes another one elsewhere."""
    STAYS = "stays"
    """It belongs to its node, or has run to its end."""
    LOST = "lost"
    """Nothing would ever make it again."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod on a node, as it was read."""

    namespace: str
    name: str
    uid: str
    fate: Fate
    workload: str = ""
    """What makes it, uniquely in the cluster: ``shop/ReplicaSet/web-5d4f``."""
    belongs_to: str = ""
    """What people know it by, as targets are named: ``shop/deployment/web``."""
    service: str = ""
    """The service it says it belongs to."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """By which budgets select it."""
    ready: bool = False
    ending: bool = False
    """It was asked to end already."""
    local_data: bool = False
    """It keeps something on its node that is lost when it goes."""
    waits_for_end: bool = False
    """There is no other one before it has ended, which a node that is away cannot tell."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Workload:
    """How many pods something has."""

    ready: int
    """On whichever node; without those that are ending."""
    wanted: int | None
    """How many it is to have ready; None when it does not say."""

    def short_of(self, count: int) -> int:
        """How many ready pods are missing to ``count``, or to what is wanted where that is less."""
        return max(0, (count if self.wanted is None else min(count, self.wanted)) - self.ready)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many pods somebody lets be missing at a time."""

    name: str
    """``shop/web``."""
    allows: int
    """How many may be evicted now."""
    pods: frozenset[str]
    """Uids of those pods, of the ones asked about, that it covers."""


class Evicted(StrEnum):
    """What came of an eviction."""

    EVICTED = "evicted"
    """It was asked to end."""
    GONE = "gone"
    """It was not there any more."""
    MOVED = "moved"
    """Another pod has its name now, and was left alone."""


class Nodes(Protocol):
    """A system that runs pods on nodes.

    Every method raises a TemporaryError (nothing was changed, or doing it again is harmless) or a PermanentError.
    """

    async def nodes(self) -> tuple[Node, ...]:
        """All there are, by name."""
        ...

    async def node(self, name: str) -> Node | None:
        """One, as it is now; None when there is none."""
        ...

    async def pods(self, node: str) -> tuple[Pod, ...]:
        """All that are on it, by namespace and name."""
        ...

    async def workloads(self, names: Collection[str]) -> Mapping[str, Workload]:
        """What makes pods, by ``Pod.workload``; what is not there any more is left out."""
        ...

    async def budgets(self, pods: Collection[Pod]) -> tuple[Budget, ...]:
        """Those that cover any of the pods."""
        ...

    async def check_rights(self, node: str, pods: Collection[Pod]) -> None:
        """Ask whether we may cordon the node and evict the pods; a PermanentError names what is missing."""
        ...

    async def cordon(self, node: Node, key: str) -> None:
        """Keep new pods off it, in the name of ``key``; a TemporaryError when it has changed since it was read."""
        ...

    async def uncordon(self, node: Node) -> None:
        """Let it take pods again; a TemporaryError when it has changed since it was read."""
        ...

    async def evict(self, pod: Pod) -> Evicted:
        """Ask for this very pod to end, if budgets let it; a TemporaryError names the budget that does not."""
        ...
