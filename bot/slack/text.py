"""Text that may stand in Slack, as types: nothing reaches a block without passing one of these functions.

Nobody escapes for us, so ``<!channel>`` or ``<https://evil|Approve here>`` in an alert label would go straight
through every block builder. A bare ``str`` is therefore refused by the type checker wherever ``Mrkdwn``, ``Plain``
or ``Url`` is asked for, and the only ways to make one are here. Bold and emoji say how things stand, so they are ours
alone: of what would make them in text from outside, a character is shown that reads the same and means nothing, and a
picture is left out. Limits count UTF-16 units: Slack does not say what it counts, and this is the largest of the
plausible answers.

Must not know: notices, cards, Slack's blocks.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import NewType
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from bot.policy.actors import in_words

Mrkdwn = NewType("Mrkdwn", str)
"""Slack markup: everything from outside is escaped, every mention and link is ours."""
Plain = NewType("Plain", str)
"""For ``plain_text`` objects, where Slack parses no markup: cleaned and clipped, not escaped."""
Url = NewType("Url", str)
"""An absolute http or https address without anything that could end a link early."""

EMPTY = Mrkdwn("")
ELLIPSIS = "…"
NOTHING = "—"
"""Stands where outside text was empty or invisible: Slack refuses empty text."""
ASTERISK_TWIN = "\N{ASTERISK OPERATOR}"
_TWINS = {
    "*": ASTERISK_TWIN,
    "~": "\N{TILDE OPERATOR}",
    "_": "\N{MODIFIER LETTER LOW MACRON}",
    ":": "\N{RATIO}",
    ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
}
"""What marks text in Slack, and what is shown of it where it comes from outside."""
URL_LIMIT = 3000
HOST_SHOWN = 48
"""Characters of a host and its port beside a label."""
LOOKED_AT_LIMIT = 20_000
"""Characters of one outside text that are read; no place in Slack could show as many."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
"""Control, format (bidirectional overrides, zero-width, tags) and surrogate characters."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters that show nothing."""
_LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,24}")
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,24}")
_USER_ID_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9_])({_USER_ID.pattern})(?![A-Za-z0-9_])")
_EMOJI_NAME = r"(?: (?=[\w+'.-]*[^\W\d]) | (?=[+-]\d) | (?=(?:100|1234):) ) [\w+'.-]+"
"""Without a letter there are four; all else of that form is a time, or a part of an address."""
_MARK = re.compile(
    rf"""
    [*~]
    | _(?![A-Za-z0-9]) | (?<![A-Za-z0-9])_     # within a word it marks nothing
    | :(?={_EMOJI_NAME}:)
    | ^[ ]*>
    """,
    re.VERBOSE | re.MULTILINE,
)
_TIME = re.compile(r"(?<![\w.:+-])(\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC)\b")
"""As our own sentences write a moment."""
_EMOJI = re.compile(rf":(?={_EMOJI_NAME}:)", re.VERBOSE)
_JOINED_EMOJI = re.compile(rf"( <[^>]*> | `[^`]*` ) | :(?={_EMOJI_NAME}:)", re.VERBOSE)
"""A colon of one part and a colon of the next; not within a link, a date or code."""
_PICTURES = re.compile(
    "[\u203c\u2049\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0"
    "\u25fb-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\u20e3"
    "\ufe00-\ufe0f\U0001f000-\U0001faff]+"
)
_STYLED = re.compile("[\U0001d400-\U0001d7ff]+")
"""Letters and digits of mathematics: bold, italic or in another face by themselves."""
_HOST = re.compile(r"[a-z0-9_-][a-z0-9._-]*|[0-9a-f:.]*:[0-9a-f:.]*")
"""A name, an address of IPv4 or one of IPv6."""
_URL_SAFE = "%/:?#[]@!$&'()*+,;=-._~"


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


# -- from outside ------------------------------------------------------------------------------------------------


def capital(text: str) -> str:
    """The text as it stands by itself rather than after a colon."""
    return text[:1].upper() + text[1:]


def escape(text: str, limit: int = 300) -> Mrkdwn:
    """Outside text as one line of markup that means exactly itself, at most ``limit`` units after escaping."""
    return Mrkdwn(_clip_escaped(_unmarked(_one_line(text)), limit))


def paragraph(text: str, limit: int = 1500) -> Mrkdwn:
    """Like ``escape``, but line breaks stay."""
    return Mrkdwn(_clip_escaped(_unmarked(_many_lines(text)), limit))


def code(text: str, limit: int = 120) -> Mrkdwn:
    """Outside text as inline code on one line."""
    return Mrkdwn(f"`{_clip_escaped(_one_line(text), limit - 2)}`")


def pre(text: str, limit: int = 1500) -> Mrkdwn:
    """Outside text as a code block."""
    return Mrkdwn(f"```\n{_clip_escaped(_many_lines(text), limit - 8)}\n```")


def quotation(text: str, limit: int = 300) -> Mrkdwn:
    """Outside text on one line, set off as somebody else's words."""
    return Mrkdwn(f"> {escape(text, limit - 2)}")


def plain(text: str, limit: int) -> Plain:
    """Outside text for a ``plain_text`` object, on one line."""
    return Plain(_clip(_EMOJI.sub(_TWINS[":"], _upright(_one_line(text))), limit))


def marked(mark: str, text: str, limit: int) -> Plain:
    """Like ``plain``, after an emoji of ours."""
    return Plain(f"{mark} {plain(text, limit - units(mark) - 1)}")


def plain_lines(text: str, limit: int) -> Plain:
    """Like ``plain``, but line breaks stay."""
    return Plain(_clip(_EMOJI.sub(_TWINS[":"], _upright(_many_lines(text))), limit))


def naming(text: str, people: Collection[str], limit: int = 300) -> Mrkdwn:
    """Like ``escape``, but user ids that stand in ``people`` as whole words become mentions.

    The response layer writes plain text with ids and times in it ("paused by U01ALICE until 2026-11-23 06:00 UTC");
    only ids that we have resolved are turned into people, and every time into one of the reader's zone. Where that
    would not fit, the text stays as it is.
    """
    # Times first: the zone of one would pass for an id.
    timed = _TIME.split(_clip(_unmarked(_one_line(text)), limit))
    whole = "".join(
        _in_their_zone(piece) if index % 2 else _with_people(piece, people) for index, piece in enumerate(timed)
    )
    return Mrkdwn(whole) if units(whole) <= limit else escape(text, limit)


def _with_people(text: str, people: Collection[str]) -> str:
    pieces = _USER_ID_IN_TEXT.split(text)
    return "".join(
        mention(piece) if index % 2 and piece in people else _entities(piece) for index, piece in enumerate(pieces)
    )


def _in_their_zone(moment: str) -> str:
    try:
        return when(datetime.strptime(moment, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC))
    except ValueError:  # the 31st of February, of somebody else's making
        return _entities(moment)


# -- ours --------------------------------------------------------------------------------------------------------


def words(text: str) -> Mrkdwn:
    """Our own words and emoji, spaces kept. Escaped as well, so that nothing is lost if a value is formatted in."""
    return Mrkdwn(_entities(_unmarked(text)))


def mention(user_id: str) -> Mrkdwn:
    """A person by id; anything that is not a user id is shown as code and notifies nobody."""
    if _USER_ID.fullmatch(user_id):
        return Mrkdwn(f"<@{user_id}>")
    said = in_words(user_id)
    return code(said, 40 if said == user_id else 160)


def channel_mention(channel_id: str) -> Mrkdwn:
    """A channel by id; anything that is not a channel id is shown as code."""
    return Mrkdwn(f"<#{channel_id}>") if _CHANNEL_ID.fullmatch(channel_id) else code(channel_id, 40)


def web_address(text: str) -> Url | None:
    """``text`` as an address that we may offer; None for anything but plain http and https.

    Credentials in the address (``https://bank.example@evil.example``) are refused: they exist to mislead or to leak.
    A host in other letters is offered, and shown, as it is asked for: ``xn--pple-43d.example``.
    """
    text = text.strip()
    if "\\" in text or any(unicodedata.category(character) in _INVISIBLE for character in text):
        return None
    try:
        parts = urlsplit(text)
        place = _place(parts)
    except ValueError:  # no port, no address of IPv6, or a host that no name server could be asked for
        return None
    if parts.scheme not in ("http", "https") or place is None:
        return None
    encoded = quote(urlunsplit(parts._replace(netloc=place)), safe=_URL_SAFE)
    return Url(encoded) if len(encoded) <= URL_LIMIT else None


def _place(parts: SplitResult) -> str | None:
    """Host and port as a browser asks for them; None where what stands there could be read as something else."""
    host, port = parts.hostname or "", parts.port
    if not parts.netloc.isascii():
        host = host.encode("idna").decode()
    if "@" in parts.netloc or not _HOST.fullmatch(host):
        return None
    named = f"[{host}]" if ":" in host else host
    return named if port is None else f"{named}:{port}"


def with_host(label: str, url: Url) -> str:
    """A label for an address from outside: where it leads is said before anybody goes there.

    Of a long name its end stays, for that is what says whose it is.
    """
    host = urlsplit(url).netloc
    return f"{label} ({host if len(host) <= HOST_SHOWN else ELLIPSIS + host[1 - HOST_SHOWN :]})"


def link(url: Url, label: str, limit: int = 80) -> Mrkdwn:
    """A link with a label of its own; the label may come from outside, the address has passed ``web_address``."""
    shown = _unmarked(_one_line(label)).replace("|", "/")
    return Mrkdwn(f"<{url.replace('&', '&amp;')}|{_clip_escaped(shown, limit)}>")


def bold(content: Mrkdwn) -> Mrkdwn:
    """Bold; an asterisk inside would end it early and is shown as its twin."""
    return Mrkdwn(f"*{content.replace('*', ASTERISK_TWIN)}*")


def when(moment: datetime) -> Mrkdwn:
    """A moment in each reader's own time zone and, where that cannot be shown, in UTC."""
    return Mrkdwn(f"<!date^{int(moment.timestamp())}^{{time}} {{date_short_pretty}}|{utc(moment)}>")


def clock(moment: datetime) -> Mrkdwn:
    """Like ``when`` but only the time of day, with seconds: for deadlines that are close."""
    return Mrkdwn(f"<!date^{int(moment.timestamp())}^{{time_secs}}|{utc(moment)}>")


def utc(moment: datetime) -> Plain:
    """A moment in UTC, for text that is read where Slack's dates are not shown."""
    return Plain(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC")


# -- joining -----------------------------------------------------------------------------------------------------


def concat(*parts: Mrkdwn) -> Mrkdwn:
    """Parts without anything between; what they do not make alone, they do not make together."""
    return Mrkdwn(_JOINED_EMOJI.sub(lambda found: found[1] or _TWINS[":"], "".join(parts)))


def spaced(*parts: Mrkdwn) -> Mrkdwn:
    """Parts that are not empty, with a space between."""
    return Mrkdwn(" ".join(filter(None, parts)))


def lines(parts: Iterable[Mrkdwn]) -> Mrkdwn:
    """Parts that are not empty, one a line."""
    return Mrkdwn("\n".join(filter(None, parts)))


def dotted(parts: Iterable[Mrkdwn]) -> Mrkdwn:
    """Parts that are not empty, with a middle dot between."""
    return Mrkdwn(" · ".join(filter(None, parts)))


def listed(parts: Iterable[Mrkdwn], conjunction: str = "and") -> Mrkdwn:
    """ "a, b and c"."""
    *rest, last = tuple(parts) or (Mrkdwn(""),)
    return Mrkdwn(f"{', '.join(rest)} {words(conjunction)} {last}" if rest else last)


# -- inside ------------------------------------------------------------------------------------------------------


def _visible(text: str) -> str:
    """Without pictures, and anything that a reader cannot see; backticks become apostrophes, so nobody fakes code."""
    kept = []
    for character in _PICTURES.sub(" ", text[:LOOKED_AT_LIMIT]):
        if character in _LINE_ENDS:
            kept.append("\n")
        elif character == "\t" or unicodedata.category(character) == "Zs" or character in _BLANK_LETTERS:
            kept.append(" ")
        elif character == "`":
            kept.append("'")
        elif unicodedata.category(character) not in _INVISIBLE:
            kept.append(character)
    return "".join(kept)


def _unmarked(text: str) -> str:
    """As it is read, with nothing in it that Slack takes for a mark."""
    return _MARK.sub(lambda mark: mark[0][:-1] + _TWINS[mark[0][-1]], _upright(text))


def _upright(text: str) -> str:
    """With ordinary letters for those of mathematics, which need no mark to stand out."""
    return _STYLED.sub(lambda styled: unicodedata.normalize("NFKC", styled[0]), text)


def _one_line(text: str) -> str:
    return " ".join(_visible(text).split()) or NOTHING


def _many_lines(text: str) -> str:
    cleaned = (line.rstrip() for line in _visible(text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(cleaned)).strip("\n") or NOTHING


def _clip(text: str, limit: int) -> str:
    """The longest beginning that fits ``limit`` units, with an ellipsis where something was cut."""
    if units(text) <= limit:
        return text
    return _beginning(text, limit - 1, units).rstrip() + ELLIPSIS


def _clip_escaped(text: str, limit: int) -> str:
    """Clip by the length after escaping, then escape: no entity is ever cut in two."""
    if _escaped_units(text) > limit:
        text = _beginning(text, limit - 1, _escaped_units).rstrip() + ELLIPSIS
    return _entities(text)


def _entities(text: str) -> str:
    return "".join(_ENTITIES.get(character, character) for character in text)


def _escaped_units(text: str) -> int:
    return sum(len(_ENTITIES[c]) if c in _ENTITIES else 2 if ord(c) > 0xFFFF else 1 for c in text)


def _beginning(text: str, limit: int, size: Callable[[str], int]) -> str:
    used = 0
    for index, character in enumerate(text):
        used += size(character)
        if used > limit:
            return text[:index]
    return text
