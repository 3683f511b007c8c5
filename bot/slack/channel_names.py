"""What a channel is called and what stands at its top, from text that may come from anybody.

Must not know: when a channel is opened. https://api.slack.com/methods/conversations.create
"""

import re
import unicodedata

from bot.response.model.incident_channel import ChannelBrief
from bot.slack.cards.wording import severity_words
from bot.slack.text import Mrkdwn, concat, escape, units, words

NAME_MAX_CHARACTERS = 80
SUFFIX_MAX_CHARACTERS = 4
TOPIC_MAX_CHARACTERS = 250
_NOT_ALLOWED = re.compile(r"[^a-z0-9_]+")


def channel_name(brief: ChannelBrief, attempt: int = 0) -> str:
    """The policy's pattern, filled in; ``attempt``: how many such names belong to other channels.

    Only lower-case letters without accents, digits, ``-`` and ``_``: Slack takes no others in a name. What is too long
    is cut from the service and the severity, never from the number.
    """
    suffix = f"-{attempt + 1}" if attempt else ""
    number = str(brief.number)
    fixed = len(brief.name.replace("{number}", number).replace("{service}", "").replace("{severity}", ""))
    filled = brief.name.count("{service}") + brief.name.count("{severity}")
    room = max(0, NAME_MAX_CHARACTERS - SUFFIX_MAX_CHARACTERS - fixed) // max(1, filled)
    name = (
        brief.name.replace("{number}", number)
        .replace("{service}", _allowed(brief.service)[:room])
        .replace("{severity}", _allowed(brief.severity)[:room])
    )
    return re.sub("-{2,}", "-", name).strip("-") + suffix


def topic(brief: ChannelBrief) -> Mrkdwn:
    """Severity, service and what is wrong, in one line."""
    said = f"{brief.alert_name}: {brief.summary}" if brief.summary else brief.alert_name
    beginning = concat(severity_words(brief.severity), words(" on "), escape(brief.service, 60), words(" · "))
    return concat(beginning, escape(said, TOPIC_MAX_CHARACTERS - units(beginning)))


def _allowed(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_ALLOWED.sub("-", plain).strip("-_")
