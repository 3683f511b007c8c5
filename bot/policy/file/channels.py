"""Where incidents are told in Slack: the channels by id, and which incidents get one of their own."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from bot.policy.file.fields import Duration, Entry, duration_text

CHANNEL_WORDS_MAX_CHARACTERS = 30
"""Slack allows 80 for the whole name; the rest is for what is filled in."""
ARCHIVE_AFTER_MIN, ARCHIVE_AFTER_MAX = timedelta(minutes=5), timedelta(weeks=8)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CHANNEL_WORDS = re.compile(rf"[a-z0-9_-]{{0,{CHANNEL_WORDS_MAX_CHARACTERS}}}")


class OwnChannels(Entry):
    """Which incidents get a channel of their own instead of a thread, and how it is furnished."""

    severities: Annotated[tuple[str, ...], Field(min_length=1)]
    """Severities of alerts, as monitors write them; compared without regard to case."""
    name: str = "inc-{number}-{service}"
    """The channel's name: ``{number}`` (required), ``{service}`` and ``{severity}`` are filled in."""
    invite: tuple[str, ...] = ()
    """Groups whose members are invited when it opens."""
    archive_after: Duration = timedelta(hours=24)
    """How long after the end of the incident it is archived."""

    @field_validator("name")
    @classmethod
    def _can_be_a_channel(cls, value: str) -> str:
        words = _PLACEHOLDER.sub("", value)
        if unknown := set(_PLACEHOLDER.findall(value)) - {"number", "service", "severity"}:
            raise ValueError(
                f"{{{min(unknown)}}} is not known in a channel's name; use {{number}}, {{service}} and {{severity}}"
            )
        if "{number}" not in value:
            raise ValueError(f"{value!r} would be the same for every incident; put {{number}} into it")
        if not _CHANNEL_WORDS.fullmatch(words):
            raise ValueError(
                f"{value!r} cannot be a channel's name; use lower-case letters, digits, - and _, "
                f"at most {CHANNEL_WORDS_MAX_CHARACTERS} beside what is filled in"
            )
        return value

    @field_validator("archive_after")
    @classmethod
    def _long_enough_to_read(cls, value: timedelta) -> timedelta:
        if not ARCHIVE_AFTER_MIN <= value <= ARCHIVE_AFTER_MAX:
            shortest, longest = duration_text(ARCHIVE_AFTER_MIN), duration_text(ARCHIVE_AFTER_MAX)
            raise ValueError(f"{duration_text(value)} is out of bounds; write between {shortest} and {longest}")
        return value


class Channels(Entry):
    """Slack channel ids, and which incidents get a channel of their own."""

    incidents: str
    audit: str | None = None
    leadership: str | None = None
    own_channel: OwnChannels | None = None
    """Without it, every incident is a thread in ``incidents``."""
