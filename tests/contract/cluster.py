"""Two Deployments on the control plane of the tests, for the subjects that act on workloads; and doors that lie."""

import asyncio
import ssl
import subprocess
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
from aiohttp import web
from kubernetes_asyncio import client
from kubernetes_asyncio.client import ApiClient, ApiException

from bot.local.ports import free_port
from bot.local.servers import until
from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.testing import Ability, Subject, made
from tests.fixtures.kubernetes import BOT, HOME, ControlPlane
from tests.remediations.kubernetes.shop import LIMITS, WITHIN_SECONDS, deployment

EAST, WEST = "east", "west"
LABELS = {"part": "shop"}
QUOTA, ROLE, LIMITED_ROLE = "full", "watchkeeper-workloads", "east-only"
PATIENCE_SECONDS = "7"


class OnWorkloads(Subject):
    """Two Deployments of one label in a namespace of their own."""

    canary = "the token of the bot"
    cuts = 6
    absent: ClassVar[Mapping[Ability, str]] = {
        Ability.ENDS: "what is rolled out stays",
        Ability.PROTECTED: "a Deployment is no network and no account",
        Ability.TOO_MANY: "all that have a label may be changed, one after the other",
    }

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.plane, self.namespace, self.folder, self.canary = plane, namespace, folder, plane.bot
        self.token = folder / "token"
        self.token.write_text(plane.bot)
        _certify(folder)

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"kubernetes": self.backend_at(self.plane.url, self.plane.authority)}

    def backend_at(self, url: str, authority: Path, **others: Any) -> Mapping[str, Any]:
        return {
            "url": url,
            "ca_file": str(authority),
            "token_file": str(self.token),
            "namespace": self.namespace,
            "timeout": "10s",
            "staging": [EAST],
            **others,
        }

    def parameters(self) -> dict[str, Any]:
        return {"backend": "kubernetes", "service": "part=shop"}

    def nothing(self) -> dict[str, Any]:
        return {"backend": "kubernetes", "service": "nobody"}

    @asynccontextmanager
    async def administrator(self) -> AsyncIterator[ApiClient]:
        """A client of this moment's loop: each test has another."""
        async with self.plane.client(self.plane.administrator) as api:
            yield api

    async def begin(self) -> None:
        async with self.administrator() as api:
            await self._make_namespace(api)
            await self._free(api)
            await self._bind(api, ROLE)
            await self._may(WEST, True)
            for name in (EAST, WEST):
                await self.arrange(api, name)
        await self.begun(await self.outside())

    @abstractmethod
    async def arrange(self, api: ApiClient, name: str) -> None:
        """One Deployment as it is to be at the beginning."""

    async def begun(self, templates: Any) -> None:
        """Take note of how it begins."""

    async def outside(self) -> Any:
        async with self.administrator() as api:
            await until(lambda: self.at_rest(api), "all rollouts are over", within_seconds=WITHIN_SECONDS)
            return {name: await self.template(api, name) for name in (EAST, WEST)}

    async def at_rest(self, api: ApiClient) -> bool:
        """Whether every rollout is over."""
        for name in (EAST, WEST):
            found = await client.AppsV1Api(api).read_namespaced_deployment(name, self.namespace, **LIMITS)
            status, wanted = found.status, found.spec.replicas
            counts = (status.replicas, status.updated_replicas, status.available_replicas)
            if status.observed_generation != found.metadata.generation or counts != (wanted, wanted, wanted):
                return False
        return True

    async def template(self, api: ApiClient, name: str) -> Any:
        found = await client.AppsV1Api(api).read_namespaced_deployment(name, self.namespace, **LIMITS)
        return api.sanitize_for_serialization(found.spec.template)

    async def deploy(self, api: ApiClient, name: str, image: str) -> None:
        """Replace the template as a whole."""
        template = deployment(name, 1)["spec"]["template"]
        template["spec"]["containers"][0]["image"] = image
        change: Any = {"spec": {"template": template | {"$patch": "replace"}}}
        await client.AppsV1Api(api).patch_namespaced_deployment(name, self.namespace, change, **LIMITS)

    async def create(self, api: ApiClient, name: str) -> bool:
        """Make the Deployment if it is not there; whether it was not."""
        body = deployment(name, 1)
        body["metadata"]["labels"] = LABELS
        return await _unless_there(
            lambda: client.AppsV1Api(api).create_namespaced_deployment(self.namespace, body, **LIMITS)
        )

    async def drift(self, target: Target) -> None:
        async with self.administrator() as api:
            await self.deploy(api, target.label, "registry.example/web:of-somebody-else")

    async def by_itself(self, target: Target) -> None:
        """A pod dies, and Kubernetes makes another."""
        async with self.administrator() as api:
            core, labels = client.CoreV1Api(api), f"app={target.label}"
            found = (await core.list_namespaced_pod(self.namespace, label_selector=labels, **LIMITS)).items
            for pod in found:
                await core.delete_namespaced_pod(pod.metadata.name, self.namespace, grace_period_seconds=0, **LIMITS)
            dead = {pod.metadata.name for pod in found}

            async def another() -> bool:
                now = (await core.list_namespaced_pod(self.namespace, label_selector=labels, **LIMITS)).items
                return any(pod.metadata.name not in dead for pod in now)

            await until(another, "another pod is there", within_seconds=WITHIN_SECONDS)
        await self.outside()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The namespace is full, so that no rollout comes further."""
        quota: Any = {"metadata": {"name": QUOTA}, "spec": {"hard": {"pods": "0"}}}
        async with self.administrator() as api:
            core = client.CoreV1Api(api)
            await core.create_namespaced_resource_quota(self.namespace, quota, **LIMITS)

            async def counted() -> bool:
                status = (await core.read_namespaced_resource_quota(QUOTA, self.namespace, **LIMITS)).status
                return bool(status and status.hard)

            await until(counted, "the quota is in force", within_seconds=WITHIN_SECONDS)
            try:
                yield
            finally:
                await self._free(api)

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        """The bot loses the right to change the last."""
        rules: Any = [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"], "resourceNames": [EAST]},
            {"apiGroups": ["apps"], "resources": ["statefulsets", "daemonsets", "replicasets"], "verbs": ["list"]},
            {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["list"]},
        ]
        async with self.administrator() as api:
            access = client.RbacAuthorizationV1Api(api)
            role: Any = {"metadata": {"name": LIMITED_ROLE}, "rules": rules}
            await _unless_there(lambda: access.create_cluster_role(role, **LIMITS))
            await self._bind(api, LIMITED_ROLE)
            await access.delete_namespaced_role_binding(ROLE, self.namespace, **LIMITS)
        await self._may(WEST, False)
        await self._may(EAST, True)
        (spoilt,) = (target for target in targets if target.label == WEST)
        return spoilt

    def staging(self) -> tuple[str, str, str]:
        return "bad_image", f"{self.namespace}/deployment/{EAST}", f"{self.namespace}/deployment/{WEST}"

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        async with AsyncExitStack() as stack:
            url, authority, others = self.plane.url, self.plane.authority, {}
            if how is Ability.REFUSED:
                (self.folder / "wrong").write_text("not-a-token-of-this-cluster")
                others = {"token_file": str(self.folder / "wrong")}
            elif how is Ability.DEAD:
                url = f"https://127.0.0.1:{free_port()}"
            else:
                url, authority = await stack.enter_async_context(_door(how, self.plane, self.folder))
                others = {"timeout": "500ms"} if how is Ability.SLOW else {}
            yield made(self.name, {"kubernetes": self.backend_at(url, authority, **others)})

    async def _make_namespace(self, api: ApiClient) -> None:
        body: Any = {"metadata": {"name": self.namespace}}
        await _unless_there(lambda: client.CoreV1Api(api).create_namespace(body, **LIMITS))

    async def _bind(self, api: ApiClient, role: str) -> None:
        binding: Any = {
            "metadata": {"name": role},
            "subjects": [{"kind": "ServiceAccount", "name": BOT, "namespace": HOME}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        }
        access = client.RbacAuthorizationV1Api(api)
        await _unless_there(lambda: access.create_namespaced_role_binding(self.namespace, binding, **LIMITS))

    async def _may(self, name: str, wanted: bool) -> None:
        """Wait until the API server has taken note of what the bot may do."""
        attributes = {"verb": "patch", "group": "apps", "resource": "deployments", "name": name}
        review: Any = {"spec": {"resourceAttributes": attributes | {"namespace": self.namespace}}}
        async with self.plane.client(self.plane.bot) as api:
            asked = client.AuthorizationV1Api(api)

            async def so() -> bool:
                answer = await asked.create_self_subject_access_review(review, **LIMITS)
                return bool(answer.status.allowed) is wanted

            await until(so, f"the bot may change {name}: {wanted}", within_seconds=WITHIN_SECONDS)

    async def _free(self, api: ApiClient) -> None:
        try:
            await client.CoreV1Api(api).delete_namespaced_resource_quota(QUOTA, self.namespace, **LIMITS)
        except ApiException as error:
            if error.status != 404:
                raise


async def _unless_there(create: Callable[[], Awaitable[object]]) -> bool:
    try:
        await create()
    except ApiException as error:
        if error.status != 409:
            raise
        return False
    return True


def _certify(folder: Path) -> None:
    """A certificate for the doors."""
    subject = ("-subj", "/CN=door", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes")
    files = ("-keyout", str(folder / "door.key"), "-out", str(folder / "door.crt"))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *files)
    subprocess.run(command, check=True, capture_output=True)


@asynccontextmanager
async def _door(how: Ability, plane: ControlPlane, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """A server over TLS that does to everybody what ``how`` says; its address and its certificate."""
    certificate, key = folder / "door.crt", folder / "door.key"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if how is Ability.SLOW:
            await gone.wait()
        if how is Ability.LIMITED:
            return web.json_response({"kind": "Status"}, status=429, headers={"Retry-After": PATIENCE_SECONDS})
        if how is Ability.CONFLICT:
            return await _passed_on(request, plane)
        if how is Ability.HALF:
            half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "4000"})
            await half.prepare(request)
            await half.write(b'{"kind": "DeploymentList", "items": [{"metada')
            if request.transport is not None:
                request.transport.abort()
            return half
        return web.Response(text="<html>It works!</html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{port}", certificate
    finally:
        gone.set()
        await runner.cleanup()


async def _passed_on(request: web.Request, plane: ControlPlane) -> web.Response:
    """What the real one answers; a change meets another."""
    if request.method != "GET":
        return web.json_response({"kind": "Status", "reason": "Conflict"}, status=409)
    trusted = ssl.create_default_context(cafile=str(plane.authority))
    headers = {"Authorization": request.headers["Authorization"], "Accept": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{plane.url}{request.path_qs}", headers=headers, ssl=trusted) as response,
    ):
        return web.Response(body=await response.read(), status=response.status, content_type="application/json")
