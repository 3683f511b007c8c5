"""An incident's channel of its own: what is still to be done to it, as one row that is worked off step by step.

The policy says which incidents get one. Until it is there, and whenever it cannot be, the incident is a thread.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.policy.plan import Facts
from bot.response.model.notices import Link


class ChannelStep(StrEnum):
    """What is to be done next. The steps follow each other in this order; the last two are ends."""

    CREATE = "create"
    """Open the channel; until then the incident's news waits, for a limited time."""
    INVITE = "invite"
    """Invite the people whom the policy names for it."""
    TOPIC = "topic"
    """Say in the topic what the incident is."""
    BOOKMARK = "bookmark"
    """Put the links of service and runbook at the top."""
    PIN = "pin"
    """Pin the incident's card."""
    ARCHIVE = "archive"
    """Furnished. Waits for the end of the incident, and then for some time to read."""
    ARCHIVED = "archived"
    """It has served its purpose: what is still told goes to the first card's thread."""
    GIVEN_UP = "given_up"
    """It could not be opened, or people closed it: the incident is a thread."""


ENDS = frozenset({ChannelStep.ARCHIVED, ChannelStep.GIVEN_UP})
_ORDER = tuple(ChannelStep)


def step_after(step: ChannelStep) -> ChannelStep:
    """The next one."""
    return _ORDER[_ORDER.index(step) + 1]


class ChannelBrief(Facts):
    """What a channel is furnished from, as it was when the card was first delivered. Outside text is plain here."""

    number: int
    service: str
    severity: str
    alert_name: str
    summary: str
    name: str
    """The policy's pattern for the channel's name."""
    invite: tuple[str, ...]
    """Groups of people."""
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Announcement:
    """The message in the incidents channel that was the incident's first card, and then points to its channel."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """One row of ``incident_channels``."""

    incident_id: int
    step: ChannelStep
    brief: ChannelBrief
    announcement: Announcement
    channel: str | None
    """Slack's id, once it is there."""
    name_attempt: int
    """Names tried so far that belong to other channels."""
    attempts: int
    """How often the present step was begun, this time included."""
    created_at: datetime
    archive_at: datetime | None
    """Set once the incident is over and its summary is told."""

    @property
    def is_home(self) -> bool:
        """Whether the incident lives in it: cards and entries go there."""
        return self.channel is not None and self.step not in ENDS
