"""`conversations.*` and `users.conversations`: finding, reading and arranging channels."""

import re
from collections.abc import Callable

from bot.local.workspace.changes import Change
from bot.local.workspace.content import Message
from bot.local.workspace.methods.registry import Arguments, Call, Implementation, page_of
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.team import Channel, ChannelKind, Json

MOST_NAME_CHARACTERS = 80
MOST_TOPIC_CHARACTERS = 250
MOST_HISTORY_ITEMS = 999
TIMESTAMP = re.compile(r"\d+(\.\d+)?$")
KINDS_BY_TYPE = {
    "public_channel": ChannelKind.PUBLIC,
    "private_channel": ChannelKind.PRIVATE,
    "im": ChannelKind.DIRECT,
    "mpim": None,
}


def history(call: Call) -> Json:
    """A channel's messages, newest first; of threads only roots and broadcast replies."""
    channel = _readable(call, "history", "not_in_channel")
    oldest, latest = _bounds(call.arguments)
    found = [m for m in call.state.roots(channel.id) if _is_within(m, oldest, latest, call.arguments.flag("inclusive"))]
    page, following = page_of(found[::-1], call.arguments, 100)
    with_metadata = call.arguments.flag("include_all_metadata")
    return {
        "messages": [call.state.message_json(message, with_metadata) for message in page],
        "has_more": bool(following),
        "pin_count": len(channel.pins),
        "response_metadata": {"next_cursor": following},
    }


def replies(call: Call) -> Json:
    """A thread, root first, then its replies, oldest first."""
    channel = _readable(call, "history", "channel_not_found")
    root = call.state.in_channel(channel.id).get(call.arguments.text("ts"))
    if root is None:
        raise Refusal("thread_not_found")
    oldest, latest = _bounds(call.arguments)
    inclusive = call.arguments.flag("inclusive")
    answers = [m for m in call.state.replies(channel.id, root.ts) if _is_within(m, oldest, latest, inclusive)]
    page, following = page_of(answers, call.arguments, MOST_HISTORY_ITEMS)
    with_metadata = call.arguments.flag("include_all_metadata")
    return {
        "messages": [call.state.message_json(message, with_metadata) for message in [root, *page]],
        "has_more": bool(following),
        "response_metadata": {"next_cursor": following},
    }


def info(call: Call) -> Json:
    """Describe one channel."""
    channel = call.channel()
    _require_scope(call, channel, "read")
    return {"channel": channel.as_slack(call.state.installation.bot_user_id)}


def list_channels(call: Call) -> Json:
    """List the channels the bot can know of."""
    return _listing(call, lambda channel: channel.kind is ChannelKind.PUBLIC or call.bot_is_in(channel))


def users_conversations(call: Call) -> Json:
    """List the channels a member (by default the bot) is in, as far as the bot can know of them."""
    bot = call.state.installation.bot_user_id
    member = call.arguments.text("user", bot)
    return _listing(
        call,
        lambda channel: member in channel.members and (channel.kind is ChannelKind.PUBLIC or bot in channel.members),
    )


def members(call: Call) -> Json:
    """List the ids of a channel's members."""
    channel = call.channel()
    _require_scope(call, channel, "read")
    page, following = page_of(channel.members, call.arguments, 100)
    return {"members": page, "response_metadata": {"next_cursor": following}}


def create(call: Call) -> Json:
    """Open a channel; the bot is its first member."""
    name = _checked_name(call)
    is_private = call.arguments.flag("is_private")
    kind = ChannelKind.PRIVATE if is_private else ChannelKind.PUBLIC
    call.require_scope(*_writing_scopes(kind))
    bot = call.state.installation.bot_user_id
    channel_id, created = f"C{call.state.next_ts().replace('.', '')[-10:]}", int(call.state.now().timestamp())
    channel = Channel(channel_id, name, kind, members=[bot], creator=bot, created=created)
    call.state.team.add(channel)
    return _changed(call, channel)


def join(call: Call) -> Json:
    """Make the bot a member of a public channel."""
    channel = call.channel()
    if channel.kind is not ChannelKind.PUBLIC:
        raise Refusal("method_not_supported_for_channel_type")
    _refuse_archived(channel)
    if not call.bot_is_in(channel):
        channel.members.append(call.state.installation.bot_user_id)
    return _changed(call, channel)


def invite(call: Call) -> Json:
    """Make people members of a channel the bot is in; with ``force`` those who can be, whoever else cannot."""
    channel = _arranged(call, ".invites")
    wanted = call.arguments.names("users")
    if not wanted:
        raise Refusal("no_user")
    found = {user: _why_not(call, channel, user) for user in wanted}
    faults = [{"user": user, "ok": False, "error": fault} for user, fault in found.items() if fault]
    if not faults or call.arguments.flag("force"):
        channel.members += [user for user, fault in found.items() if not fault]
    changed = _changed(call, channel)
    if faults:
        raise Refusal(str(faults[0]["error"]), errors=faults)
    return changed


def _why_not(call: Call, channel: Channel, user: str) -> str:
    """Why this person cannot be invited, in Slack's word; empty when they can."""
    if user not in call.state.team.users:
        return "user_not_found"
    if user == call.state.installation.bot_user_id:
        return "cant_invite_self"
    return "already_in_channel" if user in channel.members else ""


def rename(call: Call) -> Json:
    """Give a channel another name."""
    channel = _arranged(call)
    channel.name = _checked_name(call)
    return _changed(call, channel)


def set_topic(call: Call) -> Json:
    """Set what a channel is about now."""
    channel = _arranged(call, ".topic")
    channel.topic = _checked_text(call, "topic")
    return _changed(call, channel)


def set_purpose(call: Call) -> Json:
    """Set what a channel is for."""
    channel = _arranged(call, ".topic")
    channel.purpose = _checked_text(call, "purpose")
    return {"purpose": channel.purpose, **_changed(call, channel)}


def archive(call: Call) -> Json:
    """Close a channel for good; it stays readable."""
    channel = call.channel()
    if channel.is_archived:
        raise Refusal("already_archived")
    _arranged(call)
    channel.is_archived = True
    call.state.changes.announce(Change("channel", channel=channel.id))
    return {}


def open_conversation(call: Call) -> Json:
    """Open (or find) the direct conversation with one person."""
    if "channel" in call.arguments:
        return {"channel": {"id": call.channel().id}}
    users = call.arguments.names("users")
    if not users:
        raise Refusal("users_list_not_supplied")
    if len(users) > 1:
        raise Refusal("method_not_supported_for_channel_type", ["this workspace has no group direct messages"])
    call.require_scope("im:write")
    user = call.state.team.users.get(users[0])
    if user is None:
        raise Refusal("user_not_found")
    if user.deleted:
        raise Refusal("user_disabled")
    channel = call.state.direct_channel(user.id)
    return {"channel": {"id": channel.id, "is_im": True, "user": user.id}}


def _readable(call: Call, right: str, refused_as: str) -> Channel:
    channel = call.channel()
    _require_scope(call, channel, right)
    if not call.bot_is_in(channel):
        raise Refusal(refused_as)
    return channel


def _arranged(call: Call, narrower_right: str = "") -> Channel:
    """A channel the bot is in and may arrange, by the general right to write or a narrower one."""
    channel = call.channel()
    if channel.kind is ChannelKind.DIRECT:
        raise Refusal("method_not_supported_for_channel_type")
    call.require_scope(*_writing_scopes(channel.kind), f"{channel.kind.value}:write{narrower_right}")
    _refuse_archived(channel)
    if not call.bot_is_in(channel):
        raise Refusal("not_in_channel")
    return channel


def _writing_scopes(kind: ChannelKind) -> tuple[str, ...]:
    return ("channels:manage", "channels:write") if kind is ChannelKind.PUBLIC else (f"{kind.value}:write",)


def _require_scope(call: Call, channel: Channel, right: str) -> None:
    call.require_scope(f"{channel.kind.value}:{right}")


def _refuse_archived(channel: Channel) -> None:
    if channel.is_archived:
        raise Refusal("is_archived")


def _listing(call: Call, is_listed: Callable[[Channel], bool]) -> Json:
    types = call.arguments.names("types") or ["public_channel"]
    if unknown := set(types) - set(KINDS_BY_TYPE):
        raise Refusal("invalid_types", [f"unknown types: {', '.join(sorted(unknown))}"])
    kinds = [kind for name in types if (kind := KINDS_BY_TYPE[name]) is not None]
    for kind in kinds:
        call.require_scope(f"{kind.value}:read")
    leaves_out_archived = call.arguments.flag("exclude_archived")
    found = [
        channel.as_slack(call.state.installation.bot_user_id)
        for channel in call.state.team.channels.values()
        if channel.kind in kinds and is_listed(channel) and not (leaves_out_archived and channel.is_archived)
    ]
    page, following = page_of(found, call.arguments, 100)
    return {"channels": page, "response_metadata": {"next_cursor": following}}


def _bounds(arguments: Arguments) -> tuple[str, str]:
    oldest, latest = arguments.text("oldest", "0"), arguments.text("latest")
    if not TIMESTAMP.match(oldest):
        raise Refusal("invalid_ts_oldest")
    if latest and not TIMESTAMP.match(latest):
        raise Refusal("invalid_ts_latest")
    return oldest, latest


def _is_within(message: Message, oldest: str, latest: str, inclusive: bool) -> bool:
    moment, after, before = float(message.ts), float(oldest), float(latest or "inf")
    return after <= moment <= before if inclusive else after < moment < before


def _checked_name(call: Call) -> str:
    name = call.arguments.text("name").removeprefix("#")
    if not name:
        raise Refusal("invalid_name_required")
    if len(name) > MOST_NAME_CHARACTERS:
        raise Refusal("invalid_name_maxlength")
    if not re.search(r"[^\W_]", name):
        raise Refusal("invalid_name_punctuation")
    if name != name.lower() or not re.fullmatch(r"[\w-]+", name):
        raise Refusal("invalid_name_specials")
    if any(channel.name == name for channel in call.state.team.channels.values()):
        raise Refusal("name_taken")
    return name


def _checked_text(call: Call, name: str) -> str:
    text = call.arguments.text(name)
    if len(text) > MOST_TOPIC_CHARACTERS:
        raise Refusal("too_long")
    return text


def _changed(call: Call, channel: Channel) -> Json:
    call.state.changes.announce(Change("channel", channel=channel.id))
    return {"channel": channel.as_slack(call.state.installation.bot_user_id)}


METHODS: dict[str, Implementation] = {
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.info": info,
    "conversations.list": list_channels,
    "conversations.members": members,
    "conversations.create": create,
    "conversations.join": join,
    "conversations.invite": invite,
    "conversations.rename": rename,
    "conversations.setTopic": set_topic,
    "conversations.setPurpose": set_purpose,
    "conversations.archive": archive,
    "conversations.open": open_conversation,
    "users.conversations": users_conversations,
}
