"""The client of a cluster, without one: its settings, its credentials, and what answers mean."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bot.remediation import Condition, PermanentError, TemporaryError
from remediations.backends.kubernetes import Kubernetes, KubernetesSettings
from remediations.backends.kubernetes.access import Address, configured
from remediations.backends.kubernetes.errors import (
    BudgetError,
    ConflictError,
    NotFoundError,
    Said,
    UnknownOutcomeError,
    of_status,
)
from remediations.backends.kubernetes.workloads import GAVE_UP_BEFORE, Deployment, condition, images, written

SECRET = "canary-of-the-cluster"
NOWHERE: dict[str, Any] = dict.fromkeys(
    ("url", "ca_file", "token_env", "token_file", "kubeconfig", "context"), None
) | {"in_cluster": False}


def said(*, changes: bool = True) -> Said:
    return Said("the cluster", "patch Deployment shop/web", changes=changes, seconds=5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "exactly one of url, in_cluster"),
        ({"url": "https://10.0.0.7", "in_cluster": True}, "exactly one of"),
        ({"url": "http://10.0.0.7", "token_env": "TOKEN"}, "must look like https"),
        ({"url": "https://me:secret@10.0.0.7", "token_env": "TOKEN"}, "without credentials"),
        ({"url": "https://10.0.0.7"}, "needs a token"),
        ({"url": "https://10.0.0.7", "token_env": "TOKEN", "token_file": "token"}, "one of token_env and token_file"),
        ({"url": "https://10.0.0.7", "token_env": "not a name"}, "name of an environment variable"),
        ({"in_cluster": True, "context": "production"}, "`context` is the name"),
        ({"in_cluster": True, "namespace": "../kube-system"}, "`namespace` is the name"),
        ({"in_cluster": True, "timeout": "0s"}, "longer than 0s"),
        ({"in_cluster": True, "token_file": "token"}, "belong to url"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KubernetesSettings.model_validate(settings)


def test_a_token_that_is_not_there_is_told_at_load_by_its_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KubernetesSettings.model_validate({"url": "https://10.0.0.7", "token_env": "CLUSTER_TOKEN"})
    with pytest.raises(PermanentError, match="CLUSTER_TOKEN is not set"):
        Kubernetes("kubernetes", settings)
    monkeypatch.setenv("CLUSTER_TOKEN", f"{SECRET}\x01")
    with pytest.raises(PermanentError, match="CLUSTER_TOKEN holds no token") as refused:
        Kubernetes("kubernetes", settings)
    assert SECRET not in str(refused.value)


def test_who_is_in_no_pod_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(PermanentError, match="this is no pod of a cluster"):
        Kubernetes("kubernetes", KubernetesSettings(in_cluster=True))


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Address:
    document = {
        "clusters": [{"name": "it", "cluster": {"server": "https://10.0.0.7:6443", **cluster}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "current-context": "it",
    }
    path = folder / "kubeconfig.yml"
    path.write_text(yaml.safe_dump(document))
    return Address(**NOWHERE | {"kubeconfig": path})


async def test_a_kubeconfig_gives_the_address_and_the_token(tmp_path: Path) -> None:
    found = await configured(kubeconfig(tmp_path, {"token": SECRET}))
    assert (found.host, found.api_key["BearerToken"]) == ("https://10.0.0.7:6443", f"Bearer {SECRET}")


async def test_a_kubeconfig_that_cannot_be_used_is_told_without_a_secret(tmp_path: Path) -> None:
    address = kubeconfig(tmp_path, {"token": SECRET}, **{"insecure-skip-tls-verify": True})
    with pytest.raises(PermanentError, match="certificate is not checked"):
        await configured(address)
    with pytest.raises(PermanentError, match="cannot be used with context 'no-such'"):
        await configured(Address(**NOWHERE | {"kubeconfig": address.kubeconfig, "context": "no-such"}))
    (tmp_path / "kubeconfig.yml").write_text(f"{SECRET}: [")
    with pytest.raises(PermanentError, match="cannot be read") as refused:
        await configured(address)
    assert SECRET not in str(refused.value)


def plugin(folder: Path, script: str) -> Address:
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return kubeconfig(
        folder, {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "args": []}}
    )


async def test_a_credential_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = f'{{"apiVersion": "client.authentication.k8s.io/v1", "status": {{"token": "{SECRET}"}}}}'
    found = await configured(plugin(tmp_path, f"echo '{answer}'"))
    assert found.api_key["BearerToken"] == f"Bearer {SECRET}"


async def test_a_credential_plugin_that_fails_is_told_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="it ended with 3") as refused:
        await configured(plugin(tmp_path, f"echo {SECRET} >&2; exit 3"))
    assert SECRET not in str(refused.value)


async def test_a_credential_plugin_is_given_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", SECRET)
    monkeypatch.setenv("AWS_PROFILE", "production")
    told = tmp_path / "told"
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t"}}'
    await configured(plugin(tmp_path, f"env > {told}; echo '{answer}'"))
    assert SECRET not in told.read_text()
    assert "AWS_PROFILE=production" in told.read_text()


async def test_a_credential_plugin_ends_with_who_asked_it(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    asking = asyncio.ensure_future(
        configured(plugin(tmp_path, f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600"))
    )
    async with asyncio.timeout(60):
        while not started.exists():
            await asyncio.sleep(0.02)
    asking.cancel()
    await asyncio.wait({asking})
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_each_status_is_the_right_error() -> None:
    kinds = {
        401: PermanentError,
        403: PermanentError,
        404: NotFoundError,
        409: ConflictError,
        410: TemporaryError,
        418: PermanentError,
        422: PermanentError,
        429: TemporaryError,
        500: UnknownOutcomeError,
        503: UnknownOutcomeError,
    }
    assert {status: type(of_status(said(), status, {}, {})) for status in kinds} == kinds
    assert type(of_status(said(changes=False), 503, {}, {})) is TemporaryError


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("0", 1), ("999999", 300), ("soon", 5), ("9" * 400, 300)])
def test_who_asks_for_patience_gets_it_within_reason(asked: str, seconds: float) -> None:
    error = of_status(said(), 429, {"Retry-After": asked}, {})
    assert isinstance(error, TemporaryError)
    assert error.retry_after == seconds


def test_a_budget_that_refuses_an_eviction_is_told_apart() -> None:
    refusal = {"details": {"causes": [{"reason": "DisruptionBudget", "message": SECRET}]}}
    error = of_status(said(), 429, {}, refusal)
    assert isinstance(error, BudgetError)
    assert SECRET not in str(error)


def test_of_a_refusal_only_the_field_is_told() -> None:
    causes = [{"field": "spec.template.spec.containers[0].image", "message": SECRET}, {"field": SECRET}]
    text = str(of_status(said(), 422, {}, {"details": {"causes": causes}, "message": SECRET}))
    assert "spec.template.spec" in text
    assert SECRET not in text


def deployment(*, generation: int = 2, annotations: dict[str, str] | None = None, **status: Any) -> Deployment:
    counts = {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}
    metadata = {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "1", "generation": generation}
    metadata |= {"creationTimestamp": "2026-01-02T03:04:05Z", "annotations": annotations}
    return Deployment.model_validate({"metadata": metadata, "spec": {"replicas": 4}, "status": counts | status})


GAVE_UP = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "lastUpdateTime": "2026-01-02T03:04:05Z",
}


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (deployment(), Condition.HEALTHY),
        (deployment(generation=3), Condition.SETTLING),
        (deployment(updatedReplicas=3), Condition.SETTLING),
        (deployment(replicas=5), Condition.SETTLING),
        (deployment(availableReplicas=3), Condition.SETTLING),
        (deployment(availableReplicas=None), Condition.SETTLING),
        (deployment(updatedReplicas=1, conditions=[GAVE_UP]), Condition.UNHEALTHY),
        (
            deployment(
                updatedReplicas=1, conditions=[GAVE_UP], annotations={GAVE_UP_BEFORE: "2026-01-02T03:04:05+00:00"}
            ),
            Condition.SETTLING,
        ),
    ],
)
def test_a_rollout_settles_until_it_is_over_or_kubernetes_gives_up(workload: Deployment, expected: Condition) -> None:
    assert condition(workload)[0] is expected


@pytest.mark.parametrize(
    ("unavailable", "surge", "taken"),
    [("25%", "25%", 1), (0, 1, 0), (0, 0, 1), ("50%", 0, 2), (9, 0, 4), ("0%", "0%", 1)],
)
def test_a_rollout_takes_as_many_pods_as_its_strategy_says(unavailable: Any, surge: Any, taken: int) -> None:
    rolling = {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}
    document = deployment().model_dump(mode="json", by_alias=True)
    assert Deployment.model_validate(document | {"spec": {"replicas": 4, "strategy": rolling}}).taken == taken


def test_a_template_is_the_same_whoever_restarted_it() -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]},
    }
    by_kubernetes: Any = {
        **template,
        "metadata": {"creationTimestamp": None, "labels": {"app": "web", "pod-template-hash": "5"}},
    }
    restarted: Any = {
        **template,
        "metadata": {"labels": {"app": "web"}, "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
    }
    assert written(by_kubernetes) == written(template)
    assert written(restarted) != written(template)
    assert written(restarted, restarts_count=False) == written(template, restarts_count=False)
    assert images(template) == ("shop/web:1",)
