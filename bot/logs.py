"""The log of this process: one format for every library's lines, without secrets and without what is not text.

A line is one entry: what an entry says of outside text cannot begin another, move a terminal's cursor or hide a part of
itself. A traceback follows its entry indented. Knows nothing of what is logged.
"""

import logging
import os
import sys
import threading
from types import TracebackType
from typing import TextIO

from bot.redaction import redacted

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
INDENT = "    "
SHOWN_MAX_CHARACTERS = 16_000
"""Of an entry, and of the traceback below it: what strangers send may be in both."""
READ_MAX_CHARACTERS = 4 * SHOWN_MAX_CHARACTERS
EDGE_CHARACTERS = 1_000
"""Left out where reading ends: a secret that was cut in two is not found."""
PRIVATE_UMASK = 0o077
"""What this process writes is for its own user alone: its database holds alerts, votes and people's names."""
CHATTY = ("aiohttp.access", "alembic", "apprise", "dbos", "httpx", "slack_bolt", "slack_sdk", "urllib3", "watchkeeper")
"""Libraries that tell of everything they do, and loggers that they set to a level of their own choice."""
SILENT_BELOW_ERROR = ("apscheduler",)
"""A sweep skipped on a busy machine is made up for."""
LIBRARIES_WITH_LOGS_OF_THEIR_OWN = ("dbos", "apprise", "slack_bolt", "slack_sdk")
"""They give their loggers a handler of their own where there is none, or keep them from ours."""


log = logging.getLogger("bot")


class Formatter(logging.Formatter):
    """One entry as text: its first line in the usual form, and whatever else it has, indented."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The entry, redacted, and with every character that is none of text escaped."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [printable(_shown(self.formatMessage(record)))]
        for more in (self._of_error(record), record.stack_info):
            lines += [INDENT + printable(line) for line in _end_shown(more or "").splitlines()]
        return "\n".join(lines)

    def _of_error(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return ""
        error = record.exc_info[1]
        if _is_unreadable_request(error):  # a stranger's request is not quoted: a credential may be in it
            return f"{type(error).__name__}: the request is no HTTP"
        return self.formatException(record.exc_info)


def _shown(text: str) -> str:
    """The text without secrets; of a long one its beginning and how long it is."""
    shown = redacted(text[:READ_MAX_CHARACTERS])
    longest = SHOWN_MAX_CHARACTERS if len(text) <= READ_MAX_CHARACTERS else len(shown) - EDGE_CHARACTERS
    if len(shown) <= longest:
        return shown
    return f"{shown[: max(0, min(longest, SHOWN_MAX_CHARACTERS))]}… ({len(text)} characters)"


def _end_shown(text: str) -> str:
    """The same of a traceback, whose end is what happened: of a long one how long it is, and its end."""
    cut = len(text) > READ_MAX_CHARACTERS
    shown = redacted(text[-READ_MAX_CHARACTERS:])[EDGE_CHARACTERS if cut else 0 :]
    if not cut and len(shown) <= SHOWN_MAX_CHARACTERS:
        return shown
    return f"({len(text)} characters) …{shown[-SHOWN_MAX_CHARACTERS:]}"


class _NotChatty(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the entry is worth a line; loggers of libraries are not trusted to keep to a level."""
        if _is_of(record.name, SILENT_BELOW_ERROR):
            return record.levelno >= logging.ERROR
        return record.levelno >= (logging.WARNING if _is_of(record.name, CHATTY) else logging.INFO)


def log_handler(stream: TextIO | None = None) -> logging.Handler:
    """Writes entries in the one form to ``stream``, by default to standard error, without what is not worth a line."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    handler.addFilter(_NotChatty())
    return handler


def begin_log(stream: TextIO | None = None, *, least: int = logging.INFO) -> None:
    """Write every logger's entries in this one form to ``stream``, by default to standard error.

    What Python itself would print of an error that nobody caught, in whatever thread, becomes an entry as well. The
    last call counts; ``least`` is the level of the least entry that is written.
    """
    handler = log_handler(stream)
    handler.setLevel(least)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # A logger with a handler of its own would be told twice; the engine gives itself one where it finds none.
    for name in LIBRARIES_WITH_LOGS_OF_THEIR_OWN:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def keep_files_private() -> None:
    """From now on files of this process and its children are its user's alone, unless they say otherwise."""
    os.umask(PRIVATE_UMASK)


def printable(text: str) -> str:
    """The text with every character escaped that is none of text: control characters, directions, half characters."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return " " * 4 if character == "\t" else character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_unreadable_request(error: BaseException) -> bool:
    """Of aiohttp, which takes long to import: where nobody has, no such error can be."""
    aiohttp = sys.modules.get("aiohttp.http_exceptions")
    return aiohttp is not None and isinstance(error, aiohttp.HttpProcessingError)


def _is_of(name: str, families: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith((f"{each}.", f"{each}:")) for each in families)


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("ended by an error that nobody expected", exc_info=(kind, error, traceback))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    name, error = told.thread.name if told.thread else "a thread", told.exc_value
    if error is not None and not isinstance(error, SystemExit):
        log.error("%s ended by an error that nobody expected", name, exc_info=error)


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    if told.exc_value is not None:
        log.error("%s", told.err_msg or "an error that could go nowhere", exc_info=told.exc_value)
