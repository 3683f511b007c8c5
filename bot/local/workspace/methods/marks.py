"""`pins.*`, `bookmarks.*` and `reactions.*`: what is stuck onto channels and messages."""

import re

from bot.local.workspace.changes import Change
from bot.local.workspace.content import Message
from bot.local.workspace.methods.registry import Call, Implementation
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.team import Channel, Json

MOST_PINS = 100
MOST_BOOKMARKS = 100
MOST_REACTIONS_PER_MESSAGE = 50
EMOJI_NAME = re.compile(r"[a-z0-9_+'\-]{1,100}(::skin-tone-[2-6])?$")
LINK = re.compile(r"https?://\S+$")


def pins_add(call: Call) -> Json:
    """Pin a message to its channel."""
    channel, message = _marked(call)
    if message.ts in channel.pins:
        raise Refusal("already_pinned")
    if len(channel.pins) >= MOST_PINS:
        raise Refusal("too_many_pins")
    channel.pins.append(message.ts)
    return _channel_changed(call, channel)


def pins_remove(call: Call) -> Json:
    """Unpin a message."""
    channel, message = _marked(call)
    if message.ts not in channel.pins:
        raise Refusal("no_pin")
    channel.pins.remove(message.ts)
    return _channel_changed(call, channel)


def pins_list(call: Call) -> Json:
    """The messages pinned to a channel."""
    channel = call.channel()
    pinned = [call.state.find_message(channel.id, ts) for ts in channel.pins]
    items = [
        {"type": "message", "channel": channel.id, "message": call.state.message_json(message)}
        for message in pinned
        if message is not None
    ]
    return {"items": items}


def bookmarks_add(call: Call) -> Json:
    """Put a link into a channel's header."""
    channel = call.channel("channel_id")
    if call.arguments.text("type") != "link":
        raise Refusal("invalid_bookmark_type")
    _check_link(call)
    if len(channel.bookmarks) >= MOST_BOOKMARKS:
        raise Refusal("too_many_bookmarks")
    bookmark = {
        "id": f"Bk{call.state.next_ts().replace('.', '')[-9:]}",
        "channel_id": channel.id,
        "title": call.arguments.text("title"),
        "link": call.arguments.text("link"),
        "emoji": call.arguments.text("emoji"),
        "type": "link",
    }
    channel.bookmarks.append(bookmark)
    _channel_changed(call, channel)
    return {"bookmark": bookmark}


def bookmarks_edit(call: Call) -> Json:
    """Change a bookmark."""
    channel = call.channel("channel_id")
    bookmark = _bookmark(call, channel)
    if "link" in call.arguments:
        _check_link(call)
    for name in ("title", "link", "emoji"):
        if name in call.arguments:
            bookmark[name] = call.arguments.text(name)
    _channel_changed(call, channel)
    return {"bookmark": bookmark}


def bookmarks_remove(call: Call) -> Json:
    """Take a bookmark away."""
    channel = call.channel("channel_id")
    channel.bookmarks.remove(_bookmark(call, channel))
    return _channel_changed(call, channel)


def bookmarks_list(call: Call) -> Json:
    """A channel's bookmarks."""
    return {"bookmarks": list(call.channel("channel_id").bookmarks)}


def reactions_add(call: Call) -> Json:
    """React to a message as the bot."""
    _, message = _marked(call)
    name, bot = _emoji(call), call.state.installation.bot_user_id
    users = message.reactions.get(name, [])
    if bot in users:
        raise Refusal("already_reacted")
    if not users and len(message.reactions) >= MOST_REACTIONS_PER_MESSAGE:
        raise Refusal("too_many_emoji")
    message.reactions.setdefault(name, []).append(bot)
    call.state.touch(message)
    return {}


def reactions_remove(call: Call) -> Json:
    """Remove the bot's reaction."""
    _, message = _marked(call)
    name, bot = _emoji(call), call.state.installation.bot_user_id
    if bot not in message.reactions.get(name, []):
        raise Refusal("no_reaction")
    message.reactions[name].remove(bot)
    if not message.reactions[name]:
        del message.reactions[name]
    call.state.touch(message)
    return {}


def reactions_get(call: Call) -> Json:
    """A message with its reactions."""
    channel, message = _marked(call)
    return {"type": "message", "channel": channel.id, "message": call.state.message_json(message)}


def _marked(call: Call) -> tuple[Channel, Message]:
    """The channel and message the arguments name."""
    if not call.arguments.text("timestamp"):
        raise Refusal("no_item_specified")
    channel = call.channel()
    ts = call.arguments.text("timestamp")
    if not re.fullmatch(r"\d+\.\d+", ts):
        raise Refusal("bad_timestamp")
    message = call.state.find_message(channel.id, ts)
    if message is None:
        raise Refusal("message_not_found")
    return channel, message


def _emoji(call: Call) -> str:
    name = call.arguments.text("name").strip(":")
    if not EMOJI_NAME.match(name):
        raise Refusal("invalid_name")
    return name


def _check_link(call: Call) -> None:
    if not LINK.match(call.arguments.text("link")):
        raise Refusal("invalid_link")


def _bookmark(call: Call, channel: Channel) -> Json:
    for bookmark in channel.bookmarks:
        if bookmark["id"] == call.arguments.text("bookmark_id"):
            return bookmark
    raise Refusal("not_found")


def _channel_changed(call: Call, channel: Channel) -> Json:
    call.state.changes.announce(Change("channel", channel=channel.id))
    return {}


METHODS: dict[str, Implementation] = {
    "pins.add": pins_add,
    "pins.remove": pins_remove,
    "pins.list": pins_list,
    "bookmarks.add": bookmarks_add,
    "bookmarks.edit": bookmarks_edit,
    "bookmarks.remove": bookmarks_remove,
    "bookmarks.list": bookmarks_list,
    "reactions.add": reactions_add,
    "reactions.remove": reactions_remove,
    "reactions.get": reactions_get,
}
