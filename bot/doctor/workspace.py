"""Slack: the tokens, what they were granted, and whether the channels and people of the policy are there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bot.doctor.diagnosis import Check, Diagnosis, Grade, Once
from bot.policy.file.document import Group, Policy
from bot.settings import Settings
from bot.slack.people import CONCURRENT_LOOKUPS, NOBODY_ERRORS
from bot.slack.questions import Questions, Reply
from bot.slack.scopes import KEPT_READY, NEEDED
from bot.slack.tokens import REMEDIES, WHY

BOT_TOKEN, APP_TOKEN, SCOPES = "Slack bot token", "Slack app token", "Slack scopes"
CHANNELS, PEOPLE = "channels", "people"
REINSTALL = "under OAuth & Permissions on the app's page at Slack, and install it again"
NO_TOKEN = ("no bot token to ask with", "set SLACK_BOT_TOKEN")
NOT_LET_IN = ("Slack refuses the bot token", "mend SLACK_BOT_TOKEN")


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace, asked with the tokens of the settings.

    ``policy``: None where it cannot be used. ``settings`` have an empty bot token where there is none.
    """

    questions: Questions
    settings: Settings
    policy: Policy | None
    who: Once[Reply]
    _few_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_LOOKUPS))
    _known: dict[str, Once[Reply]] = field(default_factory=dict)

    def checks(self) -> list[Check]:
        """One for each part."""
        return [
            Check(BOT_TOKEN, self._bot_token),
            Check(APP_TOKEN, self._app_token),
            self._once_let_in(SCOPES, self._scopes),
            self._once_let_in(CHANNELS, self._channels),
            self._once_let_in(PEOPLE, self._people),
        ]

    async def _bot_token(self) -> Sequence[Diagnosis]:
        if not self.settings.slack_bot_token:
            return [Diagnosis(BOT_TOKEN, Grade.UNKNOWN, *NO_TOKEN)]
        reply = await self.who()
        if trouble := self._refused(BOT_TOKEN, "SLACK_BOT_TOKEN", reply):
            return [trouble]
        told = f"{reply.data.get('user', 'the bot')} in workspace {reply.data.get('team', '?')}"
        return [Diagnosis(BOT_TOKEN, Grade.OK, told)]

    async def _app_token(self) -> Sequence[Diagnosis]:
        secret = self.settings.slack_signing_secret
        if not self.settings.slack_app_token:
            if not secret:
                remedy = "set SLACK_APP_TOKEN, or SLACK_SIGNING_SECRET for HTTP mode"
                return [Diagnosis(APP_TOKEN, Grade.UNKNOWN, "none to ask with", remedy)]
            told = "HTTP mode: only a request from Slack can show whether the signing secret fits"
            remedy = "compare SLACK_SIGNING_SECRET with Basic Information on the app's page at Slack"
            return [Diagnosis(APP_TOKEN, Grade.REMARK, told, remedy)]
        reply = await self.questions.where_to_connect(self.settings.slack_app_token)
        if trouble := self._refused(APP_TOKEN, "SLACK_APP_TOKEN", reply):
            return [trouble]
        return [Diagnosis(APP_TOKEN, Grade.OK, "Socket Mode and HTTP mode" if secret else "Socket Mode")]

    def _refused(self, part: str, name: str, reply: Reply) -> Diagnosis | None:
        if reply.lost:
            told = f"Slack at {self.settings.slack_api_url} is {reply.lost}"
            return Diagnosis(part, Grade.BROKEN, told, "let this machine reach it, or correct SLACK_API_URL")
        if reply.error in WHY:
            told = f"{name} is refused by Slack ({reply.error}): {WHY[reply.error]}"
            return Diagnosis(part, Grade.BROKEN, told, REMEDIES[name])
        if reply.error:
            return Diagnosis(part, Grade.UNKNOWN, f"Slack answers {name} with {reply.error}", "ask again in a minute")
        return None

    def _once_let_in(self, part: str, ask: Callable[[Reply], Awaitable[list[Diagnosis]]]) -> Check:
        """What can only be asked with a bot token that Slack takes."""

        async def asked() -> Sequence[Diagnosis]:
            if not self.settings.slack_bot_token:
                return [Diagnosis(part, Grade.UNKNOWN, *NO_TOKEN)]
            who = await self.who()
            if who.lost or who.error:
                why, remedy = ("Slack is away", "see the line of its token") if who.lost else NOT_LET_IN
                return [Diagnosis(part, Grade.UNKNOWN, why, remedy)]
            return await ask(who)

        return Check(part, asked)

    async def _scopes(self, who: Reply) -> list[Diagnosis]:
        if who.scopes is None:
            told = "what answers for Slack does not say which scopes the token has"
            return [Diagnosis(SCOPES, Grade.UNKNOWN, told, "let no proxy take X-OAuth-Scopes out of Slack's answers")]
        found = []
        if missing := sorted(NEEDED - who.scopes):
            remedy = f"add {', '.join(missing)} {REINSTALL}"
            found.append(Diagnosis(SCOPES, Grade.BROKEN, f"not granted: {', '.join(missing)}", remedy))
        if missing := sorted(KEPT_READY - who.scopes):
            told = f"not granted, and not needed yet: {', '.join(missing)}"
            found.append(Diagnosis(SCOPES, Grade.REMARK, told, f"add {', '.join(missing)} {REINSTALL}"))
        return found or [Diagnosis(SCOPES, Grade.OK, f"all {len(NEEDED | KEPT_READY)} of the manifest")]

    async def _channels(self, who: Reply) -> list[Diagnosis]:
        if self.policy is None:
            return [without_policy(CHANNELS)]
        channels = self.policy.channels
        named = {"incidents": channels.incidents, "audit": channels.audit, "leadership": channels.leadership}
        wanted = {key: channel for key, channel in named.items() if channel is not None}
        replies = await asyncio.gather(*map(self.questions.channel, wanted.values()))
        bot = str(who.data.get("user") or "watchkeeper")
        found = [
            trouble
            for (key, channel), reply in zip(wanted.items(), replies, strict=True)
            if (trouble := _of_channel(f"channels.{key} {channel}", reply, bot))
        ]
        names = (f"#{reply.data.get('channel', {}).get('name', '?')}" for reply in replies)
        return found or [Diagnosis(CHANNELS, Grade.OK, f"the bot is in {', '.join(names)}")]

    async def _people(self, _who: Reply) -> list[Diagnosis]:
        if self.policy is None:
            return [without_policy(PEOPLE)]
        groups = self.policy.people
        found = await asyncio.gather(*(self._of_group(f"people.{name}", groups[name]) for name in groups))
        troubles = [each for _, several in found for each in several]
        people = {user for users, _ in found for user in users}
        told = f"{len(people)} in {len(groups)} group(s), each active"
        return troubles or [Diagnosis(PEOPLE, Grade.OK, told)]

    async def _of_group(self, path: str, group: Group) -> tuple[frozenset[str], list[Diagnosis]]:
        """Who is active in it, and what is wrong with it."""
        users, troubles = list(group.users), []
        if group.usergroup is not None:
            async with self._few_at_once:
                reply = await self.questions.members(group.usergroup)
            if reply.error in NOBODY_ERRORS:
                told = f"{path}: there is no user group {group.usergroup} in this workspace, or it is disabled"
                remedy = f"correct {path}.usergroup, or switch {group.usergroup} on in Slack"
                troubles.append(Diagnosis(PEOPLE, Grade.BROKEN, told, remedy))
            elif reply.error or reply.lost:
                troubles.append(_not_told(f"{path}.usergroup {group.usergroup}", reply))
            users += list(reply.data.get("users") or ())
        distinct = list(dict.fromkeys(users))
        found = dict(zip(distinct, await asyncio.gather(*map(self._person, distinct)), strict=True))
        judged = {user: _of_person(path, user, reply) for user, reply in found.items()}
        troubles += [trouble for trouble in judged.values() if trouble]
        active = {user for user, trouble in judged.items() if trouble is None}
        if not active and not any(each.grade is Grade.UNKNOWN for each in troubles):
            told = f"{path} is empty: nobody in it is active, so nobody is asked"
            remedy = f"put active people into {group.usergroup or path}"
            troubles.append(Diagnosis(PEOPLE, Grade.BROKEN, told, remedy))
        return frozenset(active), troubles

    async def _person(self, user: str) -> Reply:
        """Asked once, in however many groups they are."""

        async def ask() -> Reply:
            async with self._few_at_once:
                return await self.questions.person(user)

        return await self._known.setdefault(user, Once(ask))()


def without_policy(part: str) -> Diagnosis:
    """Of what only the policy names."""
    return Diagnosis(part, Grade.UNKNOWN, "the policy cannot be used", "mend the policy first")


def _of_channel(what: str, reply: Reply, bot: str) -> Diagnosis | None:
    if reply.error == "channel_not_found":
        told = f"{what}: Slack knows no such channel, or it is private and the bot is not in it"
        remedy = f"correct {what.partition(' ')[0]} in the policy, or `/invite @{bot}` there"
        return Diagnosis(CHANNELS, Grade.BROKEN, told, remedy)
    if reply.error or reply.lost:
        return _not_told(what, reply, CHANNELS)
    channel = reply.data.get("channel") or {}
    name = f"#{channel.get('name', '?')}"
    if channel.get("is_archived"):
        told = f"{what}: {name} is archived"
        return Diagnosis(CHANNELS, Grade.BROKEN, told, f"name another channel there, or unarchive {name}")
    if not channel.get("is_member"):
        return Diagnosis(CHANNELS, Grade.BROKEN, f"{what}: the bot is not in {name}", f"`/invite @{bot}` in {name}")
    return None


def _of_person(path: str, user: str, reply: Reply) -> Diagnosis | None:
    remedy = f"take {user} out of {path}, or write the id of who took over"
    if reply.error in NOBODY_ERRORS:
        return Diagnosis(PEOPLE, Grade.BROKEN, f"{path}: nobody in this workspace is {user}", remedy)
    if reply.error or reply.lost:
        return _not_told(f"{path}: {user}", reply)
    account = reply.data.get("user") or {}
    name = account.get("name", "?")
    if account.get("deleted"):
        return Diagnosis(PEOPLE, Grade.BROKEN, f"{path}: {user} ({name}) is deactivated", remedy)
    if account.get("is_bot"):
        return Diagnosis(PEOPLE, Grade.BROKEN, f"{path}: {user} ({name}) is a bot, and never counts", remedy)
    return None


def _not_told(what: str, reply: Reply, part: str = PEOPLE) -> Diagnosis:
    why = reply.lost or reply.error
    remedy = "grant what the line about scopes names" if why == "missing_scope" else "ask again in a minute"
    return Diagnosis(part, Grade.UNKNOWN, f"{what}: Slack does not say ({why})", remedy)
