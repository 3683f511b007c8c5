"""Who and what a workspace is made of: people, groups, channels and the installed app. Pure data, no I/O.

What is said and opened in it (messages, views, files) lives in `content`; what happens to it in `state`.
"""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

# What the app may do and hears of before a manifest is loaded; `Workspace.manifest` replaces them by the file's.
DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "bookmarks:read",
        "bookmarks:write",
        "channels:history",
        "channels:join",
        "channels:manage",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write",
        "im:history",
        "im:write",
        "pins:write",
        "reactions:write",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
DEFAULT_EVENTS = frozenset({"app_home_opened", "app_mention"})


class ChannelKind(StrEnum):
    """What sort of conversation it is; the value is the prefix of the scopes that govern it."""

    PUBLIC = "channels"
    PRIVATE = "groups"
    DIRECT = "im"


@dataclass(slots=True)
class User:
    """A member of the workspace, person or bot."""

    id: str
    name: str
    real_name: str
    title: str = ""
    email: str = ""
    avatar_colour: str = "#5b6b7f"
    is_bot: bool = False
    deleted: bool = False

    @property
    def initials(self) -> str:
        """The first letters of the first two words of the real name."""
        return "".join(word[0] for word in self.real_name.split()[:2]).upper()

    def as_slack(self, team_id: str) -> Json:
        """The user object as `users.info` gives it."""
        profile = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "title": self.title,
            "email": self.email,
            "team": team_id,
        }
        return {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "tz": "Etc/UTC",
            "tz_label": "Coordinated Universal Time",
            "tz_offset": 0,
            "profile": profile,
            "updated": 0,
        }


@dataclass(slots=True)
class UserGroup:
    """A group that can be mentioned together."""

    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)
    disabled: bool = False

    def as_slack(self, team_id: str) -> Json:
        """The user group object as `usergroups.list` gives it, without its members."""
        return {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": self.name,
            "handle": self.handle,
            "description": "",
            "is_external": False,
            "date_delete": 1 if self.disabled else 0,
        }


@dataclass(slots=True)
class Channel:
    """A conversation. `pins` holds message timestamps, `bookmarks` the objects Slack would answer with."""

    id: str
    name: str
    kind: ChannelKind = ChannelKind.PUBLIC
    members: list[str] = field(default_factory=list)
    creator: str = ""
    topic: str = ""
    purpose: str = ""
    is_archived: bool = False
    created: int = 0
    """Seconds since the epoch; 0 for those that were always there."""
    bookmarks: list[Json] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)

    def as_slack(self, bot_user_id: str) -> Json:
        """The conversation object as `conversations.info` gives it to the bot."""
        if self.kind is ChannelKind.DIRECT:
            other = next((member for member in self.members if member != bot_user_id), bot_user_id)
            return {"id": self.id, "created": 0, "is_im": True, "is_archived": False, "user": other}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "creator": self.creator,
            "is_channel": self.kind is ChannelKind.PUBLIC,
            "is_group": self.kind is ChannelKind.PRIVATE,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.kind is ChannelKind.PRIVATE,
            "is_archived": self.is_archived,
            "is_general": False,
            "is_shared": False,
            "is_member": bot_user_id in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": self.purpose, "creator": "", "last_set": 0},
            "num_members": len(self.members),
        }


@dataclass(slots=True)
class Team:
    """The workspace's people and places, each found by id or by name."""

    id: str
    name: str
    domain: str
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, UserGroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    def user(self, id_or_name: str) -> User:
        """The user with this id or name.

        Raises:
            LookupError: nobody has it; the message lists who there is.
        """
        for user in self.users.values():
            if id_or_name in (user.id, user.name):
                return user
        known = ", ".join(f"{user.name} ({user.id})" for user in self.users.values())
        raise LookupError(f"No user {id_or_name!r} in the workspace. There are: {known}")

    def channel(self, id_or_name: str) -> Channel:
        """The channel with this id or (with or without #) name.

        Raises:
            LookupError: there is none; the message lists those there are.
        """
        wanted = id_or_name.removeprefix("#")
        for channel in self.channels.values():
            if wanted in (channel.id, channel.name):
                return channel
        known = ", ".join(f"#{channel.name} ({channel.id})" for channel in self.channels.values())
        raise LookupError(f"No channel {id_or_name!r} in the workspace. There are: {known}")

    def add(self, *members: User | UserGroup | Channel) -> None:
        """Put people, groups and channels into the workspace."""
        for member in members:
            if isinstance(member, User):
                self.users[member.id] = member
            elif isinstance(member, UserGroup):
                self.groups[member.id] = member
            else:
                self.channels[member.id] = member


@dataclass(slots=True)
class Installation:
    """The app as installed in the workspace: who it is, what opens its doors and what it may do."""

    app_id: str
    bot_id: str
    bot_user_id: str
    app_name: str
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}", repr=False)
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(16)}", repr=False)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    scopes: frozenset[str] = DEFAULT_SCOPES
    events: frozenset[str] = DEFAULT_EVENTS
    commands: tuple[Json, ...] = ()
    shortcuts: tuple[Json, ...] = ()
    functions: dict[str, Json] = field(default_factory=dict)
    home_tab: bool = True
    # Before a manifest is loaded any command or shortcut may be tried; afterwards only those it names.
    has_manifest: bool = False


def installed_in(team: Team) -> Installation:
    """The app whose bot came into the team first; its other ids are made of the bot user's, so that they stay the same.

    Raises:
        LookupError: the team has no bot.
    """
    bot = next((user for user in team.users.values() if user.is_bot), None)
    if bot is None:
        raise LookupError(f"The team {team.name!r} has no bot user; add one, for the app that is to be installed.")
    own = bot.id.removeprefix("U")
    return Installation(app_id=f"A01{own}", bot_id=f"B{own}", bot_user_id=bot.id, app_name=bot.real_name)
