"""What went wrong on the way to a cluster, in the words of the remediation contract and of nobody else."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from bot.connecting import why
from bot.remediation import PermanentError, RemediationError, TemporaryError
from bot.waiting import seconds_to_wait
from remediations.backends.base import UnknownTargetError

RETRY_AFTER_SECONDS = 5.0
ROLES = "deploy/kubernetes-roles.yml"


class NotFoundError(UnknownTargetError):
    """There is no such object."""


class ConflictError(PermanentError):
    """It has changed since it was read, or is there already; nothing was changed by us."""


class UnknownOutcomeError(PermanentError):
    """A change was asked for, and nobody knows whether it took effect."""


class BudgetError(TemporaryError):
    """A PodDisruptionBudget holds back the eviction; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked of whom."""

    server: str
    subject: str
    changes: bool
    seconds: float
    """How long it had."""


def of_failure(said: Said, error: Exception) -> RemediationError:
    """No answer came, or not all of one."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return PermanentError(
            f"{said.server} has a certificate that we cannot trust: check `ca_file` of the backend, or the "
            "certificate authority in its kubeconfig."
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return PermanentError(f"{said.server} does not speak TLS as an API server does: check the address.")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TemporaryError(
            f"{said.server} cannot be reached ({why(error)}): start it, or correct its address.",
            retry_after=RETRY_AFTER_SECONDS,
        )
    if isinstance(error, TimeoutError):
        return _lost(said, f"{said.server} did not answer “{said.subject}” within {said.seconds:g} s")
    if isinstance(error, aiohttp.ClientError | ConnectionError):
        return _lost(said, f"{said.server} broke off while answering “{said.subject}” ({type(error).__name__})")
    if isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
        return PermanentError(
            f"The certificates for {said.server} cannot be read ({type(error).__name__}): `ca_file` must name a file "
            "with certificates in PEM, readable by the Watchkeeper process."
        )
    return _lost(said, f"“{said.subject}” failed on its way to {said.server} ({type(error).__name__})")


def of_status(said: Said, status: int, headers: Mapping[str, str], document: Mapping[str, Any]) -> RemediationError:
    """An answer came, and says no."""
    what = f"{said.server} refused to {said.subject} (HTTP {status})"
    match status:
        case 401:
            return PermanentError(f"{what}: it does not know our token; check the one that the backend names.")
        case 403:
            return PermanentError(
                f"{what}: we lack the right, or an admission rule forbids it; compare our service account with {ROLES}."
            )
        case 404:
            return NotFoundError(f"{what}: there is none; check the name, the namespace and the cluster.")
        case 409:
            return ConflictError(f"{what}: somebody or something has changed it at the same time. Plan again.")
        case 410:
            return TemporaryError(f"{what}: what it had begun to list is out of date.")
        case 429 if _of_a_budget(document):
            return BudgetError(
                f"{what}: a PodDisruptionBudget holds it back, since too few pods would be left.",
                retry_after=_retry_after(headers),
            )
        case 429:
            return TemporaryError(f"{what}: it is too busy.", retry_after=_retry_after(headers))
        case 400 | 405 | 415 | 422:
            return PermanentError(f"{what}: it does not take that as valid{_fields(document)}.")
        case _ if status >= 500:
            return _lost(said, f"{said.server} failed inside at “{said.subject}” (HTTP {status})", headers)
    return PermanentError(f"{what}: that is no answer of an API server; check the address.")


def unreadable(said: Said, what: str) -> RemediationError:
    """An answer came that is no refusal, and cannot be read."""
    text = f"{said.server} answered “{said.subject}” with {what}"
    if said.changes:
        return UnknownOutcomeError(f"{text}; whether it took effect is unknown. Check with `kubectl`.")
    return PermanentError(f"{text}: check that an API server of Kubernetes is at that address.")


def _lost(said: Said, text: str, headers: Mapping[str, str] | None = None) -> RemediationError:
    if said.changes:
        return UnknownOutcomeError(f"{text}; whether it took effect is unknown. Check with `kubectl`.")
    return TemporaryError(f"{text}.", retry_after=_retry_after(headers or {}))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the server asks us to wait, within reason."""
    asked = headers.get("Retry-After", "")
    return seconds_to_wait(asked, datetime.now(UTC), otherwise=RETRY_AFTER_SECONDS, least=1.0)


def _causes(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = document.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [each for each in (causes if isinstance(causes, list) else ()) if isinstance(each, dict)]


def _of_a_budget(document: Mapping[str, Any]) -> bool:
    return any(each.get("reason") == "DisruptionBudget" for each in _causes(document))


_FIELDS = (
    "spec.template.spec",
    "spec.template.metadata",
    "spec.template",
    "spec.replicas",
    "spec.selector",
    "metadata",
)
"""What of an object may be named in a refusal; the server's own words stay with the server."""


def _fields(document: Mapping[str, Any]) -> str:
    told = [str(each.get("field", "")) for each in _causes(document)]
    named = {next((each for each in _FIELDS if field.startswith(each)), "") for field in told} - {""}
    return f" (in {', '.join(sorted(named))})" if named else ""
