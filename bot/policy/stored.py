"""Situations, decisions and policies as they are stored, and how rows of other releases are read.

A situation is stored as the exact text it was sealed with; its hash is checked whenever it is read. An older shape is
lifted by the upcaster of its schema number. What a newer release has added is passed over: a flow that still runs here
must be able to read it, and what was decided there stands as it is.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from bot.policy.decision import Decision
from bot.policy.file.canonical import digest_of
from bot.policy.file.document import Policy
from bot.policy.situation import SCHEMA, Situation

Document = dict[str, Any]


class AlteredError(ValueError):
    """What is stored is not what was sealed."""


def sealed(situation: Situation) -> tuple[str, str]:
    """The text to store, and its SHA-256 for the row and the audit entry."""
    text = situation.model_dump_json()
    return text, seal_of(text)


def seal_of(text: str) -> str:
    """SHA-256 of a stored text, as hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_situation(text: str, seal: str | None = None) -> Situation:
    """The situation that ``text`` holds, whatever release wrote it.

    Args:
        text: the stored JSON.
        seal: its SHA-256 as it was recorded; None for rows from before texts were kept.

    Raises:
        AlteredError: the text is not what was sealed.
    """
    if seal is not None and seal_of(text) != seal:
        raise AlteredError(
            "the stored situation is not what was sealed when it was decided; see `watchkeeper audit verify`"
        )
    return Situation.model_validate(lifted(json.loads(text)))


def read_decision(document: Mapping[str, Any], situation: Mapping[str, Any]) -> Decision:
    """The decision of a row; ``situation`` is the stored document beside it, from which older rows are completed."""
    complete = dict(document)
    if "runbook" not in complete:
        complete["runbook"] = situation.get("runbook")
        complete["evidence"] = situation.get("evidence", ())
        plan = situation.get("plan") or {}
        complete["services"] = [plan.get("service", "")] if plan else []
    return Decision.model_validate(complete)


def read_policy(document: str, digest: str) -> Policy | None:
    """The policy that decided under ``digest``; None when a newer release wrote in it what this one does not know.

    Nothing of a policy is passed over: what is left out may be a bound. So it cannot be known what it would decide.

    Raises:
        AlteredError: the document is not what that digest was made of.
    """
    if digest_of(json.loads(document)) != digest:
        raise AlteredError("the stored policy is not the one that decided; see `watchkeeper audit verify`")
    try:
        return Policy.model_validate_json(document)
    except ValidationError:
        return None


def lifted(document: Document) -> Document:
    """The document in the present shape; one of a newer release is left as it is."""
    number = int(document.get("schema_version", 1))
    while number < SCHEMA:
        document = _UPCASTERS[number](document)
        number = int(document["schema_version"])
    return document


def _from_1(old: Document) -> Document:
    """Schema 1 held conclusions: the runbook, its one plan, findings. They become the inputs they stand for."""
    runbook, alert, request = old.get("runbook"), dict(old["alert"]), None
    trigger = old.get("oversight", {}).get("trigger", "")
    if old.get("requested_by") is not None and runbook is not None:
        request = {
            "runbook": runbook,
            "by": old["requested_by"],
            "reason": trigger.removeprefix("asked: "),
            "parameters": old.get("requested_with", {}),
        }
    licence = old.get("licence", {})
    demoted = licence.get("demoted_to")
    return {
        "schema_version": 2,
        "now": old["now"],
        "incident": old["incident"],
        "alerts": [alert],
        "request": request,
        "plans": {}
        if runbook is None
        else {runbook: {"plan": old.get("plan"), "problem": old.get("plan_problem", "")}},
        "answers": {
            piece["query"]: {"judged": piece["finding"], "detail": piece.get("detail", "")}
            for piece in old.get("evidence", ())
        },
        "history": old.get("history", {}),
        "pauses": old.get("pauses", ()),
        "ledger": None,
        "evidenced": {}
        if runbook is None or demoted is None
        else {
            runbook: {"demotions": [{"level": demoted, "reason": licence.get("demotion_reason", ""), "at": old["now"]}]}
        },
        "oversight": {
            "audited": old.get("oversight", {}).get("audited", False),
            "notification": old.get("oversight", {}).get("notification", "failed"),
        },
    }


_UPCASTERS: Mapping[int, Callable[[Document], Document]] = {1: _from_1}
"""By the schema number they lift from."""
