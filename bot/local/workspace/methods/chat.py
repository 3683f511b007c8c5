"""`chat.*`: posting, updating and deleting messages."""

import json
import re
from typing import Any

from bot.local.workspace.content import Message
from bot.local.workspace.methods.registry import Call, Implementation, checked_blocks
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.state import HIDDEN_TEXT, with_ids
from bot.local.workspace.team import Channel, ChannelKind, Json

MOST_TEXT_CHARACTERS_ON_POST = 40_000
MOST_TEXT_CHARACTERS_ON_UPDATE = 4_000
MOST_MARKDOWN_TEXT_CHARACTERS = 12_000
MOST_ATTACHMENTS = 100
MOST_METADATA_BYTES = 16_000
METADATA_EVENT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,254}$")
DRESSING_UP = ("username", "icon_emoji", "icon_url")


def post_message(call: Call) -> Json:
    """Post as the bot, into a channel it is in, a thread there, or a person's direct conversation."""
    channel = _destination(call)
    if not call.bot_is_in(channel) and "chat:write.public" not in call.state.installation.scopes:
        raise Refusal("not_in_channel")
    if channel.is_archived:
        raise Refusal("is_archived")
    message = _composed(call, channel)
    message.metadata = checked_metadata(call.arguments.data("metadata"))
    message.is_broadcast = call.arguments.flag("reply_broadcast") and message.thread_ts is not None
    call.state.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": call.state.message_json(message)}


def post_ephemeral(call: Call) -> Json:
    """Show a message to one member of a channel."""
    channel = call.channel()
    if not call.bot_is_in(channel):
        raise Refusal("not_in_channel")
    if channel.is_archived:
        raise Refusal("is_archived")
    reader = call.arguments.text("user")
    if reader not in channel.members:
        raise Refusal("user_not_in_channel")
    message = _composed(call, channel)
    message.visible_to = reader
    call.state.post(message)
    return {"message_ts": message.ts}


def update(call: Call) -> Json:
    """Replace a message's content. Text without blocks removes the blocks; metadata not given stays."""
    channel = call.channel()
    message = call.own_message(channel, call.arguments.text("ts"), "cant_update_message")
    text, blocks, attachments = _content(call, MOST_TEXT_CHARACTERS_ON_UPDATE)
    metadata = checked_metadata(call.arguments.data("metadata"))
    wants_broadcast = call.arguments.flag("reply_broadcast")
    if wants_broadcast and not message.is_reply:
        raise Refusal("cant_broadcast_message")

    def change() -> None:
        message.text, message.blocks, message.attachments = text, with_ids(blocks), attachments
        message.is_broadcast = message.is_broadcast or wants_broadcast
        message.pending.clear()
        message.warnings.clear()
        if metadata is not None:
            message.metadata = metadata or None

    call.state.edit(message, change, call.state.installation.bot_user_id)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": call.state.message_json(message),
    }


def delete(call: Call) -> Json:
    """Delete a message the app posted."""
    channel = call.channel()
    message = call.own_message(channel, call.arguments.text("ts"), "cant_delete_message")
    call.state.remove(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(call: Call) -> Json:
    """A link that opens the message on this workspace's page."""
    channel = call.channel()
    ts = call.arguments.text("message_ts")
    message = call.state.find_message(channel.id, ts)
    if message is None:
        raise Refusal("message_not_found")
    link = f"{call.state.base_url}/archives/{channel.id}/p{ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def checked_metadata(given: Any) -> Json | None:
    """A message's metadata; None if not given, empty to remove what there is.

    Raises:
        Refusal: `invalid_metadata_format` or `metadata_too_large`.
    """
    if not given:
        return None if given is None else {}
    is_well_formed = (
        isinstance(given, dict)
        and set(given) <= {"event_type", "event_payload"}
        and isinstance(given.get("event_type"), str)
        and METADATA_EVENT_TYPE.match(given["event_type"]) is not None
        and isinstance(given.get("event_payload"), dict)
    )
    if not is_well_formed:
        raise Refusal("invalid_metadata_format", ["metadata must hold event_type and an object event_payload"])
    if len(json.dumps(given).encode()) > MOST_METADATA_BYTES:
        raise Refusal("metadata_too_large")
    return dict(given)


def _destination(call: Call) -> Channel:
    """Where to post: a conversation, a channel by #name, or a person."""
    wanted = call.arguments.text("channel")
    user = call.state.team.users.get(wanted)
    if user is not None and not user.deleted:
        return call.state.direct_channel(user.id)
    for channel in call.state.team.channels.values():
        if wanted.startswith("#") and channel.name == wanted[1:] and channel.kind is ChannelKind.PUBLIC:
            return channel
    return call.channel()


def _composed(call: Call, channel: Channel) -> Message:
    if any(name in call.arguments for name in DRESSING_UP):
        call.require_scope("chat:write.customize")
    thread_ts = call.arguments.text("thread_ts") or None
    if thread_ts is not None:
        root = call.state.in_channel(channel.id).get(thread_ts)
        if root is None or root.is_reply:
            raise Refusal("cannot_reply_to_message")
    text, blocks, attachments = _content(call, MOST_TEXT_CHARACTERS_ON_POST)
    return Message(
        channel=channel.id,
        ts=call.state.next_ts(),
        user=call.state.installation.bot_user_id,
        text=text,
        blocks=with_ids(blocks),
        attachments=attachments,
        thread_ts=thread_ts,
        from_app=True,
        username=call.arguments.text("username") or None,
    )


def _content(call: Call, most_characters: int) -> tuple[str, list[Json], list[Json]]:
    """Text, blocks and attachments, checked."""
    text = call.arguments.text("text")
    markdown = call.arguments.text("markdown_text")
    given_blocks = call.arguments.data("blocks")
    attachments = call.arguments.data("attachments") or []
    if markdown:
        if text or given_blocks:
            raise Refusal("markdown_text_conflict")
        if len(markdown) > MOST_MARKDOWN_TEXT_CHARACTERS:
            raise Refusal("msg_too_long")
        return markdown, [{"type": "markdown", "text": markdown}], []
    if not isinstance(attachments, list):
        raise Refusal("invalid_arguments", ["must be an array [json-pointer:/attachments]"])
    if len(attachments) > MOST_ATTACHMENTS:
        raise Refusal("too_many_attachments")
    blocks = checked_blocks(call.state, given_blocks)
    if not text.strip() and not blocks and not attachments:
        raise Refusal("no_text")
    if len(text) > most_characters:
        raise Refusal("msg_too_long")
    return text or HIDDEN_TEXT, blocks, attachments


METHODS: dict[str, Implementation] = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": get_permalink,
}
