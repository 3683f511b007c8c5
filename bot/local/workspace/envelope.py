"""What the workspace sends to the app, and what came back; the same over a socket and over HTTP."""

import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from bot.local.workspace.team import Json


class EnvelopeKind(StrEnum):
    """Slack's three kinds."""

    EVENT = "events_api"
    INTERACTIVE = "interactive"
    COMMAND = "slash_commands"


class Silence(StrEnum):
    """Why an envelope was not acknowledged, in Slack's words for `retry_reason`."""

    TIMEOUT = "timeout"
    NO_CONNECTION = "connection_failed"
    ERROR = "http_error"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One thing to tell the app. `retry_attempt` counts redeliveries of an event."""

    kind: EnvelopeKind
    payload: Json
    accepts_response_payload: bool = False
    retry_attempt: int = 0
    retry_reason: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_frame(self) -> Json:
        """The Socket Mode frame."""
        frame: Json = {
            "envelope_id": self.id,
            "type": self.kind.value,
            "payload": self.payload,
            "accepts_response_payload": self.accepts_response_payload,
        }
        if self.kind is EnvelopeKind.EVENT:
            frame.update(retry_attempt=self.retry_attempt, retry_reason=self.retry_reason)
        return frame


@dataclass(frozen=True, slots=True)
class Answer:
    """The app's acknowledgement with its payload, or (`silence` set) that there was none."""

    payload: Json | None = None
    silence: Silence | None = None
    wants_no_retry: bool = False

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged in time."""
        return self.silence is None
