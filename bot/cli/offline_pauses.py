"""Pausing and resuming from the command line, straight to the database: needs no Slack, no network, no running bot.

A running Watchkeeper obeys from the commit on, and shows it on its cards within a second.
"""

import difflib
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.cli.offline import offline_database
from bot.policy.file.document import Policy
from bot.policy.situation import Pause, Scope, ScopeKind
from bot.response.interventions.pauses import put_on, take_off
from storage.pause_file import PauseFile


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was ended, and what still pauses."""

    ended: Sequence[Pause]
    active: Sequence[Pause]


@dataclass(frozen=True, slots=True)
class Paused:
    """What is paused now, and the services that have something open."""

    active: Sequence[Pause]
    open_services: frozenset[str]


def operator() -> str:
    """Who is at the keyboard, as the record names them: ``os:alice``."""
    uid = os.getuid()
    try:
        return f"os:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"os:{uid}"


async def pause(url: str, key: bytes, file: Path, scope: Scope, lasting: timedelta | None, reason: str) -> Paused:
    """Pause ``scope``, whether or not anybody knows what it names.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key, PauseFile(file)) as database, database.begin() as work:
        now = datetime.now(UTC)
        await put_on(work, operator(), scope, None if lasting is None else now + lasting, reason, now)
        services = {incident.service for incident in await work.incidents.unresolved()}
        return Paused(await work.pauses.active(now), frozenset(services))


async def resume(url: str, key: bytes, file: Path, scope: Scope) -> Resumed:
    """End the pauses of exactly ``scope``.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key, PauseFile(file)) as database, database.begin() as work:
        now = datetime.now(UTC)
        ended = await take_off(work, operator(), scope, now)
        return Resumed(ended, await work.pauses.active(now))


def doubt(scope: Scope, policy: Policy, open_services: frozenset[str]) -> str:
    """Why a pause of ``scope`` may keep nothing from happening: its name is unknown. Empty when all is well."""
    names = {ScopeKind.SERVICE: {*policy.services, *open_services} - {""}, ScopeKind.RUNBOOK: set(policy.runbooks)}
    known = names.get(scope.kind)
    if known is None or scope.name in known:
        return ""
    near = difflib.get_close_matches(scope.name, known, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"It knows: {', '.join(sorted(known)[:20]) or 'none'}."
    return (
        f"The policy knows no {scope.kind} {scope.name!r}, so this pause may keep nothing from happening. {hint} "
        "`watchkeeper pause` without a name pauses everything."
    )
