"""One XML-RPC request to a supervisord, over its UNIX socket or TCP, with an end in time and an answer of bounded size.

What went wrong is told apart by what the server can have seen of the request.
"""

import asyncio
import xmlrpc.client
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.http_client import Lost, NoAnswerError, answer_of

ANSWER_LIMIT_BYTES = 4_000_000
"""supervisord needs 1.5 kB to tell of one process."""
PARSED_AT_ONCE_BYTES = 64_000
"""A longer answer is parsed in a thread, so that it does not hold up everything else."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The server has understood, and refused."""

    code: int


class NotConnectedError(Exception):
    """There was no connection, so the server has seen nothing of the request; the cause says why."""


class LostError(Exception):
    """Whether the server has done what it was asked for is unknown; the cause says how it was lost."""


class ForeignError(Exception):
    """What answered is no supervisord; the text says what came: "more than 4 MB"."""


class StatusError(Exception):
    """It answered with a status of HTTP that means no."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


async def request(
    server: str, credentials: tuple[str, str] | None, method: str, arguments: tuple[Any, ...], seconds: float
) -> Any:
    """What the server answers, as Python has it, or a ``Fault``; all of it within ``seconds``.

    Raises:
        NotConnectedError, LostError, ForeignError, StatusError: there is no answer.
    """
    body = xmlrpc.client.dumps(arguments, method, encoding="utf-8", allow_none=False).encode()
    address = urlsplit(server)
    local = address.scheme == "unix"
    try:
        async with asyncio.timeout(seconds):
            answer = await answer_of(
                "POST",
                "http://localhost/RPC2" if local else f"http://{address.netloc}/RPC2",
                within_seconds=seconds,
                limit_bytes=ANSWER_LIMIT_BYTES,
                only=HTTPStatus.OK,
                data=body,
                headers={"Content-Type": "text/xml", **_authority(credentials)},
                connector=aiohttp.UnixConnector(address.path) if local else None,
            )
            if answer.status != HTTPStatus.OK:
                raise StatusError(answer.status)
            if len(answer.body) <= PARSED_AT_ONCE_BYTES:
                return _parsed(answer.body)
            return await asyncio.to_thread(_parsed, answer.body)
    except NoAnswerError as error:
        if error.lost is Lost.TOO_LARGE:
            raise ForeignError(f"more than {ANSWER_LIMIT_BYTES // 1_000_000} MB") from error
        cause = error.cause
        if not error.connected:
            raise NotConnectedError from (cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else cause)
        raise LostError from cause
    except TimeoutError as error:  # over the parsing
        raise LostError from error


def _authority(credentials: tuple[str, str] | None) -> dict[str, str]:
    if credentials is None:
        return {}
    return {"Authorization": f"Basic {b64encode(':'.join(credentials).encode()).decode()}"}


def _parsed(answer: bytes) -> Any:
    try:
        values, _ = xmlrpc.client.loads(answer)
        return values[0]
    except xmlrpc.client.Fault as fault:
        if isinstance(fault.faultCode, int):
            return Fault(fault.faultCode)
        raise ForeignError("an unreadable fault") from fault
    except Exception as error:  # whatever Python's parser makes of XML that is no XML-RPC
        raise ForeignError("something else") from error
