"""deploy/compose.yaml, read: what it says of a service, and the same as options of podman."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

CHECKOUT = Path(__file__).parents[2]
COMPOSE = CHECKOUT / "deploy" / "compose.yaml"
VALUES = {
    "slack-bot-token": "xoxb-1-1-one",
    "slack-app-token": "xapp-1-A1-1-one",
    "audit-key": "an-audit-key-that-only-tests-know",
    "alert-token": "an-alert-token-that-only-tests-know",
    "database-url": "postgresql+psycopg://watchkeeper:secret@database/watchkeeper",
}
"""What the secrets' files hold in tests, unless a test says otherwise."""
POLICY = "version: 1\nchannels: {incidents: C01INC}\npeople: {sre-oncall: {users: [U01ALICE]}}\n"


def document() -> dict[str, Any]:
    """The whole file."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def service(name: str) -> dict[str, Any]:
    """What it says of one service."""
    found: dict[str, Any] = document()["services"][name]
    return found


def environment(name: str) -> dict[str, str]:
    """The variables of a service; one that is taken from outside is empty."""
    given: dict[str, str] = service(name)["environment"]
    return {key: "" if value.startswith("${") else value for key, value in given.items()}


def write_secrets(folder: Path, values: Mapping[str, str]) -> Path:
    """The secrets' files, which the container's user may read."""
    folder.mkdir()
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")
        (folder / name).chmod(0o644)
    return folder


def options(folder: Path, secrets: Mapping[str, str], variables: Mapping[str, str | None]) -> list[str]:
    """What podman is told where compose would tell Docker: the service `watchkeeper`, with secrets and a policy.

    ``variables`` stand above those of the file; None takes one away.
    """
    said = service("watchkeeper")
    files = write_secrets(folder / "secrets", {**VALUES, **secrets})
    policy = folder / "policy.yml"
    policy.write_text(POLICY)
    state = f"state-{uuid4().hex[:12]}"
    mounted = {"./policy.yml": str(policy), "state": state}
    volumes = [f"{mounted[source]}:{rest}" for source, _, rest in (each.partition(":") for each in said["volumes"])]
    volumes += [f"{files / name}:/run/secrets/{name}:ro" for name in said["secrets"]]
    told = {**environment("watchkeeper"), **variables}
    return [
        *(["--read-only", "--read-only-tmpfs=false"] if said["read_only"] else []),
        *(f"--tmpfs={place}" for place in said["tmpfs"]),
        *(f"--cap-drop={capability.lower()}" for capability in said["cap_drop"]),
        *(f"--security-opt={option.removesuffix(':true')}" for option in said["security_opt"]),
        *(f"--volume={volume}" for volume in volumes),
        *(f"--env={name}={value}" for name, value in told.items() if value is not None),
    ]
