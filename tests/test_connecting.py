"""Why there was no connection is told in words, whatever a library has wrapped it into."""

import asyncio
import socket

import pytest
import requests

from bot.connecting import why
from bot.http_client import NoAnswerError, answer_of
from bot.local.ports import free_port


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (ConnectionResetError(), "the connection was broken off"),
        (socket.gaierror(-2, "Name or service not known"), "no such host"),
        (TimeoutError(), "no answer in time"),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (FileNotFoundError(2, "No such file or directory"), "no such socket"),
        (ValueError("something else"), "ValueError"),
        (None, "NoneType"),
    ],
    ids=str,
)
def test_each_reason_has_its_words(error: BaseException | None, words: str) -> None:
    assert why(error) == words


def test_the_reason_is_found_behind_what_was_made_of_it() -> None:
    wrapped, outer = RuntimeError("of a library"), ConnectionError("of another")
    wrapped.__cause__ = ConnectionRefusedError(111, "Connection refused")
    outer.__context__ = wrapped
    assert why(outer) == "connection refused"


def test_errors_that_came_of_each_other_have_an_end() -> None:
    one, other = RuntimeError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert why(one) == "RuntimeError"


async def test_both_libraries_that_ask_are_understood() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NoAnswerError, match=r"not reachable \(connection refused\)"):
        await answer_of("GET", url, within_seconds=10, limit_bytes=0)
    with pytest.raises(requests.ConnectionError) as caught:
        await asyncio.to_thread(requests.get, url, timeout=10)
    assert why(caught.value) == "connection refused"
