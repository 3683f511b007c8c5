"""What commands read: the environment and the policy, each or a clear end."""

from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.console import fail
from bot.cli.policy_file import PolicyFileError, read_policy_text
from bot.settings import (
    SettingsError,
    database_is_named,
    read_change_settings,
    read_gate_settings,
    read_pause_file,
    read_policy_path,
    read_prometheus_url,
    read_storage_settings,
)

if TYPE_CHECKING:
    from bot.cli.offline_decisions import Live
    from bot.policy.file.document import Policy


def load_policy_file(path: Path, *, with_queries: bool = False) -> "Policy":
    """The policy at ``path``, or a clear end; ``with_queries``: also where one of its queries is not PromQL."""
    from bot.policy.file.loading import load_policy
    from bot.policy.file.problems import PolicyError
    from bot.policy.file.queries import and_queries
    from remediations.catalogue import parameter_models
    from remediations.plugins import CatalogueError
    from remediations.policy_check import policy_troubles

    try:
        return load_policy(
            read_policy_text(path),
            filename=str(path),
            parameter_models=parameter_models(),
            systems=and_queries(policy_troubles) if with_queries else policy_troubles,
        )
    except PolicyFileError as error:
        fail(str(error))
    except CatalogueError as error:
        fail(f"No policy can be used: {error}")
    except PolicyError as error:
        fail(f"{error}\nThe policy cannot be used. `watchkeeper check {path}` shows this and the warnings too.")


def storage_settings() -> tuple[str, bytes]:
    """Database URL and audit key, or a clear end."""
    try:
        return read_storage_settings()
    except SettingsError as error:
        fail(str(error))


def pause_file() -> Path:
    """Where the pause file would lie, or a clear end."""
    try:
        return read_pause_file()
    except SettingsError as error:
        fail(str(error))


def gate_settings() -> tuple[Path, str | None, bytes]:
    """Where the policy is, Prometheus' address and the audit key, or a clear end."""
    try:
        return read_gate_settings()
    except SettingsError as error:
        fail(str(error))


def change_settings() -> tuple[str, bytes]:
    """Where a running Watchkeeper listens, and the secret that reports of changes are signed with, or a clear end."""
    try:
        return read_change_settings()
    except SettingsError as error:
        fail(str(error))


def runbook_settings() -> tuple[Path, str, bytes]:
    """Where the policy is, database URL and audit key, or a clear end."""
    try:
        return read_policy_path(), *read_storage_settings()
    except SettingsError as error:
        fail(str(error))


def policy_path() -> Path:
    """Where the policy is, or a clear end."""
    try:
        return read_policy_path()
    except SettingsError as error:
        fail(str(error))


def live_settings() -> "tuple[Live, tuple[str, ...]]":
    """What a decision on what is so now may ask, and what it must do without, in words; or a clear end."""
    from bot.cli.offline_decisions import Live
    from storage.address import read_address

    try:
        prometheus_url, file = read_prometheus_url(), read_pause_file()
        storage = read_storage_settings() if database_is_named() else None
    except SettingsError as error:
        fail(str(error))
    remarks: list[str] = []
    if storage is None:
        remarks.append("No database was read: DATABASE_URL is not set. Set it to the one in use.")
    elif (address := read_address(storage[0])).file is not None and not address.file.exists():
        remarks.append(f"No database was read: there is none at {str(address.file)!r}. Set DATABASE_URL.")
        storage = None
    return Live(prometheus_url, storage, file), tuple(remarks)
