"""Pausing and resuming from the command line, straight to the database: needs no Slack, no network, no running bot.

A running Watchkeeper obeys from the commit on, and shows it on its cards within a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.cli.offline import offline_database, operator
from bot.cli.policy_file import PolicyFileError, read_policy_text
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from bot.policy.file.problems import PolicyError
from bot.policy.situation import Pause, Scope, ScopeKind
from bot.response.interventions.known_names import Doubt, doubt, stored_names, with_live_targets
from bot.response.interventions.pauses import put_on, take_off
from bot.settings import SettingsError, read_policy_path
from remediations.catalogue import build_catalogue
from remediations.plugins import CatalogueError
from storage.pause_file import PauseFile


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was ended, and what still pauses."""

    ended: Sequence[Pause]
    active: Sequence[Pause]


async def pause(
    url: str, key: bytes, file: Path, scope: Scope, lasting: timedelta | None, reason: str
) -> Sequence[Pause]:
    """Pause ``scope``, whether or not anybody knows what it names; what is paused now.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key, PauseFile(file)) as database, database.begin() as work:
        now = datetime.now(UTC)
        await put_on(work, operator(), scope, None if lasting is None else now + lasting, reason, now)
        return await work.pauses.active(now)


async def resume(url: str, key: bytes, file: Path, scope: Scope) -> Resumed:
    """End the pauses of exactly ``scope``.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key, PauseFile(file)) as database, database.begin() as work:
        now = datetime.now(UTC)
        ended = await take_off(work, operator(), scope, now)
        return Resumed(ended, await work.pauses.active(now))


async def doubted(url: str, key: bytes, file: Path, scope: Scope | None, name: str) -> Doubt | None:
    """What speaks against a pause of ``scope``, or of ``name`` alone: nobody knows it. None when all is well.

    Raises:
        OfflineError: the database cannot be used.
    """
    policy = _policy()
    async with offline_database(url, key, PauseFile(file)) as database, database.read() as work:
        names = await stored_names(work, policy)
    found = doubt(names, scope, name)
    if found is None or policy is None or (scope is not None and scope.kind is not ScopeKind.TARGET):
        return found
    try:
        catalogue = build_catalogue(policy.backends)
    except CatalogueError:  # a credential is not at hand here
        return doubt(replace(names, unsure=names.unsure | {ScopeKind.TARGET}), scope, name)
    return doubt(await with_live_targets(names, catalogue), scope, name)


def _policy() -> Policy | None:
    """What the policy names; whatever is wrong with it must not cost the pause."""
    try:
        path = read_policy_path()
        return load_policy(read_policy_text(path), filename=str(path))
    except (SettingsError, PolicyFileError, PolicyError):
        return None
