"""What draining a node comes to, from what was read of a cluster."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.policy.plan import Exactness
from remediations.backends.kubernetes.budgets import DisruptionBudget, EarlyDisruptionBudget
from remediations.backends.kubernetes.nodes import MARK, NodeObject, PlacedPod, node_of, pod_of
from remediations.infrastructure.recover_node import RecoverNodeParameters
from remediations.infrastructure.recover_node.forecast import (
    cautions,
    expected,
    interleaved,
    listed,
    moving,
    peers_of,
    rollback,
    time_limits,
)
from remediations.infrastructure.recover_node.nodes import Budget, Cordon, Fate, Node, Pod, Workload

WEB = "shop/ReplicaSet/web-5d"
STAMP = "2026-11-27T01:22:00Z"


def node(name: str, *, ready: bool = True, cordon: Cordon | None = None, taints: set[str] | None = None) -> Node:
    return Node(name, f"uid-of-{name}", "1", ready, cordon, frozenset(taints or ()))


def pod(name: str, workload: str = WEB, **facts: Any) -> Pod:
    usual: dict[str, Any] = {"fate": Fate.MOVES, "ready": True}
    return Pod("shop", name, f"uid-of-{name}", workload=workload, **(usual | facts))


def told(
    *pods: Pod,
    ill: bool = False,
    peers: tuple[Node, ...] = (node("b"), node("c")),
    ready: int = 9,
    budgets: tuple[Budget, ...] = (),
    may_lose_local_data: bool = False,
) -> tuple[str, ...]:
    workloads = {each.workload: Workload(ready, wanted=None) for each in pods}
    return cautions(node("a", ready=not ill), peers, pods, workloads, budgets, may_lose_local_data=may_lose_local_data)


def test_nothing_speaks_against_draining_a_node_that_others_can_stand_in_for() -> None:
    assert told(pod("web-1"), pod("web-2")) == ()


@pytest.mark.parametrize(
    ("said", "caution"),
    [
        (told(peers=(node("b", ready=False), node("c"), node("d"))), "Other nodes are not ready: b."),
        (told(peers=(node("b", cordon=Cordon()), node("c"), node("d"))), "Other nodes are cordoned: b."),
        (told(peers=(node("b"),)), "Only 1 other node would be left to take pods."),
        (told(peers=()), "No other node is left to take pods."),
        (
            told(pod("web-1"), budgets=(Budget("shop/web", 0, frozenset({"uid-of-web-1"})),)),
            "The disruption budget shop/web lets no pod go now: shop/web-1.",
        ),
        (
            told(pod("web-1"), budgets=tuple(Budget(f"shop/{n}", 1, frozenset({"uid-of-web-1"})) for n in "ab")),
            "More than one disruption budget covers shop/web-1: such a pod is not evicted.",
        ),
        (told(pod("web-1"), pod("web-2"), ready=2), f"Every ready pod of {WEB} is on it."),
        (told(pod("web-1", local_data=True)), "Data that pods keep on the node would be lost: shop/web-1."),
        (
            told(pod("db-0", waits_for_end=True), ill=True),
            "The node does not answer, so these are not replaced before it does: shop/db-0.",
        ),
    ],
)
def test_what_speaks_against_it_is_said(said: tuple[str, ...], caution: str) -> None:
    assert said == (caution,)


def test_data_that_may_be_lost_by_the_policy_is_no_caution() -> None:
    assert told(pod("web-1", local_data=True), may_lose_local_data=True) == ()


def test_only_nodes_that_its_pods_tolerate_can_stand_in_for_it() -> None:
    gpu, master = {"gpu=:NoSchedule"}, {"node-role.kubernetes.io/master=:NoSchedule"}
    every = (node("a"), node("b"), node("g1", taints=gpu), node("g2", taints=gpu), node("m", taints=master))
    assert [each.name for each in peers_of(every[0], every)] == ["b"]
    assert [each.name for each in peers_of(every[2], every)] == ["a", "b", "g2"]


def test_each_pod_of_a_workload_is_expected_elsewhere_beside_those_that_are_ready_there() -> None:
    pods = (pod("web-1"), pod("web-2", ready=False), pod("gone", workload="shop/ReplicaSet/gone"))
    assert expected(pods, {WEB: Workload(ready=3, wanted=5)}) == {WEB: 4}
    assert [Workload(2, wanted).short_of(4) for wanted in (None, 5, 3, 2, 0)] == [2, 2, 1, 0, 0]


def test_pods_of_one_workload_are_not_evicted_one_right_after_the_other() -> None:
    pods = (pod("web-1"), pod("web-2"), pod("web-3"), pod("db-0", workload="shop/StatefulSet/db"))
    assert [each.name for each in interleaved(pods)] == ["db-0", "web-1", "web-2", "web-3"]
    assert moving((pod("web-1", ending=True), pod("agent", fate=Fate.STAYS), pod("web-2"))) == (pod("web-2"),)


def test_a_pod_more_or_less_does_not_change_the_time_limits() -> None:
    patience = timedelta(minutes=2)
    limits = [time_limits(count, patience) for count in (0, 8, 9, 16, 17)]
    assert limits[0] == limits[1] != limits[2] == limits[3] != limits[4]
    assert all(step > patience and whole > step for step, whole in limits)


def test_a_rollback_says_what_it_cannot_bring_back_and_whose_cordon_stays() -> None:
    told = rollback(node("a"), (pod("web-1", local_data=True),))
    assert (told.exactness, "lost" in told.summary) == (Exactness.APPROXIMATE, True)
    by_hand = rollback(node("a", cordon=Cordon(by="kubectl", since=datetime(2026, 11, 27, 1, 22, tzinfo=UTC))), ())
    assert by_hand.exactness is Exactness.NOTHING_TO_UNDO
    assert "stays cordoned (by kubectl, at 2026-11-27 01:22 UTC)" in by_hand.summary
    assert rollback(node("a", cordon=Cordon(key="k")), ()).exactness is Exactness.APPROXIMATE, "an act of ours goes on"


def test_long_lists_are_cut_short() -> None:
    assert [listed(names) for names in ([], ["b", "a"], list("dcbae"))] == ["", "a, b", "a, b, c and 2 more"]


@pytest.mark.parametrize("name", ["worker-1", "ip-10-0-0-7.eu-west-1.compute.internal", "1a"])
def test_a_node_has_a_name_that_dns_knows(name: str) -> None:
    parameters = RecoverNodeParameters(node=name)
    assert RecoverNodeParameters.model_validate(parameters.model_dump(mode="json")) == parameters


@pytest.mark.parametrize(
    "name", ["", "*", "Worker", "a..b", "-a", "a-", "a/b", "a b", "a\n", "ä", "x" * 254, ".a", "a_b"]
)
def test_nothing_else_is_the_name_of_a_node(name: str) -> None:
    with pytest.raises(ValidationError):
        RecoverNodeParameters(node=name)


def metadata(name: str, *, owner: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    owners = [{"uid": "u", "controller": True, **owner}] if owner else []
    return {
        "name": name,
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": STAMP,
        "ownerReferences": owners,
        **more,
    }


@pytest.mark.parametrize(
    ("owner", "more", "fate", "belongs_to"),
    [
        ({"kind": "ReplicaSet", "name": "web-5d"}, {}, Fate.MOVES, "shop/deployment/web"),
        ({"kind": "ReplicaSet", "name": "by-itself"}, {}, Fate.MOVES, "shop/replicaset/by-itself"),
        ({"kind": "StatefulSet", "name": "db"}, {}, Fate.MOVES, "shop/statefulset/db"),
        ({"kind": "Job", "name": "sums"}, {}, Fate.MOVES, "shop/job/sums"),
        ({"kind": "DaemonSet", "name": "agent"}, {}, Fate.STAYS, "shop/daemonset/agent"),
        ({"kind": "Node", "name": "a"}, {}, Fate.STAYS, "shop/node/a"),
        (None, {"annotations": {"kubernetes.io/config.mirror": "x"}}, Fate.STAYS, "shop/pod/it"),
        (None, {}, Fate.LOST, "shop/pod/it"),
    ],
)
def test_what_becomes_of_a_pod_is_told_by_what_made_it(
    owner: Mapping[str, str] | None, more: dict[str, Any], fate: Fate, belongs_to: str
) -> None:
    labels = {"app": "web", "pod-template-hash": "5d"}
    seen = pod_of(PlacedPod.model_validate({"metadata": metadata("it", owner=owner, labels=labels, **more)}))
    assert (seen.fate, seen.belongs_to, seen.service) == (fate, belongs_to, "web")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_run_to_its_end_is_left(phase: str) -> None:
    document = {"metadata": metadata("it"), "status": {"phase": phase}}
    assert pod_of(PlacedPod.model_validate(document)).fate is Fate.STAYS


def changed_by(manager: str) -> dict[str, Any]:
    return {"manager": manager, "time": STAMP, "fieldsV1": {"f:spec": {"f:unschedulable": {}}}}


@pytest.mark.parametrize(
    ("mark", "managed", "cordon"),
    [
        ({MARK: "k"}, [changed_by("watchkeeper")], Cordon(key="k", since=datetime(2026, 11, 27, 1, 22, tzinfo=UTC))),
        ({MARK: "k"}, [], Cordon(key="k")),
        ({MARK: "k"}, [changed_by("kubectl")], Cordon(by="kubectl", since=datetime(2026, 11, 27, 1, 22, tzinfo=UTC))),
        ({}, [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}], Cordon()),
    ],
)
def test_a_cordon_is_ours_if_it_has_our_mark_and_nobody_else_has_made_it_since(
    mark: dict[str, str], managed: list[dict[str, Any]], cordon: Cordon
) -> None:
    told = metadata("a", annotations=mark, managedFields=managed)
    seen = node_of(NodeObject.model_validate({"metadata": told, "spec": {"unschedulable": True}}))
    assert seen.cordon == cordon
    assert node_of(NodeObject.model_validate({"metadata": told, "spec": {}})).cordon is None


def test_taints_of_an_ill_node_are_not_counted_among_those_that_keep_pods_off() -> None:
    taints = [
        {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
        {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
        {"key": "soft", "effect": "PreferNoSchedule"},
    ]
    conditions = [{"type": "Ready", "status": "Unknown"}]
    document = {"metadata": metadata("a"), "spec": {"taints": taints}, "status": {"conditions": conditions}}
    seen = node_of(NodeObject.model_validate(document))
    assert seen.taints == {"gpu=yes:NoSchedule"}
    assert not seen.ready


@pytest.mark.parametrize(
    ("selector", "covers", "covered_early"),
    [
        (None, False, False),
        ({}, True, False),
        ({"matchLabels": {"app": "web"}}, True, True),
        ({"matchLabels": {"app": "db"}}, False, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True, True),
        ({"matchExpressions": [{"key": "tier", "operator": "SomethingNew"}]}, True, True),
    ],
)
def test_a_budget_covers_the_pods_that_it_selects(selector: Any, covers: bool, covered_early: bool) -> None:
    document = {"metadata": metadata("web"), "spec": {"selector": selector}}
    it = pod("web-1", labels={"app": "web"})
    assert DisruptionBudget.model_validate(document).covers(it) is covers
    assert EarlyDisruptionBudget.model_validate(document).covers(it) is covered_early
    elsewhere = Pod("other", "web-1", "u", Fate.MOVES, labels={"app": "web"})
    assert not DisruptionBudget.model_validate(document).covers(elsewhere)
