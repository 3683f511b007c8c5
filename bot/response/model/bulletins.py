"""Bulletins: what people are told now and then, and what belongs to no incident."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.policy.plan import Facts


class Bulletin(StrEnum):
    """What a bulletin is about. The values are stored."""

    RECORD = "record"
    """Once a day: how the audit record has grown, and its head."""
    UNREADABLE = "unreadable"
    """What monitors have sent and nobody can read; at most once in a while."""
    LICENCES = "licences"
    """A runbook that asks from now on, because what it was licensed by has become too old."""


class BulletinNotice(Facts):
    """A message of its own in a channel; it is never changed."""

    kind: Literal["bulletin"] = "bulletin"
    incident: str
    """What it is about, for logs: ``the audit record``."""
    channel: str
    """Slack id of where it goes."""
    title: str
    """One line, plain text."""
    lines: tuple[str, ...] = ()
    """Plain text, one paragraph each; it may hold text from outside."""
    command: str = ""
    """A line to be copied into a shell; empty where there is none."""
    warns: bool = False
    """Whether somebody should do something."""
    to: tuple[str, ...] = ()
    """User ids to mention: people who must do something now."""
    at: datetime
