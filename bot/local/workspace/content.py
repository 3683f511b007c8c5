"""What is said and shown in a workspace: messages, views and files. Pure data, no I/O, no rules."""

from dataclasses import dataclass, field
from typing import Literal

from bot.local.workspace.team import Json

# What people see on a message or a view when the app did not answer a click of theirs.
NOT_ACKNOWLEDGED = "The app did not respond in time. Try again, or ask whoever runs it."


@dataclass(slots=True)
class File:
    """An uploaded file; `shared_in` lists channel ids once the upload is complete."""

    id: str
    name: str
    length: int
    user: str
    title: str = ""
    alt_text: str = ""
    content: bytes | None = None
    is_complete: bool = False
    shared_in: list[str] = field(default_factory=list)
    upload_key: str = ""


@dataclass(slots=True)
class Message:
    """One message. `visible_to` names the only reader of an ephemeral one."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    is_broadcast: bool = False
    from_app: bool = False
    username: str | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: Json | None = None
    visible_to: str | None = None
    is_tombstone: bool = False
    # Per person: actions clicked and not yet acknowledged, and the warning shown after a failed one.
    pending: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    # Per person: what is chosen in the message's inputs, as `state.values`.
    chosen: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Whether it lives in another message's thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def is_ephemeral(self) -> bool:
        """Whether one person only can see it."""
        return self.visible_to is not None


@dataclass(slots=True)
class View:
    """A modal or a Home tab as one person has it open. `values` is Slack's `state.values`."""

    id: str
    kind: Literal["modal", "home"]
    user: str
    blocks: list[Json]
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    title: Json | None = None
    submit: Json | None = None
    close: Json | None = None
    callback_id: str = ""
    private_metadata: str = ""
    external_id: str = ""
    clear_on_close: bool = False
    notify_on_close: bool = False
    submit_disabled: bool = False
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    warning: str | None = None

    def as_slack(self, team_id: str, app_id: str, bot_id: str) -> Json:
        """The view object as payloads and `views.*` answers carry it."""
        return {
            "id": self.id,
            "team_id": team_id,
            "type": self.kind,
            "blocks": self.blocks,
            "private_metadata": self.private_metadata,
            "callback_id": self.callback_id,
            "external_id": self.external_id,
            "state": {"values": self.values},
            "hash": self.hash,
            "title": self.title,
            "submit": self.submit,
            "close": self.close,
            "clear_on_close": self.clear_on_close,
            "notify_on_close": self.notify_on_close,
            "previous_view_id": self.previous_view_id,
            "root_view_id": self.root_view_id,
            "app_id": app_id,
            "app_installed_team_id": team_id,
            "bot_id": bot_id,
        }
