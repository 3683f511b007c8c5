"""What must stay secret, known to this process, and texts without it.

Whoever reads a secret remembers it here; then every log line and every error on a terminal goes without it, in whatever
form a library has written it. What looks like a credential goes as well, also where nobody knows it: the token that a
stranger has mistyped is somebody's token.
"""

import json
import re
from urllib.parse import quote, quote_plus, unquote

REDACTED = "***"
SHORTEST = 4
"""What is shorter would take half of every text with it; no such thing is a secret."""
SURELY_ALONE = 8
"""What is shorter is only found as a word of its own."""
REMEMBERED_MAX = 2_000
"""Forms of secrets; tokens that rotate would be more and more, so the oldest go."""
_LOOKS_SECRET: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{4,}"), REDACTED),
    (re.compile(r"((?:token|secret|passw|passwd|password|api_?key|signature)=)[^\s&'\"]+", re.I), rf"\1{REDACTED}"),
    (re.compile(r"input_value=.{0,300}?(?=, input_type=)", re.DOTALL), f"input_value={REDACTED}"),
    (re.compile(r"\[parameters: .*?(?=\(Background on this error|\Z)", re.DOTALL), f"[parameters: {REDACTED}]\n"),
)
"""Credentials in headers and queries, and what a statement to the database or a document was given; of the latter only
its beginning and its end are shown, so that no form of a secret in it is found. Strangers choose the text: each of
these reads it in one go, and none begins anew at every character of a long word."""
_ADDRESS = re.compile(r"(?<=://)[^\s'\"<>]+")
_MACHINE = re.compile(r"localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[a-z0-9-]+\.)+[a-z]{2,}")
_known: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def remember(secret: str | bytes | None) -> None:
    """From now on this is in no redacted text. None and what is too short are nothing to remember."""
    global _pattern  # noqa: PLW0603 - one process, one memory of its secrets
    text = secret.decode(errors="replace") if isinstance(secret, bytes) else secret or ""
    forms = {text, quote(text, safe=""), quote_plus(text), repr(text)[1:-1], json.dumps(text)[1:-1]}
    new = {form for form in forms if len(form) >= SHORTEST} - _known.keys()
    if not new:
        return
    _known.update(dict.fromkeys(sorted(new)))
    for form in list(_known)[: max(0, len(_known) - REMEMBERED_MAX)]:
        del _known[form]
    _pattern = re.compile("|".join(map(_found, sorted(_known, key=len, reverse=True))))


def remember_address(url: str | None) -> None:
    """The password in an address, as it is written there and as it is meant; also where the address is none."""
    credentials, at, _ = (url or "").partition("://")[2].rpartition("@")
    if at:
        password = credentials.partition(":")[2]
        remember(password)
        remember(unquote(password))


def remember_parts(url: str | None) -> None:
    """Every part of an address that could be a token: services of messages have them in any place.

    The name of a machine is none, and everything else that is said of that machine would go without it.
    """
    for part in re.split(r"[:/@?&=#]+", (url or "").partition("://")[2]):
        if len(part) >= SURELY_ALONE and not _MACHINE.fullmatch(part):
            remember(part)
    remember_address(url)


def redacted(text: str) -> str:
    """The text without what must stay secret."""
    if _pattern is not None:
        text = _pattern.sub(REDACTED, text)
    text = _ADDRESS.sub(_without_credentials, text)
    for pattern, instead in _LOOKS_SECRET:
        text = pattern.sub(instead, text)
    return text


def _without_credentials(address: re.Match[str]) -> str:
    credentials, _, rest = address[0].rpartition("@")
    return f"{REDACTED}@{rest}" if ":" in credentials else address[0]


def _found(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= SURELY_ALONE else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
