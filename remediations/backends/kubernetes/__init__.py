"""The way to one Kubernetes cluster: its API server, asked over HTTPS.

It knows objects, and how to read, list, patch and create them. It must not know plans or why something is changed.
Every call is a coroutine on the event loop, sends one request (a list: one for each page), has one deadline for all of
it, credentials included, and a connection of its own: cancelling it leaves nothing behind. Nothing is sent again here.

What an error means, in the words of the remediation contract: ``TemporaryError`` says that *nothing was changed*, and
that it may work later. A change whose answer is lost is an ``UnknownOutcomeError``. See ``errors`` for the others.

Objects are asked for by their model (``objects``), which takes of an answer what we use of it. The library's own
models are passed by: they drop what they do not know, and a pod template has to survive whole.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import JsonValue, ValidationError, model_validator

from bot.http_client import json_in
from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, RemediationError
from remediations.backends.base import Backend, BackendSettings
from remediations.backends.kubernetes import errors, faults
from remediations.backends.kubernetes.access import Address, access, configured
from remediations.backends.kubernetes.objects import Kind, Patch, R
from remediations.backends.kubernetes.survey import lacking, surveyed

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

ANSWER_BYTES = 16_000_000
"""The most that one answer may be; a page of pods is far less."""
PAGE, PAGES = 500, 20
"""Objects in one page of a list, and how many pages are read before it is too much."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
CONNECT_SECONDS = 5.0
MANAGER = "watchkeeper"
"""What the API server calls us where it notes who has changed a field of an object last."""

Document = dict[str, Any]


class KubernetesSettings(BackendSettings):
    """``backends:`` entry of kind ``kubernetes``: ``url``, ``in_cluster`` or ``kubeconfig`` says where it is."""

    url: str | None = None
    """``https://10.0.0.7:6443``."""
    ca_file: Path | None = None
    """The certificates that its API server is known by, beside ``url``; without it, the system's own."""
    token_env: str | None = None
    """Name of the environment variable that holds a bearer token, beside ``url``."""
    token_file: Path | None = None
    """File that holds it; read again at every call, since tokens rotate."""
    in_cluster: bool = False
    """Watchkeeper runs in a pod of the cluster, and is its service account."""
    kubeconfig: Path | None = None
    context: str | None = None
    """Name of a context of ``kubeconfig``; without it, its current one."""
    namespace: str = "default"
    """Where the workloads are that it acts on."""
    timeout: Duration = timedelta(seconds=10)
    """For one call."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.url is not None) + self.in_cluster + (self.kubeconfig is not None) != 1:
            raise ValueError("give exactly one of url, in_cluster: true and kubeconfig: it says which cluster is meant")
        if self.url is None and (self.ca_file or self.token_env or self.token_file):
            raise ValueError("ca_file, token_env and token_file belong to url; the other ways bring their own")
        if self.url is not None:
            address = urlsplit(self.url)
            if address.scheme != "https" or not address.hostname or address.username or address.query:
                raise ValueError("`url` must look like https://10.0.0.7:6443, without credentials")
            if (self.token_env is None) == (self.token_file is None):
                raise ValueError("url needs a token: give one of token_env and token_file")
        if self.token_env is not None and not self.token_env.isidentifier():
            raise ValueError("`token_env` is the name of an environment variable, such as KUBERNETES_TOKEN")
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` is the name of a context in kubeconfig; give both")
        if not NAME.fullmatch(self.namespace):
            raise ValueError("`namespace` is the name of a namespace, such as shop")
        if not self.timeout > timedelta(0):
            raise ValueError("timeout must be longer than 0s")
        return self


class Kubernetes(Backend):
    """One cluster."""

    kind: ClassVar[str] = "kubernetes"
    settings: ClassVar[type[BackendSettings]] = KubernetesSettings
    faults: ClassVar[Mapping[str, str]] = faults.FAULTS

    def __init__(self, name: str, settings: KubernetesSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._address = Address(
            url=settings.url,
            ca_file=settings.ca_file,
            token_env=settings.token_env,
            token_file=settings.token_file,
            in_cluster=settings.in_cluster,
            kubeconfig=settings.kubeconfig,
            context=settings.context,
        )
        if settings.kubeconfig is None:
            access(self._address)

    def __str__(self) -> str:
        settings = self._settings
        where = settings.url or (f"{settings.kubeconfig}" if settings.kubeconfig else "this cluster")
        context = f", context {settings.context}" if settings.context else ""
        return f"Kubernetes at {where}{context} (backend {self.name!r})"

    @classmethod
    def names(cls, target: str) -> tuple[str, ...]:
        """``shop/deployment/web``, ``shop/web`` and ``web``."""
        return faults.names(target)

    async def _inject(self, fault: str, target: str) -> None:
        await faults.inject(self, fault, await self._staged(fault, target))

    async def _mend(self, fault: str, target: str) -> None:
        await faults.mend(self, fault, await self._staged(fault, target))

    async def _staged(self, fault: str, target: str) -> str:
        """The address of a target that may have been called by its name; what that means must be staging too."""
        address = await faults.address_of(self, target)
        self._refuse_outside_staging(fault, address)
        return address

    async def survey(self) -> Mapping[str, JsonValue]:
        """What is deployed on staging, and which of its nodes take pods, as far as we may see them."""
        return await surveyed(self)

    async def _reach(self) -> str:
        return await lacking(self)

    @property
    def namespace(self) -> str:
        """Where the workloads are that it acts on."""
        return self._settings.namespace

    async def read(self, wanted: type[R], name: str, namespace: str | None = None) -> R:
        """One object. ``namespace`` is None for what is in none (a node).

        Raises:
            TemporaryError: it cannot be reached, does not answer in time, or is too busy.
            NotFoundError: there is none of that name.
            PermanentError: it refuses us, or does not answer as an API server does.
        """
        subject = _subject("read", wanted.kind, name, namespace)
        return self._made(wanted, await self.ask("GET", wanted.kind.path(namespace, _checked(name)), subject), subject)

    async def listed(
        self,
        wanted: type[R],
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
    ) -> tuple[R, ...]:
        """Every object that ``labels`` and ``fields`` select, in Kubernetes' own notation; all namespaces for None.

        Raises:
            TemporaryError: as ``read``.
            PermanentError: as ``read``, or there are more than anybody can mean.
        """
        subject = f"list {wanted.kind.plural}" + (f" in {namespace}" if namespace else "")
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        found: list[R] = []
        for _ in range(PAGES):
            page = await self.ask("GET", wanted.kind.path(namespace), subject, query=query)
            items, metadata = page.get("items"), page.get("metadata") or {}
            further = metadata.get("continue") if isinstance(metadata, dict) else metadata
            # An empty list must not come from a misunderstanding; Go writes one as null.
            if not isinstance(items, list | None) or "items" not in page or not isinstance(further, str | None):
                raise errors.unreadable(self._said(subject), f"what is no list of {wanted.kind.plural}")
            found += [self._made(wanted, each, subject) for each in items or ()]
            if not further:
                return tuple(found)
            query["continue"] = further
        raise PermanentError(f"{self} has more than {PAGE * PAGES} {wanted.kind.plural} there: select fewer.")

    async def patch(
        self,
        wanted: type[R],
        name: str,
        change: Mapping[str, JsonValue],
        namespace: str | None = None,
        *,
        how: Patch = Patch.STRATEGIC,
        rehearsed: bool = False,
    ) -> R:
        """Change one object, and return it as it is then. With ``rehearsed`` the server does all but keep it.

        The server notes under the name of ``MANAGER`` which fields we have changed last.

        With ``metadata.resourceVersion`` in ``change``, an object that has changed since is left alone.

        Raises:
            TemporaryError: nothing was changed.
            ConflictError: it has changed since; nothing was changed by us.
            UnknownOutcomeError: the answer was lost.
            PermanentError: refused.
        """
        subject = _subject("patch", wanted.kind, name, namespace)
        path = wanted.kind.path(namespace, _checked(name))
        query = {"fieldManager": MANAGER} | ({"dryRun": "All"} if rehearsed else {})
        answer = await self.ask("PATCH", path, subject, body=dict(change), query=query, content=how.value)
        return self._made(wanted, answer, subject)

    async def ask(
        self,
        method: str,
        path: str,
        subject: str,
        *,
        body: Mapping[str, JsonValue] | None = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        asks_only: bool = False,
    ) -> Document:
        """One request, for what the others do not say. ``subject`` names it in errors: "evict Pod shop/web-1".

        ``path`` is made with ``Kind.path``. ``asks_only`` is true of a POST that changes nothing.

        Raises:
            RemediationError: as ``patch``; for a GET nothing is ever unknown, only temporary.
        """
        changes = method != "GET" and not asks_only
        seconds = self._settings.timeout.total_seconds()
        said = self._said(subject)
        try:
            async with asyncio.timeout(seconds), self._connected() as api:
                said = self._said(subject, changes=changes)
                response = await api.call_api(
                    path,
                    method,
                    query_params=list((query or {}).items()),
                    header_params={"Accept": "application/json", "Content-Type": content},
                    body=body,
                    auth_settings=["BearerToken"],
                    _preload_content=False,
                    _request_timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
                )
                try:
                    answer = await _whole(response)
                finally:
                    response.close()
        except RemediationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the libraries make of what came, the error says it
            raise errors.of_failure(said, error) from None
        if answer is None:
            raise errors.unreadable(said, f"more than {ANSWER_BYTES} bytes")
        document = _document(answer)
        if not 200 <= response.status < 300:
            raise errors.of_status(said, response.status, response.headers, document or {})
        if document is None:
            raise errors.unreadable(said, "what is no JSON object")
        return document

    async def may(self, verb: str, kind: Kind, namespace: str | None = None, *, part: str = "") -> bool:
        """Whether we have that right; ``part`` is a subresource such as ``eviction``.

        Raises:
            RemediationError: as ``read``.
        """
        wanted: dict[str, JsonValue] = {"verb": verb, "group": kind.group, "resource": kind.plural, "subresource": part}
        body: dict[str, JsonValue] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted | ({"namespace": namespace} if namespace else {})},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self.ask("POST", path, "ask for our rights", body=body, asks_only=True)
        status = answer.get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    async def versions(self, group: str) -> tuple[str, ...]:
        """The versions of an API group that this cluster serves, best first: ``("v1", "v1beta1")``.

        Raises:
            RemediationError: as ``read``; there may be no such group.
        """
        subject = f"ask for the versions of {group}"
        answer = await self.ask("GET", f"/apis/{_checked(group)}", subject)
        listed = answer.get("versions")
        if not isinstance(listed, list) or not all(isinstance(each, dict) and "version" in each for each in listed):
            raise errors.unreadable(self._said(subject), "what is no API group")
        return tuple(str(each["version"]) for each in listed)

    def _said(self, subject: str, *, changes: bool = False) -> errors.Said:
        return errors.Said(str(self), subject, changes=changes, seconds=self._settings.timeout.total_seconds())

    def _made(self, wanted: type[R], document: Any, subject: str) -> R:
        try:
            return wanted.model_validate(document)
        except ValidationError:
            raise PermanentError(
                f"{self} answered “{subject}” with something that is no {wanted.kind.noun}: check that an API server "
                "of Kubernetes is at that address."
            ) from None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["ApiClient"]:
        configuration = await configured(self._address)
        from kubernetes_asyncio.client import ApiClient

        async with ApiClient(configuration) as api:
            rest: Any = api.rest_client
            rest.pool_manager = _Direct(rest.pool_manager)
            yield api


class _Direct:
    """The library's connections, by which nothing is asked of anybody whom an answer names."""

    def __init__(self, connections: aiohttp.ClientSession) -> None:
        self._connections = connections

    async def request(self, **arguments: Any) -> aiohttp.ClientResponse:
        """As the library asks, but redirects are an answer."""
        return await self._connections.request(**arguments, allow_redirects=False)

    async def close(self) -> None:
        """Close them."""
        await self._connections.close()


def _checked(name: str) -> str:
    """A name that Kubernetes could have given; whatever else it is, it never becomes part of a path."""
    if not NAME.fullmatch(name):
        raise PermanentError(f"{name!r} is no name that Kubernetes gives: use small letters, digits, `-` and `.`.")
    return name


def _subject(verb: str, kind: Kind, name: str, namespace: str | None) -> str:
    return f"{verb} {kind.noun} " + (f"{namespace}/{name}" if namespace else name)


async def _whole(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None when it is longer than we take."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            return None
    return bytes(body)


def _document(body: bytes) -> Document | None:
    try:
        found = json_in(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


__all__ = ["MANAGER", "Document", "Kubernetes", "KubernetesSettings", "Patch"]
