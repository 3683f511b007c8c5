"""What every Web API method gets: the state and its arguments; and the checks several methods share."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.local.workspace.blocks import MOST_MESSAGE_CHARACTERS, characters_in, message_faults, slack_file_ids
from bot.local.workspace.content import Message
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.state import State
from bot.local.workspace.team import Channel, ChannelKind, Json

MOST_PAGE_ITEMS = 1000
YES = {True, "true", "1", "True"}


class Arguments:
    """A call's arguments, whichever way they came: JSON values, or strings from a form or query."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str, default: str = "") -> str:
        """The argument as a string."""
        value = self._given.get(name, default)
        return value if isinstance(value, str) else str(value)

    def flag(self, name: str) -> bool:
        """The argument as a boolean; absent is false."""
        value = self._given.get(name, False)
        return isinstance(value, str | bool | int) and value in YES

    def number(self, name: str, default: int) -> int:
        """The argument as a whole number.

        Raises:
            Refusal: `invalid_arguments`; it is not one.
        """
        value = self._given.get(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise invalid_arguments(f"must be an integer [json-pointer:/{name}]") from None

    def data(self, name: str) -> Any:
        """The argument as JSON data: as given, or decoded if it came as a string. None if absent or empty.

        Raises:
            Refusal: `invalid_arguments`; the string is not JSON.
        """
        value = self._given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise invalid_arguments(f"must be valid JSON [json-pointer:/{name}]") from None

    def names(self, name: str) -> list[str]:
        """The argument as a list of ids: a JSON list or comma-separated."""
        value = self._given.get(name, "")
        items = value if isinstance(value, list) else str(value).split(",")
        return [str(item).strip() for item in items if str(item).strip()]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one method."""

    state: State
    arguments: Arguments

    def require_scope(self, *alternatives: str) -> None:
        """Insist that the app was granted one of these scopes.

        Raises:
            Refusal: `missing_scope`, with `needed` and `provided`.
        """
        granted = self.state.installation.scopes
        if alternatives and not granted.intersection(alternatives):
            raise Refusal("missing_scope", needed=",".join(alternatives), provided=",".join(sorted(granted)))

    def channel(self, name: str = "channel") -> Channel:
        """The conversation an argument names, if the bot can know of it.

        Raises:
            Refusal: `channel_not_found`.
        """
        wanted = self.arguments.text(name)
        channel = self.state.team.channels.get(wanted)
        if channel is None or (channel.kind is not ChannelKind.PUBLIC and not self.bot_is_in(channel)):
            raise Refusal("channel_not_found")
        return channel

    def bot_is_in(self, channel: Channel) -> bool:
        """Whether the bot is a member."""
        return self.state.installation.bot_user_id in channel.members

    def own_message(self, channel: Channel, ts: str, refused_as: str) -> Message:
        """The message with this timestamp, which the app must have posted.

        Raises:
            Refusal: `message_not_found`, or `refused_as` when it is someone else's.
        """
        message = self.state.find_message(channel.id, ts)
        if message is None:
            raise Refusal("message_not_found")
        if not message.from_app:
            raise Refusal(refused_as)
        return message


Implementation = Callable[[Call], Json]


def checked_blocks(state: State, given: Any, invalid: str = "invalid_blocks") -> list[Json]:
    """The blocks of a message, if Slack would take them.

    Raises:
        Refusal: `invalid_blocks_format`, `invalid_blocks` (or `invalid`) or `msg_blocks_too_long`.
    """
    if given is None:
        return []
    if not isinstance(given, list):
        raise Refusal("invalid_blocks_format")
    faults = message_faults(given)
    if not faults:
        for file_id in slack_file_ids(given):
            if file_id and not (file_id in state.files and state.files[file_id].is_complete):
                faults.append(f"invalid slack file: {file_id} [json-pointer:/blocks]")
    if faults:
        raise Refusal(invalid, faults)
    if characters_in(given) > MOST_MESSAGE_CHARACTERS:
        raise Refusal("msg_blocks_too_long")
    return given


def page_of(items: list[Any], arguments: Arguments, default_limit: int) -> tuple[list[Any], str]:
    """One page of `items` and the cursor of the next, empty at the end.

    Raises:
        Refusal: `invalid_cursor` or, for a limit out of bounds, `invalid_arguments`.
    """
    limit = arguments.number("limit", default_limit) or default_limit
    if not 1 <= limit <= MOST_PAGE_ITEMS:
        raise invalid_arguments(f"must be between 1 and {MOST_PAGE_ITEMS} [json-pointer:/limit]")
    start = 0
    if cursor := arguments.text("cursor"):
        try:
            word, _, offset = base64.b64decode(cursor, validate=True).decode().partition(":")
            start = int(offset)
        except (binascii.Error, ValueError):
            raise Refusal("invalid_cursor") from None
        if word != "next" or start < 0:
            raise Refusal("invalid_cursor")
    end = start + limit
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], following
