"""Resolves the policy's groups to people of this workspace, and remembers them when Slack is away.

A user who was deactivated and a bot never count. When Slack cannot be asked, what was last known stands, and the state
says so; a person whom the policy names and of whom nothing is known stays, because the policy, not Slack, gives
authority and nobody can press a button with a deactivated account.

Must not know: what the people are asked.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.policy.file.document import Policy
from bot.slack.failures import error_word

USERGROUP_SECONDS = 300.0
USER_SECONDS = 3600.0
SURE_USERGROUP_SECONDS = 3.0
"""How old an answer may be on which somebody's vote depends. Slack takes few such questions (20 a minute), and tells
us by itself when a group changes."""
SURE_USER_SECONDS = 0.0
"""Slack takes many such questions, and tells us nothing: an account on which a vote depends is always asked about."""
RETRY_SECONDS = 30.0
"""After a failed question: how long the old answer stands before Slack is asked again."""
CONCURRENT_LOOKUPS = 5
NOBODY_ERRORS = frozenset({"user_not_found", "user_not_visible", "no_such_subteam"})

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Remembered(Generic[Answer]):
    """One answer of Slack, and when to ask again."""

    ask: Callable[[str], Awaitable[Answer]]
    lifetime_seconds: float
    sure_seconds: float
    """How long an answer is good enough for something that depends on it now."""
    clock: Callable[[], float]
    answers: dict[str, Answer] = field(default_factory=dict)
    fresh_until: dict[str, float] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    answered_at: dict[str, float] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    """Key -> why its answer could not be renewed."""

    async def get(self, key: str, *, sure: bool = False) -> Answer | None:
        """The answer, as fresh as it can be had; None when there has never been one.

        ``sure``: something depends on it now, so an answer must be younger than ``sure_seconds``.
        """
        async with self.locks.setdefault(key, asyncio.Lock()):
            if not self._is_due(key, sure):
                return self.answers.get(key)
            try:
                self.answers[key] = await self.ask(key)
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                reason = (error_word(error) if isinstance(error, SlackApiError) else "") or type(error).__name__
                if key not in self.stale:
                    log.warning("Slack did not say who %s is (%s); what was known stands", key, reason)
                self.stale[key] = reason
                self.fresh_until[key] = self.clock() + RETRY_SECONDS
            else:
                self.stale.pop(key, None)
                self.answered_at[key] = self.clock()
                self.fresh_until[key] = self.clock() + self.lifetime_seconds
            return self.answers.get(key)

    def forget(self, key: str) -> None:
        """Ask again at the next opportunity; what was known stands until then."""
        self.fresh_until.pop(key, None)

    def age_seconds(self, key: str) -> float | None:
        """How old the answer is; None when there has never been one."""
        return self.clock() - self.answered_at[key] if key in self.answered_at else None

    def _is_due(self, key: str, sure: bool) -> bool:
        if self.clock() >= self.fresh_until.get(key, -math.inf):
            return True
        return sure and key not in self.stale and self.clock() - self.answered_at[key] >= self.sure_seconds


class SlackPeople:
    """Implements ``bot.response.ports.outside.People``."""

    def __init__(
        self,
        client: AsyncWebClient,
        policy: Callable[[], Policy],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``policy``: the policy as it is now; it may be read anew at any time."""
        self._client = client
        self._policy = policy
        self._usergroups: _Remembered[tuple[str, ...]] = _Remembered(
            self._ask_usergroup, USERGROUP_SECONDS, SURE_USERGROUP_SECONDS, clock
        )
        self._active: _Remembered[bool] = _Remembered(self._ask_active, USER_SECONDS, SURE_USER_SECONDS, clock)
        self._few_at_once = asyncio.Semaphore(CONCURRENT_LOOKUPS)

    def known(self) -> frozenset[str]:
        """User ids that we have resolved: only these may become mentions."""
        return frozenset(user for user, active in self._active.answers.items() if active)

    @property
    def problems(self) -> tuple[str, ...]:
        """Who could not be looked up lately, and why; for /readyz and ``/watch status``."""
        named = self._policy().people
        asked_for = {name for group in named.values() for name in (*group.users, group.usergroup)}
        asked_for.update(user for users in self._usergroups.answers.values() for user in users)
        found = []
        for memory in (self._usergroups, self._active):
            for key, reason in sorted(memory.stale.items()):
                if key in asked_for:
                    age = memory.age_seconds(key)
                    known = f"what it said {age / 60:.0f} min ago stands" if age is not None else "it never has"
                    found.append(f"{key}: Slack does not say who that is ({reason}); {known}")
        return tuple(found)

    def forget(self, usergroup: str) -> None:
        """Slack says that who is in this user group has changed; it is asked again when somebody wants to know."""
        self._usergroups.forget(usergroup)

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        """Distinct active user ids of the named groups, sorted; unknown groups have no members.

        ``sure_of``: persons whose answer is about to count. Then the user groups and these persons' accounts are asked
        about anew, unless that was a moment ago or Slack has just failed to answer.
        """
        named = self._policy().people
        wanted = [named[group] for group in groups if group in named]
        usergroups = {group.usergroup for group in wanted if group.usergroup is not None}
        users = {user for group in wanted for user in group.users}
        sure = bool(sure_of)
        for found in await asyncio.gather(*(self._usergroups.get(one, sure=sure) for one in sorted(usergroups))):
            users.update(found or ())
        ordered = sorted(users)
        active = await asyncio.gather(*(self._active.get(user, sure=user in sure_of) for user in ordered))
        return tuple(user for user, known in zip(ordered, active, strict=True) if known is not False)

    async def _ask_usergroup(self, usergroup: str) -> tuple[str, ...]:
        try:
            answer = await self._client.usergroups_users_list(usergroup=usergroup)
        except SlackApiError as error:
            if error_word(error) not in NOBODY_ERRORS:
                raise
            log.warning("user group %s does not exist in this workspace; check the policy's people", usergroup)
            return ()
        return tuple(answer["users"] or ())

    async def _ask_active(self, user: str) -> bool:
        async with self._few_at_once:
            try:
                found = (await self._client.users_info(user=user))["user"]
            except SlackApiError as error:
                if error_word(error) not in NOBODY_ERRORS:
                    raise
                log.warning("user %s does not exist in this workspace; check the policy's people", user)
                return False
        return not (found.get("deleted") or found.get("is_bot"))
