"""How a body is read from whoever is nobody yet: so much of it, in so much time, and by so few at once.

Must not know: what a body says, nor who may send one.
"""

import asyncio
import zlib
from http import HTTPStatus

from aiohttp import web

WITHIN_SECONDS = 10.0
"""A body that takes longer to come is not waited for."""
_PLAIN, _GZIP = "identity", "gzip"
_GZIP_BEGINS_WITH = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body is not read; the text says why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Bodies:
    """Reads the bodies of one address, as they are on the wire: what is compressed stays so until somebody is known."""

    def __init__(
        self,
        max_bytes: int,
        *,
        within_seconds: float = WITHIN_SECONDS,
        at_once: int | None = None,
        compressed: bool = False,
    ) -> None:
        """Nothing is read before ``read``.

        Args:
            max_bytes: of one body.
            within_seconds: the time that one may take to come.
            at_once: how many are read beside each other where senders are not known yet; one more, and the one that
                has taken longest is given up. An honest sender's is there in a moment. None: any number.
            compressed: whether one may come in gzip; ``unpacked`` unpacks it.
        """
        self._max_bytes = max_bytes
        self._within_seconds = within_seconds
        self._at_once = at_once
        self._encodings = (_PLAIN, _GZIP) if compressed else (_PLAIN,)
        self._reading: dict[asyncio.Timeout, None] = {}

    async def read(self, request: web.Request) -> bytes:
        """The whole body.

        Raises:
            BodyError: it is too large, too slow, encoded in another way, or not what its headers say.
        """
        encoding = request.headers.get("Content-Encoding", _PLAIN).strip().lower()
        if encoding not in self._encodings:
            known = " or with gzip" if _GZIP in self._encodings else ""
            raise BodyError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"a body with this Content-Encoding is not read; send it plain{known}",
            )
        if (request.content_length or 0) > self._max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._within_seconds) as patience:
                self._reading[patience] = None
                self._give_up_the_slowest()
                try:
                    return await self._all_of(request)
                finally:
                    self._reading.pop(patience, None)
        except TimeoutError:
            text = f"the body did not come within {self._within_seconds:g} s; send it at once"
            raise BodyError(HTTPStatus.REQUEST_TIMEOUT, text) from None
        except web.RequestPayloadError as error:
            raise BodyError(HTTPStatus.BAD_REQUEST, "the body is not what its headers say") from error
        except ConnectionError as error:  # nobody reads the answer
            raise BodyError(HTTPStatus.BAD_REQUEST, "the connection ended before the body did") from error

    async def _all_of(self, request: web.Request) -> bytes:
        body = bytearray()
        async for part in request.content.iter_any():
            body += part
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _give_up_the_slowest(self) -> None:
        if self._at_once is not None and len(self._reading) > self._at_once:
            slowest = next(iter(self._reading))
            del self._reading[slowest]
            if not slowest.expired():
                slowest.reschedule(asyncio.get_running_loop().time())

    def _too_large(self) -> BodyError:
        return BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {self._max_bytes} bytes in one request")


def is_packed(body: bytes) -> bool:
    """Whether it came in gzip and is still packed; no document begins so."""
    return body.startswith(_GZIP_BEGINS_WITH)


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """The body without its gzip, if it came in one, unpacked no further than ``max_bytes``.

    Raises:
        BodyError: it is larger than that, or cannot be unpacked.
    """
    if not is_packed(body):
        return body
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = unpacking.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BodyError(HTTPStatus.BAD_REQUEST, f"the body is not gzip, as its headers say: {error}") from error
    if len(plain) > max_bytes:
        raise BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {max_bytes} bytes in one request")
    if not unpacking.eof or unpacking.unused_data:
        raise BodyError(HTTPStatus.BAD_REQUEST, "the body is cut off, or goes on after its gzip; send it whole")
    return plain
