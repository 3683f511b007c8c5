"""What the workspace holds, and the few operations that change it.

The Web API, response URLs and acting people all go through these operations, so a message posted by either
is the same, is announced to whoever waits, and becomes the same event for the app. Rules about who may do
what live with the callers. Nothing here does I/O.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bot.local.workspace.changes import Change, ChangeKind, Changes
from bot.local.workspace.content import File, Message, View
from bot.local.workspace.panel import Panel
from bot.local.workspace.slips import ResponseUrls, Triggers
from bot.local.workspace.team import Channel, ChannelKind, Installation, Json, Team
from bot.local.workspace.workflows import Execution

HIDDEN_TEXT = "This content can't be displayed."
MESSAGE_EVENT_BY_KIND = {
    ChannelKind.PUBLIC: ("message.channels", "channel"),
    ChannelKind.PRIVATE: ("message.groups", "group"),
    ChannelKind.DIRECT: ("message.im", "im"),
}


class State:
    """The workspace's memory.

    Args:
        team: its people and channels; changed in place.
        installation: the installed app.
        clock: seconds since the epoch.
        on_event: called as `on_event(subscription, event)` for everything an app may subscribe to.
    """

    def __init__(
        self,
        team: Team,
        installation: Installation,
        clock: Callable[[], float],
        on_event: Callable[[str, Json], None],
    ) -> None:
        self.team = team
        self.installation = installation
        self.clock = clock
        self.on_event = on_event
        # Where the workspace is reached while it is served, without a slash at the end.
        self.base_url = ""
        self.changes = Changes()
        self.triggers = Triggers(clock)
        self.response_urls = ResponseUrls(clock)
        self.messages: dict[str, dict[str, Message]] = {}
        self.ephemerals: dict[str, Message] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, File] = {}
        self.executions: dict[str, Execution] = {}
        self.warnings: dict[str, list[Json]] = {}
        self.panel: Panel | None = None
        self._last_microsecond = 0

    # Time and identity

    def now(self) -> datetime:
        """The clock's time, UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def next_ts(self) -> str:
        """A timestamp no message has: Slack's are unique in a conversation, and increase."""
        self._last_microsecond = max(int(self.clock() * 1_000_000), self._last_microsecond + 1)
        seconds, microseconds = divmod(self._last_microsecond, 1_000_000)
        return f"{seconds}.{microseconds:06d}"

    # Conversations

    def in_channel(self, channel_id: str) -> dict[str, Message]:
        """The channel's messages by timestamp, oldest first, replies included."""
        return self.messages.setdefault(channel_id, {})

    def find_message(self, channel_id: str, ts: str) -> Message | None:
        """The message people can see there, if any; tombstones are not messages."""
        found = self.in_channel(channel_id).get(ts)
        return None if found is None or found.is_tombstone else found

    def roots(self, channel_id: str) -> list[Message]:
        """What the channel shows, oldest first: roots and broadcast replies."""
        return [m for m in self.in_channel(channel_id).values() if not m.is_reply or m.is_broadcast]

    def replies(self, channel_id: str, root_ts: str) -> list[Message]:
        """The replies in a thread, oldest first, without the root."""
        return [m for m in self.in_channel(channel_id).values() if m.is_reply and m.thread_ts == root_ts]

    def direct_channel(self, user_id: str) -> Channel:
        """The conversation between the bot and this person, opened if need be."""
        bot = self.installation.bot_user_id
        for channel in self.team.channels.values():
            if channel.kind is ChannelKind.DIRECT and set(channel.members) == {user_id, bot}:
                return channel
        channel = Channel(f"D{user_id[1:]}", user_id, kind=ChannelKind.DIRECT, members=[user_id, bot])
        self.team.add(channel)
        self.changes.announce(Change("channel", channel=channel.id))
        return channel

    # Messages

    def post(self, message: Message) -> Message:
        """Store a message and announce it, to its one reader only if it is ephemeral."""
        if message.is_ephemeral:
            self.ephemerals[message.ts] = message
        else:
            self.in_channel(message.channel)[message.ts] = message
        self.touch(message)
        if not message.is_ephemeral:
            if message.is_reply:
                self.touch_root(message)
            self._tell_message(message.channel, self.message_json(message))
        return message

    def edit(self, message: Message, change: Callable[[], None], editor: str) -> None:
        """Apply `change` to the message and mark it edited by this user."""
        before = self.message_json(message)
        change()
        message.edited = {"user": editor, "ts": self.next_ts()}
        self.touch(message)
        if not message.is_ephemeral:
            after = self.message_json(message)
            event = {"subtype": "message_changed", "message": after, "previous_message": before, "hidden": True}
            self._tell_message(message.channel, event)

    def remove(self, message: Message) -> None:
        """Delete a message; a root with replies stays as a tombstone, as in Slack."""
        if message.is_ephemeral:
            self.ephemerals.pop(message.ts, None)
            self.touch(message)
            return
        before = self.message_json(message)
        if self.replies(message.channel, message.ts):
            message.is_tombstone = True
            message.text, message.blocks, message.files = "This message was deleted.", [], []
            message.metadata = None
        else:
            self.in_channel(message.channel).pop(message.ts)
        self.touch(message)
        if message.is_reply:
            self.touch_root(message)
        event = {"subtype": "message_deleted", "deleted_ts": message.ts, "previous_message": before, "hidden": True}
        self._tell_message(message.channel, event)

    def touch(self, message: Message) -> None:
        """Announce that this message has changed."""
        kind: ChangeKind = "ephemeral" if message.is_ephemeral else "message"
        self.changes.announce(Change(kind, message.channel, message.ts, message.visible_to))

    def touch_root(self, reply: Message) -> None:
        """Announce that the reply's root has changed: it shows how many replies there are."""
        if reply.thread_ts is not None:
            self.changes.announce(Change("message", reply.channel, reply.thread_ts))

    def message_json(self, message: Message, with_metadata: bool = True) -> Json:
        """The message object as Slack gives it to the bot."""
        app = self.installation
        body: Json = {
            "type": "message",
            "user": message.user,
            "ts": message.ts,
            "text": message.text,
            "team": self.team.id,
        }
        if message.is_tombstone:
            body.update(subtype="tombstone", hidden=True)
        if message.from_app:
            body.update(bot_id=app.bot_id, app_id=app.app_id)
            body["bot_profile"] = {
                "id": app.bot_id,
                "app_id": app.app_id,
                "name": app.app_name,
                "deleted": False,
                "team_id": self.team.id,
            }
        if message.username:
            body["username"] = message.username
        if message.blocks:
            body["blocks"] = message.blocks
        if message.attachments:
            body["attachments"] = message.attachments
        if with_metadata and message.metadata is not None:
            body["metadata"] = message.metadata
        if message.edited is not None:
            body["edited"] = message.edited
        if message.files:
            body["files"] = [self.file_json(self.files[file_id]) for file_id in message.files]
        if message.reactions:
            body["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
            ]
        body.update(self._thread_json(message))
        return body

    def _thread_json(self, message: Message) -> Json:
        if message.is_reply:
            root = self.in_channel(message.channel).get(message.thread_ts or "")
            thread: Json = {"thread_ts": message.thread_ts, "parent_user_id": root.user if root else ""}
            if message.is_broadcast:
                thread["subtype"] = "thread_broadcast"
            return thread
        replies = [] if message.is_ephemeral else self.replies(message.channel, message.ts)
        if not replies:
            return {} if message.thread_ts is None else {"thread_ts": message.thread_ts}
        return {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": list(dict.fromkeys(reply.user for reply in replies)),
            "reply_users_count": len({reply.user for reply in replies}),
            "latest_reply": replies[-1].ts,
            "is_locked": False,
        }

    def file_json(self, file: File) -> Json:
        """The file object as `files.info` gives it."""
        return {
            "id": file.id,
            "name": file.name,
            "title": file.title or file.name,
            "alt_txt": file.alt_text,
            "size": file.length,
            "user": file.user,
            "url_private": f"{self.base_url}/files/{file.id}/{file.name}",
            "channels": list(file.shared_in),
            "created": 0,
        }

    def _tell_message(self, channel_id: str, event: Json) -> None:
        channel = self.team.channels[channel_id]
        if self.installation.bot_user_id not in channel.members:
            return
        subscription, channel_type = MESSAGE_EVENT_BY_KIND[channel.kind]
        told = {
            "type": "message",
            **event,
            "channel": channel_id,
            "channel_type": channel_type,
            "event_ts": event.get("ts") or self.next_ts(),
        }
        told.setdefault("ts", told["event_ts"])
        self.on_event(subscription, told)

    # Views

    def new_view(self, kind: str, user: str, given: Json, previous: View | None = None) -> View:
        """Make (but do not show) a view from what the app gave, for this person."""
        view_id = f"V{secrets.token_hex(5).upper()}"
        view = View(
            id=view_id,
            kind="home" if kind == "home" else "modal",
            user=user,
            blocks=[],
            hash="",
            root_view_id=previous.root_view_id if previous else view_id,
            previous_view_id=previous.id if previous else None,
        )
        self.fill_view(view, given)
        return view

    def fill_view(self, view: View, given: Json) -> None:
        """Let the view show what the app gave; a new hash says that it changed."""
        view.blocks = with_ids(given["blocks"])
        view.hash = f"{self.next_ts()}.{secrets.token_hex(4)}"
        view.title, view.submit, view.close = given.get("title"), given.get("submit"), given.get("close")
        view.callback_id = given.get("callback_id") or ""
        view.private_metadata = given.get("private_metadata") or ""
        view.external_id = given.get("external_id") or ""
        view.clear_on_close = bool(given.get("clear_on_close"))
        view.notify_on_close = bool(given.get("notify_on_close"))
        view.submit_disabled = bool(given.get("submit_disabled"))
        view.errors, view.warning = {}, None
        kept = {(block["block_id"], element["action_id"]) for block, element in inputs_of(view.blocks)}
        view.values = {
            block_id: chosen
            for block_id, actions in view.values.items()
            if (chosen := {name: state for name, state in actions.items() if (block_id, name) in kept})
        }

    def show_modal(self, view: View) -> None:
        """Put the modal on top of the person's stack; a root replaces whatever was open."""
        stack = self.stacks.setdefault(view.user, [])
        if view.previous_view_id is None:
            for open_id in stack:
                self.views.pop(open_id, None)
            stack.clear()
        self.views[view.id] = view
        stack.append(view.id)
        self.touch_view(view)

    def close_modals(self, user: str, view_ids: Iterable[str]) -> None:
        """Take these modals off the person's stack."""
        stack = self.stacks.get(user, [])
        for view_id in list(view_ids):
            self.views.pop(view_id, None)
            if view_id in stack:
                stack.remove(view_id)
        self.changes.announce(Change("view", user=user))

    def open_views(self, user: str) -> list[View]:
        """The person's open modals, the one on top last."""
        return [self.views[view_id] for view_id in self.stacks.get(user, [])]

    def touch_view(self, view: View) -> None:
        """Announce that this view has changed, to the person who has it."""
        self.changes.announce(Change("home" if view.kind == "home" else "view", user=view.user))

    def view_json(self, view: View) -> Json:
        """The view object as Slack gives it to the bot."""
        return view.as_slack(self.team.id, self.installation.app_id, self.installation.bot_id)

    def warn(self, user: str, text: str) -> None:
        """Show this person a notice from the workspace itself, as Slackbot would."""
        self.warnings.setdefault(user, []).append({"id": self.next_ts(), "text": text})
        self.changes.announce(Change("warning", user=user))

    def dismiss_warning(self, user: str, warning_id: str) -> None:
        """Put a notice away."""
        self.warnings[user] = [each for each in self.warnings.get(user, []) if each["id"] != warning_id]
        self.changes.announce(Change("warning", user=user))


def with_ids(blocks: list[Json]) -> list[Json]:
    """A copy of the blocks in which every block and every element that acts has an id, as Slack adds them."""
    finished = []
    for block in blocks:
        elements = [_with_action_id(element) for element in block.get("elements", [])]
        finished.append(
            {
                **block,
                "block_id": block.get("block_id") or secrets.token_urlsafe(4)[:5],
                **({"elements": elements} if block["type"] == "actions" else {}),
                **{
                    name: _with_action_id(block[name])
                    for name in ("accessory", "element")
                    if isinstance(block.get(name), dict)
                },
            }
        )
    return finished


def _with_action_id(element: Json) -> Json:
    if element.get("type") == "image" or element.get("action_id"):
        return element
    return {**element, "action_id": secrets.token_urlsafe(4)[:5]}


def interactive_elements(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Every element a person can act on, with the block it stands in, in reading order."""
    found: list[tuple[Json, Json]] = []
    for block in blocks:
        candidates = block.get("elements", []) if block["type"] == "actions" else []
        candidates = [*candidates, block.get("accessory"), block.get("element")]
        found += [(block, element) for element in candidates if element and element.get("action_id")]
    return found


def inputs_of(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """The elements whose choice is part of `state.values`: all that can be acted on, except buttons and menus."""
    return [pair for pair in interactive_elements(blocks) if pair[1]["type"] not in {"button", "overflow"}]
