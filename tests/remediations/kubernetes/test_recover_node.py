"""Nodes of a real control plane are drained with the bot's own token, and take pods again."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.local.servers import until
from bot.policy.file.protected import Protected
from bot.policy.plan import BlastRadius, Exactness, Plan
from bot.remediation import (
    Condition,
    HaltedError,
    MovedOnError,
    NothingToDoError,
    PermanentError,
    Record,
    TemporaryError,
)
from remediations.infrastructure.recover_node import RecoverNodeParameters
from remediations.infrastructure.recover_node.nodes import Evicted
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.kubernetes import NODES, ON_KUBERNETES, ControlPlane
from tests.remediations.kubernetes.draining import (
    KEY,
    LIMITS,
    WITHIN_SECONDS,
    Yard,
    about,
    application,
    remediation_of,
    token_of_one_who_looks,
    yard,
)

pytestmark = ON_KUBERNETES
NODE, *OTHERS = NODES
SICK_WITHIN_SECONDS = 150.0
"""Kubernetes gives a node 40 s to answer."""


@pytest.fixture
async def here(
    control_plane: ControlPlane, administrator: ApiClient, namespace: str, tmp_path: Path
) -> AsyncIterator[Yard]:
    async with yard(control_plane, administrator, namespace, tmp_path) as made:
        yield made


async def test_a_whole_node_is_drained_and_takes_pods_again(here: Yard) -> None:
    await here.run(application("agent", kind="DaemonSet"))
    await here.create(application("web", 2), node=NODE)
    await here.create(application("cache", local_data=True), node=NODE)
    await here.until_ready("agent", 1, node=NODE)

    plan = await here.plan(NODE)
    assert plan.forecasts == {"pods moved": 3}
    assert plan.services == {"web", "cache"}
    assert plan.blast_radius == BlastRadius(targets=1, share=1 / 3)
    assert plan.remaining is not None
    assert (plan.remaining.healthy, plan.remaining.left, plan.remaining.total) == (3, 2, 3)
    assert (plan.rollback.exactness, "lost" in plan.rollback.summary) == (Exactness.APPROXIMATE, True)
    assert any("would be lost" in each and "cache" in each for each in plan.cautions)
    assert any("Every ready pod" in each and "web" in each for each in plan.cautions)
    assert Plan.model_validate_json(plan.model_dump_json()).digest == plan.digest == (await here.plan(NODE)).digest
    assert "lost" not in " ".join((await here.plan(NODE, may_lose_local_data=True)).cautions)
    assert "3 pods" in (await here.remediation.rehearse(plan)).summary

    execution = ExecutionInMemory()
    record = await here.drain(plan, execution)
    words = [step.words for step in record.steps]
    assert words[0] == f"Cordon {NODE}"
    assert [each.rsplit(" (", 1)[1] for each in words[1:]] == ["1 of 3)", "2 of 3)", "3 of 3)"]
    assert all(step.ended and step.target == f"kubernetes:node/{NODE}" for step in record.steps)
    health = await here.until_healthy(plan, record)
    assert "takes no pods" in health.summary
    assert await here.mark(NODE) == KEY
    assert {pod.spec.node_name for pod in await here.until_ready("web", 2)} <= set(OTHERS)
    await here.until_ready("agent", 1, node=NODE)
    with pytest.raises(NothingToDoError, match=r"cordoned already.*earlier act of Watchkeeper, at 20"):
        await here.plan(NODE)

    assert json.loads(record.model_dump_json())["snapshot"]["state"]["node"]["cordon"] is None
    assert record.after is not None
    left = here.remediation.left(plan, record)
    assert left is not None
    assert here.remediation.compared(plan, left) == here.remediation.compared(plan, record.after)
    for expected in ("takes pods again", "takes pods already"):
        undoing = ExecutionInMemory(key="key-of-the-rollback")
        assert expected in (await here.remediation.roll_back(plan, record, undoing)).summary
    assert (await here.is_cordoned(NODE), await here.mark(NODE)) == (False, None)
    now = await here.remediation.snapshot(plan)
    assert here.remediation.compared(plan, now) == here.remediation.compared(plan, record.snapshot)
    assert {pod.spec.node_name for pod in await here.pods("web")} <= set(OTHERS), "they stay where they went"


async def test_a_budget_holds_a_pod_back_until_it_lets_go(here: Yard) -> None:
    await here.create(application("alone"), node=NODE)
    await here.create(application("web", 2), node=NODE)
    await here.budget("web", leave=2)
    plan = await here.plan(NODE, patience="1s")
    budget = f"{here.namespace}/web"
    assert any(f"{budget} lets no pod go now" in each for each in plan.cautions)

    execution = ExecutionInMemory()
    with pytest.raises(PermanentError, match=f"PodDisruptionBudget {budget} does not let {budget}-.* be evicted"):
        await here.drain(plan, execution)
    cordoned, evicted, refused = execution.steps
    assert (cordoned.ended, evicted.ended, refused.ended) == (True, True, False)
    assert ("alone" in evicted.words, evicted.details["outcome"]) == (True, "evicted")
    assert ("web" in refused.words, budget in refused.problem) == (True, True)
    assert len(await here.until_ready("web", 2, node=NODE)) == 2
    half_done = Record(snapshot=await here.remediation.snapshot(plan), steps=tuple(execution.steps))
    health = await here.remediation.health(plan, half_done)
    assert (health.condition, "2 of 2 pods are still there" in health.summary) == (Condition.UNHEALTHY, True)

    # Gone on with, by another act: it takes over the cordon of the first, and waits until the budget lets go.
    going_on = await here.plan(NODE, patience="2m")
    execution = ExecutionInMemory(key="key-of-the-next")
    refused_before = here.nodes.refused
    draining = asyncio.create_task(here.drain(going_on, execution))

    async def is_refused() -> bool:
        return here.nodes.refused > refused_before or draining.done()

    await until(is_refused, "the budget refuses again", within_seconds=WITHIN_SECONDS)
    assert not draining.done()
    await here.lift("web")
    record = await draining
    await here.until_healthy(going_on, record)
    assert await here.mark(NODE) == "key-of-the-next"
    with pytest.raises(MovedOnError, match="earlier act of Watchkeeper"):
        await here.remediation.roll_back(plan, half_done, ExecutionInMemory())
    await here.remediation.roll_back(going_on, record, ExecutionInMemory(key="key-of-the-next"))
    assert not await here.is_cordoned(NODE)


async def test_stopped_between_two_pods_it_leaves_the_rest_and_is_undone_as_often_as_one_likes(here: Yard) -> None:
    await here.create(application("web", 3), node=NODE)
    plan = await here.plan(NODE)
    before = await here.remediation.snapshot(plan)
    untouched = Record(snapshot=before, after=before)
    execution = ExecutionInMemory(halt_before=0)
    with pytest.raises(HaltedError):
        await here.remediation.execute(plan, before, execution)
    assert "Nothing had been done" in (await here.remediation.roll_back(plan, untouched, ExecutionInMemory())).summary
    assert not await here.is_cordoned(NODE)

    execution = ExecutionInMemory(halt_before=2)
    with pytest.raises(HaltedError):
        await here.remediation.execute(plan, before, execution)
    record = Record(snapshot=before, steps=tuple(execution.steps))
    assert len(record.steps) == 2
    assert len(await here.until_ready("web", 2, node=NODE)) == 2, "only one was evicted"
    health = await here.remediation.health(plan, record)
    assert (health.condition, "2 of 3 pods are still there" in health.summary) == (Condition.UNHEALTHY, True)
    left = here.remediation.left(plan, record)
    assert left is not None
    now = await here.remediation.snapshot(plan)
    assert here.remediation.compared(plan, left) == here.remediation.compared(plan, now)
    unnoted = record.steps[0].model_copy(update={"ended": False, "details": {}})
    died_in_the_first = record.model_copy(update={"steps": (unnoted,)})
    assert here.remediation.left(plan, died_in_the_first) is None

    with pytest.raises(HaltedError):
        await here.remediation.roll_back(plan, record, ExecutionInMemory(halt_before=0))
    assert await here.is_cordoned(NODE)
    for _ in range(2):
        await here.remediation.roll_back(plan, died_in_the_first, ExecutionInMemory(key="key-of-the-rollback"))
        assert (await here.is_cordoned(NODE), await here.mark(NODE)) == (False, None)


async def test_what_somebody_else_does_to_the_node_stands(here: Yard) -> None:
    await here.create(application("web"), node=NODE)
    stale = await here.plan(NODE)
    await here.cordon(NODE)
    execution = ExecutionInMemory()
    with pytest.raises(PermanentError, match=r"has changed since the plan was made \(cordon\)"):
        await here.drain(stale, execution)
    assert not execution.steps
    plan = await here.plan(NODE)
    assert plan.digest != stale.digest

    # Cordoned by somebody before us, it is drained, and stays cordoned.
    assert (plan.rollback.exactness, "kubectl-cordon" in plan.rollback.summary) == (Exactness.NOTHING_TO_UNDO, True)
    record = await here.drain(plan, ExecutionInMemory())
    assert [step.words[:5] for step in record.steps] == ["Evict"]
    assert "stays cordoned" in (await here.remediation.roll_back(plan, record, ExecutionInMemory())).summary
    assert (await here.is_cordoned(NODE), await here.mark(NODE)) == (True, None)
    await here.until_healthy(plan, record)
    await here.cordon(NODE, on=False)
    assert (await here.remediation.health(plan, record)).condition is Condition.UNHEALTHY

    # Cordoned by us, and uncordoned and cordoned again by somebody since: our mark is still on it, and not believed.
    await here.create(application("shop"), node=NODE)
    plan = await here.plan(NODE)
    record = await here.drain(plan, ExecutionInMemory())
    await here.cordon(NODE, on=False)
    await here.cordon(NODE)
    assert await here.mark(NODE) == KEY
    assert record.after is not None
    now = await here.remediation.snapshot(plan)
    assert here.remediation.compared(plan, now) != here.remediation.compared(plan, record.after)
    with pytest.raises(MovedOnError, match="kubectl-cordon"):
        await here.remediation.roll_back(plan, record, ExecutionInMemory())
    assert await here.is_cordoned(NODE)
    told = record.model_copy(update={"after": now})  # whoever was told of it wants it all the same
    await here.remediation.roll_back(plan, told, ExecutionInMemory())
    assert not await here.is_cordoned(NODE)


async def test_somebody_uncordons_it_while_it_is_drained_and_keeps_the_rest(here: Yard) -> None:
    await here.create(application("web"), node=NODE)
    plan = await here.plan(NODE)
    execution = _Interrupted(here, before_step=1)
    with pytest.raises(PermanentError, match=r"Somebody has let .* take pods again"):
        await here.drain(plan, execution)
    assert len(await here.pods("web")) == 1
    assert [step.ended for step in execution.steps] == [True, False]


async def test_what_is_protected_unknown_or_lost_for_good_is_refused_before_anything_is_done(here: Yard) -> None:
    with pytest.raises(PermanentError, match="protected by 'kubernetes:node/hollow-"):
        await here.plan(NODE, protected=Protected(targets=("kubernetes:node/hollow-*",)))
    unknown = await here.plan("hollow-9")
    assert (unknown.targets, "no node called 'hollow-9'" in unknown.summary) == ((), True)
    assert {f"kubernetes:node/{NODE}", NODE} <= set(await here.remediation.targets())
    await here.create(application("web"), node=NODE)
    plan = await here.plan(NODE)
    precious = f"kubernetes:{here.namespace}/deployment/web"
    with pytest.raises(PermanentError, match=f"{precious} has .* on the node and is protected by '{precious}'"):
        await here.plan(NODE, protected=Protected(targets=(precious,)))

    document: Any = {
        "metadata": {"name": "by-hand"},
        "spec": {"nodeName": NODE, "containers": [{"name": "it", "image": "registry.example/it:1"}]},
    }
    await client.CoreV1Api(here.api).create_namespaced_pod(here.namespace, document, **LIMITS)
    lost = f"nothing would make {here.namespace}/by-hand again"
    with pytest.raises(PermanentError, match=lost):
        await here.plan(NODE)
    execution = ExecutionInMemory()
    with pytest.raises(PermanentError, match=lost):
        await here.drain(plan, execution)
    assert (execution.steps, await here.is_cordoned(NODE)) == ([], False)


async def test_a_node_that_changed_since_it_was_read_and_a_pod_that_is_another_now_are_left_alone(here: Yard) -> None:
    await here.create(application("db", kind="StatefulSet"), node=NODE)
    read = await here.nodes.node(NODE)
    assert read is not None
    label: Any = {"metadata": {"labels": {"somebody": "was-here"}}}
    await client.CoreV1Api(here.api).patch_node(NODE, label, **LIMITS)
    with pytest.raises(TemporaryError, match="changed it at the same time"):
        await here.nodes.cordon(read, KEY)
    assert not await here.is_cordoned(NODE)

    (first,) = await here.nodes.pods(NODE)
    assert (first.name, first.waits_for_end) == ("db-0", True)
    assert await here.nodes.evict(first) is Evicted.EVICTED

    async def replaced() -> bool:
        return [str(pod.metadata.uid) for pod in await here.pods("db")] not in ([], [first.uid])

    await until(replaced, "another db-0 is there", within_seconds=WITHIN_SECONDS)
    assert await here.nodes.evict(first) is Evicted.MOVED
    assert len(await here.until_ready("db", 1)) == 1
    await client.AppsV1Api(here.api).delete_namespaced_stateful_set("db", here.namespace, **LIMITS)

    async def gone() -> bool:
        return not await here.pods("db")

    await until(gone, "db-0 is gone", within_seconds=WITHIN_SECONDS)


class _Interrupted(ExecutionInMemory):
    """A person uncordons the node right when a step begins."""

    def __init__(self, here: Yard, *, before_step: int) -> None:
        super().__init__()
        self._here, self._before_step = here, before_step

    async def retrying(self, change: Any, *, within: Any) -> Any:
        if len(self.steps) == self._before_step + 1:
            await self._here.cordon(NODE, on=False)
        return await super().retrying(change, within=within)


async def test_a_node_that_answers_no_more_is_drained_of_what_it_cannot_be_seen_to_end(
    here: Yard, control_plane: ControlPlane
) -> None:
    await here.create(application("web", 2), node=NODE)
    await here.create(application("db", kind="StatefulSet"), node=NODE)
    healthy = await here.plan(NODE)
    kubelet = control_plane.nodes[NODE]
    os.killpg(kubelet.pid, signal.SIGSTOP)
    try:

        async def is_sick() -> bool:
            node = await here.nodes.node(NODE)
            assert node is not None
            return not (node.ready or any(pod.ready for pod in await here.nodes.pods(NODE)))

        await until(is_sick, f"{NODE} is found to be sick", within_seconds=SICK_WITHIN_SECONDS)
        with pytest.raises(PermanentError, match=r"changed since the plan was made \(ready\)"):
            await here.drain(healthy, ExecutionInMemory())
        await here.cordon(OTHERS[0])
        plan = await here.plan(NODE)
        assert plan.remaining is not None
        assert (plan.remaining.healthy, plan.remaining.taken, plan.remaining.total) == (1, 0, 3)
        told = "\n".join(plan.cautions)
        assert f"Other nodes are cordoned: {OTHERS[0]}." in told
        assert "Only 1 other node would be left to take pods." in told
        assert f"does not answer, so these are not replaced before it does: {here.namespace}/db-0." in told
        await here.cordon(OTHERS[0], on=False)

        record = await here.drain(plan, ExecutionInMemory())
        assert [step.ended for step in record.steps] == [True] * 4
        assert {pod.spec.node_name for pod in await here.until_ready("web", 2)} <= set(OTHERS)
        health = await here.remediation.health(plan, record)
        assert (health.condition, "StatefulSet/db" in health.summary) == (Condition.SETTLING, True)
        await client.AppsV1Api(here.api).delete_namespaced_stateful_set("db", here.namespace, **LIMITS)
        assert "cannot be seen to end" in (await here.until_healthy(plan, record)).summary
        await here.remediation.roll_back(plan, record, ExecutionInMemory())
    finally:
        os.killpg(kubelet.pid, signal.SIGCONT)

    async def is_well() -> bool:
        node = await here.nodes.node(NODE)
        return node is not None and node.takes_pods and not await here.nodes.pods(NODE)

    await until(is_well, f"{NODE} is ready again", within_seconds=SICK_WITHIN_SECONDS)


async def test_a_bot_that_may_only_look_is_told_so_in_the_rehearsal(
    here: Yard, control_plane: ControlPlane, tmp_path: Path
) -> None:
    await here.create(application("web"), node=NODE)
    looks = await token_of_one_who_looks(control_plane)
    onlooker = remediation_of(control_plane, looks, tmp_path)
    plan = await onlooker.plan(RecoverNodeParameters(node=NODE), about())
    lacking = f"may not patch nodes, create pods/eviction in {here.namespace}. Bind watchkeeper-nodes"
    with pytest.raises(PermanentError, match=lacking):
        await onlooker.rehearse(plan)
    execution = ExecutionInMemory()
    with pytest.raises(PermanentError, match="we lack the right"):
        await onlooker.execute(plan, await onlooker.snapshot(plan), execution)
    assert [step.ended for step in execution.steps] == [False]
    assert not await here.is_cordoned(NODE)
