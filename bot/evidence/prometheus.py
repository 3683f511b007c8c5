"""Asks Prometheus, and a service's own URL, on behalf of the decision and the verification.

The monitor is often slow exactly when it is needed, so every question has a time-out, a bounded answer and a thread of
a small pool of its own; whatever goes wrong is a finding of ``unknown`` that says why. This module must not know which
alert or runbook asks.
"""

import asyncio
import io
import math
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from pydantic import BaseModel, TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from bot.connecting import why
from bot.http_client import CHUNK_BYTES, Lost, NoAnswerError, answer_of, json_in
from bot.policy.evidence import SAMPLES_KEPT, Answer, Evidence, Finding, judge
from bot.redaction import redacted

TIMEOUT_SECONDS = 5.0
ANSWER_LIMIT_BYTES = 1_000_000
CONCURRENT_QUERIES = 8
ERROR_TEXT_LIMIT = 200
SAMPLE_TEXT_LIMIT = 64
"""No number is written longer; what is, is not read as one."""
WARNINGS_KEPT = 5
VERIFY = "verify"
ALWAYS_ANSWERED = "vector(1)"
"""A query that needs no series."""
NOT_CONFIGURED = "PROMETHEUS_URL is not set: set it to the address of your Prometheus, such as http://127.0.0.1:9090"


class _Series(BaseModel):
    value: tuple[float, str]


_RESULT = TypeAdapter[tuple[float, str] | list[_Series]](tuple[float, str] | list[_Series])
"""A scalar, or an instant vector: time and value, once or for each series."""


class _UnansweredError(Exception):
    """There is no answer; the text says why, for people, without addresses or credentials."""


class PrometheusEvidence:
    """The ``EvidenceSource`` over one Prometheus.

    ``url`` None means that none is configured: every question about it is then answered with ``unknown`` and the
    remedy. Close it at the end; questions still on their way are then abandoned.
    """

    def __init__(
        self,
        url: str | None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        concurrent_queries: int = CONCURRENT_QUERIES,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._answer_limit_bytes = answer_limit_bytes
        self._said = threading.local()
        """What the answer being read on this thread says beside its result, which the client drops."""
        self._pool = ThreadPoolExecutor(concurrent_queries, thread_name_prefix="prometheus")
        self._client = self._connect(url, concurrent_queries) if url else None

    def close(self) -> None:
        """Give the threads and connections back without waiting for answers."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def ask(self, queries: Collection[str]) -> dict[str, Answer]:
        """The raw answer to each query, asked together; takes no longer than one time-out."""
        distinct = list(dict.fromkeys(queries))
        answers = await asyncio.gather(*(self._answer(query) for query in distinct))
        return dict(zip(distinct, answers, strict=True))

    async def reach(self) -> str:
        """What keeps it from answering anything at all, with the remedy; empty where nothing does."""
        answers = await self.ask([ALWAYS_ANSWERED])
        return answers[ALWAYS_ANSWERED].error

    async def healthy(self, promql: str | None, url: str | None) -> Evidence:
        """One check of a runbook's ``verify``; where both are given, both must say healthy.

        Of a quantity *every* sample must be non-zero here: one instance that is down is enough to be unhealthy.
        """
        checks = [
            *([self._evidence(VERIFY, promql, every_sample=True)] if promql else []),
            *([self._answers(url)] if url else []),
        ]
        if not checks:
            return Evidence(
                name=VERIFY,
                query="",
                finding=Finding.UNKNOWN,
                detail="nothing to check: give the runbook's `verify` a `healthy` query or an `http` URL",
            )
        findings = await asyncio.gather(*checks)
        for decisive in (Finding.CONTRADICTS, Finding.UNKNOWN):
            for evidence in findings:
                if evidence.finding is decisive:
                    return evidence
        return findings[0]

    async def _evidence(self, name: str, query: str, *, every_sample: bool = False) -> Evidence:
        return judge(name, query, await self._answer(query), every_sample=every_sample)

    async def _answer(self, query: str) -> Answer:
        try:
            return await self._ask(query)
        except _UnansweredError as error:
            return Answer(error=readable(str(error)))

    async def _answers(self, url: str) -> Evidence:
        """Whether ``url`` answers 2xx itself; silence and redirects are answers too, namely no."""

        def evidence(finding: Finding, detail: str) -> Evidence:
            return Evidence(name=VERIFY, query=url, finding=finding, detail=detail)

        try:
            answer = await answer_of("GET", url, within_seconds=self._timeout_seconds, limit_bytes=0, cut=True)
        except NoAnswerError as error:
            kind = why(error.cause)
            match error.lost:
                case Lost.SILENT:
                    return evidence(Finding.CONTRADICTS, f"no answer within {self._timeout_seconds:g} s")
                case Lost.ADDRESS:
                    return evidence(Finding.UNKNOWN, f"the URL cannot be used ({kind}): correct `verify.http`")
            return evidence(Finding.CONTRADICTS, f"not reachable ({kind})")
        status = answer.status
        if 200 <= status < 300:
            return evidence(Finding.SUPPORTS, f"answered {status}")
        redirected = " (redirects are not followed)" if 300 <= status < 400 else ""
        return evidence(Finding.CONTRADICTS, f"answered {status}{redirected}")

    async def _ask(self, query: str) -> Answer:
        """The answer to an instant query. The time-out includes waiting for a free thread."""
        if self._client is None:
            raise _UnansweredError(NOT_CONFIGURED)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await loop.run_in_executor(self._pool, self._ask_blocking, self._client, query)
        except TimeoutError:
            raise self._too_late() from None

    def _ask_blocking(self, client: PrometheusConnect, query: str) -> Answer:
        self._said.document = {}
        try:
            # Prometheus gives the query up at the same time, so that ours do not pile up there.
            result = client.custom_query(query, params={"timeout": f"{math.ceil(self._timeout_seconds * 1000)}ms"})
            return _complete(result, self._said.document)
        except _UnansweredError:
            raise
        except requests.Timeout:
            raise self._too_late() from None
        except requests.TooManyRedirects:
            raise _UnansweredError("PROMETHEUS_URL redirects elsewhere, which is not followed: correct it") from None
        except (requests.ConnectionError, HTTPError) as error:
            raise _UnansweredError(f"Prometheus is not reachable ({why(error)}): check PROMETHEUS_URL") from error
        except Exception as error:  # whatever a hostile or broken answer makes the libraries raise, it is no answer
            raise _UnansweredError(
                f"what answers at PROMETHEUS_URL does not answer as a Prometheus ({type(error).__name__})"
            ) from error

    def _connect(self, url: str, connections: int) -> PrometheusConnect:
        session = requests.Session()
        session.trust_env = False  # proxies and .netrc of the process are not ours to use
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"  # a small answer cannot unpack into a large one
        session.hooks["response"].append(self._bound)
        return PrometheusConnect(
            url=url.rstrip("/"),
            session=session,
            timeout=self._timeout_seconds,
            retry=Retry(total=0, redirect=False),
        )

    def _bound(self, response: requests.Response, **_: Any) -> None:
        """Read the body up to the limit and the time-out; called by requests before anything else reads it."""
        give_up_at = time.monotonic() + self._timeout_seconds
        body = bytearray()
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):  # whatever has come, so time is checked
            body += chunk
            if len(body) > self._answer_limit_bytes:
                response.raw.close()
                raise _UnansweredError(
                    f"the answer is larger than {self._answer_limit_bytes} bytes: aggregate the query, "
                    "for example with sum()"
                )
            if time.monotonic() > give_up_at:
                response.raw.close()
                raise self._too_late()
        response.raw = io.BytesIO(body)
        self._said.document = _document(bytes(body))
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _UnansweredError(f"Prometheus answered {response.status_code}: {_error_text(self._said.document)}")

    def _too_late(self) -> _UnansweredError:
        return _UnansweredError(f"no answer from Prometheus within {self._timeout_seconds:g} s")


def _complete(result: object, document: Mapping[str, Any]) -> Answer:
    """Samples as Prometheus wrote them, and its own words on what is missing; only a whole success is an answer."""
    try:
        answer = _RESULT.validate_python(result)
        kind = document["data"]["resultType"]
    except (ValidationError, LookupError, TypeError):
        kind = None
    if kind not in ("vector", "scalar"):
        raise _UnansweredError(
            "the query gives neither a number nor an instant vector: wrap ranges in a function such as rate()"
        )
    if document.get("status") != "success":
        raise _UnansweredError(f"Prometheus does not call its answer a success: {_error_text(document)}")
    samples = [answer[1]] if isinstance(answer, tuple) else [series.value[1] for series in answer]
    notes = list(_warnings_in(document))
    if len(samples) > SAMPLES_KEPT:
        notes.append(f"{len(samples)} series answer, of which {SAMPLES_KEPT} are kept: aggregate the query")
    return Answer(
        samples=tuple(_clipped(text, SAMPLE_TEXT_LIMIT) for text in samples[:SAMPLES_KEPT]), warnings=tuple(notes)
    )


def _document(body: bytes) -> Mapping[str, Any]:
    """What the body says; nothing where that cannot be read, however it is broken."""
    try:
        found = json_in(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _warnings_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What Prometheus says about an incomplete answer (``warnings``); ``infos`` do not make it incomplete."""
    found = document.get("warnings") or ()
    if not isinstance(found, list | tuple):
        return ("its warnings are not readable",)
    return tuple(_clipped(redacted(str(one)), ERROR_TEXT_LIMIT) for one in found[:WARNINGS_KEPT])


def readable(text: str) -> str:
    """The text without lone surrogates and NUL, which nothing could store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _error_text(document: Mapping[str, Any]) -> str:
    """Prometheus' own words about an error, cut to a sentence; it may repeat the password that it was asked with."""
    return _clipped(redacted(str(document.get("error") or "no explanation")), ERROR_TEXT_LIMIT)


def _clipped(text: str, limit: int) -> str:
    return readable(text if len(text) <= limit else f"{text[:limit]}...")
