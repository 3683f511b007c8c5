"""What a monitor has sent, from its bytes to alerts: by the parser that is named, or by the one whose form it has.

The one place where a body is decoded, for the endpoint and for the command line alike.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from handlers.alerts import SOURCES
from handlers.alerts.source import ForeignWebhookError, Parse, Parsed, TooManyAlertsError, WebhookError
from handlers.bodies import unpacked

BODY_MAX_BYTES = 10 * 1024 * 1024
DIGITS_MAX = 400
"""Of a number that is kept digit by digit."""
TOO_DEEP = "the body is nested too deeply to be a webhook"


def read_with(parse: Parse, body: bytes, now: datetime) -> Parsed:
    """The alerts of a body, by this parser.

    Raises:
        WebhookError: it cannot be read.
        BodyError: it is packed, and larger than a body may be.
    """
    try:
        return parse(document_of(body), now)
    except RecursionError as error:  # what could just be decoded may be too deep to be told of
        raise WebhookError(TOO_DEEP) from error


def recognised(body: bytes, now: datetime, sources: Mapping[str, Parse] = SOURCES) -> tuple[str, Parsed]:
    """The source whose form the body has, and its alerts.

    Raises:
        WebhookError: it has the form of none, with what each of them misses, or of more than one.
        ForeignWebhookError: it is that of a monitor which is known not to be read here.
        BodyError: it is packed, and larger than a body may be.
    """
    try:
        document = document_of(body)
    except RecursionError as error:
        raise WebhookError(TOO_DEEP) from error
    found: dict[str, Parsed] = {}
    missed: dict[str, str] = {}
    for source, parse in sources.items():
        try:
            found[source] = parse(document, now)
        except (TooManyAlertsError, ForeignWebhookError):
            raise
        except WebhookError as error:
            missed[source] = str(error)
        except RecursionError as error:
            raise WebhookError(TOO_DEEP) from error
    if len(found) == 1:
        return next(iter(found.items()))
    if found:
        raise WebhookError(f"the body may be of {' or of '.join(sorted(found))}; say of which")
    told = "; ".join(f"{source}: {why}" for source, why in missed.items())
    raise WebhookError(f"the body is that of no monitor known here ({', '.join(sorted(sources))}). {told}")


def document_of(body: bytes) -> object:
    """The decoded JSON of a body, unpacked where it came in gzip.

    Raises:
        WebhookError: it is no JSON in UTF-8.
        BodyError: it is packed, and larger than a body may be.
        RecursionError: it is nested more deeply than Python reads.
    """
    try:
        return json.loads(unpacked(body, BODY_MAX_BYTES).decode("utf-8"), parse_int=_number)
    except UnicodeDecodeError as error:
        raise WebhookError(f"the body is not UTF-8 at byte {error.start}; send JSON as UTF-8") from error
    except ValueError as error:
        raise WebhookError(f"the body is not JSON: {error}") from error


def _number(digits: str) -> int | float:
    """As it is read; what has more digits than Python would read is infinite, and costs no alert."""
    return int(digits) if len(digits) <= DIGITS_MAX else float(digits)
