"""What is sealed of a policy and of its entries: everything they say, and of what came later only what is said.

A new release must not make another policy of what is written, nor void a licence: so a field that came after policies
were stored stays out of the text while it says what its absence says. Such a default never changes: what is stored
without it would be judged otherwise.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

OF_A_POLICY: Mapping[str, Any] = {
    "protected": {"networks": [], "accounts": [], "targets": []},
    "gates": {"sign_off": [], "expire": {"rollback_verification": "30d", "others": "90d"}},
    "promotion": {"cases": 20, "lower_bound": 0.8},
    "common_cause": {"incidents": 3, "within": "2m"},
}
"""Fields of ``Policy`` that came after policies were stored, with what a policy without them means."""
OF_ESCALATE: Mapping[str, Any] = {"cases_below": 3}
"""The same of ``Escalate``."""
OF_A_BUDGET: Mapping[str, Any] = {"concurrent": None, "share": None}
"""The same of ``Budget``."""
OF_A_SERVICE: Mapping[str, Any] = {"leave_healthy": None}
"""The same of ``Service``."""
OF_A_RUNBOOK: Mapping[str, Any] = {"authors": None, "effects": None, "settle": None}
"""The same of ``Runbook``."""
OF_VERIFY: Mapping[str, Any] = {"own": False}
"""The same of ``Verify``."""
OF_STAGING: Mapping[str, Any] = {"alert": {}, "verify": None}
"""The same of ``Staging``."""
OF_A_LICENCE: Mapping[str, Any] = {"rollback_within": None}
"""Fields of ``Runbook`` that came after licences were earned, and yet before policies were stored."""
INJECTED_WHERE_NOTHING_WAS_SAID = "kill"
"""What ``staging.inject`` was once, unless something else was written: such entries keep their digest."""


def policy_document(document: Document) -> Document:
    """The text of a policy that is stored and sealed, from everything that its model says."""
    kept = {
        "escalate": without(document["escalate"], OF_ESCALATE),
        "budgets": [without(budget, OF_A_BUDGET) for budget in document["budgets"]],
        "services": {name: without(entry, OF_A_SERVICE) for name, entry in document["services"].items()},
        "runbooks": {name: _runbook(entry) for name, entry in document["runbooks"].items()},
    }
    return without({**document, **kept}, OF_A_POLICY)


def runbook_document(document: Document) -> Document:
    """The text of an entry that a licence stands and falls with."""
    sealed = without(_runbook(document), OF_A_LICENCE)
    staging = sealed["staging"]
    if staging is not None and staging["inject"] is None:
        sealed["staging"] = {**staging, "inject": INJECTED_WHERE_NOTHING_WAS_SAID}
    return sealed


def without(document: Document, added: Mapping[str, Any]) -> Document:
    """A copy that leaves out what says the same as its absence."""
    return {name: value for name, value in document.items() if name not in added or value != added[name]}


def digest_of(document: Any) -> str:
    """SHA-256 over the canonical JSON of a policy, or of a part of one, as hexadecimal."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _runbook(document: Document) -> Document:
    staging = document["staging"]
    if staging is not None:
        own = staging.get("verify")
        staging = without({**staging, "verify": own and without(own, OF_VERIFY)}, OF_STAGING)
    return without({**document, "verify": without(document["verify"], OF_VERIFY), "staging": staging}, OF_A_RUNBOOK)
