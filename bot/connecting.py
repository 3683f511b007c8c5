"""Why there was no connection, in the words of whoever is called at night and not in those of a library.

Libraries wrap what the system said into errors of their own, whose names say where in the library it happened. Must not
know: whom anybody connects with, or what follows from it.
"""

import socket
from collections.abc import Iterator

WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection refused"),
    (ConnectionResetError, "the connection was broken off"),
    (socket.gaierror, "no such host"),
    (TimeoutError, "no answer in time"),
    (PermissionError, "permission denied"),
    (FileNotFoundError, "no such socket"),
)


def why(error: BaseException | None) -> str:
    """The reason in a few words; the error's name where there are none for it."""
    for cause in _causes(error):
        for kind, words in WORDS:
            if isinstance(cause, kind):
                return words
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came of, the nearest first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
