"""A shop on a real Kubernetes with a twin in another namespace: the stage of autonomy that is earned there.

The monitor is Prometheus, which scrapes what the API server says of both. Nothing but the nodes is hollow: a version
whose image has an impossible name is refused by the kubelet, as it would be anywhere.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient

from bot.app import running as running_bot
from bot.local.servers import running
from bot.local.workspace import Message, Workspace
from bot.policy.file.document import Policy
from bot.response.ports.context import Timing
from bot.settings import Settings
from storage.unit_of_work import UnitOfWork
from tests.fixtures import kube_state
from tests.fixtures.kubernetes import ControlPlane, looked_after, token_of_a_viewer
from tests.fixtures.servers import free_port, running_alertmanager, running_prometheus
from tests.fixtures.workspaces import patient_workspace
from tests.remediations.kubernetes.shop import LIMITS, deployment, section, template_of
from tests.remediations.kubernetes.shop import running as running_pods
from tests.scenarios.stage import ALERT_TOKEN, INCIDENTS, ROOT, loaded, rows_of, said, settings_of

RUNBOOK, SERVICE, REPLICAS = "roll-back-web", "web", 2
GOOD, MISSPELT = "registry.example/web:1", "registry.example/Web:2"
"""Names of images have no capital letters: no kubelet runs the second, and its rollout is stuck."""
FRONT = "front"
"""Needs the other, and says so by its alerts."""
GIVES_UP_AFTER_SECONDS = 3
WATCHED_SECONDS = 3
ROLLOUT_STUCK = {
    "alert": "KubeDeploymentRolloutStuck",
    "expr": 'kube_deployment_status_condition{condition="Progressing",status="false"} == 1',
    "labels": {"severity": "critical", "service": "{{ $labels.deployment }}"},
    "annotations": {"summary": "The rollout of {{ $labels.deployment }} makes no progress"},
}
ABOUT = "namespace='${alert.labels.namespace}',deployment='${alert.labels.deployment}'"
STUCK = f"kube_deployment_status_condition{{{ABOUT},condition='Progressing',status='false'}} == 1"
SERVES = (
    f"kube_deployment_status_replicas_updated{{{ABOUT}}} == kube_deployment_spec_replicas{{{ABOUT}}}"
    f" and kube_deployment_status_replicas_unavailable{{{ABOUT}}} == 0"
)


@dataclass
class Shop:
    """Production, its twin, what watches both, and the bot."""

    administrator: ApiClient
    production: str
    staging: str
    """Namespaces."""
    workspace: Workspace
    settings: Settings
    policy: Policy

    async def deploy(self, image: str) -> None:
        """Deploy another version to production, as a pipeline would."""
        change: Any = {"spec": {"template": {"spec": {"containers": [{"name": SERVICE, "image": image}]}}}}
        await client.AppsV1Api(self.administrator).patch_namespaced_deployment(
            SERVICE, self.production, change, **LIMITS
        )

    async def asked_about_a_rollout(self) -> Message:
        """The question about the rollout that is stuck.

        Kubernetes checks a rollout's deadline when something about the deployment happens, and seldom by itself: one
        that begins in the second in which another ended may stay unseen. So it is touched where no alert comes.
        """
        for _ in range(3):
            with suppress(TimeoutError):
                return await self.root_with("Why you are asked", timeout=20)
            note: Any = {"metadata": {"annotations": {"example.com/touched": uuid4().hex}}}
            apps = client.AppsV1Api(self.administrator)
            await apps.patch_namespaced_deployment(SERVICE, self.production, note, **LIMITS)
        return await self.root_with("Why you are asked", timeout=20)

    async def serves(self, namespace: str) -> bool:
        """Whether there is the good version and no other, once every rollout has ended."""
        await running_pods(self.administrator, namespace, SERVICE, REPLICAS)
        template = await template_of(self.administrator, namespace, SERVICE)
        return bool(template["spec"]["containers"][0]["image"] == GOOD)

    async def generation(self) -> int:
        """How often production's deployment was changed."""
        apps = client.AppsV1Api(self.administrator)
        return int((await apps.read_namespaced_deployment(SERVICE, self.production, **LIMITS)).metadata.generation)

    async def root_with(self, words: str, *, timeout: float = 60) -> Message:
        """The newest message of the channel, not of a thread, that has these words, or this button."""

        def found() -> Message | None:
            return next((one for one in reversed(self.roots()) if words in said(one)), None)

        message = await self.workspace.until(found, timeout=timeout)
        assert isinstance(message, Message)
        return message

    def roots(self) -> list[Message]:
        """The messages of the channel that stand in no thread."""
        return [one for one in self.workspace.messages(INCIDENTS) if one.thread_ts in (None, one.ts)]

    async def told(self, *words: str) -> None:
        """All of it is somewhere in the channel or its threads."""
        await self.workspace.until(lambda: all(map(self.count, words)), timeout=60)

    async def told_again(self, words: str, before: int) -> None:
        """It is told once more than it was."""
        await self.workspace.until(lambda: self.count(words) > before, timeout=60)

    def count(self, words: str) -> int:
        """How many messages have these words, in the channel and its threads."""
        return sum(words in said(one) for one in self.workspace.state.in_channel(INCIDENTS).values())

    @property
    def bot_url(self) -> str:
        """Where monitors reach the bot."""
        return f"http://127.0.0.1:{self.settings.listen_port}"

    def rows(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """What is stored, read on a connection of our own."""
        return rows_of(self.settings)


def policy_of(production: dict[str, Any], staging: dict[str, Any]) -> Policy:
    """Alice has written the runbook, carol may sign it off. ``production`` and ``staging`` are backends."""
    namespaces = production["namespace"], staging["namespace"]
    return loaded(
        {
            "version": 1,
            "channels": {"incidents": INCIDENTS},
            "people": {"sre-oncall": {"users": ["U01ALICE", "U02BOB"]}, "leads": {"users": ["U03CAROL"]}},
            "backends": {"production": production, "staging": staging},
            "defaults": {"approvals": {"from": ["sre-oncall"]}, "watch_after": f"{WATCHED_SECONDS}s"},
            "escalate": {"cases_below": 1},
            "promotion": {"cases": 5, "lower_bound": 0.5},
            "services": {SERVICE: {"tier": 1, "fleet": 1}, FRONT: {"tier": 1, "depends_on": [SERVICE]}},
            "budgets": [{"scope": "all", "actions": 20, "per": "1h"}],
            "gates": {"sign_off": ["leads"]},
            "runbooks": {
                RUNBOOK: {
                    "summary": "Roll back a deploy of the shop that is stuck",
                    "when": f"alert.name == '{ROLLOUT_STUCK['alert']}' && alert.labels.namespace == '{namespaces[0]}'",
                    "level": "L3",
                    "authors": ["U01ALICE"],
                    "remediation": "roll_back_deploy",
                    "with": {"backend": "production", "service": "${alert.labels.deployment}", "fresh_for": "0s"},
                    "blast_radius": {"targets": 1},
                    "evidence": {"stuck": STUCK},
                    "verify": {"within": "30s", "healthy": SERVES, "stable": 1},
                    "veto_window": "2s",
                    "staging": {
                        "with": {"backend": "staging", "service": SERVICE},
                        "alert": {"namespace": namespaces[1], "deployment": SERVICE, "service": SERVICE},
                        "inject": "bad_image",
                    },
                }
            },
        }
    )


@asynccontextmanager
async def shop_with_twin(folder: Path, plane: ControlPlane) -> AsyncIterator[Shop]:
    """Start everything; both serve, and the monitor knows them, before the story begins."""
    async with AsyncExitStack() as stack:
        administrator = await stack.enter_async_context(plane.client(plane.administrator))
        production = await stack.enter_async_context(looked_after(administrator))
        staging = await stack.enter_async_context(looked_after(administrator))
        for namespace in (production, staging):
            await _first_deploy(administrator, namespace)
        exporter = await stack.enter_async_context(_running_exporter(folder, plane, production, staging))
        bot_port = free_port()
        alertmanager = await stack.enter_async_context(
            running_alertmanager(
                folder, webhook_url=f"http://127.0.0.1:{bot_port}/alerts/alertmanager", token=ALERT_TOKEN
            )
        )
        prometheus = await stack.enter_async_context(
            running_prometheus(
                folder,
                services={"kube-state": exporter},
                alertmanager=alertmanager,
                scrape_milliseconds=500,
                rules=[ROLLOUT_STUCK],
            )
        )
        workspace = patient_workspace()
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        policy = policy_of(section(plane, production, folder), section(plane, staging, folder, staging=[SERVICE]))
        settings = settings_of(folder, workspace, server.api_url, prometheus.url, bot_port)
        for namespace in (production, staging):
            await prometheus.until_value(f"kube_deployment_spec_replicas{{namespace='{namespace}'}}", REPLICAS)
        await stack.enter_async_context(running_bot(settings, policy, timing=Timing(verify_interval_seconds=0.2)))
        await workspace.until(lambda: workspace.sockets.connection_count > 0)
        yield Shop(administrator, production, staging, workspace, settings, policy)


async def _first_deploy(administrator: ApiClient, namespace: str) -> None:
    document = deployment(SERVICE, REPLICAS)
    apps = client.AppsV1Api(administrator)
    await apps.create_namespaced_deployment(namespace, document, **LIMITS)
    await running_pods(administrator, namespace, SERVICE, REPLICAS)
    # Only now: while nothing runs yet, a busy machine may take longer.
    impatient: Any = {"spec": {"progressDeadlineSeconds": GIVES_UP_AFTER_SECONDS}}
    await apps.patch_namespaced_deployment(SERVICE, namespace, impatient, **LIMITS)
    await running_pods(administrator, namespace, SERVICE, REPLICAS)


@asynccontextmanager
async def _running_exporter(folder: Path, plane: ControlPlane, *namespaces: str) -> AsyncIterator[int]:
    """Its port. It asks the API server with a token of its own, which may look and nothing else."""
    port, token = free_port(), folder / "token-of-the-monitor"
    async with plane.client(plane.administrator) as api:
        token.write_text(await token_of_a_viewer(api, f"monitor-of-{namespaces[0]}", *namespaces))
    program = [sys.executable, str(kube_state.__file__)]
    arguments = [str(port), plane.url, str(plane.authority), str(token), *namespaces]

    async def answers() -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
        return answer.status == HTTPStatus.OK and all(each in text for each in namespaces)

    async with running([*program, *arguments], folder / "kube-state.log", answers):
        yield port
