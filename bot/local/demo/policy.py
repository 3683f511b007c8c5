"""Writes the demo's policy: an example that newcomers read, with the addresses of what really runs here."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from bot.local.demo.files import write_whole
from bot.local.demo.folder import Folder

TEMPLATE = Path(__file__).with_name("policy.template.yml")

EVIDENCE_BY_PROMETHEUS = """\
    # What must be true now for the alert to be believed: it is asked again, by ourselves, before anything is decided.
    evidence:
      still_down: "up{service='${alert.labels.service}'} == 0\""""
EVIDENCE_OF_NONE = """\
    # There is no Prometheus here to ask, so nothing speaks for the alert, and it only ever asks a person. With one:
    # evidence: {still_down: "up{service='${alert.labels.service}'} == 0"}"""
VERIFY_BY_PROMETHEUS = """\
    # How we know that it worked. If this does not come true in time, it is rolled back and people are called.
    verify:
      within: 1m
      healthy: "up{service='${alert.labels.service}'} == 1"
      stable: 2                  # so many times in a row"""
VERIFY_BY_HTTP = """\
    # How we know that it worked. If this does not come true in time, it is rolled back and people are called.
    verify:
      within: 1m
      http: <<health_url>>
      stable: 2                  # so many times in a row"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the policy points at. ``prometheus_url`` None: there is none, and the service itself is asked."""

    supervisor_server: str
    supervisor_password_file: Path
    health_url: str
    prometheus_url: str | None


def render(policy: Path, addresses: Addresses) -> str:
    """The text of the policy that will be found at ``policy``."""
    evidence, verify, dashboard = EVIDENCE_OF_NONE, VERIFY_BY_HTTP, ""
    if addresses.prometheus_url is not None:
        evidence, verify = EVIDENCE_BY_PROMETHEUS, VERIFY_BY_PROMETHEUS
        dashboard = f"\n    dashboard: {json.dumps(graph_url(addresses.prometheus_url))}"
    values = {
        "evidence": evidence,
        "verify": verify,
        "dashboard": dashboard,
        "policy": str(policy),
        "supervisor_server": json.dumps(addresses.supervisor_server),
        "supervisor_password_file": json.dumps(str(addresses.supervisor_password_file)),
        "health_url": json.dumps(addresses.health_url),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"<<{name}>>", value)
    return text


def graph_url(prometheus_url: str) -> str:
    """Where Prometheus shows which services answered in the last minutes."""
    return f"{prometheus_url}/graph?g0.expr=up&g0.tab=0&g0.range_input=5m"


def write_policy(folder: Folder, addresses: Addresses) -> bool:
    """Write it, unless a person has edited the one that is there; whether it was written."""
    path = folder.policy
    if path.exists() and _digest(path.read_bytes()) != folder.kept.policy_digest:
        return False
    content = render(path, addresses).encode()
    write_whole(path, content)
    folder.kept.policy_digest = _digest(content)
    folder.keep()
    return True


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
