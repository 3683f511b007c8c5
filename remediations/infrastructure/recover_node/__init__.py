"""Drain a node that is ill or has to go: keep new pods off it, and have its pods made again elsewhere.

Pods are only ever evicted, one after the other, and never deleted: an eviction is what budgets can refuse. A ready pod
of a workload that has lost one to us already waits until that one is replaced, so that what has no budget is not taken
down either.

What counts as "the same state" between planning and acting: that it is this very node, as ready as it was, cordoned by
whom it was, and whether anything on it would lose data. Not which pods are on it: they come and go, and each is evicted
by its uid. A node that has come back by itself need not be drained any more, so its plan goes
stale.

Whoever cordoned a node before us keeps it cordoned: our rollback then has nothing to undo. Only a cordon that an
earlier act of ours has left (a drain that was stopped half-way) is taken over.
"""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

from bot.policy.file.fields import Duration
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback, Target
from bot.remediation import (
    About,
    Condition,
    Execution,
    Health,
    NothingToDoError,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    RemediationError,
    Report,
    Snapshot,
)
from remediations.capability import Through
from remediations.infrastructure.recover_node import draining
from remediations.infrastructure.recover_node.forecast import (
    cautions,
    expected,
    interleaved,
    moving,
    peers_of,
    rollback,
    time_limits,
)
from remediations.infrastructure.recover_node.nodes import Evicted, Nodes

NODE_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""As DNS knows names (RFC 1123)."""
CORDON_WITHIN = timedelta(seconds=20)
EFFECTS = frozenset({Effect.RESTART, Effect.CAPACITY})


class RecoverNodeParameters(Parameters):
    """The policy's ``with`` for ``recover_node``."""

    backend: str = "kubernetes"
    """Name of the backend that knows the node."""
    node: Annotated[str, Field(max_length=253, pattern=NODE_NAME)]
    """Its name, which a label of the alert may fill."""
    patience: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(minutes=2)
    """How long each pod is waited for: until its budget lets it go, and the one before it has been replaced."""
    may_lose_local_data: bool = False
    """Whether pods may lose what they keep on their node (a cache), so that nobody need be asked because of it."""


class RecoverNode(Remediation):
    """Cordon a node and evict its pods; the rollback lets it take pods again."""

    name: ClassVar[str] = "recover_node"
    title: ClassVar[str] = "Drain a node"
    parameters: ClassVar[type[Parameters]] = RecoverNodeParameters
    effects: ClassVar[frozenset[Effect] | None] = EFFECTS
    asks_after_crash: ClassVar[bool] = True

    def __init__(self, through: Through[Nodes]) -> None:
        self._through = through

    async def plan(self, parameters: Any, about: About) -> Plan:
        """Find the node and what is on it.

        Raises:
            NothingToDoError: it is cordoned and empty already.
            TemporaryError: as the backend.
            PermanentError: as the backend, it is protected, or a pod on it would be lost for good.
        """
        wanted = RecoverNodeParameters.model_validate(parameters)
        key = f"{wanted.backend}:node/{wanted.node}"
        if pattern := about.protected.target((key, wanted.node)):
            raise PermanentError(f"{wanted.node} is protected by {pattern!r} in the policy: nothing is done to it.")
        system = self._through.get(wanted.backend)
        every = await system.nodes()
        node = next((each for each in every if each.name == wanted.node), None)
        if node is None:
            return self._without_a_node(wanted, about)
        pods = draining.evictable(node, await system.pods(node.name))
        draining.refuse_protected(pods, wanted.backend, about)
        if node.cordon and not pods:
            raise NothingToDoError(f"{node.name} is cordoned already ({node.cordon}), and no pod on it would move.")
        peers = peers_of(node, every)
        step_limit, whole_limit = time_limits(len(pods), wanted.patience)
        return Plan(
            remediation=self.name,
            version=self.version,
            summary=f"Drain {node.name} through {wanted.backend}: cordon it and evict its pods.",
            short=f"Drain {node.name}",
            parameters=wanted.model_dump(mode="json"),
            service=about.service,
            services=frozenset(each.service for each in pods if each.service),
            targets=(
                Target(key=key, label=node.name, state=draining.state_of(node, pods), becomes={"takes_pods": False}),
            ),
            effects=EFFECTS,
            blast_radius=BlastRadius(targets=1, share=1 / (1 + len(peers))),
            rollback=rollback(node, pods),
            steps=(
                f"Leave {node.name} cordoned as it is." if node.is_others else f"Cordon {node.name}.",
                "Evict its pods, one after the other, as far as their disruption budgets let them go.",
                "Leave the pods that belong to the node itself, and those that have run to their end.",
            ),
            limit_seconds=whole_limit.total_seconds(),
            step_limit_seconds=step_limit.total_seconds(),
            forecasts={"pods moved": len(pods)},
            cautions=cautions(
                node,
                peers,
                pods,
                await system.workloads({each.workload for each in pods}),
                await system.budgets(pods),
                may_lose_local_data=wanted.may_lose_local_data,
            ),
            remaining=Remaining(
                healthy=sum(each.takes_pods for each in (node, *peers)),
                total=1 + len(peers),
                taken=int(node.takes_pods),
            ),
        )

    async def rehearse(self, plan: Plan) -> Report:
        """Find the node as planned, and ask whether we may cordon it and evict what is on it.

        Raises:
            TemporaryError: as the backend.
            PermanentError: it has changed, or we may not.
        """
        system, target = self._system(plan), _target(plan)
        _, pods = await draining.as_planned(system, target)
        await system.check_rights(target.label, pods)
        return Report(summary=f"{target.label} can be drained: {len(pods)} pods would move.")

    async def snapshot(self, plan: Plan) -> Snapshot:
        """The node's cordon, the pods that are to move, and how many of each workload are to be ready in the end.

        Raises:
            TemporaryError: as the backend.
            PermanentError: as the backend, or the node is gone.
        """
        system, target = self._system(plan), _target(plan)
        node = await draining.found(system, target.label)
        pods = moving(await system.pods(node.name))
        workloads = await system.workloads({each.workload for each in pods})
        return Snapshot(
            state={
                "node": {"uid": node.uid, "cordon": draining.cordon_of(node)},
                "pods": {str(each): each.uid for each in pods},
                "expected": expected(pods, workloads),
            }
        )

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Cordon it, then evict pod after pod.

        Raises:
            TemporaryError: nothing has been changed yet.
            PermanentError: it is not as planned, somebody has uncordoned it meanwhile, or a pod may not go.
        """
        system, target = self._system(plan), _target(plan)
        patience = RecoverNodeParameters.model_validate(plan.parameters).patience
        node, pods = await draining.as_planned(system, target)
        at_first = await system.workloads({each.workload for each in pods})
        if not node.is_others:
            key = execution.idempotency_key
            async with execution.step(f"Cordon {target.label}", target.key) as underway:
                underway.details["key"] = key
                pods = await execution.retrying(partial(draining.cordon, system, target, key), within=CORDON_WITHIN)
        drained: set[str] = set()
        evicted = 0
        for number, pod in enumerate(interleaved(pods), 1):
            before = at_first.get(pod.workload) if pod.ready and pod.workload in drained else None
            async with execution.step(f"Evict {pod} ({number} of {len(pods)})", target.key) as underway:
                underway.details |= {"pod": str(pod), "uid": pod.uid}
                outcome = await execution.retrying(
                    partial(draining.evict, system, target, pod, before), within=patience
                )
                underway.details["outcome"] = outcome.value
            drained.add(pod.workload)
            evicted += outcome is Evicted.EVICTED
        were = "pod was" if evicted == 1 else "pods were"
        gone = f", and {len(pods) - evicted} had gone by themselves" if evicted < len(pods) else ""
        return Report(
            summary=f"{target.label} takes no new pods. {evicted} {were} evicted{gone}.",
            details={"evicted": evicted, "gone": len(pods) - evicted},
        )

    async def health(self, plan: Plan, record: Record) -> Health:
        """Whether it takes no pods, what was to move is gone from it, and as many as before are ready elsewhere."""
        try:
            return await draining.health_of(self._system(plan), _target(plan), record.snapshot)
        except RemediationError as error:
            return Health(condition=Condition.UNKNOWN, summary=str(error))

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Let it take pods again, unless somebody else had cordoned it before us. Pods stay where they went.

        Raises:
            TemporaryError: nothing has been changed.
            MovedOnError: somebody else has cordoned it since, or another node has its name now.
            PermanentError: as the backend, or the node is gone.
        """
        system, target = self._system(plan), _target(plan)
        if target.key not in record.touched:
            return Report(summary=f"Nothing had been done to {target.label}.")
        before = record.snapshot.state["node"]
        if before["cordon"] is not None and not before["cordon"]["key"]:
            return Report(summary=f"{target.label} stays cordoned, as it was before us.")
        key = record.steps[0].details.get("key")
        told = record.after.state["node"]["cordon"] if record.after is not None else None
        still_ours = partial(draining.cordoned_by_us, system, target, before["uid"], key, told)
        if await still_ours() is None:
            return Report(summary=f"{target.label} takes pods already.")

        async def uncordon() -> None:
            node = await still_ours()
            if node is not None:
                await system.uncordon(node)

        async with execution.step(f"Uncordon {target.label}", target.key):
            await execution.retrying(uncordon, within=CORDON_WITHIN)
        return Report(summary=f"{target.label} takes pods again; what was evicted stays where it went.")

    def compared(self, plan: Plan, snapshot: Snapshot) -> JsonValue:
        """Which node it is, and its cordon; pods come and go by themselves."""
        return dict(snapshot.state["node"])

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """The cordon of our first step. It cannot be told when that step did not end."""
        before = record.snapshot.state["node"]
        if not record.steps or (before["cordon"] is not None and not before["cordon"]["key"]):
            return record.snapshot
        first = record.steps[0]
        if not first.ended or "key" not in first.details:
            return None
        cordoned = before | {"cordon": {"key": first.details["key"], "by": ""}}
        return record.snapshot.model_copy(update={"state": record.snapshot.state | {"node": cordoned}})

    async def targets(self) -> Collection[str]:
        """Every node of every backend, as plans and people call it.

        Raises:
            TemporaryError, PermanentError: as the backend.
        """
        names: set[str] = set()
        for backend, system in self._through.every().items():
            for node in await system.nodes():
                names |= {f"{backend}:node/{node.name}", node.name}
        return names

    def _system(self, plan: Plan) -> Nodes:
        return self._through.get(RecoverNodeParameters.model_validate(plan.parameters).backend)

    def _without_a_node(self, wanted: RecoverNodeParameters, about: About) -> Plan:
        return Plan(
            remediation=self.name,
            version=self.version,
            summary=f"Nothing to drain: {wanted.backend} knows no node called {wanted.node!r}.",
            parameters=wanted.model_dump(mode="json"),
            service=about.service,
            targets=(),
            effects=EFFECTS,
            blast_radius=BlastRadius(targets=0),
            rollback=Rollback(summary="Nothing would be done.", exactness=Exactness.NOTHING_TO_UNDO),
        )


def _target(plan: Plan) -> Target:
    if not plan.targets:
        raise PermanentError("The plan has no node to act on.")
    return plan.targets[0]
