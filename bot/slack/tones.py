"""How a tone looks in Slack: the one place where a state gets its emoji. A word always stands beside it."""

from collections.abc import Mapping

from bot.response.model.notices import Tone
from bot.response.model.state_words import StateWords
from bot.slack.text import Mrkdwn, spaced, words

_ICONS: Mapping[Tone, str] = {
    Tone.NEUTRAL: "🔹",  # a black square cannot be seen in the dark, nor a white one in the light
    Tone.ASKING: "❓",
    Tone.ANNOUNCED: "📣",
    Tone.PAUSED: "⏸️",
    Tone.UNDER_WAY: "⚙️",
    Tone.BY_A_PERSON: "🙋",
    Tone.LOOKING_ON: "👀",
    Tone.GOOD: "✅",
    Tone.WARNING: "⚠️",
    Tone.BAD: "❌",
}


def icon(tone: Tone) -> Mrkdwn:
    """The emoji of a tone."""
    return words(_ICONS[tone])


def toned(said: StateWords) -> Mrkdwn:
    """A state within a line: its emoji and its label."""
    return spaced(icon(said.tone), words(said.within))
