"""What arrives from Slack, as one shape: what a person did, where, and the key that makes it count once.

Everything in a payload is checked here for its form before anybody relies on it; what is not of an expected form is
an empty string or None, never an error. Must not know: what happens next.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]
TEXT_MAX_CHARACTERS = 10_000
NAME_MAX_CHARACTERS = 255
SECRETS = frozenset({"token", "bot_access_token"})
"""What comes along and opens a door; it is never kept."""


class Kind(StrEnum):
    """The kinds of things people do in Slack that we are told of."""

    BUTTON = "button"
    MODAL = "modal"
    COMMAND = "command"
    SHORTCUT = "shortcut"
    EVENT = "event"


_KINDS = {
    "block_actions": Kind.BUTTON,
    "view_submission": Kind.MODAL,
    "shortcut": Kind.SHORTCUT,
    "message_action": Kind.SHORTCUT,
    "event_callback": Kind.EVENT,
}
_NAME_PATHS: dict[Kind, tuple[str | int, ...]] = {
    Kind.BUTTON: ("actions", 0, "action_id"),
    Kind.MODAL: ("view", "callback_id"),
    Kind.COMMAND: ("command",),
    Kind.SHORTCUT: ("callback_id",),
    Kind.EVENT: ("event", "type"),
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One thing a person did, with the payload Slack sent about it."""

    kind: Kind
    name: str
    """The ``action_id``, ``callback_id``, command or event type."""
    key: str
    """The same for every delivery of the same act, different for any two acts."""
    body: Json
    received_at: datetime
    attempts: int = 1
    """How often somebody has begun to handle it, this time included."""

    def text(self, *path: str | int, limit: int = TEXT_MAX_CHARACTERS) -> str:
        """The string at ``path`` of the payload, clipped to ``limit`` characters; empty when there is none."""
        found = _at(self.body, path)
        return found[:limit] if isinstance(found, str) else ""

    @property
    def person(self) -> str:
        """Slack user id of who did it."""
        return self.text("user", "id") or self.text("user_id") or self.text("event", "user")

    @property
    def channel(self) -> str:
        """Where it was done; empty in a modal or on the Home tab."""
        return (
            self.text("channel", "id")
            or self.text("container", "channel_id")
            or self.text("channel_id")
            or self.text("event", "channel")
        )

    @property
    def thread_ts(self) -> str:
        """The thread it was done in; empty when it was not in a thread.

        A message that has replies names itself as its thread, but who acts on it stands in the channel.
        """
        thread_ts = (
            self.text("message", "thread_ts") or self.text("container", "thread_ts") or self.text("event", "thread_ts")
        )
        own_ts = self.text("message", "ts") or self.text("container", "message_ts") or self.text("event", "ts")
        return "" if thread_ts == own_ts else thread_ts

    @property
    def trigger_id(self) -> str:
        """Opens a modal within three seconds."""
        return self.text("trigger_id")

    @property
    def response_url(self) -> str:
        """Answers in private, five times within 30 minutes."""
        return self.text("response_url")


def recognise(body: object, received_at: datetime) -> Arrived | None:
    """The payload of any delivery as ``Arrived``; None when it is nothing that a person did."""
    if not isinstance(body, Mapping):
        return None
    kind = _KINDS.get(str(body.get("type"))) if "type" in body else Kind.COMMAND if "command" in body else None
    if kind is None or (kind is Kind.EVENT and _is_our_own(body)):
        return None
    name = _at(body, _NAME_PATHS[kind])
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX_CHARACTERS:
        return None
    kept = {field: value for field, value in body.items() if field not in SECRETS}
    if isinstance(kept.get("event"), Mapping):
        kept["event"] = {field: value for field, value in kept["event"].items() if field not in SECRETS}
    return Arrived(kind, name, f"{kind}:{_identity(kind, kept)}", kept, received_at)


def _identity(kind: Kind, body: Json) -> str:
    """What stays the same when Slack delivers the same act again, and differs between two acts.

    Every click and command has a trigger of its own. A modal has one per attempt to submit it, so there the modal and
    what was filled in count: trying again after a time-out is the same act, correcting an input is another.
    """
    if kind is Kind.MODAL:
        parts = [_at(body, ("view", "id")), _at(body, ("view", "state", "values"))]
    elif kind is Kind.EVENT:
        message = [_at(body, ("event", "channel")), _at(body, ("event", "ts"))]
        parts = [_at(body, ("event", "type")), *message] if all(message) else [body.get("event_id")]
    else:
        parts = [body.get("trigger_id"), _at(body, ("actions", 0, "action_ts")), body.get("action_ts")]
    if not any(parts):
        parts = [body]
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _is_our_own(body: Json) -> bool:
    """Whether the event is about something that we did ourselves."""
    user, app = _at(body, ("event", "user")), _at(body, ("event", "app_id"))
    bot = _at(body, ("authorizations", 0, "user_id")) if _at(body, ("authorizations", 0, "is_bot")) else None
    return bool((user and user == bot) or (app and app == body.get("api_app_id")) or _at(body, ("event", "bot_id")))


def _at(body: object, path: tuple[str | int, ...]) -> Any:
    found: Any = body
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and len(found) > step else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found
